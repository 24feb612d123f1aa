# cores: how many cores this process may use; patience: how long to wait on a busy machine. ../learn
# and tests/gpu.sh source this file.
# shellcheck shell=bash

# nproc counts threads, not cores, where OMP_NUM_THREADS or OMP_THREAD_LIMIT is set, and knows no
# container's quota (cpu.max, "200000 100000": microseconds of all cores in each period; "max
# 100000" without one).
cores() {
  local here granted=''
  here=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc)
  granted=$(awk '$1 + 0 > 0 { print int(($1 + $2 - 1) / $2) }' /sys/fs/cgroup/cpu.max 2>/dev/null ||
    true)
  echo $((${granted:-$here} < here ? granted : here))
}

# patience SECONDS: as many times longer as there are processes that want to run for each core (the
# load of the last minute), but not more than six times: in a container that is the whole machine's.
patience() {
  awk -v seconds="$1" -v cores="$(cores)" '{
    crowd = $1 / cores
    print int(seconds * (crowd < 1 ? 1 : crowd > 6 ? 6 : crowd))
  }' /proc/loadavg 2>/dev/null || echo "$1"
}
