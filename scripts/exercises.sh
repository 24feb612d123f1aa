# exercises.sh: the learner's commands: list, check, hint, solution, reset. ../learn sources this
# file. .learn/ remembers: solved/NN.K the checksum of the file that passed, hints/NN.K how many
# hints were shown, stubs/NN.K.cpp the exercise as it came where git cannot give it back, backup/
# what reset took away.
# shellcheck shell=bash disable=SC2154

state=$root/.learn
hints=$root/exercises/hints   # not beside the tasks: cat exercises/06*/* should not show them
exercise_limit=${SHARD_EXERCISE_LIMIT:-}   # seconds that one run may take; try sets it otherwise
watching=false
one_of_several=false   # exercises that are checked: what comes next is said after the last
tests=()   # the process of the test on N ranks, while it runs

# ---- Which exercises there are -------------------------------------------------------------------

# exercises [NN]: the numbers NN.K of all, or of a chapter.
exercises() {
  (cd "$hints" && printf '%s\n' [0-9][0-9]_*/[0-9]_*.md) |
    sed -nE "s|^(${1:-[0-9]{2\}})_.*/([0-9])_.*|\1.\2|p"
}

# exercise_named TEXT: 3.1 and 03.1 both mean 03.1.
exercise_named() {
  local id
  for id in $(exercises); do
    if [[ $1 == "$id" || 0$1 == "$id" ]]; then echo "$id"; return; fi
  done
  bad_usage "there is no exercise '$1'; ./learn list shows them all"
}

stem_of() {
  (cd "$hints" && printf '%s\n' "${1%.*}"_*/"${1#*.}"_*.md) | sed 's/\.md$//'
}
file_name_of() {   # NN_chapter/K_name.cpp, or .cu for CUDA
  local stem
  stem=$(stem_of "$1")
  if [[ -e $root/solutions/$stem.cu ]]; then echo "$stem.cu"; else echo "$stem.cpp"; fi
}
answer_of() { echo "$root/exercises/$(file_name_of "$1")"; }   # the learner's file
title_of_exercise() {
  local title
  title=$(sed -nE "1s|^// Exercise $1: *||p" "$(answer_of "$1")" 2>/dev/null | sed 's/\.$//')
  echo "${title:-$(basename "$(stem_of "$1")" | sed 's/^._//; s/_/ /g')}"
}

# reading_for NN.K: its chapter's README, until one of the chapter's exercises is solved.
reading_for() {
  local id
  for id in $(exercises "${1%.*}"); do [[ $(state_of "$id") == open ]] || return 0; done
  shown "$root/chapters/$(dirname "$(stem_of "$1")")/README.md"
}
read_first() {
  local readme
  readme=$(reading_for "$1")
  [[ -z $readme ]] || echo "      Read first: $readme"
}

# ---- What is remembered --------------------------------------------------------------------------

# remember solved/03.1 TEXT
remember() {
  { mkdir -p "$state/${1%/*}" && echo "$2" >"$state/$1"; } 2>/dev/null ||
    fail "cannot write in $(shown "$state")"
}
remembered() { cat "$state/$1" 2>/dev/null || echo "${2:-}"; }   # remembered hints/03.1 OTHERWISE
checksum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# open, solved, or edited: it was solved, and its file has changed since.
state_of() {
  local passed
  passed=$(remembered "solved/$1")
  if [[ -z $passed ]]; then echo open
  elif [[ $(checksum "$(answer_of "$1")" 2>/dev/null) == "$passed" ]]; then echo solved
  else echo edited; fi
}

# unsolved [NN.K]: the first exercise that is not solved, of those after NN.K first.
unsolved() {
  local id later='' earlier=''
  for id in $(exercises); do
    [[ $id != "${1:-}" && $(state_of "$id") != solved ]] || continue
    if [[ $id > ${1:-} ]]; then later=${later:-$id}; else earlier=${earlier:-$id}; fi
  done
  echo "${later:-$earlier}"
}

# The newest version in git that is still a stub: the learner may have committed answers.
stub_in_git() {
  local path commit
  path=./exercises/$(file_name_of "$1")
  for commit in $(git -C "$root" log --format=%h -- "$path" 2>/dev/null); do
    if git -C "$root" show "$commit:$path" 2>/dev/null | grep -F 'todo("' >/dev/null; then
      git -C "$root" show "$commit:$path"
      return
    fi
  done
  return 1
}

