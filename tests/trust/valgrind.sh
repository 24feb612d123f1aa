#!/usr/bin/env bash
# valgrind.sh PROGRAM ARGS…: the program under valgrind, which must have nothing to say. Skipped
# where it is not here.
set -euo pipefail
command -v valgrind >/dev/null || { echo 'SKIPPED: valgrind is not here'; exit 77; }
exec valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=all "$@"
