#!/usr/bin/env bash
# scripts.sh: all scripts of the project pass shellcheck, none of them pipes a download into a
# shell, and none pipes into a grep that stops reading: with pipefail, a program that still writes
# then fails, now and then. What starts ./learn elsewhere, on GitHub and in an editor, is well
# formed and names commands that there are.
set -euo pipefail
shopt -s globstar
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mapfile -t scripts < <(
  find learn scripts tests .ci docs -type f ! -name '.*' ! -name '#*' ! -name '*~' \
    -exec awk 'FNR == 1 && /^#!.*(bash|sh)$/ { print FILENAME } { nextfile }' {} +
)
((${#scripts[@]} > 5)) || { echo 'FAILED: the scripts were not found'; exit 1; }
if grep -nE '(curl|wget)[^|#]*\|[^|]*\b(ba|da)?sh\b' "${scripts[@]}"; then
  echo 'FAILED: a download goes into a shell'
  exit 1
fi
if grep -lPzo '(?<!\|)\|\s*grep\s+(-\w+\s+)*-\w*[qm]' "${scripts[@]}" {scripts,tests}/**/*.sh; then
  echo 'FAILED: grep -q or -m at the end of a pipe; give it files, or < <(…)'
  exit 1
fi
ci=.github/workflows/ci.yml editor=.devcontainer/devcontainer.json
commands=$(./learn help)
while read -r command; do
  grep -q "^       ./learn $command " <<<"$commands" ||
    { echo "FAILED: there is no ./learn $command"; exit 1; }
done < <(grep -hoP '\./learn \K\w+' $ci $editor || echo nothing)
if command -v python3 >/dev/null; then
  python3 -c "import json; json.load(open('$editor'))"
  if python3 -c 'import yaml' 2>/dev/null; then
    python3 -c "import yaml; yaml.safe_load(open('$ci'))['jobs']"
  fi
fi
command -v shellcheck >/dev/null || { echo 'SKIPPED: shellcheck is not here'; exit 77; }
shellcheck -x "${scripts[@]}"
echo "${#scripts[@]} scripts pass shellcheck"