# At every start: without git, a copy of each stub before it is edited, where one can be written.
keep_stubs() {
  local id
  ! git -C "$root" cat-file -e HEAD:./exercises/CMakeLists.txt 2>/dev/null || return 0
  for id in $(exercises); do
    [[ ! -e $state/stubs/$id.cpp ]] || continue
    if grep -qF 'todo("' "$(answer_of "$id")"; then
      mkdir -p "$state/stubs" && cp "$(answer_of "$id")" "$state/stubs/$id.cpp" || return 0
    fi
  done 2>/dev/null
}

# ---- ./learn list --------------------------------------------------------------------------------

list() {
  local name id
  for name in $(chapters); do
    [[ -n $(exercises "${name%%_*}") ]] || continue
    echo "$bold${name%%_*}  $(title_of "$name")$plain"
    echo "  Read $(shown "$root/chapters/$name/README.md"), then edit in" \
      "$(shown "$root/exercises/$name/"):"
    for id in $(exercises "${name%%_*}"); do
      printf '  %s %s  %s  %s\n' "$(mark_of "$id")" "$id" "$(pad "$(title_of_exercise "$id")" 70)" \
        "$(basename "$(answer_of "$id")")"
    done
  done
  printf '\n%s (%s✓%s; ~ was solved and has been edited since)\n' "$(exercises_solved)" "$green" \
    "$plain"
}

mark_of() {
  case $(state_of "$1") in
    solved) echo "$green✓$plain" ;;
    edited) echo '~' ;;
    *) echo '·' ;;
  esac
}

# count_of STATE: of those it reads.
count_of() { local id; while read -r id; do state_of "$id"; done | grep -cx "$1" || true; }

# "16 of 34 exercises solved, 7 edited since: check them again"
exercises_solved() {
  local edited
  edited=$(exercises | count_of edited)
  printf '%d of %d exercises solved' "$(exercises | count_of solved)" "$(exercises | wc -l)"
  ((edited == 0)) || printf ', %d edited since: check %s again' "$edited" \
    "$( ((edited == 1)) && echo it || echo them)"
}

# ---- ./learn check -------------------------------------------------------------------------------

