#!/usr/bin/env bash
# data.sh: ./learn data keeps only what has the right sum, and says clearly what is wrong without
# internet.
# shellcheck disable=SC2034
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
command -v curl >/dev/null || { echo 'SKIPPED: curl is not here'; exit 77; }
build="$work/a build"
fail() { printf '%s\n' "$*" >&2; exit 1; }
bad_usage() { printf '%s\n' "$*" >&2; exit 2; }
progress() { :; }
clear_progress() { :; }
shown() { printf '%s' "$1"; }
# shellcheck source-path=SCRIPTDIR source=../../scripts/data.sh
source "$root/scripts/data.sh"

# attempt STATUS PHRASE COMMAND…
attempt() {
  local status=0 output
  output=$("${@:3}" 2>&1) || status=$?
  [[ $status == "$1" && $output == *"$2"* ]] ||
    { printf 'FAILED: %s: status %s: %s\n' "${*:3}" "$status" "$output"; exit 1; }
  echo "ok  ${*:3:2}"
}
echo 'to be or not to be' >"$work/source text"
url="file://$work/source%20text" file="$build/data/text"
sum=$(sha256sum "$work/source text") sum=${sum%% *}
attempt 0 '' get_checked "$url" "$sum" "$file"
cmp "$work/source text" "$file"
attempt 0 '' get_checked file:///no/such/file "$sum" "$file"   # it is there: nothing is fetched
echo 'to be' >"$file"
attempt 0 '' get_checked "$url" "$sum" "$file"                 # a spoilt one is fetched again
cmp "$work/source text" "$file"
rm "$file"
attempt 1 'is not the expected text' get_checked "$url" "${sum//[0-4]/5}" "$file"
attempt 1 'Chapter 10 needs no internet' get_checked file:///no/such/file "$sum" "$file"
[[ -z $(ls "$build/data") ]] || { echo 'FAILED: something was kept'; exit 1; }
attempt 2 'data needs the name of a text' data
attempt 2 'data needs the name of a text' data homer
attempt 2 'data needs the name of a text' "$root/learn" data homer
