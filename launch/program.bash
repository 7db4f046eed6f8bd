# What the launch scripts are called, and where their program lies. In the repository they are launch/local, launch/cluster …,
# and the program is its release build; where launch/package has installed them, lockstep-local … are links in the folder of the
# program to scripts of ../libexec/lockstep.
here=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
root=$(dirname "$here")
prefix=launch/ examples=launch program=$root/.build/release/lockstep isInstalled=''
if [[ ! -f "$root/Package.swift" ]]; then
  root=$(dirname "$root")
  prefix=lockstep- examples=$root/share/lockstep program=$root/bin/lockstep isInstalled=1
fi
program=${LOCKSTEP:-$program}
tool=$(basename "$0")

# The comment at the head of the script.
help() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;s#launch/hosts.example#'"$examples"'/hosts.example#g
    s#launch/\(local\|cluster\|mpirun\)#'"$prefix"'\1#g;p}' "$(realpath "$0")"
}

# Wrong usage: what is wrong, and what is right.
usage() {
  echo "$tool: $1; usage: $prefix$2" >&2
  exit 64
}
