#!/usr/bin/env bash
# launcher.sh BIN: what goes wrong with mpirun itself ends in a sentence, never in silence, a hang
# or a success, and is told from a program that has failed. launcher.sh BIN machine: the same on
# machines with an odd host name, and with little room in TMPDIR and /dev/shm; exit status 77 where
# namespaces are not allowed.
set -euo pipefail
if [[ ${2:-} == machine && -z ${OWN_MACHINE:-} ]]; then
  unshare --uts --net --mount true 2>/dev/null ||
    { echo 'SKIPPED: namespaces are not allowed here (unshare --uts --net --mount)'; exit 77; }
  OWN_MACHINE=1 exec unshare --uts --net --mount "$0" "$@"
fi
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
layer=$bin/03_row_parallel_gemm

# attempt COMMAND…: output in $work/run.out and .err, exit status in $status.
attempt() {
  last=run status=0
  timeout --kill-after=2 40 "$@" >"$work/run.out" 2>"$work/run.err" </dev/null || status=$?
}
launch() { attempt "${mpirun[@]}" "$@"; }
# holds RANKS WHAT: what was just run did, on so many ranks.
holds() {
  ends_with run 0
  says run "03_row_parallel_gemm: $1 rank"
  grep -qE '^([0-9]+) of \1 checks hold' "$work/run.out" || failed "$2: not all checks hold"
  passed "$2"
}
# refused PHRASE WHAT: it ended with 1 or 2, and one line that says this.
refused() {
  [[ $status == [12] && $(wc -l <"$work/run.err") == 1 && ! -s $work/run.out ]] ||
    failed "$2: one sentence was expected"
  says run "$1"
  passed "$2"
}

# ---- Machines ------------------------------------------------------------------------------------

on_other_machines() {
  local room="$work/little room"
  command -v ip >/dev/null || skip 'ip is not here'
  ip link set lo up
  echo codespaces_3620e8 >/proc/sys/kernel/hostname
  launch 3 "$layer"
  holds 3 'a host name with an underscore'
  mkdir "$room"
  mount -t tmpfs -o size=3m none "$room" || skip 'there is no tmpfs here'
  export TMPDIR=$room
  launch 4 "$layer"
  holds 4 'a temporary folder with 3 MB'
  head -c 2900000 /dev/zero >"$room/full"
  launch 4 "$layer"
  refused "the temporary folder $room, which is full" 'a temporary folder that is full'
  rm "$room/full"
  mount -o remount,ro "$room"
  launch 4 "$layer"
  refused "cannot write in the temporary folder $room" 'a temporary folder that is read-only'
  umount "$room"
  unset TMPDIR
  mount -t tmpfs -o size=1m none /dev/shm
  launch 4 "$layer"
  holds 4 '/dev/shm with 1 MB'
  head -c 1048576 /dev/zero >/dev/shm/full || true
  launch 4 "$layer"
  holds 4 '/dev/shm that is full'
  mount -t tmpfs -o size=3m none "$room"
  TMPDIR=$room launch 4 "$layer"
  refused '4 ranks need 20 MB, and neither' 'neither /dev/shm nor the temporary folder has room'
  umount "$room"
  umount /dev/shm
}

if [[ ${2:-} == machine ]]; then on_other_machines; finish; exit; fi

# ---- Another MPI's launcher ----------------------------------------------------------------------

# As MPICH's: mpirun -n RANKS PROGRAM ARGS… starts that many processes, and tells them so. BARE=1:
# it does not.
mkdir "$work/mpich"
cat >"$work/mpich/mpirun" <<'END_OF_SHIM'
#!/usr/bin/env bash
while [[ $1 != -n ]]; do shift; done
status=0 processes=()
for ((rank = 0; rank < $2; ++rank)); do
  if [[ -n ${BARE:-} ]]; then
    "${@:$(($# > 4 ? 5 : 3))}" &
  else
    PMI_SIZE=$2 PMI_RANK=$rank "${@:3}" &
  fi
  processes+=($!)
done
for process in "${processes[@]}"; do wait "$process" || status=$?; done
exit $status
END_OF_SHIM
chmod +x "$work/mpich/mpirun"

together='processes were started together, but Open MPI'
attempt "$work/mpich/mpirun" -n 4 "$layer"
refused "03_row_parallel_gemm: 4 $together" "another MPI's mpirun is refused"
attempt env BARE=1 MPIEXEC="$work/mpich/mpirun" "${mpirun[@]}" 1 "$layer"
holds 1 'a rank that is alone'
attempt env BARE=1 MPIEXEC="$work/mpich/mpirun" "${mpirun[@]}" 3 "$layer"
ends_with run 2
[[ ! -s $work/run.out ]] || failed 'three worlds of one rank'
says run "3 $together"
passed 'a launcher that starts the ranks apart, and does not say so'
attempt env SLURM_STEP_NUM_TASKS=2 SLURM_PROCID=0 "$layer"
refused "2 $together" 'srun without --mpi=pmix is refused'
attempt env SLURM_NTASKS=2 SLURM_PROCID=0 "$layer"
holds 1 'a program in a batch script of Slurm'
PMI_SIZE=4 PMI_RANK=1 launch 2 "$layer"
holds 2 "ranks that a process of another MPI's launcher starts"

