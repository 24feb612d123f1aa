# What the scripts in this folder share: running a program that is expected to fail in a certain
# way. The first argument of each script is the folder of the programs.
# shellcheck shell=bash
set -euo pipefail
export OMP_NUM_THREADS=1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${1:?the folder of the programs, as in build/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 runs=0

microseconds() { echo "${EPOCHREALTIME/[.,]/}"; }

# attempt RANKS PROGRAM ARGS…: runs it, and sets status, seconds (whole ones), and the files
# $work/out and $work/err.
attempt() {
  local started
  started=$(microseconds) status=0
  timeout --kill-after=5 60 "$here/../mpirun.sh" "$1" "$bin/$2" "${@:3}" >"$work/out" \
    2>"$work/err" || status=$?
  seconds=$((($(microseconds) - started) / 1000000))
  runs=$((runs + 1))
}

# wrong WHAT: counts and tells a failure, with what the last program said.
wrong() {
  failures=$((failures + 1))
  printf 'FAILED: %s (exit status %s after %s s)\n' "$1" "$status" "$seconds"
  sed 's/^/  | /' "$work/out" "$work/err"
}

# finish: the script's last line.
finish() {
  echo "$runs runs, $failures of them not as expected"
  ((failures == 0 && runs > 0))
}
