#!/usr/bin/env bash
# mpirun.sh RANKS [OPTIONS OF mpirun] PROGRAM ARGS…: starts a program on several ranks. The one
# place that knows how Open MPI 4 and 5 are started. It ends as mpirun ends, hands signals on to it,
# and shows what it says, but for its notices that the program has failed: the program has said what
# is wrong.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=scripts/cores.sh
source "$root/scripts/cores.sh"

fail() { printf 'mpirun.sh: %s\n' "$*" >&2; exit 1; }

# That of the Open MPI which the programs are linked with: another MPI's may come first in PATH.
find_mpirun() {
  local cache=$root/build/CMakeCache.txt name
  name=${MPIEXEC:-$(sed -n 's/^MPIEXEC_EXECUTABLE:FILEPATH=//p' "$cache" 2>/dev/null || true)}
  name=${name:-mpirun}
  mpirun=$(command -v "$name") || fail "there is no $name: install Open MPI (openmpi-bin)"
}

free_in() {
  echo $((10#0$(df --output=avail --block-size=1K -- "$1" 2>/dev/null | tail -n 1 | tr -dc 0-9)))
}

# Open MPI keeps some kilobytes there, and may wait for ever where it cannot.
check_temporary_folder() {
  [[ -d $temporary && -w $temporary && -x $temporary ]] ||
    fail "Open MPI cannot write in the temporary folder $temporary: name another with TMPDIR=FOLDER"
  (($(free_in "$temporary") >= 256)) ||
    fail \
      "Open MPI needs 256 KB in the temporary folder $temporary, which is full: name another with" \
      "TMPDIR=FOLDER"
}

# Through it the ranks of a machine talk. Where a container has too little of it, a file does.
find_shared_memory() {
  local needed=$((ranks * 5 * 1024))
  (($(free_in /dev/shm) < needed)) || return 0
  (($(free_in "$temporary") >= needed)) ||
    fail "$ranks ranks need $((needed / 1024)) MB, and neither /dev/shm nor the temporary folder $temporary has" \
      'that much space: name another with TMPDIR=FOLDER, or give a container more with --shm-size'
  setting OMPI_MCA_btl_vader_backing_directory "$temporary"
  setting OMPI_MCA_osc_sm_backing_directory "$temporary"
}

# What the user has set stays.
setting() { export "$1=${!1-$2}"; }
make_settings() {
  export SHARD_RANKS=$ranks   # the program compares
  # In a container the user is root.
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  # Who waits gives its core to the others.
  setting OMPI_MCA_mpi_yield_when_idle $((ranks > $(cores)))
  # A waiting thread sleeps after about 20 µs. Its core is then free for a thread of the same rank
  # whose own core another process has taken.
  [[ -n ${OMP_WAIT_POLICY:-} ]] || setting GOMP_SPINCOUNT 1000
  setting OMPI_MCA_regx naive   # else Open MPI 4 refuses host names with an underscore
  setting PMIX_MCA_gds hash     # what ranks say to each other at the start: not in a file of 8 MB
  # Open MPI 5 asks the kernel, which does not answer on some virtual machines
  setting OMPI_MCA_reachable weighted
  command -v ssh >/dev/null || setting OMPI_MCA_plm isolated   # one machine needs no ssh
  # Nor does it need a network: looking for the fast ones takes 0.2 s at each start.
  [[ $hosts == many ]] || setting OMPI_MCA_pml ob1
}

# Leaves out the notices, which are paragraphs between two lines of dashes, and what libevent and
# PMIx say of a rank that has just ended.
without_notices() {
  local notice='Primary job +terminated normally|MPI_ABORT was invoked on rank'
  notice+='|[a-z.]+ (detected that one or more processes exited|noticed that process rank|has exited due to)'
  trap '' HUP INT TERM USR1 USR2   # it ends when all have ended that can speak
  exec sed -u -E "
    s/\x00//g
    /^\[warn\] Epoll |ORTE_ERROR_LOG: .*show_help\.c|sent help message .*mpi-abort$/d
    /PMIX ERROR: PMIX_ERR_UNREACH in file .*\/server\/pmix_server\.c /d
    /Set MCA parameter .*_help_aggregate\" to 0 to see all help/d
    /^-{74}$/{
      N
      /\n($notice)/!{P; D}
      :more
      N
      /\n-{74}$/!b more
      d
    }" >&2
}

ranks=${1:?how many ranks}
shift
# More ranks than cores are welcome, and the threads of each may use every core.
options=(--oversubscribe -n "$ranks")
[[ " $* " == *' --bind-to '* ]] || options+=(--bind-to none)
temporary=${TMPDIR:-${TEMP:-${TMP:-/tmp}}}
hosts=one
[[ ${SLURM_JOB_NUM_NODES:-1} == 1 && " $*" != *' --host'* ]] || hosts=many
find_mpirun
check_temporary_folder
find_shared_memory
make_settings
# Open MPI 5 keeps a line until it is complete, and one of progress never is.
if [[ (-t 1 || -n ${SHARD_TERMINAL:-}) && $("$mpirun" --version) == *') 5.'* ]]; then
  options+=(--output :raw)
fi
set -m   # in a process group of its own: a Ctrl-C reaches mpirun once, from here
exec {speaks}> >(without_notices)
filter=$!
setpriv --pdeathsig KILL "$mpirun" "${options[@]}" "$@" </dev/null 2>&$speaks {speaks}>&- &
launched=$!
set +m
exec {speaks}>&-
for signal in HUP INT TERM USR1 USR2; do
  # shellcheck disable=SC2064  # of now
  trap "signalled=true; kill -$signal $launched 2>/dev/null" $signal
done
signalled=true
while $signalled; do
  signalled=false status=0
  wait $launched || status=$?
done
wait $filter || true
exit "$status"
