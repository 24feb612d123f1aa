# watch.sh: ./learn watch, which checks an exercise whenever its file is saved. ../learn sources
# this file.
# shellcheck shell=bash disable=SC2154

watch() {
  local id event seen terminal
  [[ -t 0 && -t 1 ]] || bad_usage 'watch needs a terminal; ./learn check checks once'
  (($# <= 1)) || bad_usage 'watch takes one exercise, as in ./learn watch 03.1'
  id=$(if (($#)); then exercise_named "$1"; else unsolved; fi)
  [[ -n $id ]] || all_solved
  # shellcheck disable=SC2034  # what_now in exercises.sh asks
  watching=true
  terminal=$(stty -g)
  # shellcheck disable=SC2064  # the settings as they are now
  trap "stty $terminal" EXIT
  stty -echo
  while :; do
    seen=$(stamp_of "$id")
    printf '\e[H\e[2J'
    (trap 'exit 130' INT; check_one "$id") || true
    keys "$id"
    until wait_for_event "$id" "$seen"; do
      answer_key "$event" "$id"
      [[ $event != x ]] || seen=$(stamp_of "$id")   # the stub is not checked
    done
    case $event in
      n) id=$(unsolved "$id" | grep . || echo "$id") ;;
      q) return ;;
    esac
  done
}

keys() {
  local key next keys=(h:hint s:solution x:reset l:list r:'run again' q:quit)
  next=$(unsolved "$1")
  if [[ -n $next ]]; then keys=("n:next, $next" "${keys[@]}"); fi
  printf '\nWaiting for a save of %s\n' "$(shown "$(answer_of "$1")")"
  for key in "${keys[@]}"; do printf '%s%s%s %s   ' "$bold" "${key%%:*}" "$plain" "${key#*:}"; done
  echo
}

answer_key() {
  case $1 in
    h) echo; hint "$2" ;;
    s)
      [[ $(state_of "$2") != open ]] ||
        confirmed s "$2 is not solved yet. s again shows a solution even so." || return 0
      (solution "$2" --anyway) || true
      ;;
    x)
      confirmed x "x again restores the empty exercise, and keeps your version." || return 0
      (reset "$2") || true
      ;;
    l) echo; list ;;
    *) return 0 ;;
  esac
  keys "$2"
}

# confirmed KEY SENTENCE: whether it is pressed again.
confirmed() {
  local again=''
  printf '\n%s\n' "$2"
  IFS= read -rsn 1 -t 30 again || true
  [[ $again == "$1" ]] || { echo 'Nothing was done.'; return 1; }
}

stamp_of() { stat -c '%y %s %i' "$(answer_of "$1")" 2>/dev/null || true; }

# wait_for_event NN.K STAMP: sets the caller's event to saved or a key; true for those after which a
# check follows.
wait_for_event() {
  local rc now
  while :; do
    rc=0
    IFS= read -rsn 1 -t 0.3 event || rc=$?
    # Ctrl-D, or the terminal is gone
    [[ $rc -le 128 && ($rc -gt 0 || $event == $'\4') ]] && event=q
    ((rc <= 128)) || event=''
    now=$(stamp_of "$1")
    # An editor may take the file away for a moment.
    [[ $event || -z $now || $now == "$2" ]] || event=saved
    case $event in
      n | q | r | saved) return 0 ;;
      ?) return 1 ;;
    esac
  done
}
