#!/usr/bin/env bash
# two_hosts.sh BIN [measure]: two hosts on one machine: namespaces of network, host name and files,
# joined by a pair of virtual cables. Chapter 10 with tp inside the hosts and dp across them has the
# losses of one host, and so has chapter 22 with a pipeline's stages across them. `measure` then
# holds the cable to 1 Gbit/s and shows what the order of the grid is worth. Exit status 77:
# namespaces are not allowed here.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [[ -z ${SHARD_FIRST_HOST:-} ]]; then
  unshare --net --uts --mount true 2>/dev/null ||
    { echo 'SKIPPED: namespaces are not allowed here (unshare --net)'; exit 77; }
  SHARD_FIRST_HOST=1 exec unshare --net --uts --mount "$here/$(basename "$0")" "$@"
fi
# shellcheck source-path=SCRIPTDIR source=trust/trust.sh
source "$here/trust/trust.sh"
for tool in ip nsenter hostname; do command -v $tool >/dev/null || skip "$tool is not here"; done

# ---- The hosts -----------------------------------------------------------------------------------

# The second host is a process that does nothing; what runs there enters its namespaces.
unshare --net --uts bash -c 'hostname shard-two; exec sleep 3600' &
second=$!
trap 'kill "$second" 2>/dev/null; cleanup' EXIT
hostname shard-one
printf '127.0.0.1 localhost\n10.77.0.1 shard-one\n10.77.0.2 shard-two\n' >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts
on_second() { nsenter --target "$second" --net --uts "$@"; }
until [[ $(on_second hostname) == shard-two ]]; do sleep 0.05; done

ip link add cable type veth peer name cable netns "$second" 2>/dev/null ||
  skip 'there are no virtual cables (veth) here'
ip link set lo up
ip address add 10.77.0.1/24 dev cable
ip link set cable up
on_second ip link set lo up
on_second ip address add 10.77.0.2/24 dev cable
on_second ip link set cable up

# mpirun calls it as it would call ssh: agent HOST COMMAND…
cat >"$base/agent" <<END
#!/bin/sh
shift
exec nsenter --target $second --net --uts sh -c "\$*"
END
chmod +x "$base/agent"
# shellcheck disable=SC2054  # commas belong to mpirun's lists
two=(--host shard-one:2,shard-two:2 --mca plm_rsh_agent "$base/agent" --mca btl tcp,self,vader
  --mca btl_tcp_if_include 10.77.0.0/24 --mca oob_tcp_if_include 10.77.0.0/24)

# sent: bytes that have left this host through the cable.
sent() { cat /sys/class/net/cable/statistics/tx_bytes; }

# ---- The same losses -----------------------------------------------------------------------------

# across NAME BY AXIS ARGS…: tp × AXIS (dp, or pp: a pipeline's stages) on both hosts, ranks placed
# by slot (neighbours share a host) or by node (they do not).
across() {
  local placed=("${two[@]}" --map-by "$2")
  if [[ $3 == pp ]]; then
    run "$1" 4 "$bin/22_the_whole_grid" "${model[@]}" "${quick[@]}" --tp 2 --pp 2 --dp 1 "${@:4}"
  else
    train "$1" 4 --tp 2 --dp 2 "${@:4}"
  fi
  ends_with "$1" 0
}

mount -t sysfs none /sys 2>/dev/null || true   # of this host: it counts the bytes of its own cable
train one 4 --tp 2 --dp 2 --steps 8
ends_with one 0
before=$(sent)
across two slot dp --steps 8
bytes=$(($(sent) - before))
((bytes > 100000)) || failed "only $bytes bytes went through the cable: these were not two hosts"
near_losses two 0 one
passed 'tp within each of two hosts, dp across them: the losses of one host'
across crossed node dp --steps 8
near_losses crossed 0 one
passed 'dp within each of two hosts, tp across them: the losses of one host'
across stages slot pp --steps 8
near_losses stages 0 one
passed 'tp within each of two hosts, a pipeline across them: the losses of one host'
across crossed-stages node pp --steps 8
near_losses crossed-stages 0 one
passed 'a pipeline within each of two hosts, tp across them: the losses of one host'
[[ ${2:-} == measure ]] || { finish; exit; }

# ---- What the order of the grid is worth ---------------------------------------------------------

number() { sed -nE "s/^ *\"$2\": ([0-9.]+).*/\\1/p" "$work/$1.json" | head -n 1; }
# row WHERE BY AXIS LINK: the fastest of three runs, by their medians.
row() {
  local before run times=()
  before=$(sent)
  for run in 1 2 3; do
    across "measured-$run" "$2" "$3" --steps 16 --batch 32 --layers 2 --width 128 --context 128 \
      --validation-fraction 0
    times+=("$(number "measured-$run" milliseconds_per_step)")
  done
  printf '%s\n' "${times[@]}" | sort -g |
    awk -v where="$1" -v link="$4" -v bytes="$(($(sent) - before))" \
    'NR == 1 {
      printf "%-24s %-18s %7.1f ms a step %7.2f MB a step through the cable\n", where, link,
        $1, bytes / 48 / 1e6
    }'
}
# rows LINK: tp inside the hosts and another axis across them, and the other way round.
rows() {
  row 'tp inside, dp across' slot dp "$1"
  row 'tp across, dp inside' node dp "$1"
  row 'tp inside, stages across' slot pp "$1"
  row 'tp across, stages inside' node pp "$1"
}
both_ends() { tc "$@" && on_second tc "$@"; }
model=(--data "$data" --heads 4)   # read by train and across
rows 'as fast as it is'
both_ends qdisc add dev cable root tbf rate 1gbit burst 256kb latency 50ms ||
  skip 'tc cannot hold the cable to a rate (tbf)'
rows '1 Gbit/s'
both_ends qdisc del dev cable root
if both_ends qdisc add dev cable root netem rate 1gbit delay 1ms 2>/dev/null; then
  rows '1 Gbit/s, 1 ms'
else
  echo 'skipped: 1 ms of delay: the kernel has no netem'
fi
finish
