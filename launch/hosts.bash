# The hosts of a job, for launch/mpirun and launch/cluster. Without a hostfile it is this machine alone, which is then asked as the only one.
#
# Other hosts are reached as mpirun reaches them: by ssh, or by what OMPI_MCA_plm_rsh_agent (Open MPI 4) or
# PRTE_MCA_plm_ssh_agent (5) name.
# shellcheck source-path=SCRIPTDIR source=program.bash
source "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/program.bash"
own_name=$(uname -n)
seconds_to_answer=5
# The one that was lost last: it may be there again, but nobody waits long for it.
lost_host=''
hosts=() slots=()
# The hosts of the present start, by their numbers, and those of the start before.
present=() before=()

# Reads "NAME [slots=N]" line by line from a file, where # begins a comment, or NAME[:N] from a list with commas.
read_hosts() {
  local name rest
  if [[ ! -f "$1" && "$1" =~ ^[A-Za-z0-9][A-Za-z0-9_.@-]*(:[1-9][0-9]{0,3})?(,[A-Za-z0-9][A-Za-z0-9_.@-]*(:[1-9][0-9]{0,3})?)*$ &&
    ("$1" == *[:,]* || "$1" == localhost) ]]; then
    while IFS=: read -r name rest; do hosts+=("$name") slots+=("${rest:-1}"); done < <(tr , '\n' <<<"$1")
    return
  fi
  if [[ ! -f "$1" || ! -r "$1" ]]; then
    echo "$tool: \"$1\": no such file of hosts, nor a list such as node1:2,node2:2" >&2
    exit 66
  fi
  while read -r name rest; do
    if [[ -z "$name" ]]; then continue; fi
    if [[ ! "$name" =~ ^[A-Za-z0-9_][A-Za-z0-9_.:@-]*$ || ! "$rest" =~ ^(slots=[1-9][0-9]{0,3}[[:space:]]*)?$ ]]; then
      echo "$tool: $1: \"$name${rest:+ $rest}\": expected NAME or NAME slots=N" >&2
      exit 65
    fi
    rest=${rest#slots=}
    hosts+=("$name") slots+=("${rest:-1}")
  done < <(sed 's/#.*//' "$1")
  if [[ ${#hosts[@]} -eq 0 ]]; then
    echo "$tool: $1: names no host" >&2
    exit 65
  fi
}

# Runs launch/on-host on a host, with these arguments.
on() {
  local host=$1 agent=${OMPI_MCA_plm_rsh_agent:-${PRTE_MCA_plm_ssh_agent:-ssh -o BatchMode=yes -o ConnectTimeout=$seconds_to_answer}}
  shift
  if [[ "$host" == localhost || "$host" == "$own_name" || "$host" == "${own_name%%.*}" ]]; then
    bash -s -- "$@" <"$here/on-host"
  else
    # shellcheck disable=SC2086
    timeout "$([[ "${host%%.*}" == "${lost_host%%.*}" ]] && echo 2 || echo "$seconds_to_answer")" $agent "$host" "bash -s -- ${*@Q}" <"$here/on-host"
  fi
}

# Has every host make ready for a start, all at once; `present` are those that did so in time. A host that was not there the
# last time may have the state of another past.
gather() {
  local number state running=()
  before=("${present[@]}") present=()
  for number in "${!hosts[@]}"; do
    state=renew
    if [[ " ${before[*]} " == *" $number "* ]]; then state=keep; fi
    on "${hosts[number]}" begin "$memory" "$state" "$own_name" "${alive[@]}" &
    running+=($!)
  done
  for number in "${!hosts[@]}"; do
    if outcome "${running[number]}"; then present+=("$number"); fi
  done
}

on_present() {
  local number running=()
  for number in "${present[@]}"; do
    on "${hosts[number]}" "$@" 2>/dev/null &
    running+=($!)
  done
  for number in "${running[@]}"; do outcome "$number" || true; done
}

# For mpirun: where the ranks go. On fewer hosts than there are, each takes no more than it would on all of them.
place() {
  local number all=0 left=0
  for number in "${slots[@]}"; do ((all += number)); done
  for number in "${present[@]}"; do
    echo "${hosts[number]} slots=${slots[number]}"
    ((left += slots[number]))
  done >"$memory/hosts"
  ranks=$(((wanted + all - 1) / all * left))
  ranks=$((ranks < wanted ? ranks : wanted))
  placement=(--hostfile "$memory/hosts" -n "$ranks")
}

names() {
  local number
  for number in "${present[@]}"; do echo "${hosts[number]}"; done | paste -sd ' '
}
