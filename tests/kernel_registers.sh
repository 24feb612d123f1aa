#!/usr/bin/env bash
# kernel_registers.sh BUILD SOURCE…: nvcc compiles the kernels of these sources for compute
# capability 8.0 and 9.0, and no kernel keeps variables of a thread in memory: neither registers
# that were spilled, nor arrays whose index is known only when it runs. Such kernels give the same
# results, several times slower. Nor does the compiler warn. SHARD_NVCC names it; skipped (77) where
# there is none. What was compiled before, from the same files, is remembered in
# BUILD/kernel_registers.
set -euo pipefail
build=$(realpath "${1:?the build folder}")/kernel_registers
cd "$(dirname "${BASH_SOURCE[0]}")/.."
nvcc=${SHARD_NVCC:-}
[[ -n $nvcc ]] || { echo 'SKIPPED: this build has no CUDA'; exit 77; }
options=(-std=c++20 --expt-relaxed-constexpr -Xcompiler=-Wall -I.)
for number in 80 90; do options+=(-gencode "arch=compute_$number,code=sm_$number"); done
mkdir -p "$build"

# report SOURCE: the name of a file with what the assembler says about each kernel.
report() {
  local key files log
  files=$("$nvcc" "${options[@]}" -M "$1" | tr -d '\\\n' | sed 's/^[^:]*://')
  # shellcheck disable=SC2086  # names of headers have no blanks
  key=$({ "$nvcc" --version; echo "${options[*]}"; cat $files; } | sha256sum)
  log=$build/$(basename "$1" .cu).${key:0:16}.txt
  if [[ ! -f $log ]]; then
    rm -f "$build/$(basename "$1" .cu)".*.txt
    if ! "$nvcc" "${options[@]}" -Xptxas -v -fatbin -o /dev/null "$1" >"$log.new" 2>&1; then
      cat "$log.new" >&2
      return 1
    fi
    mv "$log.new" "$log"
  fi
  echo "$log"
}

# spilling REPORT…: a line for each kernel that keeps variables in memory.
spilling() {
  awk '/Compiling entry function/ { name = $(NF - 2) " for " $NF }
       /stack frame/ && ($1 || $5 || $9) { print name ":", $0 }' "$@" | tr -d "'" | c++filt
}

# This check must find one that does.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/indexed.cu" <<'EOF'
__global__ void indexed(float* x, int i) {
  float sums[40] = {};
  for (int k = 0; k < 40; ++k) sums[i * k % 40] += x[k];
  for (int k = 0; k < 40; ++k) x[k] = sums[k];
}
EOF
indexed=$(report "$work/indexed.cu")
[[ $(spilling "$indexed" | wc -l) == 2 ]] || { echo 'FAILED: this check finds nothing'; exit 1; }

reports=()
for source in "${@:2}"; do reports+=("$(report "$source")"); done
if grep -h 'warning' "${reports[@]}"; then
  echo 'FAILED: the compiler warns'
  exit 1
fi
kernels=$(cat "${reports[@]}" | grep -c 'Compiling entry function')
faults=$(spilling "${reports[@]}")
most=$(sed -n 's/.*Used \([0-9]*\) registers.*/\1/p' "${reports[@]}" | sort -n | tail -1)
if [[ -n $faults ]]; then
  printf 'FAILED: variables of these kernels are in memory, not in registers\n%s\n' "$faults"
  exit 1
fi
echo "passed: $((kernels / 2)) kernels, each for 8.0 and 9.0, in at most $most registers"
((kernels >= 200))
