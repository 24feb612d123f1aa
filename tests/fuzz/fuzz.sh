#!/usr/bin/env bash
# fuzz.sh TARGET FOLDER [LIBFUZZER'S OPTIONS]: compiles the fuzz target (safetensors or options)
# with clang and its sanitizers into FOLDER, and runs it from the corpus here, for 20 s unless the
# options say otherwise:
#     tests/fuzz/fuzz.sh safetensors build/fuzz -max_total_time=60
#     tests/fuzz/fuzz.sh options build/fuzz -runs=10000000
# What it finds on the way stays in FOLDER, as does an input that makes it crash. Exit status 77:
# there is no clang.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${1:?safetensors or options}
folder=${2:?a folder for the program and what it finds}
shift 2
(($#)) || set -- -max_total_time=20

skip() { echo "SKIPPED: $1"; exit 77; }
command -v clang++ >/dev/null || skip 'clang++ is not here, which has libFuzzer'

case $target in
  safetensors)
    sources=(common/storage/safetensors.cpp common/storage/file_format.cpp common/base/shape.cpp)
    ;;
  options) sources=(common/program/options.cpp) ;;
  *) echo "fuzz.sh: there is no target '$target': safetensors or options" >&2; exit 2 ;;
esac

mkdir -p "$folder/$target"
folder=$(cd "$folder" && pwd)
cd "$here/../.."
flags=(-std=c++20 -O1 -g -I. -DOMPI_SKIP_MPICXX -fno-sanitize-recover=all)
program=$folder/${target}_fuzz
probe='extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
clang++ -x c++ -fsanitize=fuzzer,address - -o "$program" <<<"$probe" 2>/dev/null ||
  skip 'clang++ has no libFuzzer here'
clang++ "${flags[@]}" -fsanitize=fuzzer,address,undefined "tests/fuzz/${target}_fuzz.cpp" \
  "${sources[@]}" -o "$program"

# At most 4 KB an input: a header is small. The limits on time and memory catch what hangs or grows.
ASAN_OPTIONS=detect_leaks=1 "$program" "$folder/$target" "tests/fuzz/corpus/$target" \
  -max_len=4096 -timeout=10 \
  -rss_limit_mb=2048 -dict="tests/fuzz/$target.dict" \
  -artifact_prefix="$folder/$target-crash-" -print_final_stats=1 \
  "$@" >"$folder/$target.log" 2>&1 || { tail -n 40 "$folder/$target.log"; exit 1; }
grep -E 'stat::number_of_executed_units|stat::peak_rss_mb|^Done' "$folder/$target.log"
