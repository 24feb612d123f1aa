#!/usr/bin/env bash
# two_hosts.sh BIN [measure]: two hosts on one machine: namespaces of network, host name and files,
# joined by a pair of virtual cables. Chapter 10 with tp inside the hosts and dp across them has the
# losses of one host. `measure` then holds the cable to 1 Gbit/s and shows what the order of the
# grid is worth. Exit status 77: namespaces are not allowed here.
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

# across NAME BY ARGS…: on both hosts, ranks placed by slot (neighbours share a host) or by node
# (they do not).
across() {
  local placed=("${two[@]}" --map-by "$2")
  train "$1" 4 --tp 2 --dp 2 "${@:3}"
  ends_with "$1" 0
}

mount -t sysfs none /sys 2>/dev/null || true   # of this host: it counts the bytes of its own cable
train one 4 --tp 2 --dp 2 --steps 8
ends_with one 0
before=$(sent)
across two slot --steps 8
bytes=$(($(sent) - before))
((bytes > 100000)) || failed "only $bytes bytes went through the cable: these were not two hosts"
near_losses two 0 one
passed 'tp within each of two hosts, dp across them: the losses of one host'
across crossed node --steps 8
near_losses crossed 0 one
passed 'dp within each of two hosts, tp across them: the losses of one host'
[[ ${2:-} == measure ]] || { finish; exit; }

# ---- What the order of the grid is worth ---------------------------------------------------------

number() { sed -nE "s/^ *\"$2\": ([0-9.]+).*/\\1/p" "$work/$1.json" | head -n 1; }
# row WHERE BY LINK: the fastest of three runs, by their medians.
row() {
  local before run times=()
  before=$(sent)
  for run in 1 2 3; do
    across "measured-$run" "$2" --steps 16 --batch 32 --layers 2 --width 128 --context 128 \
      --validation-fraction 0
    times+=("$(number "measured-$run" milliseconds_per_step)")
  done
  printf '%s\n' "${times[@]}" | sort -g |
    awk -v where="$1" -v link="$3" -v bytes="$(($(sent) - before))" \
    'NR == 1 {
      printf "%-22s %-18s %7.1f ms a step %7.2f MB a step through the cable\n", where, link,
        $1, bytes / 48 / 1e6
    }'
}
both_ends() { tc "$@" && on_second tc "$@"; }
model=(--data "$data" --heads 4)   # read by train
row 'tp inside, dp across' slot 'as fast as it is'
row 'tp across, dp inside' node 'as fast as it is'
both_ends qdisc add dev cable root tbf rate 1gbit burst 256kb latency 50ms ||
  skip 'tc cannot hold the cable to a rate (tbf)'
row 'tp inside, dp across' slot '1 Gbit/s'
row 'tp across, dp inside' node '1 Gbit/s'
both_ends qdisc del dev cable root
if both_ends qdisc add dev cable root netem rate 1gbit delay 1ms 2>/dev/null; then
  row 'tp inside, dp across' slot '1 Gbit/s, 1 ms'
  row 'tp across, dp inside' node '1 Gbit/s, 1 ms'
else
  echo 'skipped: 1 ms of delay: the kernel has no netem'
fi
finish
