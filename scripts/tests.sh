# tests.sh: ./learn test. ../learn sources this file.
# shellcheck shell=bash disable=SC2154

run_tests() {
  local rc=0 selected=()
  (($# <= 1)) || bad_usage "test takes one PATTERN, a regular expression, but got $#"
  packages+=(procps "${docs_packages[@]}" "${browser_packages[@]}")
  [[ -z ${SHARD_SLURM:-} ]] || packages+=(slurm-wlm munge)   # tests/slurm.sh starts its own
  set_up all
  # Half-written ones stop nobody here; ./learn check says what is wrong.
  build_the_rest exercises || true
  # A test of a file does not need the tests of all the others, which run together where all are
  # asked for.
  local setups='^(.*\.run(\..*)?|answers_.*|stubs)$'
  [[ -z ${1:-} ]] || selected=(-R "$1" --fixture-exclude-setup "$setups")
  run_ctest || rc=1
  sed -n 's/^passed: it links, with \([0-9]* kernels\)$/The GPU library that nvcc built has \1./p' \
    "$build/Testing/Temporary/LastTest.log" || rc=1
  [[ -n ${1:-} ]] || echo $rc >"$results/tests.status"
  exit $rc
}

# A test says how many half cores it takes (PROCESSORS): those of many ranks run alone.
run_ctest() {
  local rc
  know_costs
  ctest --test-dir "$build" --parallel $((2 * $(cores))) \
    --no-tests=error --output-on-failure "${selected[@]}" </dev/null |
    show_tests || rc=("${PIPESTATUS[@]}")
  ((${rc[1]:-0} <= 128)) || exit "${rc[1]}"   # nobody reads on, as with | head
  return "${rc[0]:-0}"
}

# ctest starts the longest tests first, and knows them from its last run; for its first one it gets
# those of tests/costs.txt.
costs=$build/Testing/Temporary/CTestCostData.txt
know_costs() {
  [[ ! -s $costs ]] || return 0
  mkdir -p "${costs%/*}"
  { awk '{ print $1, 1, $2 }' "$root/tests/costs.txt"; echo ---; } >"$costs"
}

# seconds_of_tests: "NAME SECONDS" of the tests that will run, as the last run took them.
seconds_of_tests() {
  ctest --test-dir "$build" -N "${selected[@]}" | awk '
    FILENAME == "-" {
      if ($1 == "Test" && $2 ~ /^#/) print $NF, ($NF in cost ? cost[$NF] : 0.05)
      next
    }
    /^---/ { nextfile }
    { cost[$1] = $NF }' "$costs" -
}

# Of what ctest says: one line with how far it is and how long it will still take, at every 10 %
# where this is no terminal; the names of tests that fail when they do, and all they said at the
# end, with ctest's summary.
show_tests() {
  local line name seconds all=0 expected=0 done=0 failed=0 tenth=0 started=$SECONDS kept=''
  local failures=$results/failures.txt
  local of_result='^ *[0-9]+/[0-9]+ Test +#[0-9]+: ([^ ]+) [.]*( *|\*\*\*)([A-Z][^0-9]*)'
  local -A cost=()
  : >"$failures"
  while read -r name seconds; do
    printf -v seconds '%.0f' "${seconds}e3"
    cost[$name]=$seconds   # in milliseconds
    ((all += 1, expected += cost[$name])) || true
  done < <(seconds_of_tests)
  local left=$expected
  while IFS= read -r line; do
    if [[ $line =~ $of_result ]]; then
      name=${BASH_REMATCH[1]} kept=''
      ((done += 1, left -= ${cost[$name]:-0})) || true
      case ${BASH_REMATCH[3]} in
        Passed* | Skipped*) ;;
        *)
          kept=$failures
          ((failed += 1))
          clear_progress
          printf '%s%s%s\n' "$red" "$line" "$plain" || exit 1
          ;;
      esac
      show_progress
    elif [[ $line =~ ^[0-9]+%\ tests\ passed || $line == 'No tests were found'* ]]; then
      clear_progress
      cat "$failures"
      kept=/dev/stdout
    elif [[ $line =~ ^\ +Start\ +[0-9]+: ]]; then kept=''
      continue
    fi
    [[ -z $kept ]] || printf '%s\n' "$line" >>"$kept" || exit 1
  done
}

# Uses the variables of show_tests. How much faster or slower than before it is shows once some
# tests have run.
show_progress() {
  local seconds=$((left / 1000)) ran=$((expected - left)) elapsed=$((SECONDS - started))
  if ((ran > 10000 && ran > expected / 20)); then seconds=$((left * elapsed / ran)); fi
  if ! $on_terminal; then
    ((10 * done / all > tenth)) || return 0
    tenth=$((10 * done / all))
  fi
  progress "tests: $done of $all, $failed failed, $(duration $seconds) left"
}

duration() {
  if (($1 < 90)); then echo "about $1 s"; else echo "about $((($1 + 30) / 60)) min"; fi
}
