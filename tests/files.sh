#!/usr/bin/env bash
# files.sh RESULTS all RANKS PROGRAM DEVICE FILE…
#     runs all tests of these files in one start of PROGRAM, on RANKS ranks, and keeps what came out
#     in the folder RESULTS
# files.sh RESULTS one RANKS PROGRAM DEVICE FILE
#     how FILE came out; if it did not run with the others in this run of ctest, it is run alone
set -uo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=together.sh
source "$here/together.sh"

results=$1 kind=$2 ranks=$3 program=$4 device=$5
shift 5

start() {   # RANKS FILE…
  local names
  names=$(printf ',*/%s' "${@:2}")
  "$here/mpirun.sh" "$1" "$program" "--source-file=${names#,}" "--device=$device" --each
}

case $kind in
  all)
    begin_together
    together "$ranks" "$@"
    ;;
  one)
    if ! outcome "$ranks" "$1"; then
      exec "$here/mpirun.sh" "$ranks" "$program" "--source-file=*/$1" "--device=$device"
    fi
    printf '%s\n' "$output"
    exit "$status"
    ;;
esac
