# Several things that one program can do one after the other (answers to exercises, files of tests)
# in one start of mpirun, each with a result of its own. A script sources this file, sets $results
# to a folder, and defines
#   start RANKS ITEM…   runs the program; rank 0 prints "== begin ITEM" and "== end STATUS" around
#                       what is said of each
# The test that runs them together is a fixture of ctest for those that ask for one result each.
# shellcheck shell=bash disable=SC2154

fail() { printf '%s\n' "$@"; exit 1; }
item() { local name=${1##*/}; echo "${name%.*}"; }

# This run of ctest: its process and when that started.
this_run() { local fields; read -ra fields <"/proc/$PPID/stat"; echo "$PPID ${fields[21]}"; }
begin_together() { rm -rf "$results" && mkdir -p "$results" && this_run >"$results/run"; }
ran_together() { [[ $(cat "$results/run" 2>/dev/null) == "$(this_run)" ]]; }

# split OUTPUT RANKS: into RESULTS/ITEM.RANKS.{txt,status}; prints the item that was begun and not
# ended.
split() {
  (cd "$results" && awk -v suffix=".$2." '
    /^== begin / {
      name = $3; sub(/.*\//, "", name); sub(/\.[a-z]+$/, "", name)
      file = name suffix "txt"
      printf "" >file
      next
    }
    /^== end / {
      print $3 >(name suffix "status")
      close(file); close(name suffix "status")
      file = name = ""
      next
    }
    file { print >file }
    END { print name }' "$1")
}

# together RANKS ITEM…: runs them, and keeps what each says and its status. One that ends the
# program is followed by another start with the rest.
together() {
  local ranks=$1 output=$results/together.$$ status ended_it rest name
  shift
  while (($#)); do
    status=0
    start "$ranks" "$@" >"$output" 2>&1 || status=$?
    ended_it=$(split "$output" "$ranks")
    rest=()
    for name; do [[ -s $results/$(item "$name").$ranks.status ]] || rest+=("$name"); done
    ((${#rest[@]})) || break
    ended_it=${ended_it:-$(item "${rest[0]}")}
    [[ -s $results/$ended_it.$ranks.txt ]] || cp "$output" "$results/$ended_it.$ranks.txt"
    echo $((status ? status : 1)) >"$results/$ended_it.$ranks.status"
    set --
    for name in "${rest[@]}"; do [[ $(item "$name") == "$ended_it" ]] || set -- "$@" "$name"; done
    ((${#rest[@]} > $#)) || fail "what was begun is not among what was asked for: $ended_it"
  done
  rm -f "$output"
}

# outcome RANKS ITEM: sets output and status from what was kept; false if there is nothing of this
# run of ctest.
outcome() {
  local kept
  kept=$results/$(item "$2").$1
  ran_together && [[ -s $kept.status ]] && output=$(<"$kept.txt") && status=$(<"$kept.status")
}
