#!/usr/bin/env bash
# cuda_library.sh BUILD: the GPU library that nvcc has built lacks nothing that it calls, and says
# how many kernels it has. Skipped (77), and counted as that, where there is no nvcc.
set -euo pipefail
library=${1:?the build folder}/lib/libshard_cuda.so
if [[ ! -f $library ]]; then
  echo "SKIPPED: this build has no CUDA"
  exit 77
fi
missing=$(ldd -r "$library" | grep -E 'not found|undefined symbol' || true)
if [[ -n $missing ]]; then
  printf 'FAILED: %s lacks\n%s\n' "$library" "$missing"
  exit 1
fi
# In the function that starts a kernel, of which there is one for each, nvcc keeps the kernel's
# handle.
kernels=$(nm "$library" | awk '/__device_stub__.*__handle$/ && $3 !~ /^_ZGV/' | wc -l)
echo "passed: it links, with $kernels kernels"
((kernels >= 100))