check() {
  local id ids wrong=()
  (($# <= 1)) || bad_usage 'check takes one exercise, as in 03.1, or one chapter, as in 03'
  case ${1:-} in
    '') ids=$(unsolved) ;;
    *.*) ids=$(exercise_named "$1") ;;
    *)
      id=$(chapter_named "$1")
      ids=$(exercises "${id%%_*}")
      [[ -n $ids ]] || bad_usage "chapter $1 has no exercises"
      ;;
  esac
  [[ -n $ids ]] || all_solved
  [[ $ids != *$'\n'* ]] || one_of_several=true
  for id in $ids; do check_one "$id" || wrong+=("$id"); done
  if $one_of_several; then
    if [[ -n ${wrong[*]} ]]; then printf '\n%sNot right yet: %s%s\n' "$bold" "${wrong[*]}" "$plain"
    else what_next "$id"; fi
  fi
  exit $((${#wrong[@]} > 0))
}

all_solved() { echo 'Every exercise is solved. ./learn list shows them.'; exit 0; }

# check_one NN.K: builds it, tries it, and says what comes next; false if it is not right.
check_one() {
  local file sum started
  file=$(answer_of "$1") started=$(microseconds)
  printf '\n%s%s  %s%s\n      %s\n' "$bold" "$1" "$(title_of_exercise "$1")" "$plain" \
    "$(shown "$file")" || exit 1
  read_first "$1"
  echo
  [[ -f $file ]] || {
    echo "The file is missing: ./learn reset $1 restores the stub back."
    return 1
  }
  sum=$(checksum "$file")
  build_exercise "$1" "$sum" || { explain_build "$1"; what_now "$1"; return 1; }
  if first_message warning "$file"; then echo; fi
  try "$1" || { what_now "$1"; return 1; }
  remember "solved/$1" "$sum"
  what_now "$1"
}

# build_exercise NN.K CHECKSUM: make looks at dates only, and would pass over another text with an
# older date.
build_exercise() {
  local target=exercise_${1/./_} built=$build/exercises/$1.built
  [[ $(cat "$built" 2>/dev/null) == "$2" ]] ||
    find "$build/exercises/CMakeFiles/$target.dir" -name '*.o' -delete 2>/dev/null || true
  attempt "$target" && echo "$2" >"$built"
}

# try NN.K: runs its test on each number of ranks, up to the first on which it fails; where one rank
# is only told of its calls, up to the next, of which it tells where that shows more. They run side
# by side: a start of mpirun mostly waits.
try() {
  local ranks all rc=0 passed=() failed=()
  tests=()
  all=$(sed -nE "s/^$1 .* ([0-9,]+)$/\1/p" "$build/exercises.txt" | tr ',' ' ')
  [[ -n $all ]] || fail "exercise $1 is not in $(shown "$build/exercises.txt")"
  [[ -n ${SHARD_EXERCISE_LIMIT:-} ]] || exercise_limit=$(patience 10)
  trap 'end_tests; echo; exit 130' INT   # what runs in the background does not hear a Ctrl-C
  trap 'end_tests; exit 143' TERM
  for ranks in $all; do
    run_exercise "$1" "$ranks" >"$build/exercises/$1.$ranks.txt" &
    tests[ranks]=$!
  done
  for ranks in $all; do
    ! $on_terminal || progress "testing on $(ranks_text "$ranks")"
    rc=0
    wait "${tests[ranks]}" || rc=$?
    clear_progress
    unset "tests[ranks]"
    if [[ $rc == 0 ]]; then passed+=("$ranks"); else failed+=("$ranks:$rc"); fi
    if [[ -n ${failed[*]} ]] && { [[ $ranks:$rc != 1:1 ]] || ! only_calls_differ "$1" 1; }; then
      break
    fi
  done
  if [[ ${failed[1]:-} == *:1 ]] && only_calls_differ "$1" "$ranks"; then unset 'failed[1]'; fi
  end_tests
  if [[ -z ${failed[*]} ]]; then
    show_output "$build/exercises/$1.$ranks.txt"
    printf '\n%s✓ Right on %s.%s (built and tested in %s)\n' "$green" \
      "$(on_ranks "${passed[@]}")" "$plain" "$(since "$started")"
    return
  fi
  local right_on=${passed[*]:+ (it is right on $(on_ranks "${passed[@]}"))} output
  for ranks in "${failed[@]}"; do
    output=$build/exercises/$1.${ranks%:*}.txt
    echo "${bold}On $(ranks_text "${ranks%:*}")$plain$right_on:"
    show_output "$output"
    ending "${ranks#*:}"
  done
  return 1
}

# One rank has nobody to communicate with: a missing sum shows only in its calls there, and in the
# numbers on two. only_calls_differ NN.K RANKS: whether that is all that is wrong.
only_calls_differ() {
  awk '/^  WRONG/ { wrong = 1 }
    /^  WRONG/ && !/WRONG (ranks? [0-9, ]+: )?your communication differs from the task: / {
      other = 1
    }
    END { exit other || !wrong }' "$build/exercises/$1.$2.txt"
}

# mpirun waits a second before it ends the ranks of a run that has failed; here they have said all.
run_exercise() {
  export OMP_NUM_THREADS=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_odls_base_sigkill_timeout=0
  exec timeout --foreground --kill-after=2 "$exercise_limit" "$mpirun" "$2" \
    "$build/exercises/"{examine,"exercise_${1/./_}.so"} 2>&1
}

# Without wait, which returns at once in a trap.
end_tests() {
  local test
  for test in "${tests[@]}"; do kill "$test" 2>/dev/null || true; done
  for test in "${tests[@]}"; do
    while kill -0 "$test" 2>/dev/null; do sleep 0.05; done
  done
}

# "1, 2 and 3 ranks"
on_ranks() { ranks_text "$*" | sed -E 's/ ([0-9])/, \1/g; s/, ([0-9]+ ranks)/ and \1/'; }

# The verdicts as the test printed them, without Open MPI's list of addresses after a crash.
show_output() {
  local lines=40 fit=cat
  ! $on_terminal || fit=wrapped
  grep -vE '^\[[^]]+:[0-9]+\] ' "$1" | head -n $lines | $fit |
    sed -E "s/^  ok /  ${green}ok$plain /; s/^  WRONG/  ${red}WRONG$plain/" || true
  (($(wc -l <"$1") <= lines)) || echo "  … full output: $(shown "$1")"
}

# Lines as wide as the terminal, broken between words; fold counts bytes, this counts characters.
wrapped() {
  local width=${COLUMNS:-80} line head
  while IFS= read -r line || [[ -n $line ]]; do
    while ((${#line} > width)); do
      head=${line:0:width+1} head=${head% *}
      [[ $head == *[!\ ]* && ${#head} -le $width ]] || head=${line:0:width}   # one long word
      printf '%s\n' "$head"
      line=${line:${#head}} line=${line# }
    done
    printf '%s\n' "$line"
  done
}

# What the test cannot say itself: how a program ended that did not end well.
ending() {
  case $1 in
    1) [[ -s $output ]] ||
      echo '  The program ended early without output: does the file call exit?' ;;
    3) ;;   # not written yet, and it has said so
    124 | 137)
      echo \
        "  Stopped after $exercise_limit s: an infinite loop, or a busy machine?" \
        "SHARD_EXERCISE_LIMIT=$((6 * exercise_limit)) gives it more time."
      ;;
    132 | 133 | 134 | 135 | 136 | 139)
      echo \
        "  It crashed ($(kill -l $(($1 - 128)))): a missing return, or an index" \
        "out of bounds?" ;;
    *) echo "  It ended with exit status $1." ;;
  esac
}

# ---- What the compiler says ----------------------------------------------------------------------

# first_message error|warning FILE: the compiler's first in FILE, with its line of code and the
# caret; false: none.
first_message() {
  awk -v kind=" $1: " -v file="$2:" -v folder="$PWD/" '
    found && !/^ *[0-9]* \|/ { exit }
    found { print; next }
    index($0, file) == 1 && index($0, kind) {
      found = 1
      print index($0, folder) == 1 ? substr($0, length(folder) + 1) : $0
    }
    END { exit !found }' "$log" | sed "1s/ $1: / $red$1:$plain /"
}

# Why it could not be built: the first error in the learner's file, or one that it causes elsewhere.
explain_build() {
  local file missing errors
  file=$(answer_of "$1")
  missing=$(sed -nE "s/.*undefined reference to \`(.*)'.*/\1/p" "$log" | sort | sed -n 1p)
  if first_message error "$file"; then :
  elif [[ -n $missing ]]; then
    echo "The file compiles, but a function is missing: $missing"
    echo "Does it have the name and parameters that $(shown "${file%.*}.h") declares?"
  elif grep -qF "$file:" "$log"; then   # in a template that it uses
    grep -m 1 -A 2 -E ' error: ' "$log"
    { grep -F "$file:" "$log" | grep 'required from' || true; } | sed -n 1p |
      sed "s|^.*/exercises/|exercises/|"
  else
    show_errors 'the exercise could not be built, but the error is not in its file'
  fi
  advice_on_sums
  errors=$(grep -c ' error: ' "$log" || true)
  if ((errors > 1)); then
    printf '\nThe first of %d errors; all errors: %s\n' "$errors" "$(shown "$log")"
  else printf '\nFull log: %s\n' "$(shown "$log")"; fi
}

# What g++ and clang say of types is true, but not what to do.
advice_on_sums() {
  local tensor="[‘'\"](const )?(shard::)?Tensor&?['’\"]"
  local sum=${tensor/Tensor/PartialSum}
  case $(grep -m 1 ' error: ' "$log" | sed -nE \
    "/conver.* $tensor.* to .*$sum/s/.*/term/p; /conver.* $sum.* to .*$tensor/s/.*/sum/p") in
    term)
      printf '\nall_reduce and reduce_scatter add up the terms of all ranks, and take a %s\n' \
        "PartialSum: wrap this rank's term, as in PartialSum(y)."
      ;;
    sum)
      printf '\nA PartialSum is not a Tensor yet: all_reduce or reduce_scatter %s\n' \
        'adds up the terms of all ranks.'
      ;;
  esac
}

# ---- What to do next -----------------------------------------------------------------------------

what_now() {
  if [[ $(state_of "$1") == solved ]]; then
    $watching || printf '\nOne way to write it: ./learn solution %s\n' "$1"
    $one_of_several || what_next "$1"
  elif ! $watching; then
    printf '\nWhen you have changed it: ./learn check %s. %s\n' "$1" "$(hint_offer "$1")"
  fi
}

what_next() {
  local next
  next=$(unsolved "$1")
  printf '\n%s  %s\n' "$(bar "$(exercises | count_of solved)" "$(exercises | wc -l)")" \
    "$(exercises_solved)"
  [[ -n $next ]] || return 0
  echo "Next: $next, $(title_of_exercise "$next"); $(shown "$(answer_of "$next")")"
  read_first "$next"
}

hints_of() { echo "$hints/$(stem_of "$1").md"; }
hint_count() { grep -c '^## ' "$(hints_of "$1")" || true; }

hint_offer() {
  local shown_yet all
  shown_yet=$(remembered "hints/$1" 0) all=$(hint_count "$1")
  if ((shown_yet < all)); then echo "Stuck? ./learn hint $1 shows hint $((shown_yet + 1)) of $all."
  else echo "All hints are shown; ./learn solution $1 --anyway shows a solution."; fi
}

# ---- ./learn hint, solution and reset ------------------------------------------------------------

# Each call shows one level more; those before are shown again.
hint() {
  local id level all n
  (($# <= 1)) || bad_usage 'hint takes one exercise, as in ./learn hint 03.1'
  id=$(if (($#)); then exercise_named "$1"; else unsolved; fi)
  [[ -n $id ]] || all_solved
  all=$(hint_count "$id") level=$(($(remembered "hints/$id" 0) + 1))
  for ((n = 1; n <= (level < all ? level : all); ++n)); do
    printf '%s%s hint %d of %d%s\n' "$bold" "$id" $n "$all" "$plain"
    hint_text "$id" $n | wrapped
  done
  if ((level > all)); then
    echo "There are no more hints. ./learn solution $id --anyway shows a solution."
  else remember "hints/$id" $level; fi
}

# hint_text NN.K N: each paragraph in one line.
hint_text() {
  awk -v n="$2" '
    /^## / { ++section; next }
    section != n { next }
    NF { paragraph = paragraph (paragraph == "" ? "" : " ") $0; next }
    paragraph != "" { print paragraph; paragraph = "" }
    END { if (paragraph != "") print paragraph }' "$(hints_of "$1")"
}

solution() {
  local id anyway=false arguments=() yours theirs colour=never
  for id in "$@"; do if [[ $id == --anyway ]]; then anyway=true; else arguments+=("$id"); fi; done
  ((${#arguments[@]} == 1)) || bad_usage \
    'solution takes one exercise, as in ./learn solution 03.1 [--anyway]'
  id=$(exercise_named "${arguments[0]}")
  yours=$(answer_of "$id") theirs=$root/solutions/$(file_name_of "$id")
  [[ $(state_of "$id") != open ]] || $anyway ||
    fail \
      "$id is not solved yet. ./learn hint $id helps; ./learn solution $id --anyway shows the" \
      "solution even so."
  [[ -z $green ]] || colour=always
  # All lines in one hunk, without the task in the opening comment.
  diff -U 999 --color=$colour --label "yours: $(shown "$yours")" \
    --label "solution: $(shown "$theirs")" \
    <(code_of "$yours") <(code_of "$theirs") | sed '/^[^ ]*@@ /d' || ((PIPESTATUS[1] == 0))
}

code_of() { awk '!/^\/\// { code = 1 } code' "$1" 2>/dev/null || true; }

reset() {
  local id file backup stub=$state/stub
  (($# == 1)) || bad_usage 'reset takes one exercise, as in ./learn reset 03.1'
  id=$(exercise_named "$1")
  file=$(answer_of "$id")
  backup=$state/backup/$id-$(date +%Y-%m-%d-%H%M%S).${file##*.}
  mkdir -p "$state/backup" 2>/dev/null || fail "cannot write in $(shown "$state")"
  stub_in_git "$id" >"$stub" || cp "$state/stubs/$id.cpp" "$stub" 2>/dev/null ||
    fail "the stub of $id is neither in git nor in .learn/stubs; nothing was changed"
  if cmp -s "$stub" "$file"; then
    rm "$stub"
    echo "$(shown "$file") is already the stub."
    return
  fi
  if [[ -e $file ]]; then
    cp --backup=numbered "$file" "$backup" ||
      fail 'your version could not be saved, so nothing was changed'
    echo "Your version is kept in $(shown "$backup")."
  fi
  cp "$stub" "$file" && rm -f "$stub" "$state/solved/$id" "$state/hints/$id"
  echo "$(shown "$file") is the stub again."
}
