# What the scripts in this folder share: training a small GPT, its losses, and what it must say.
# The first argument of each script is the folder of the programs. $work is theirs, with a space in
# its name.
# shellcheck shell=bash
set -euo pipefail
export OMP_NUM_THREADS=1 LC_ALL=C.UTF-8 TERM=dumb
export OMPI_MCA_mpi_yield_when_idle=1
export OMPI_MCA_pml=ob1   # no network is looked for
# A script in which many runs are refused does not wait for their other ranks.
wait_for_no_rank() { export OMPI_MCA_odls_base_sigkill_timeout=0; }
bin=$(cd "${1:?the folder of the programs, as in build/bin}" && pwd)
program=$bin/11_checkpoints   # trains as chapter 10 does, and saves
base=$(mktemp -d)
work="$base/a folder"
mkdir "$work"
# A test that fails leaves nothing running.
cleanup() { pkill -KILL -f -- "$base" || true; rm -rf "$base"; }
trap cleanup EXIT
cases=0 last=none   # last: the run that a failure is about

failed() {
  local file
  {
    printf 'FAILED: %s\n' "$*"
    for file in "$work/$last.out" "$work/$last.err"; do
      [[ ! -s $file ]] || { echo "-- ${file##*/}"; tail -n 25 "$file"; }
    done
  } >&2
  exit 1
}
passed() { cases=$((cases + 1)); echo "ok  $*"; }
skip() { echo "SKIPPED: $*"; exit 77; }
# finish: the script's last line.
finish() { ((cases > 0)) || failed 'nothing was tested'; echo "$cases cases as expected"; }

# text_of LINES SEED: a text made by a rule, the same everywhere.
text_of() {
  awk -v lines="$1" -v seed="$2" 'BEGIN {
    split("the a wing of light river stone under over and — naïve run running slow", word, " ")
    for (line = 0; line < lines; ++line) {
      for (i = 0; i < 9; ++i) { seed = (seed * 75 + 74) % 65537; printf "%s ", word[1 + seed % 15] }
      print "'"it's"' " line "."
    }
  }'
}
data="$work/a text.txt"
text_of 400 7 >"$data"

small=(--layers 2 --heads 12 --width 48 --context 32 --batch 6 --dropout 0.1 --accumulate 2)
model=("${small[@]}" --data "$data")
quick=(--sample 0 --check-steps 0 --curve "$work/loss.svg")
# A run that only a signal ends. Its learning rate is steady, so that a run of any length takes the
# same first steps.
steady=(--warmup 0 --learning-rate 0.001 --min-learning-rate 0.001)
endless=("${steady[@]}" --steps 1000000)
mpirun=("$(dirname "${BASH_SOURCE[0]}")/../../scripts/mpirun.sh")   # as ./learn run starts it
placed=()   # options of mpirun

# run NAME RANKS PROGRAM ARGS…: output in $work/NAME.out and .err, results in $work/NAME.json, exit
# status in $status.
run() {
  local name=$1 ranks=$2
  last=$1
  shift 2
  status=0
  timeout --kill-after=5 "${limit:-120}" "${mpirun[@]}" "$ranks" "${placed[@]}" "$@" \
    --json "$work/$name.json" >"$work/$name.out" 2>"$work/$name.err" || status=$?
}

# train NAME RANKS ARGS…: a run of chapter 11 where it saves or goes on, else of chapter 10. The
# model is the checkpoint's where there is one, else the small one.
train() {
  local size=("${model[@]}") trains=$bin/10_tensor_and_data_parallel
  [[ " ${*:3} " != *' --resume '* ]] || size=(--data "$data")
  [[ " ${*:3} " != *' --'@(save|save-every|resume|start-from)' '* ]] || trains=$program
  run "$1" "$2" "$trains" "${size[@]}" "${quick[@]}" "${@:3}"
}
# write NAME RANKS ARGS…: a run of chapter 12.
write() { run "$1" "$2" "$bin/12_generation" "${@:3}"; }

# start NAME RANKS ARGS…: the same in the background; $started is its process.
start() {
  last=$1
  : >"$work/$1.out" && : >"$work/$1.err"
  (train "$@"; echo "$status" >"$work/$1.status") &
  started=$!
}
start_endless() { start "$@" "${endless[@]}"; }
ended() { last=$1; wait "$started" || true; status=$(<"$work/$1.status"); }

