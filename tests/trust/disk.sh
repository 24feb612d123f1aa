#!/usr/bin/env bash
# disk.sh BIN: a save that fails ends the training with exit status 1 and a sentence, and leaves the
# checkpoint before as it was: a disk that is full, a directory that has become read-only. Two runs
# do not save to one directory.
# shellcheck source-path=SCRIPTDIR source=trust.sh
if [[ -z ${OWN_MOUNTS:-} ]]; then
  unshare --mount true 2>/dev/null ||
    { echo 'SKIPPED: file systems cannot be mounted here (unshare --mount)'; exit 77; }
  OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
source "$(dirname "$0")/trust.sh"
disk="$work/small disk"
mkdir "$disk"
trap 'umount -l "$disk" 2>/dev/null || true; cleanup' EXIT
# Room for one checkpoint of 0.8 MB, not for two.
mount -t tmpfs -o size=1200k none "$disk" || skip 'there is no tmpfs here'

train full 4 --tp 2 --dp 2 --steps 9 --save "$disk/saved" --save-every 4 --keep 1
ends_with full 1
says full "step 4: saved in $disk/saved/step-00000004"
says full "cannot write $disk/saved/.partial/"
says full 'No space left on device'
[[ ! -e $disk/saved/.partial ]] || failed 'what was not finished still fills the disk'
train whole 4 --tp 2 --dp 2 --steps 9
train on 4 --tp 2 --dp 2 --resume "$disk/saved"
same_losses on 4 whole
passed 'disk full: the training says so, and the checkpoint before is whole'

rm -r "$disk/saved"
# Of this one there is room for several.
model=(--layers 1 --heads 2 --width 16 --context 16 --batch 2 --data "$data")
start read-only 2 --tp 2 --steps 100000 --save "$disk/saved" --save-every 40
waits_for 60 has_said read-only ': saved in' || failed 'it does not start'
# In one step: between a mount and its change to read-only, a save could begin, and keep it busy.
mkdir "$work/read only"
mount --bind "$disk" "$work/read only"
mount -o remount,bind,ro "$work/read only"
mount --move "$work/read only" "$disk"
ended read-only
ends_with read-only 1
says read-only 'Read-only file system'
train on-read-only 2 --tp 2 --resume "$disk/saved" --steps 100000 --timeout 2 --save "$disk/saved"
refuses "--save $disk/saved: Read-only file system" on-read-only
umount "$disk"
latest=$(<"$disk/saved/latest")
train on-after 2 --tp 2 --resume "$disk/saved" --steps $((10#${latest#step-} + 2))
ends_with on-after 0
passed \
  'a directory that becomes read-only: the training says so, and the checkpoint before is whole'

start first 2 --tp 2 --steps 100000 --save "$work/saved"
waits_for 60 has_said first ' 1/100000' || failed 'it does not start'
train second 2 --tp 2 --steps 4 --save "$work/saved"
refuses "--save $work/saved: another run is saving there" second
kill -TERM "$(process_of 1)"
ended first
ends_with first 0
says first ': saved in'
passed 'the second run in a directory is refused, the first goes on'
finish
