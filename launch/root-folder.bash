# Root folders of distributions, for launch/test-distribution and launch/package: made by debootstrap with packages from the
# mirror that this machine's apt uses, kept in ${XDG_CACHE_HOME:-~/.cache}/lockstep, and entered in namespaces of their own.
PATH+=:/usr/sbin:/sbin
script=$(realpath "$0") tool=$(basename "$0")

fail() {
  echo "$tool: $1" >&2
  exit "${2:-1}"
}

# Begins the script again with the same arguments in namespaces of its own: what is mounted and started goes with them, however
# this ends.
enter_namespaces() {
  if [[ "${LOCKSTEP_NAMESPACE:-}" == own ]]; then return; fi
  [[ $EUID -eq 0 ]] || fail "root is needed to make a root folder: run it with sudo"
  unshare --mount --pid --ipc --fork true 2>/dev/null ||
    fail "this machine allows no namespaces (a container without SYS_ADMIN?)"
  # By `exec` the caller's signals reach unshare, which takes everything inside along.
  LOCKSTEP_NAMESPACE=own exec unshare --mount --pid --ipc --fork --kill-child "$script" "$@"
}

# The folder of the given name, which nobody else uses meanwhile; what programs say on the way goes to its log.
open_folder() {
  folder=${XDG_CACHE_HOME:-$HOME/.cache}/lockstep/$1
  base=$folder/base root=$folder/root log=$folder/log
  mkdir -p "$folder"
  exec 9>"$folder/lock"
  flock --nonblock 9 || fail "somebody else is at work in $folder"
}

# Makes $base of a release, its smallest variant and these packages; nothing where it is there.
make_base() {
  local name=$1 packages=$2 family=${3:-debian} components=${4:-main} mirrors mirror security suite
  # The scripts by which debootstrap makes any release of Debian and of Ubuntu, those after it as well.
  local new=$folder/new recipe=/usr/share/debootstrap/scripts/sid options=(--variant=minbase)
  [[ ! -d "$base" ]] || return 0
  # Addresses of this machine's Debian mirror: "bookworm http://…", "bookworm-security http://…".
  mirrors=$(apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk '$1 == "Debian" { print $2, $3 }') || true
  mirror=$(awk '$1 !~ /-/ { print $2; exit }' <<<"$mirrors")
  security=$(awk '$1 ~ /-security$/ { print $2; exit }' <<<"$mirrors")
  [[ -n "$mirror" ]] || fail "this machine's apt sources name no Debian mirror"
  # A mirror of one distribution mostly has the other beside it.
  if [[ $family == ubuntu ]]; then
    mirror=${mirror%debian/}ubuntu/
    security=$mirror
    recipe=/usr/share/debootstrap/scripts/gutsy
    options+=(--keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg)
    [[ -e ${options[1]#*=} ]] || fail "${options[1]#*=} is missing; Ubuntu's package ubuntu-keyring has it" 66
  fi
  need_debootstrap
  echo "$tool: debootstrap $name (minutes)"
  rm -rf --one-file-system "$new" "$base"
  if ! debootstrap "${options[@]}" --include="$packages" --components="$components" "$name" "$new" "$mirror" "$recipe" \
    >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    fail "debootstrap $name failed; its last words are above, all of them in $log"
  fi
  {
    for suite in "$name" "$name-updates"; do echo "deb $mirror $suite ${components//,/ }"; done
    if [[ -n "$security" ]]; then echo "deb $security $name-security ${components//,/ }"; fi
  } >"$new/etc/apt/sources.list"
  # How this machine's apt reaches its mirror: proxies, certificates, whether dates are checked.
  apt-config dump | grep -E '^Acquire::(http|https|Check-)' >"$new/etc/apt/apt.conf.d/99host" || true
  mv "$new" "$base"
}

need_debootstrap() {
  command -v debootstrap >/dev/null && return
  command -v apt-get >/dev/null || fail "debootstrap is missing, and there is no apt-get to install it"
  echo "$tool: apt-get install debootstrap"
  { apt-get -qq update && apt-get -qq install --yes --no-install-recommends debootstrap; } >"$log" 2>&1 ||
    fail "apt-get install debootstrap failed; see $log"
}

# $root as a fresh copy of $base.
copy_base() {
  rm -rf --one-file-system "$root"
  cp -a "$base" "$root"
}

# What every process expects of its system.
mount_system() {
  # Process ids begin anew in every run; Open MPI names its folders in /tmp after them and trips over an older run's.
  find "$root/tmp" -mindepth 1 -delete
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys" # Open MPI's hwloc reads the processor's shape there.
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
}

# Runs a command there, with folders before the usual ones on its PATH ("" for none).
inside() {
  local environment=(HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" PATH="$1/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin") variable
  shift
  for variable in http_proxy https_proxy no_proxy; do
    if [[ -n "${!variable:-}" ]]; then environment+=("$variable=${!variable}"); fi
  done
  chroot "$root" /usr/bin/env -i "${environment[@]}" "$@" 9>&-
}