says() {
  grep -qF -- "${*:2}" "$work/$1.out" "$work/$1.err" || failed "$1: nothing says \"${*:2}\""
}
ends_with() { [[ $status == "$2" ]] || failed "$1: exit status $2 was expected, not $status"; }
# refuses PHRASE NAME: what was just trained ended with status 2 and one sentence.
refuses() {
  ends_with "$2" 2
  [[ $(wc -l <"$work/$2.err") == 1 ]] || failed "$2: one sentence was expected"
  says "$2" "$1"
  passed "refused: $1"
}

# losses NAME: those of each step, one a line, with all their digits.
losses() {
  sed -n '/"losses": \[/,/\]/p' "$work/$1.json" | grep -oE '[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?'
}

# same_losses NAME FIRST OTHER: those of NAME are bit by bit those of OTHER from step FIRST + 1 on.
same_losses() {
  [[ -n $(losses "$1") ]] || failed "$1 has no losses"
  cmp -s <(losses "$1") <(losses "$3" | tail -n +"$(($2 + 1))") ||
    failed "the losses of $1 are not those of $3 after step $2"
}
# goes_on NAME RANKS GRID…: NAME, an endless run of that grid that was ended from outside, goes on
# from what it has saved in $work/NAME for 10 steps, which are those of a run that was never broken.
goes_on() {
  local name=$1 ranks=$2 saved=0
  local resuming=(--save "$work/$1")
  shift 2
  if compgen -G "$work/$name/step-*" >/dev/null; then
    resuming+=(--resume latest)
    saved=$(cat "$work/$name/latest" 2>/dev/null || basename "$work/$name"/step-????????)
    saved=$((10#${saved#step-}))
  fi
  train unbroken "$ranks" "$@" "${steady[@]}" --steps $((saved + 10))
  ends_with unbroken 0
  train "$name-on" "$ranks" "$@" "${steady[@]}" --steps $((saved + 10)) "${resuming[@]}"
  ends_with "$name-on" 0
  same_losses "$name-on" "$saved" unbroken
}
# near_losses NAME FIRST OTHER: within 1e-5, relative.
near_losses() {
  paste <(losses "$1") <(losses "$3" | tail -n +"$(($2 + 1))") | awk '
    NF != 2 { bad = 1 }
    {
      error = $1 / $2 - 1
      if (error < 0) error = -error
      if (!(error <= 1e-5)) bad = 1
      if (error > worst) worst = error
    }
    END {
      printf "    largest relative difference %.1e in %d steps\n", worst, NR
      exit bad || NR == 0
    }' ||
    failed "the losses of $1 are far from those of $3 after step $2"
}

# copy_learn: a checkout in $checkout whose programs are built: with $work/tools first in PATH,
# ./learn builds nothing.
copy_learn() {
  checkout=$work/checkout
  mkdir -p "$checkout/build" "$work/tools"
  cp -r "$(dirname "${BASH_SOURCE[0]}")"/../../{learn,scripts,chapters} "$checkout"
  ln -s "$bin" "$checkout/build/bin"
  touch "$checkout/build/"{.configured,CMakeCache.txt}
  printf '#!/bin/sh\n' >"$work/tools/cmake" && chmod +x "$work/tools/cmake"
}

# waits_for SECONDS COMMAND…: until the command succeeds.
waits_for() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    # A run that has ended says no more.
    if ((SECONDS >= end)) || [[ -z $(jobs -r) ]]; then "$@"; return; fi
    sleep 0.02
  done
}
has_said() { grep -qF -- "$2" "$work/$1.out"; }

# processes: those of this test's runs. process_of RANK: that of a rank.
processes() { pgrep -f -- "^$bin/1[012]_[a-z_]+ .*$base" || true; }
process_of() {
  local process
  for process in $(processes); do
    grep -qzx "OMPI_COMM_WORLD_RANK=$1" "/proc/$process/environ" 2>/dev/null &&
      { echo "$process"; return; }
  done
  return 1
}
mpirun_of_test() { pgrep -f -- "^[^ ]*(mpirun|mpiexec|prterun)[^ ]* .*$base"; }
none_left() { [[ -z $(processes) ]]; }
