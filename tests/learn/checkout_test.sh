#!/usr/bin/env bash
# checkout_test.sh BUILD: checkouts as people have them: moved, with CRLF, in a path that CMake
# cannot take, with the files of editors; output that nobody reads or that is lost; few open files;
# another compiler. Each works, or one sentence says what is wrong.
# shellcheck source-path=SCRIPTDIR source=small_copy.sh
source "$(dirname "${BASH_SOURCE[0]}")/small_copy.sh"

passed() { printf 'ok  %s\n' "$1"; }

# ends STATUS COMMAND…: it ends with this status, and says at most one line on standard error, which
# is kept in $output.
ends() {
  local wanted=$1 status=0
  shift
  "$@" 2>"$folder/err" </dev/null || status=$?
  output=$(<"$folder/err")
  [[ $status == "$wanted" ]] || failed "$* ended with $status, not $wanted"
  [[ $output != *$'\n'* ]] || failed "$* says more than one line"
}
full() { "$@" >/dev/full; }    # full COMMAND…: its output is on a full disk,
unheard() { "$@" >&-; }        # closed,
silent() { "$@" >/dev/null; }  # or of no interest
with_files() { (ulimit -n "$1"; "${@:2}"); }   # with_files N COMMAND…: N open files at most

program=$SHARD_BUILD/bin/03_row_parallel_gemm
make_copy
write 'Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));' 'add_bias(y, bias);' 'return y;'
cd "$copy"

# ---- Output that is lost or not read ----
for lost in full unheard; do
  ends 1 $lost "$program"
  says 'rank 0: some of the output is lost'
  ends 1 $lost "$program" --help
  for command in '' help list 'hint 03.1' 'solution 03.1 --anyway' 'run 03' 'check 03.1'; do
    # shellcheck disable=SC2086
    ends 1 $lost ./learn $command
  done
done
for option in --json --trace --picture; do
  file=/dev/full
  [[ $option != --picture ]] || { file=$folder/full.svg && ln -s /dev/full "$file"; }
  ends 1 silent "$program" $option "$file"
  says "$option $file: the file cannot be written: No space left on device"
done
passed 'output that is lost ends with 1 and a sentence'

learn 0 run 03
record=$(<build/run/03.status)
for lines in 1 2 5; do
  ends 0 silent bash -c "./learn run 03 | head -n $lines"
  [[ $(<build/run/03.status) == "${record%%|*}|"*' of '* ]] ||
    failed 'the chapter counts as failed because nobody read on'
done
passed './learn run 03 | head is no failure of the chapter'

# ---- Few open files ----
ends 2 silent with_files 24 "$program"
says 'only 24 files may be open at once (ulimit -n)'
for command in 'run 03' 'check 03.1'; do
  # shellcheck disable=SC2086
  ends 1 silent with_files 40 timeout 20 ./learn $command
  says 'only 40 files may be open at once (ulimit -n), and 4 ranks need 64'
done
ends 0 silent bash -c 'ulimit -S -n 24; ./learn run 03'
passed 'few open files'

# ---- A build folder of another place ----
old=$copy copy="$folder/moved"
cp -r "$old" "$copy"
mkdir -p "$copy/build/lib" "$copy/build/exercises"
stale=("$copy"/build/{bin/05_parallel_mlp,lib/libshard_common.so,liblib_05_parallel_mlp.a}
  "$copy/build/exercises/exercise_03_1.so")
touch "${stale[@]}" "$copy/build/run/05.txt"
learn 0 run 03
says "This build folder was created in $old; everything is rebuilt for $copy"
for file in "${stale[@]}"; do [[ ! -e $file ]] || failed "$file of the old folder is left"; done
[[ -e $copy/build/run/05.txt ]] || failed 'what a program wrote is gone'
learn 0 run 03
[[ $output != *'was created in'* ]] || failed 'it says twice that it was moved'
[[ $(readelf -d "$program") == *"[\$ORIGIN/../lib:"* ]] ||
  failed 'programs do not look for libraries beside themselves'
cd "$copy"

# ---- Paths that CMake or make take for something else ----
small=$folder/small
mkdir -p "$small"
cp -r learn scripts chapters exercises "$small"
for character in '#' ':' ';' '"' '[' ']' "\\" '|' "\${" $'\t' $'\n'; do
  mv "$small" "$folder/a${character}b"
  ends 1 silent "$folder/a${character}b/learn" run 03
  says "cannot build in a path with ${character@Q}"
  ends 0 silent "$folder/a${character}b/learn" list
  mv "$folder/a${character}b" "$small"
done
ends 1 silent "$old/learn" docs
says "Doxygen cannot read a path with ' '"
passed 'characters that CMake or make cannot have in a path'

# ---- A compiler that is too old, and then another: g++ behaves like the former when the header
# thinks it is there already ----
cp "$source/CMakeLists.txt" "$source/CMakePresets.json" "$small"
printf '#!/bin/sh\nexec g++ -D_GLIBCXX_SRCLOC "$@"\n' >"$folder/old-g++"
chmod +x "$folder/old-g++"
if CXXFLAGS='' CXX="$folder/old-g++" "$small/learn" run 03 >"$folder/out" 2>"$folder/err"; then
  failed 'it builds'
fi
output=$(grep '^learn: ' "$folder/err")
says "learn: CMake could not configure the build: $folder/old-g++ (GNU" \
  'has no std::source_location: g++ 11, clang 15 or'
[[ $(<"$folder/err") != *'CMake Error'* ]] || failed "CMake's own words were passed on"
if CXXFLAGS='' CXX=g++ "$small/learn" run 03 >"$folder/out" 2>&1; then failed 'it builds'; fi
output=$(<"$folder/out")
[[ $output != *source_location* ]] || failed 'the compiler that was refused is remembered'
passed 'a compiler without std::source_location'
rm -rf "$small/build"
if CMAKE_CXX_COMPILER_LAUNCHER=nonesuch "$small/learn" run 03 >"$folder/out" 2>"$folder/err"; then
  failed 'it builds'
fi
output=$(cat "$folder/out" "$folder/err")
says 'A first build takes a few minutes.' '/c++" cannot compile: ' \
  'nonesuch: not found. Full output: '
passed 'a compiler that does not work'

# ---- CRLF, and the command that takes it away ----
grep -rlIZ '' "$small" | xargs -0 sed -i 's/$/\r/'
for start in "$small/learn" "bash $small/learn"; do
  # shellcheck disable=SC2086
  if $start help >"$folder/out" 2>"$folder/err"; then failed 'bash runs CRLF'; fi
  output=$(<"$folder/err")
  says 'learn: this checkout has Windows line endings (CRLF)'
done
(cd "$small" && bash -c "$(tail -n 1 "$folder/err")")
ends 0 silent "$small/learn" help
passed 'CRLF'
if command -v git >/dev/null; then
  git=(git -c user.name=learner -c user.email=learner@localhost -c commit.gpgsign=false -C "$small")
  cp "$source/.gitattributes" "$small"
  { "${git[@]}" init && "${git[@]}" add -A && "${git[@]}" commit -m all; } >/dev/null 2>&1
  git clone -q -c core.autocrlf=true "$small" "$folder/cloned"
  ends 0 silent "$folder/cloned/learn" help
  passed 'a clone with autocrlf'
fi