checkout=$work/checkout
mkdir -p "$checkout/build"
cp -r "$(dirname "${mpirun[0]}")" "$checkout/scripts"
cp "$bin/../CMakeCache.txt" "$checkout/build"
attempt env -u MPIEXEC PATH="$work/mpich:$PATH" "$checkout/scripts/mpirun.sh" 2 "$layer"
holds 2 "the mpirun of the programs' Open MPI is found where another is the first in PATH"

# ---- What mpirun says, and what is left of it ----------------------------------------------------

rule=$(printf -- '-%.0s' {1..74})
# notices TEXT…: each as a paragraph of mpirun.
notices() { local text; for text; do printf '%s\n%s\n%s\n' "$rule" "$text" "$rule"; done; }
cat >"$work/mpirun" <<'END_OF_SHIM'
#!/usr/bin/env bash
cat "$SAID" >&2
exit 7
END_OF_SHIM
chmod +x "$work/mpirun"
failure='There are not enough slots available in the system to satisfy the 9
slots that were requested by the application:

  build/bin/05_parallel_mlp'
{
  echo 'rank 1: the disk is full'
  notices 'Primary job  terminated normally, but 1 process returned
a non-zero exit code. Per user-direction, the job has been aborted.' \
    'mpirun.openmpi detected that one or more processes exited with non-zero status, thus causing
the job to be terminated. The first process to do so was:

  Process name: [[9514,1],1]
  Exit code:    2' 'MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD
with errorcode 1.' "$failure" \
    'prterun has exited due to process rank 1 with PID 0 on node vm calling
"abort". This may have caused other processes in the application to be
terminated by signals sent by prterun (as reported here).' "$failure"
  echo '[vm:1] 1 more process has sent help message help-mpi-api.txt / mpi-abort'
  echo '[vm:1] Set MCA parameter "orte_base_help_aggregate" to 0 to see all help / error messages'
  echo '[warn] Epoll MOD(4) on fd 21 failed.'
  echo '[vm:04278] PMIX ERROR: PMIX_ERR_UNREACH in file' \
    '../../../src/server/pmix_server.c at line 3184'
  printf '\0last, without an end'
} >"$work/said"
attempt env SAID="$work/said" MPIEXEC="$work/mpirun" "${mpirun[@]}" 2 "$layer"
ends_with run 7
{
  echo 'rank 1: the disk is full'
  notices "$failure" "$failure"
  printf 'last, without an end'
} | cmp - "$work/run.err" ||
  failed 'the launcher says something else'
passed 'notices that the program has failed are left out, and nothing else; the exit status stays'

launch 2 "$bin/no_such_program"
[[ $status != 0 ]] || failed 'exit status 0 without a program'
says run "$bin/no_such_program"
launch 2 --no-such-option "$layer"
[[ $status != 0 ]] || failed 'exit status 0 with an unknown option'
says run 'no-such-option'
passed "mpirun's own errors are shown"
attempt env MPIEXEC="$work/none" "${mpirun[@]}" 2 "$layer"
refused "there is no $work/none: install Open MPI" 'there is no mpirun'

# A rank that writes on a line, and ends well if somebody reads that before the line is complete.
cat >"$work/writer" <<'END_OF_WRITER'
#!/usr/bin/env bash
printf 'step 1\r'
for ((tries = 0; tries < 100; ++tries)); do [[ ! -e $1 ]] || exit 0; sleep 0.1; done
exit 9
END_OF_WRITER
chmod +x "$work/writer"
status=0
SHARD_TERMINAL=1 "${mpirun[@]}" 1 "$work/writer" "$work/seen" 2>"$work/run.err" |
  { IFS= read -rd $'\r' && : >"$work/seen"; cat >/dev/null; } || status=$?
ends_with run 0
passed 'a line of progress is shown before it is complete'

# ---- The temporary folder ------------------------------------------------------------------------

TMPDIR=$work/none launch 2 "$layer"
refused "cannot write in the temporary folder $work/none: name another" \
  'a temporary folder that is not there'
long=$work/$(printf 'long%.0s' {1..50})
mkdir "$long"
TMPDIR=$long launch 2 "$layer"
holds 2 'a temporary folder whose name has 200 characters'

# ---- Signals -------------------------------------------------------------------------------------

# What is started by a script that is killed does not stay behind.
for signal in TERM KILL; do
  setsid "${mpirun[@]}" 3 "$bin/fault_program" --fault sleeps --timeout 60 \
    --json "$work/faults.json" >"$work/run.out" 2>"$work/run.err" &
  launcher=$!
  waits_for 20 pgrep -f -- "^$bin/fault_program .*$base" >/dev/null || failed 'it does not start'
  kill -$signal $launcher
  status=0
  wait $launcher || status=$?
  for ((tries = 0; tries < 100; ++tries)); do
    pgrep -f -- "$bin/fault_program .*$base" >/dev/null || break
    sleep 0.1
  done
  ((tries < 100)) || failed "ranks go on after SIG$signal"
  [[ $status != 0 ]] || failed "exit status 0 after SIG$signal"
  passed "SIG$signal ends mpirun and its ranks"
done
finish
