#!/usr/bin/env bash
# distributions.sh bookworm|trixie|noble [COMMAND…]: tries the commands of the README, or these, in
# an empty Debian 12, Debian 13 or Ubuntu 24.04, on a clone of what is committed. debootstrap makes
# the system in a temporary folder. As root. Packages come from where apt on this machine gets them,
# or from SHARD_MIRROR.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

fail() { printf 'distributions.sh: %s\n' "$*" >&2; exit 1; }

case ${1:-} in
  bookworm | trixie) origin=Debian model=sid components=main ;;
  noble) origin=Ubuntu model=gutsy components=main,universe ;;
  *) echo 'usage: distributions.sh bookworm|trixie|noble [COMMAND…]' >&2; exit 2 ;;
esac
name=$1
shift
(($#)) || set -- './learn run' './learn test'

# ---- The system: used in namespaces, so that its mounts and processes end with this script -------

# shellcheck disable=SC2317  # a trap calls it
cleanup() {
  # With it ends all that runs there.
  [[ -z ${inside:-} ]] || { kill -KILL "$inside" && sleep 1; } 2>/dev/null
  rm -rf --one-file-system "$system"
}

in_namespaces() {
  local status=0
  unshare --mount --pid --fork --kill-child "$@" &
  inside=$!
  wait $inside || status=$?
  inside=''
  return $status
}

if [[ -z ${SHARD_SYSTEM:-} ]]; then
  [[ $(id -u) == 0 ]] || fail 'root is required'
  for tool in debootstrap git; do command -v $tool >/dev/null || fail "$tool is required"; done
  # shellcheck disable=SC2016  # apt-get fills in
  mirror=${SHARD_MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' |
    awk -v origin=$origin '$1 == origin && !found { found = 1; print $2 }')}
  [[ -n $mirror ]] || fail \
    "apt on this machine has no archive of $origin: name one with SHARD_MIRROR=URL"
  system=$(mktemp -d)
  trap cleanup EXIT
  trap 'exit 130' INT TERM HUP
  started=$SECONDS
  in_namespaces debootstrap --variant=minbase --components=$components \
    --include=git,ca-certificates \
    "$name" "$system" "$mirror" $model >"$system/debootstrap.log" 2>&1 ||
      fail "debootstrap could not make $name: $(tail -n 3 "$system/debootstrap.log")"
  echo "$name created in $((SECONDS - started)) s"
  apt-config dump | grep '^Acquire::' >"$system/etc/apt/apt.conf.d/90machine" || true
  cp /etc/resolv.conf /etc/hosts "$system/etc"
  git clone -q --no-hardlinks "$root" "$system/root/shard"
  SHARD_SYSTEM=$system in_namespaces "$0" "$name" "$@"
  exit
fi

# ---- In the system -------------------------------------------------------------------------------

system=$SHARD_SYSTEM
mount --bind "$system" "$system"   # a mount point: tests that make namespaces need one
mount -t proc proc "$system/proc"
mount -t sysfs -o ro sysfs "$system/sys"
mount --rbind /dev "$system/dev"
mount -t tmpfs -o mode=1777 tmpfs "$system/dev/shm"

# inside COMMAND: as a new user would type it, in the checkout.
inside() {
  local kept=() variable
  for variable in http_proxy https_proxy no_proxy; do
    [[ -z ${!variable:-} ]] || kept+=("$variable=${!variable}")
  done
  chroot "$system" env -i HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    "${kept[@]}" bash -c "cd /root/shard && $1" </dev/null
}

wrong=0
for command; do
  printf '\n== %s: %s\n' "$name" "$command"
  started=$SECONDS verdict='succeeded'
  inside "$command" || { verdict="ended with exit status $?" wrong=$((wrong + 1)); }
  echo "== $name: $command: $verdict after $((SECONDS - started)) s"
done
echo "== $name: $(($# - wrong)) of $# commands succeeded"
exit $((wrong > 0))
