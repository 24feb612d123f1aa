#!/usr/bin/env bash
# machine_test.sh BUILD: the checkout on another machine than a developer's: read-only and without
# git, with another user's files in the build folder, with the files of editors and of macOS, with
# fewer cores than OMP_NUM_THREADS or the machine says.
# shellcheck source-path=SCRIPTDIR source=small_copy.sh
if [[ -z ${OWN_MOUNTS:-} ]]; then
  unshare --mount true 2>/dev/null ||
    { echo 'SKIPPED: file systems cannot be mounted here (unshare --mount)'; exit 77; }
  OWN_MOUNTS=1 exec unshare --mount "$0" "$@"
fi
source "$(dirname "${BASH_SOURCE[0]}")/small_copy.sh"
trap 'umount -l "$copy" 2>/dev/null || true; rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
passed() { printf 'ok  %s\n' "$1"; }

# one_sentence COMMAND…: it works, or it fails and says one line on standard error; what it says is
# in $output.
one_sentence() {
  local status=0
  timeout 60 "$@" >"$folder/out" 2>"$folder/err" </dev/null || status=$?
  output=$(<"$folder/err")
  if ((status == 0)); then return; fi
  [[ -n $output && $output != *$'\n'* && $status -le 2 ]] ||
    failed "$* ended with $status, and not with one sentence"
}

# ---- Read-only, without git ----
make_copy
write 'todo("row_parallel_scattered");'
no_git="$folder/without git"
mkdir "$no_git"
for program in /usr/bin/*; do [[ $program == */git* ]] || ln -s "$program" "$no_git"; done
if PATH=$no_git command -v git; then failed 'git is still there'; fi
mount --bind "$copy" "$copy"
mount -o remount,bind,ro "$copy"
if touch "$copy/probe" 2>/dev/null; then failed 'the copy is not read-only'; fi
for command in '' help list 'solution 03.1 --anyway'; do
  # shellcheck disable=SC2086
  PATH=$no_git learn 0 $command
done
for command in 'run 03' test bench docs 'check 03.1' 'hint 03.1' 'reset 03.1' 'data shakespeare'; do
  # shellcheck disable=SC2086
  PATH=$no_git one_sentence "$copy/learn" $command
done
umount "$copy"
PATH=$no_git learn 0 reset 03.1
[[ -e $copy/.learn/stubs/03.1.cpp ]] || failed 'without git, the stub was not kept'
passed 'a checkout that is read-only, without git'

# ---- Root's files in the build folder of another user ----
if [[ $(id -u) == 0 ]] && setpriv --reuid=65534 --clear-groups true 2>/dev/null; then
  mkdir -p "$copy/build/run"
  chmod 755 "$folder"
  chown -R 65534 "$copy"
  touch "$copy/build/setup.log"
  one_sentence setpriv --reuid=65534 --clear-groups "$copy/learn" run 03
  says 'build/setup.log, which belongs to root: the folder' 'must belong to you'
  passed "root's files in the build folder"
else
  echo 'skipped  another user: this is not root'
fi

# ---- The files that editors and macOS keep beside others ----
cd "$source"
mkdir "$folder/whole"
cp -r CMakeLists.txt CMakePresets.json chapters common docs exercises solutions tests \
  "$folder/whole"
cd "$folder/whole"
printf '%s\n' 'import make_pages as m' 'm.topics()' \
  "assert set(m.EXERCISES.values()) == {'.cpp', '.cu'}, m.EXERCISES" >docs/topics.py
while IFS= read -r file; do
  ln -s 'user@host.1:1' "${file%/*}/.#${file##*/}"
  printf '\0\5\26\7\377\376' | tee "${file%/*}/._${file##*/}" >"${file%/*}/#${file##*/}#"
  cp "$file" "$file~"
done < <(find . -type f)
if ! cmake -S . -B "$folder/build" -G Ninja -DSHARD_CUDA=OFF >"$folder/out" 2>&1; then
  output=$(<"$folder/out")
  failed 'CMake takes them'
fi
output=$(grep -E '/[.#][^/]*"' "$folder/build/compile_commands.json" || true)
[[ -z $output ]] || failed 'the build takes them for sources'
[[ $(grep -c '"file"' "$folder/build/compile_commands.json") -gt 500 ]] ||
  failed 'the build has no sources'
for script in tests/docs/quotes.py docs/topics.py; do
  output=$(python3 $script 2>&1) || failed "$script reads them"
done
passed 'files of editors and of macOS'

# ---- Cores ----
source "$source/scripts/cores.sh"
all=$(cores)
[[ $(OMP_NUM_THREADS=999 OMP_THREAD_LIMIT=1 cores) == "$all" ]] ||
  failed 'cores follows OMP_NUM_THREADS'
output=$(grep -rnw nproc "$source"/{learn,scripts,tests} --include=learn --include='*.sh' |
  grep -vE 'scripts/cores.sh|machine_test.sh' || true)
[[ -z $output ]] || failed 'nproc counts threads where OMP_NUM_THREADS is set; cores does not'
mount -t tmpfs none /sys/fs/cgroup ||
  { echo 'SKIPPED: /sys/fs/cgroup cannot be mounted here'; exit 77; }
for quota in "100000 100000:1" "50000 100000:1" "max 100000:$all"; do
  echo "${quota%:*}" >/sys/fs/cgroup/cpu.max
  [[ $(cores) == "${quota#*:}" ]] || failed "a quota of ${quota%:*} is not $(cores) cores"
  output=$(env -u OMP_NUM_THREADS "$SHARD_BUILD/bin/03_row_parallel_gemm")
  says ", ${quota#*:} thread"
done
passed 'cores'

# ---- A busy machine ----
for load in "0.10:10" "$((3 * all)).00:30" "$((99 * all)).00:60"; do
  echo "${load%:*} 1 1 1/1 1" >"$folder/loadavg"
  mount --bind "$folder/loadavg" /proc/loadavg ||
    { echo 'SKIPPED: /proc/loadavg cannot be mounted here'; exit 77; }
  [[ $(patience 10) == "${load#*:}" ]] || failed "with a load of ${load%:*}: $(patience 10) s"
  umount /proc/loadavg
done
passed 'patience'
