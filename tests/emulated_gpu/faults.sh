#!/usr/bin/env bash
# faults.sh BIN: the emulated GPU finds every mistake of fault_kernels.cpp, and says in one sentence
# what it is and where.
# shellcheck source-path=SCRIPTDIR/../faults source=../faults/expect.sh
source "$(dirname "$0")/../faults/expect.sh"
export SHARD_EMULATED_GPUS=1

# fault NAME STATUS SENTENCE: what is said on stderr, after "emulated GPU: "; nothing if the
# sentence is empty.
fault() {
  local sentence=
  [[ -z $3 ]] || sentence="emulated GPU: ${*:3}"
  attempt 1 fault_kernels "$1"
  [[ $status == "$2" ]] || wrong "$1: exit status $2 was expected"
  [[ $(<"$work/err") == "$sentence" ]] || wrong "$1: \"$sentence\" was expected"
}

# line PATTERN [N]: the number of the N-th line of fault_kernels.cpp with the pattern behind
# "KERNEL(".
line() {
  awk -v kernel="void $1(" -v part="$2" -v n="${3:-1}" '
    index($0, kernel) { inside = 1 }
    inside && index($0, part) && !--n { print FILENAME ":" FNR; exit }' fault_kernels.cpp
}

cd "$(dirname "$0")"
early=leaves_before_barrier_kernel
other=other_barrier_kernel
shuffle=leaves_before_shuffle_kernel

fault none 0 ''
fault leaves-before-barrier 1 \
  "kernel $early, block (1, 0, 0), thread (5, 0, 0): has ended, but 63 of the 64 threads that" \
  "must come to __syncthreads ($(line $early __syncthreads)) wait there for it"
fault other-barrier 1 \
  "kernel $other, block (0, 0, 0), thread (63, 0, 0): waits at __syncthreads" \
  "($(line $other __syncthreads 2)), but 63 of the 64 threads that must come to __syncthreads" \
  "($(line $other __syncthreads)) wait there for it"
fault leaves-before-shuffle 1 \
  "kernel $shuffle, block (0, 0, 0), thread (40, 0, 0): has ended, but 31 of the 32 threads that" \
  "must come to __shfl_xor_sync ($(line $shuffle __shfl)) wait there for it"
fault mask-without-itself 1 \
  "kernel mask_without_itself_kernel, block (0, 0, 0), thread (0, 0, 0): __syncwarp" \
  "($(line mask_without_itself_kernel __syncwarp)): its mask 0xfffffffe does not name the thread" \
  "itself"
fault mask-of-too-many 1 \
  "kernel mask_of_too_many_kernel, block (0, 0, 0), thread (32, 0, 0): __ballot_sync" \
  "($(line mask_of_too_many_kernel __ballot)): its mask 0xffffffff names threads that are not" \
  "there: the warp has 16"
fault lane-without-value 1 \
  "kernel reads_lane_without_value_kernel, block (0, 0, 0), thread (15, 0, 0): __shfl_sync" \
  "($(line reads_lane_without_value_kernel __shfl)) reads from lane 20, which its mask 0xffff" \
  "does not name"

kernel=declared_shared_kernel
fault declared-shared 1 \
  "kernel $kernel, block (0, 0, 0), thread (31, 0, 0): index 32 is outside of 'float [32]'" \
  "($(line $kernel copies[threadIdx))"
fault declared-shared-before 1 \
  "kernel $kernel, block (0, 0, 0), thread (0, 0, 0): index 4294967295 is outside of 'float [32]'" \
  "($(line $kernel copies[threadIdx))"
kernel=dynamic_shared_kernel
fault dynamic-shared 1 \
  "kernel $kernel, block (0, 0, 0), thread (0, 0, 0): dynamic shared memory out of bounds: 0" \
  "bytes behind the 256 bytes of the block"
fault dynamic-shared-gap 1 \
  "kernel $kernel, block (0, 0, 0), thread (0, 0, 0): dynamic shared memory was written out of" \
  "bounds: 0 bytes behind the 132 bytes of the block"

fault write-behind 1 \
  'kernel write_kernel, block (0, 0, 0), thread (2, 0, 0): device memory out of bounds: 0 bytes' \
  'behind the end of an allocation of 256 bytes'
fault write-behind-gap 1 \
  'cudaFree: device memory was written out of bounds: 8 bytes behind the end of an allocation of' \
  '40 bytes (found when it was freed)'
fault write-before 1 \
  'cudaFree: device memory was written out of bounds: 4 bytes before an allocation of 40 bytes' \
  '(found when it was freed)'
fault read-before-page 1 \
  'kernel read_kernel, block (0, 0, 0), thread (0, 0, 0): device memory out of bounds: 4096 bytes' \
  'before an allocation of 256 bytes'
fault use-after-free 1 \
  'kernel read_kernel, block (0, 0, 0), thread (0, 0, 0): device memory is used after it was' \
  'freed: byte 12 of an allocation of 400 bytes that was freed'
