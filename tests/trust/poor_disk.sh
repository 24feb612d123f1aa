#!/usr/bin/env bash
# poor_disk.sh BIN SHIM: a file system without locks, without a way to sync directories or to
# reserve space, or with old checkpoints that cannot be renamed or removed. The run says once what
# is missing, trains on, and what it has saved is whole. SHIM is the library of
# poor_file_system.cpp.
# shellcheck source-path=SCRIPTDIR source=trust.sh
source "$(dirname "$0")/trust.sh"
wait_for_no_rank
shim=${2:?the library of poor_file_system.cpp}
root=$(cd "$(dirname "$0")/../.." && pwd)
model=(--layers 1 --heads 2 --width 16 --context 16 --batch 2 --data "$data")

# train_on "LACKS…" NAME ARGS…: two ranks on such a file system.
train_on() {
  local placed=(-x LD_PRELOAD="$shim" -x POOR_FILE_SYSTEM="$1"
    -x ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0")
  train "$2" 2 --tp 2 --save "$work/$2" --save-every 2 "${@:3}"
}
# says_once NAME PHRASE
says_once() {
  says "$@"
  [[ $(cat "$work/$1.out" "$work/$1.err" | grep -c '^  warning: ') == 1 ]] ||
    failed "$1: one warning was expected"
}
# goes_on_from NAME STEP: what is there can be gone on from, without the shim and with it, and is
# the latest.
goes_on_from() {
  train "$1-on" 2 --tp 2 --save "$work/$1" --resume latest --steps $(($2 + 2))
  ends_with "$1-on" 0
  says "$1-on" ", after $2 steps"
}

for reason in 37:'No locks available' 38:'Function not implemented' 95:'Operation not supported'; do
  name=no-locks-${reason%%:*}
  train_on "flock=${reason%%:*}" "$name" --steps 4
  ends_with "$name" 0
  says_once "$name" "--save $work/$name: its file system has no locks (${reason#*:})," \
    'so nothing keeps another run from saving there'
  goes_on_from "$name" 4
  passed "no locks: ${reason#*:}"
done
for reason in 22 95 38; do
  train_on "sync=$reason" no-sync-$reason --steps 6
  ends_with no-sync-$reason 0
  says_once no-sync-$reason "--save $work/no-sync-$reason: its file system cannot sync a directory"
  goes_on_from no-sync-$reason 6
done
passed 'directories cannot be synced'
train_on sync=5 broken --steps 4
refuses "--save $work/broken: cannot write $work/broken/.partial: Input/output error" broken
train_on allocate=38 no-space --steps 4
ends_with no-space 0
! grep -q '  warning: ' "$work/no-space.out" || failed 'no warning was expected'
goes_on_from no-space 4
passed 'space cannot be reserved'

train_on rename=18 no-rename --steps 8 --keep 2   # as of a folder in the lower layer of an overlay
ends_with no-rename 0
[[ $(cd "$work/no-rename" && echo *) == 'latest step-00000006 step-00000008' ]] ||
  failed 'two checkpoints were expected'
! grep -q '  warning: ' "$work/no-rename.out" || failed 'no warning was expected'
goes_on_from no-rename 8
passed 'old checkpoints that cannot be renamed are removed all the same'
train_on 'rename=1 remove=1' no-remove --steps 8 --keep 1
ends_with no-remove 0
for step in 2 4 6; do
  says no-remove "  warning: $work/no-remove/step-0000000$step cannot be removed:" \
    'Operation not permitted; it stays'
done
[[ $(grep -c '^  warning: ' "$work/no-remove.out") == 3 ]] ||
  failed 'one warning for each of three checkpoints was expected'
train_on 'rename=1 remove=1' no-remove --steps 10 --resume "$work/no-remove/step-00000006"
ends_with no-remove 0
says no-remove 'step-00000008 cannot be renamed: Operation not permitted;' \
  "the new checkpoint of this step is $work/no-remove/step-00000008-2"
goes_on_from no-remove 10
[[ -d $work/no-remove/step-00000008-2 ]] || failed 'both checkpoints of the step were expected'
passed 'old checkpoints that can be neither renamed nor removed stay'
train_on remove=16 busy --steps 6 --keep 1
ends_with busy 0
says busy "$work/busy/.removed-step-00000002 cannot be removed: Device or resource busy; it stays"
goes_on_from busy 6
[[ ! -e $work/busy/.removed-step-00000002 ]] || failed 'what could not be removed is removed later'
passed 'old checkpoints that can be renamed only'

# ./learn's own lock, while it builds.
locks_build() {   # LACKS: what scripts/setup.sh says
  # shellcheck disable=SC2016
  LD_PRELOAD=$shim POOR_FILE_SYSTEM=$1 timeout 20 bash -euc '
    build=$1
    shown() { printf %s "${1##*/}"; }
    fail() { echo "$1"; exit 1; }
    source "$2"
    lock_build
    echo builds' - "$work" "$root/scripts/setup.sh" 2>&1
}
[[ $(locks_build nothing) == builds ]] || failed 'one word was expected'
for reason in 37:'No locks available' 38:'Function not implemented'; do
  expected="learn: ${work##*/} cannot be locked (*${reason#*:}): do not run another *"$'\nbuilds'
  # shellcheck disable=SC2053  # a pattern
  [[ $(locks_build "flock=${reason%%:*}") == $expected ]] ||
    failed "./learn without locks (${reason#*:}): $(locks_build "flock=${reason%%:*}")"
done
passed './learn builds where nothing can be locked, and says so'
finish
