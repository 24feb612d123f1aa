#!/usr/bin/env bash
# scripts.sh: all scripts of the project pass shellcheck, and none of them pipes a download into a shell.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t scripts < <(find learn scripts tests .ci docs -type f ! -name '.*' ! -name '#*' ! -name '*~' -exec awk 'FNR == 1 && /^#!.*(bash|sh)$/ { print FILENAME } { nextfile }' {} +)
((${#scripts[@]} > 5)) || { echo 'FAILED: the scripts were not found'; exit 1; }
if grep -nE '(curl|wget)[^|#]*\|[^|]*\b(ba|da)?sh\b' "${scripts[@]}"; then echo 'FAILED: a download goes into a shell'; exit 1; fi
command -v shellcheck >/dev/null || { echo 'SKIPPED: shellcheck is not here'; exit 77; }
shellcheck -x "${scripts[@]}"
echo "${#scripts[@]} scripts pass shellcheck"
