#!/usr/bin/env bash
# tidy.sh BIN: with everything but the build folder and a temporary folder read-only, chapter 11
# trains, saves and goes on, chapter 12 writes, and ./learn shows where the learner is: nothing is
# written anywhere else.
# shellcheck source-path=SCRIPTDIR source=trust.sh
if [[ -z ${OWN_MOUNTS:-} ]]; then
  unshare --mount true 2>/dev/null ||
    { echo 'SKIPPED: file systems cannot be mounted here (unshare --mount)'; exit 77; }
  own=$(mktemp -d) status=0
  OWN_MOUNTS=$own unshare --mount "$0" "$@" || status=$?
  rmdir "$own"
  exit $status
fi
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1/.." && pwd)
mount --bind "$build" "$build"
mount -t tmpfs none "$OWN_MOUNTS"
export TMPDIR=$OWN_MOUNTS
mount --bind / /
mount -o remount,bind,ro / 2>/dev/null ||
  { echo 'SKIPPED: / cannot be mounted read-only here'; exit 77; }
cd /
if touch "$root/probe" 2>/dev/null; then
  rm "$root/probe"
  echo 'FAILED: the checkout is not read-only'
  exit 1
fi
source "$root/tests/trust/trust.sh"
cd "$work"

train run 2 --tp 2 --steps 4 --save "$work/saved" --trace "$work/trace.json"
ends_with run 0
train on 2 --tp 2 --resume "$work/saved" --steps 6 --save "$work/saved"
ends_with on 0
write write 2 --weights "$work/saved/step-00000006/model.safetensors" --prompt the --generate 3
ends_with write 0
passed 'chapters 11 and 12 write into the folders given and nowhere else'
for command in '' list help; do
  # shellcheck disable=SC2086
  "$root/learn" $command >"$work/learn.out" 2>&1 ||
    { last=learn; failed "./learn $command writes into a read-only checkout"; }
done
passed './learn, ./learn list and ./learn help write nothing'
finish
