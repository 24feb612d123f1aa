#!/usr/bin/env bash
# learn_test.sh BUILD: the learner's loop of ./learn, from a stub to its reset, in a copy of the
# checkout that holds one exercise and links the library of BUILD.
# shellcheck source-path=SCRIPTDIR source=small_copy.sh
name="a checkout, 100 % naïve \$HOME (its)"
source "$(dirname "${BASH_SOURCE[0]}")/small_copy.sh"

count() { grep -cF -- "$1" <<<"$output" || true; }

make_copy
stub='todo("row_parallel_scattered");'
right=('Tensor y = group.reduce_scatter(PartialSum(matmul(x, a)));' 'add_bias(y, bias);'
  'return y;')
write "$stub"
cp "$answer" "$folder/stub.cpp"

# ---- Words that make no sense ----
for arguments in 'check 09.9' 'check 99' 'hint 09.9' 'reset' 'reset 09.9' 'solution' \
  'check 03.1 03.1' 'watch 03.1'; do
  # shellcheck disable=SC2086
  learn 2 $arguments
done

# ---- Not written, and the hints ----
learn 0
says '0 of 1 exercises solved'
rows=$(grep -E '^  . [0-9]{2}  ' <<<"$output" | sed 's/not run yet.*//' | while IFS= read -r row; do
  echo ${#row}
done | sort -u | wc -l)
((rows == 1)) || failed 'the columns of the table are not aligned'
[[ $(cat "$copy/exercises/"03*/*) != *'## 1'* ]] || failed 'the hints lie beside the task'
readme=chapters/${exercise%/*}/README.md
learn 0 check --help
says 'usage: ./learn ' './learn list                             all exercises'
learn 0 list
says "Read $readme, then edit in exercises/${exercise%/*}/:" '· 03.1  the test of learn' \
  '1_bias_once.cpp' '0 of 1 exercises solved'
learn 1 check
says "Read first: $readme" 'On 1 rank:' 'not written yet: row_parallel_scattered' \
  './learn hint 03.1 shows hint 1 of 3'
# As after ./learn run: that all chapters have been run says nothing of what was read.
for chapter in "$copy"/chapters/[0-9]*; do
  chapter=${chapter##*/}
  echo '0|2|1.0 s|3 of 3|' >"$copy/build/run/${chapter%%_*}.status"
done
learn 0
says "Next: read $readme, then do" 'exercise 03.1, the test of learn: ./learn watch'
for level in 1 2 3; do
  learn 0 hint 3.1
  [[ $(count '03.1 hint') == "$level" ]] || failed "hint $level is not the last one shown"
done
learn 0 hint
says 'There are no more hints'
learn 1 solution 3.1
says 'not solved yet' '--anyway'
learn 0 solution 3.1 --anyway
says "-  $stub" '+  return y;'

# ---- Hints are as wide as the terminal: every word that fits in a line is in it ----
wrapped_once() {
  awk -v width="$1" '
    / hint [0-9] of / { before = ""; next }
    length($0) > width { print "too long: " $0 }
    before != "" && length(before) + 1 + length($1) <= width { print "too short: " before }
    { before = $0 }'
}
for width in 60 100; do
  output=$(cd "$copy" && COLUMNS=$width ./learn hint 03.1 | head -n -1 | wrapped_once $width)
  [[ -z $output ]] || failed "hints are not wrapped to $width columns"
done

# ---- Wrong answers ----
write 'return group.reduce_scatter(PartialSum(matmul(x, a)));'
learn 1 check 03.1
says 'On 1 rank:' 'WRONG' 'the bias is missing'
write 'Tensor y = matmul(x, a);' 'add_bias(y, bias);' 'return group.reduce_scatter(PartialSum(y));'
learn 1 check 3
says 'On 2 ranks (it is right on 1 rank):' 'plus 1 × bias: the bias was added on every rank'
# Without the collective, one rank's numbers are right: what it does shows on two.
write 'Tensor y = matmul(x, a);' 'add_bias(y, bias);' 'return y;'
learn 1 check 03.1
says 'On 1 rank:' '0 reduce_scatters instead of 1' 'On 2 ranks:' 'your Y '
# Where two ranks show nothing else, one is enough.
write "${right[@]::2}" 'group.barrier();' 'return y;'
learn 1 check 03.1
says 'On 1 rank:' 'barrier on world where none is allowed'
[[ $output != *'On 2 ranks'* ]] || failed 'the same is said of 2 ranks'
write 'Tensor y = mat_mul(x, a);' 'y.nothing();' 'return 3;'
learn 1 check 03.1
[[ $(count 'error:') == 1 ]] || failed 'not one compile error'
says "exercises/$exercise.cpp:10:14: error:" 'Tensor y = mat_mul(x, a);' '^~~'
says 'The first of 3 errors; all errors: build/setup.log'
write 'return group.reduce_scatter(matmul(x, a));'
learn 1 check 03.1
says 'error:' "wrap this rank's term, as in PartialSum(y)"
write 'return PartialSum(matmul(x, a));'
learn 1 check 03.1
says 'error:' 'A PartialSum is not a Tensor yet'
write "while (group.rank() >= 0) {" '}' "$stub"
SHARD_EXERCISE_LIMIT=2 learn 1 check 03.1
says 'Stopped after 2 s: an infinite loop, or a busy machine?' 'SHARD_EXERCISE_LIMIT=12 gives it'
no_test_runs() {
  output=$(pgrep -af "^$folder/.*/examine " || true)
  [[ -z $output ]] || failed "a test goes on after $1"
}
no_test_runs 'the check'
(cd "$copy" && timeout --foreground --signal=INT 4 ./learn check 03.1 >/dev/null 2>&1) || true
no_test_runs 'Ctrl-C'

# ---- The right one ----
write "${right[@]}"
learn 0 check 03.1
says '✓ Right on 1, 2, 3 and 4 ranks.' '(built and tested in ' './learn solution 03.1' \
  '#  1 of 1 exercises solved'
# The next one in another chapter: its README comes first.
next=04_column_parallel_gemm/1_backward_all_reduce
mkdir -p "$copy/exercises/"{,hints/}${next%/*}
cp "$source/exercises/hints/$next.md" "$copy/exercises/hints/$next.md"
echo '// Exercise 04.1: another.' >"$copy/exercises/$next.cpp"
learn 0 check 03.1
[[ $output != *"Read first: $readme"* ]] || failed 'it sends to a chapter that is known'
says '1 of 2 exercises solved' "Next: 04.1, another; exercises/$next.cpp" \
  "Read first: chapters/${next%/*}/README.md"
rm -r "$copy/exercises/"{,hints/}${next%/*}
# The next one in the same chapter: what comes next is said once, and only if both are right.
second=${exercise%/*}/2_backward
cp "$source/exercises/hints/$second.md" "$copy/exercises/hints/$second.md"
learn 1 check 3
says 'Right on' 'Not right yet: 03.2'
[[ $output != *'Next: '* ]] || failed 'it goes on to another exercise'
rm "$copy/exercises/hints/$second.md"
learn 0 list
says '✓ 03.1' '1 of 1 exercises solved'
learn 0 check
says 'Every exercise is solved'
learn 0 solution 03.1
echo '// a remark' >>"$answer"
learn 0 list
says '~ 03.1' '0 of 1 exercises solved, 1 edited since: check it again'
learn 0 solution 03.1
write 'return matmul(x, a);'
touch -d '2001-01-01' "$answer"   # as after mv or cp -p of an old text
learn 1 check

# ---- Back to the stub, without and with git ----
back_to_the_stub() {
  local backup
  cp "$answer" "$folder/mine.cpp"
  learn 0 reset 3.1
  backup=$(sed -n 's/^Your version is kept in \(.*\)\.$/\1/p' <<<"$output")
  cmp "$copy/$backup" "$folder/mine.cpp" || failed 'the backup is another text'
  cmp "$answer" "$folder/stub.cpp" || failed 'the file is not the stub'
  learn 0 reset 3.1
  says 'is already the stub'
  learn 0 list
  says '· 03.1'
}
back_to_the_stub
if command -v git >/dev/null; then
  git=(git -C "$copy" -c user.name=learner -c user.email=learner@localhost -c commit.gpgsign=false)
  { "${git[@]}" init && "${git[@]}" add exercises && "${git[@]}" commit -m stub; } >/dev/null 2>&1
  write "${right[@]}"
  "${git[@]}" commit -am 'my answer' >/dev/null
  rm -r "$copy/.learn/stubs"
  back_to_the_stub
fi

# ---- watch: checks at once, again after a save, and ends with q ----
# shown TEXT: waits until watch has said it, for half a minute at most.
shown() {
  for ((tries = 0; tries < 150; ++tries)); do
    ! grep -q "$1" "$folder/watched" || return 0
    sleep 0.2
  done
}

if script -qec true /dev/null >/dev/null 2>&1; then
  (
    shown 'not written yet'
    printf s
    shown '03.1 is not solved yet. s again shows a solution'
    printf s
    shown '+  return y;'
    printf h
    shown '03.1 hint 1 of 3'
    write "${right[@]}"
    shown '1 of 1 exercises solved'
    printf x
    shown 'x again restores the empty exercise'
    printf x
    shown 'is the stub again'
    printf q
    sleep 5   # script ends its session early when its input ends
  ) 2>/dev/null |
    (cd "$copy" &&
      TERM=xterm timeout 80 script -qefc './learn watch 03.1' "$folder/watched" >/dev/null) ||
    { output=$(cat "$folder/watched") && failed 'watch did not end well'; }
  output=$(cat "$folder/watched")
  says 'Right on' '1 of 1 exercises solved' 'return y;' 'is the stub again'
  cmp "$answer" "$folder/stub.cpp" || failed 'watch has not restored the stub'
  echo 'ok  ./learn watch 03.1'
else
  echo 'skipped  ./learn watch: there is no pseudo-terminal to try it on'
fi