fault host-pointer 1 'kernel read_kernel: argument 1 is a pointer to memory of the host'
fault null 1 \
  'kernel write_kernel, block (0, 0, 0), thread (2, 0, 0): a null pointer was dereferenced'
fault wild-pointer 1 \
  'kernel write_hidden_kernel, block (0, 0, 0), thread (0, 0, 0): illegal address 0x10000000000'
fault deep 1 \
  'kernel deep_kernel, block (0, 0, 0), thread (0, 0, 0): a thread needs more than the 65536' \
  'bytes of stack that it has here'
fault template 1 \
  'kernel template_kernel<int>, block (0, 0, 0), thread (0, 0, 0): device memory out of bounds:' \
  '399996 bytes behind the end of an allocation of 4 bytes'
fault misaligned 1 \
  "kernel misaligned_kernel, block (0, 0, 0), thread (1, 0, 0): 'struct FourFloats' is accessed 4" \
  "bytes past a multiple of 16 ($(line misaligned_kernel FourFloats))"
kernel=half_a_warp_kernel
fault half-a-warp 1 \
  "kernel $kernel, block (0, 0, 0), thread (31, 0, 0): has ended, but 16 of the 32 threads that" \
  "must come to mma ($(line $kernel mma)) wait there for it"
kernel=load_matrices_kernel
fault misaligned-rows 1 \
  "kernel $kernel, block (0, 0, 0), thread (1, 0, 0): ldmatrix ($(line $kernel load_matrices\()):" \
  'its row is 8 bytes past a multiple of 16'
fault rows-not-shared 1 \
  "kernel $kernel, block (0, 0, 0), thread (0, 0, 0): ldmatrix ($(line $kernel load_matrices\()):" \
  'its row is not in shared memory'
kernel=copy_kernel
copy="kernel $kernel, block (0, 0, 0), thread (0, 0, 0): cp.async ($(line $kernel copy_async)):"
fault copy-misaligned 1 "$copy its destination is 8 bytes past a multiple of 16"
fault copy-of-misaligned 1 "$copy its source is 4 bytes past a multiple of 16"
fault copy-not-shared 1 "$copy its destination is not in shared memory"
kernel=copy_within_shared_kernel
fault copy-of-shared 1 \
  "kernel $kernel, block (0, 0, 0), thread (0, 0, 0): cp.async ($(line $kernel copy_async)): its" \
  'source is not in device memory'
fault copy-behind 1 \
  'kernel copy_kernel, block (0, 0, 0), thread (0, 0, 0): dynamic shared memory out of bounds: 0' \
  'bytes behind the 64 bytes of the block'
fault copy-of-behind 1 \
  'kernel copy_kernel, block (0, 0, 0), thread (0, 0, 0): device memory out of bounds: 0 bytes' \
  'behind the end of an allocation of 256 bytes'
fault never-waits 1 \
  'kernel never_waits_kernel, block (0, 0, 0), thread (0, 0, 0): has ended, but has not waited' \
  'for 2 asynchronous copies'
read='what the host reads must be copied first'
fault host-reads 1 \
  "the host dereferences a pointer to device memory: byte 0 of an allocation of 20 bytes; $read"
fault host-reads-later 1 \
  "the host dereferences a pointer to device memory: byte 4 of an allocation of 256 bytes; $read"
fault multiply-too-much 1 \
  'cublasGemmStridedBatchedEx: the 64 bytes of A are not within an allocation of device memory'
fault leak 1 \
  'the process ends and has not given back: 2 allocations of device memory (120 bytes), 1 block' \
  'of page-locked memory, 1 stream, 1 event, 1 cuBLAS handle'
fault leak-communicator 1 'the process ends and has not given back: 1 NCCL communicator'
fault leak-and-fail 3 ''

# What stands in the environment.
SHARD_EMULATED_GPUS=many fault none 1 'SHARD_EMULATED_GPUS=many: a whole number was expected'
SHARD_EMULATED_GPU_MEMORY=1GB fault none 1 \
  'SHARD_EMULATED_GPU_MEMORY=1GB: a whole number was expected'
SHARD_EMULATED_GPU_ORDER=sideways fault none 1 \
  'a kernel: SHARD_EMULATED_GPU_ORDER=sideways: forward, backward or random was expected'
SHARD_EMULATED_GPU_ORDER=random SHARD_EMULATED_GPU_SEED=now fault none 1 \
  'a kernel: SHARD_EMULATED_GPU_SEED=now: a whole number was expected'
SHARD_EMULATED_GPU_ORDER=random SHARD_EMULATED_GPU_SEED=42 fault none 0 \
  'threads in random order, SHARD_EMULATED_GPU_SEED=42'
SHARD_EMULATED_GPU_ORDER=backward fault leaves-before-barrier 1 \
  "kernel $early, block (1, 0, 0), thread (5, 0, 0): has ended, but 63 of the 64 threads that" \
  "must come to __syncthreads ($(line $early __syncthreads)) wait there for it"
finish
