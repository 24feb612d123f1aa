// fault_kernels NAME: makes one mistake on the emulated GPU, which must find it. faults.sh has the
// expected messages.
#include <cublas_v2.h>
#include <mpi.h>
#include <nccl.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "common/cuda/device.cuh"
#include "common/cuda/launch.h"
#include "common/cuda/mma.cuh"

using namespace shard;

namespace {

constexpr unsigned all_lanes = 0xFFFFFFFFu;

// ---- Kernels with one mistake each --------------------------------------------------------------

__global__ void correct_kernel(float* x) {
  __syncthreads();
  x[threadIdx.x] = __shfl_xor_sync(all_lanes, 1.0f, 1);
}

__global__ void leaves_before_barrier_kernel() {
  if (threadIdx.x == 5 && blockIdx.x == 1) return;
  __syncthreads();
}

__global__ void other_barrier_kernel() {
  if (threadIdx.x < 63) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void leaves_before_shuffle_kernel(float* x) {
  if (threadIdx.x == 40) return;
  x[threadIdx.x] = __shfl_xor_sync(all_lanes, 1.0f, 1);
}

__global__ void mask_without_itself_kernel() { __syncwarp(0xFFFFFFFEu); }

__global__ void mask_of_too_many_kernel() { __ballot_sync(all_lanes, 1); }

__global__ void reads_lane_without_value_kernel(float* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_sync(0xFFFFu, 1.0f, 20);
}

__global__ void declared_shared_kernel(float* x, int offset) {
  __shared__ float copies[32];
  copies[threadIdx.x + static_cast<unsigned>(offset)] = 1.0f;
  x[threadIdx.x] = copies[threadIdx.x];
}

__global__ void dynamic_shared_kernel(int index) { dynamic_shared<float>()[index] = 1.0f; }

__global__ void write_kernel(float* x, int64_t index) {
  if (threadIdx.x == 2) x[index] = 1.0f;
}

__global__ void read_kernel(const float* x, int64_t index, float* out) { *out = x[index]; }

struct Hidden {
  float* pointer;
};
__global__ void write_hidden_kernel(Hidden hidden) { *hidden.pointer = 1.0f; }

__global__ void deep_kernel(float* x, int index) {
  volatile float memory[20000];
  for (int i = 0; i < 20000; ++i) memory[i] = 1.0f;
  *x = memory[index];
}

template <class T>
__global__ void template_kernel(T* x) {
  x[100000] = T(1);
}

struct alignas(16) FourFloats {
  float at[4];
};
__global__ void misaligned_kernel(float* x) {
  *reinterpret_cast<FourFloats*>(x + threadIdx.x) = {};
}

__global__ void half_a_warp_kernel() {
  if (threadIdx.x >= 16) return;
  float c[4] = {};
  const uint32_t a[4] = {};
  mma(c, a, 0, 0);
}

__global__ void load_matrices_kernel(const BFloat16* rows, bool in_shared_memory) {
  uint32_t to[4];
  load_matrices(to, in_shared_memory ? dynamic_shared<BFloat16>() + threadIdx.x * 4 : rows);
}

/// Copies to bytes `to` of the shared memory, or to device memory where that is negative.
__global__ void copy_kernel(float* x, int to, int from) {
  char* const destination = to < 0 ? reinterpret_cast<char*>(x) : dynamic_shared<char>() + to;
  copy_async(destination, reinterpret_cast<const char*>(x) + from, true);
  commit_copies();
  wait_for_copies<0>();
}

__global__ void copy_within_shared_kernel() {
  copy_async(dynamic_shared<char>(), dynamic_shared<char>() + 16, true);
}

__global__ void never_waits_kernel(const float* x) {
  copy_async(dynamic_shared<float>(), x, true);
  copy_async(dynamic_shared<float>() + 4, x + 4, true);
  commit_copies();
}

// ---- Mistakes -----------------------------------------------------------------------------------

float* allocate(size_t floats) {
  float* x = nullptr;
  check_cuda(cudaMalloc(&x, floats * sizeof(float)), "cudaMalloc");
  return x;
}

void synchronize() { check_cuda(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); }

template <class... Parameters, class... Arguments>
void run(void (*kernel)(Parameters...), dim3 grid, dim3 block, Arguments... arguments) {
  launch(kernel, grid, block, 0, nullptr, arguments...);
  synchronize();
}

void use_after_free() {
  float *x = allocate(100), *out = allocate(1);
  check_cuda(cudaFree(x), "cudaFree");
  run(read_kernel, 1, 1, x, 3, out);
}

void write_behind_gap() {
  float* x = allocate(10);
  run(write_kernel, 1, 32, x, 12);
  check_cuda(cudaFree(x), "cudaFree");
}

void write_before() {
  float* x = allocate(10);
  run(write_kernel, 1, 32, x, -1);
  check_cuda(cudaFree(x), "cudaFree");
}

void read_before_page() {
  float *out = allocate(1), *x = allocate(64);
  run(read_kernel, 1, 1, x, -1024, out);
}

void multiply_too_much() {
  cublasHandle_t handle = nullptr;
  const float one = 1.0f, *x = allocate(15);
  float* y = allocate(16);
  check_cublas(cublasCreate(&handle), "cublasCreate");
  check_cublas(cublasGemmStridedBatchedEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 4, 4, 4, &one, x,
                                          CUDA_R_32F, 4, 0, x, CUDA_R_32F, 4, 0, &one, y,
                                          CUDA_R_32F, 4, 0, 1, CUBLAS_COMPUTE_32F,
                                          CUBLAS_GEMM_DEFAULT),
               "cublasGemmStridedBatchedEx");
  synchronize();
}

void leak() {
  cudaStream_t stream = nullptr;
  cudaEvent_t event = nullptr;
  cublasHandle_t handle = nullptr;
  void* pinned = nullptr;
  allocate(10);
  allocate(20);
  check_cuda(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, 0),
             "cudaStreamCreateWithPriority");
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDefault), "cudaEventCreateWithFlags");
  check_cuda(cudaHostAlloc(&pinned, 100, cudaHostAllocDefault), "cudaHostAlloc");
  check_cublas(cublasCreate(&handle), "cublasCreate");
}

