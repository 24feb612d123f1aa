# cores: how many cores this process may use. ../learn and tests/gpu.sh source this file.
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
