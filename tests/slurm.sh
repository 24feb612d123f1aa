#!/usr/bin/env bash
# slurm.sh BIN: the programs under Slurm: chapter 05 by srun, and the job script of
# docs/pages/cluster.md, whose training is interrupted in several ways. Exit status 77: Slurm, or
# its PMIx, is not installed.
# shellcheck source-path=SCRIPTDIR source=trust/trust.sh
source "$(dirname "$0")/trust/trust.sh"
for tool in slurmctld slurmd munged srun sbatch; do
  command -v $tool >/dev/null || skip "there is no $tool here: Debian has it in slurm-wlm and munge"
done
# shellcheck source=trust/one_machine_slurm.sh
source "$(dirname "$0")/trust/one_machine_slurm.sh"

# wait_until SECONDS WHAT COMMAND…
wait_until() { waits_for "$1" "${@:3}" || failed "$last: $2 did not come within $1 s"; }

# by_srun NAME RANKS OPTION PROGRAM ARGS…
by_srun() {
  last=$1 status=0
  timeout --kill-after=5 200 srun "$3" --ntasks="$2" "${@:4}" >"$work/$1.out" 2>"$work/$1.err" \
    </dev/null || status=$?
}

start_slurm
grep -qw pmix < <(srun --mpi=list 2>&1) || skip 'this Slurm has no PMIx'
passed "$slurm_version on this machine"

# ---- A training without a break, beside the job, and as long as needed ---------------------------

grid=(--tp 2 --dp 2)
: >"$work/unbroken.out"
(
  by_srun unbroken 4 --mpi=pmix "$program" "${model[@]}" "${quick[@]}" "${grid[@]}" \
    "${endless[@]}" --save "$work/unbroken" --save-every 20 --json "$work/unbroken.json"
  echo "$status" >"$work/unbroken.status"
) 2>/dev/null &
unbroken=$!

# ---- The job script of the page ------------------------------------------------------------------

# Here with four ranks on one node, a small model, more steps than there is time for, and the losses
# of each start.
awk '/^```/ { if (block ~ /--requeue/) exit; block = ""; next }
  { block = block $0 "\n" }
  END { printf "%s", block }' \
  "$(dirname "$0")/../docs/pages/cluster.md" >"$work/page.sh"
# shellcheck disable=SC2016  # the job expands its variables
sed -e 's/^#SBATCH --nodes=.*/#SBATCH --ntasks=4 --cpus-per-task=1 --time=1/' \
  -e 's/--tp 8 --dp 2 --heads 8 --device cuda/"$@"/' -e 's/--steps 20000/--steps 1000000/' \
  -e 's/ || exit$/ --json "part-${SLURM_RESTART_COUNT:-0}.json"&/' "$work/page.sh" >"$work/job.sh"
[[ $(diff "$work/page.sh" "$work/job.sh" | grep -c '^>') == 3 ]] ||
  failed "the page's job script was not found, or is another"
ln -s "${program%/bin/*}" "$work/build"

submit() {
  last=$1
  : >"$work/$1.out" && : >"$work/$1.err"
  job=$(sbatch --parsable --chdir="$work" --output="$work/$1.out" "$work/job.sh" "${model[@]}" \
    "${quick[@]}" "${@:2}")
}
# of_job FIELD: what Slurm says of the job.
of_job() { scontrol --oneliner show job "$job" | grep -oP "(?<= $1=)\S+"; }
in_state() { [[ $(of_job JobState) == "$1" ]]; }
is_back_in_queue() { in_state PENDING && [[ $(of_job Restarts) == 1 ]]; }
# trains N: the job's start number N, counted from 0, has taken steps.
trains() {
  awk -v number="$1" '/^  grid: / { ++starts; steps = 0 } /[0-9]\/[0-9]+  loss/ { ++steps }
    END { exit !(starts == number + 1 && steps) }' "$work/job.out"
}
step_in() { local step; step=$(cat "$1/latest" 2>/dev/null || echo 0); echo $((10#${step#step-})); }
has_reached() { (($(step_in "$1") >= $2)); }

submit job "${grid[@]}" "${steady[@]}"
wait_until 90 'the signal before the end of its time, and its place in the queue' is_back_in_queue
scontrol update JobId="$job" TimeLimit=60   # no more such signals
wait_until 60 'its second start' trains 1
passed 'a job whose time is nearly over saves, and goes on in a second allocation'
scontrol requeue "$job"
wait_until 60 'its third start' trains 2
passed 'a job that Slurm puts back into the queue saves, and goes on'
scancel "$job"
wait_until 40 'its end' in_state CANCELLED
steps=$(step_in "$work/runs/a")
for part in 0 1 2; do
  [[ -n $(losses part-$part) ]] || failed "job: start number $part has saved no steps"
done
passed 'a cancelled job saves'

last=unbroken
wait_until 120 "step $steps" has_reached "$work/unbroken" "$steps"
scancel --signal=TERM --name="${program##*/}"
started=$unbroken
ended unbroken
ends_with unbroken 0
has_reached "$work/unbroken" "$(losses unbroken | wc -l)" ||
  failed 'unbroken: its last step is not saved'
passed 'scancel --signal=TERM: srun ends with 0, and the last step is saved'
cmp <(for part in 0 1 2; do losses part-$part; done) <(losses unbroken | head -n "$steps") ||
  failed "the losses of the job's three starts are not those of the training without a break"
passed "the losses of the job's $steps steps are those of a training without a break, bit by bit"

# ---- What is short -------------------------------------------------------------------------------

for ranks in 1 2 3 4; do
  by_srun 05 $ranks --mpi=pmix "${program%/*}/05_parallel_mlp"
  ends_with 05 0
  says 05 "05_parallel_mlp: $ranks rank"
  says 05 ' checks hold'
done
passed 'srun --mpi=pmix: chapter 05 on 1 to 4 ranks'
by_srun single 2 --mpi=none "${program%/*}/05_parallel_mlp"
ends_with single 2
says single '2 processes were started together'
says single 'srun --mpi=pmix'
passed 'srun without PMIx: the program refuses to run as two worlds of one rank'

submit refused "${grid[@]}" --layers 0
wait_until 60 'its failure' in_state FAILED
says refused '--layers: must be'
[[ $(of_job ExitCode) == 2:0 && $(of_job Restarts) == 0 ]] ||
  failed "refused: $(of_job ExitCode), $(of_job Restarts) restarts"
passed 'a job whose options are refused fails with 2, and is not put back into the queue'
finish