void leak_communicator() {
  ncclUniqueId id;
  ncclComm_t comm = nullptr;
  MPI_Init(nullptr, nullptr);
  if (ncclGetUniqueId(&id) != ncclSuccess ||
      ncclCommInitRankConfig(&comm, 1, id, 0, nullptr) != ncclSuccess)
    std::abort();
  MPI_Finalize();
}

void nothing() {
  float* x = allocate(64);
  run(correct_kernel, 1, 64, x);
  check_cuda(cudaFree(x), "cudaFree");
}

/// With some dynamic shared memory.
template <class... Parameters, class... Arguments>
void run_with_memory(void (*kernel)(Parameters...), dim3 block, size_t bytes,
                     Arguments... arguments) {
  launch(kernel, 1, block, bytes, nullptr, arguments...);
  synchronize();
}

void shared(int index, size_t bytes) { run_with_memory(dynamic_shared_kernel, 1, bytes, index); }

void with_host_pointer() {
  static float on_host = 0;
  run(read_kernel, 1, 1, &on_host, 0, allocate(1));
}

const std::map<std::string, std::function<void()>> mistakes{
    {"none", nothing},
    {"leaves-before-barrier", [] { run(leaves_before_barrier_kernel, 2, 64); }},
    {"other-barrier", [] { run(other_barrier_kernel, 1, 64); }},
    {"leaves-before-shuffle", [] { run(leaves_before_shuffle_kernel, 1, 64, allocate(64)); }},
    {"mask-without-itself", [] { run(mask_without_itself_kernel, 1, 32); }},
    {"mask-of-too-many", [] { run(mask_of_too_many_kernel, 1, 48); }},
    {"lane-without-value", [] { run(reads_lane_without_value_kernel, 1, 32, allocate(32)); }},
    {"declared-shared", [] { run(declared_shared_kernel, 1, 32, allocate(32), 1); }},
    {"declared-shared-before", [] { run(declared_shared_kernel, 1, 32, allocate(32), -1); }},
    {"dynamic-shared", [] { shared(64, 256); }},
    {"dynamic-shared-gap", [] { shared(33, 132); }},
    {"write-behind", [] { run(write_kernel, dim3(3, 2), 32, allocate(64), 64); }},
    {"write-behind-gap", write_behind_gap},
    {"write-before", write_before},
    {"read-before-page", read_before_page},
    {"use-after-free", use_after_free},
    {"host-pointer", with_host_pointer},
    {"null", [] { run(write_kernel, 1, 32, nullptr, 0); }},
    {"wild-pointer",
     [] { run(write_hidden_kernel, 1, 1, Hidden{reinterpret_cast<float*>(uintptr_t{1} << 40)}); }},
    {"deep", [] { run(deep_kernel, 1, 1, allocate(1), 7); }},
    {"template", [] { run(template_kernel<int>, 1, 1, reinterpret_cast<int*>(allocate(1))); }},
    {"misaligned", [] { run(misaligned_kernel, 1, 32, allocate(64)); }},
    {"half-a-warp", [] { run(half_a_warp_kernel, 1, 32); }},
    {"misaligned-rows", [] { run_with_memory(load_matrices_kernel, 32, 512, nullptr, true); }},
    {"rows-not-shared",
     [] {
       auto* rows = reinterpret_cast<BFloat16*>(allocate(64));
       run_with_memory(load_matrices_kernel, 32, 512, rows, false);
     }},
    {"copy-misaligned", [] { run_with_memory(copy_kernel, 1, 64, allocate(64), 24, 0); }},
    {"copy-of-misaligned", [] { run_with_memory(copy_kernel, 1, 64, allocate(64), 16, 4); }},
    {"copy-not-shared", [] { run_with_memory(copy_kernel, 1, 64, allocate(64), -1, 0); }},
    {"copy-of-shared", [] { run_with_memory(copy_within_shared_kernel, 1, 64); }},
    {"copy-behind", [] { run_with_memory(copy_kernel, 1, 64, allocate(64), 64, 0); }},
    {"copy-of-behind", [] { run_with_memory(copy_kernel, 1, 64, allocate(64), 0, 256); }},
    {"never-waits", [] { run_with_memory(never_waits_kernel, 1, 64, allocate(64)); }},
    {"host-reads", [] { std::cout << *allocate(5) << std::endl; }},
    {"host-reads-later",
     [] {
       float* x = allocate(64);
       run(correct_kernel, 1, 64, x);
       std::cout << x[1] << std::endl;
     }},
    {"multiply-too-much", multiply_too_much},
    {"leak", leak},
    {"leak-communicator", leak_communicator},
    {"leak-and-fail",
     [] {
       leak();
       std::exit(3);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  const auto mistake = mistakes.find(argc == 2 ? argv[1] : "");
  if (mistake == mistakes.end()) return 2;
  check_cuda(cudaSetDevice(0), "cudaSetDevice");
  mistake->second();
  return 0;
}
