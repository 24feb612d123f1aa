// Threads that wait for each other, and how kernels are started.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

constexpr unsigned all_lanes = 0xFFFFFFFFu;

__device__ float warp_sum(float x) {
  for (int offset = warpSize / 2; offset > 0; offset /= 2)
    x += __shfl_down_sync(all_lanes, x, offset);
  return x;
}

/// The sum of each block of blockDim.x numbers.
__global__ void block_sum_kernel(float* sums, const float* x) {
  __shared__ float of_warp[32];
  const unsigned warp = threadIdx.x / warpSize, lane = threadIdx.x % warpSize;
  const float part = warp_sum(x[blockIdx.x * blockDim.x + threadIdx.x]);
  if (lane == 0) of_warp[warp] = part;
  __syncthreads();
  if (warp != 0) return;
  const float sum = warp_sum(lane < blockDim.x / warpSize ? of_warp[lane] : 0.0f);
  if (lane == 0) sums[blockIdx.x] = sum;
}

/// Reverses each block by its dynamic shared memory.
__global__ void reverse_kernel(int* x) {
  int* copies = dynamic_shared<int>();
  copies[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  x[blockIdx.x * blockDim.x + threadIdx.x] = copies[blockDim.x - 1 - threadIdx.x];
}

/// The largest of all, added up in a tree: as many barriers as the block's size has bits.
__global__ void tree_kernel(double* sum, const double* x) {
  double* parts = dynamic_shared<double>();
  parts[threadIdx.x] = x[threadIdx.x];
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
  }
  if (threadIdx.x == 0) *sum = parts[0];
}

__global__ void shuffle_kernel(int* out, int width) {
  const int lane = static_cast<int>(threadIdx.x);
  int* mine = out + lane * 4;
  mine[0] = __shfl_sync(all_lanes, 100 + lane, lane + 3, width);
  mine[1] = __shfl_down_sync(all_lanes, 100 + lane, 5, width);
  mine[2] = __shfl_xor_sync(all_lanes, 100 + lane, 9, width);
  mine[3] = static_cast<int>(__shfl_xor_sync(all_lanes, (int64_t{lane} << 40) + lane, 1) >> 40);
}

__global__ void vote_kernel(unsigned* out) {
  const bool odd = threadIdx.x % 2 == 1;
  const unsigned half = threadIdx.x < 16 ? 0x0000FFFFu : 0xFFFF0000u;  // each half votes by itself
  out[threadIdx.x * 4] = __ballot_sync(all_lanes, odd);
  out[threadIdx.x * 4 + 1] = __ballot_sync(half, odd);
  out[threadIdx.x * 4 + 2] = static_cast<unsigned>(__any_sync(half, threadIdx.x == 20));
  out[threadIdx.x * 4 + 3] = static_cast<unsigned>(__all_sync(half, threadIdx.x >= 16));
}

struct Indices {
  uint3 thread, block;
  dim3 block_size, grid_size;
};

__global__ void indices_kernel(Indices* out) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  __syncthreads();
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = {threadIdx, blockIdx, blockDim,
                                                                gridDim};
}

/// What no kernel should do: the order of the threads decides what each finds in *count.
__global__ void arrivals_kernel(unsigned* arrivals, unsigned* count) {
  const unsigned block = blockIdx.y * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  arrivals[(*count)++] = 100 * block + thread;
  __syncthreads();
  arrivals[(*count)++] = 100 * block + thread;
}

/// A race: the middle thread of a block should find what the first and the last one write. It does
/// in both orders from one end to the other.
__global__ void two_writers_kernel(float* found) {
  float* shared = dynamic_shared<float>();
  if (threadIdx.x == 0 || threadIdx.x == blockDim.x - 1) *shared = 1.0f;
  if (threadIdx.x == blockDim.x / 2) found[blockIdx.x] = *shared;
}

struct Scale {
  float factor;
  int64_t offset;
};

__global__ void scale_kernel(float* x, Scale scale, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] = scale.factor * x[i] + static_cast<float>(scale.offset);
}

__global__ void count_kernel(float* floats, int* ints) {
  atomicAdd(floats, 0.5f);
  atomicAdd(ints, 2);
}

std::string order() {
  const char* of_environment = std::getenv("SHARD_EMULATED_GPU_ORDER");
  return of_environment != nullptr ? of_environment : "forward";
}

std::vector<float> numbers(size_t size) {
  std::vector<float> all(size);
  for (size_t i = 0; i < size; ++i) all[i] = static_cast<float>(i * 7 % 31) - 15;
  return all;
}

}  // namespace

TEST_CASE("shuffles and barriers add up blocks of every size") {
  Stream stream(Stream::Priority::normal);
  for (unsigned block : {32u, 64u, 96u, 128u, 256u, 512u, 1024u}) {
    CAPTURE(block);
    constexpr unsigned blocks = 5;
    const std::vector<float> x = numbers(blocks * block);
    const DeviceArray<float> on_device(x), sums(blocks);
    launch(block_sum_kernel, blocks, block, 0, stream, sums.data(), on_device.data());
    const std::vector<float> got = sums.to_host();
    for (unsigned b = 0; b < blocks; ++b) {
      CHECK(got[b] == std::accumulate(x.begin() + b * block, x.begin() + (b + 1) * block, 0.0f));
    }
  }
}

TEST_CASE("dynamic shared memory belongs to the block") {
  Stream stream(Stream::Priority::normal);
  for (unsigned block : {1u, 3u, 37u, 1000u}) {
    std::vector<int> x(4 * block);
    std::iota(x.begin(), x.end(), 1);
    const DeviceArray<int> on_device(x);
    launch(reverse_kernel, 4, block, block * sizeof(int), stream, on_device.data());
    for (unsigned b = 0; b < 4; ++b)
      std::reverse(x.begin() + b * block, x.begin() + (b + 1) * block);
    CHECK(on_device.to_host() == x);
  }
}

TEST_CASE("barriers in a loop") {
  Stream stream(Stream::Priority::normal);
  for (unsigned block : {2u, 64u, 1024u}) {
    std::vector<double> x(block);
    std::iota(x.begin(), x.end(), 0.25);
    const DeviceArray<double> on_device(x), sum(1);
    launch(tree_kernel, 1, block, block * sizeof(double), stream, sum.data(), on_device.data());
    CHECK(sum.to_host()[0] == std::accumulate(x.begin(), x.end(), 0.0));
  }
}

TEST_CASE("shuffles read the lanes that CUDA's rules name") {
  Stream stream(Stream::Priority::normal);
  for (int width : {8, 16, 32}) {
    CAPTURE(width);
    const DeviceArray<int> out(32 * 4);
    launch(shuffle_kernel, 1, 32, 0, stream, out.data(), width);
    const std::vector<int> got = out.to_host();
    for (int lane = 0; lane < 32; ++lane) {
      const int first = lane / width * width, last = first + width - 1;
      const int* mine = &got[static_cast<size_t>(lane) * 4];
      CHECK(mine[0] == 100 + first + (lane + 3) % width);
      CHECK(mine[1] == 100 + (lane + 5 <= last ? lane + 5 : lane));
      CHECK(mine[2] == 100 + ((lane ^ 9) <= last ? lane ^ 9 : lane));
      CHECK(mine[3] == (lane ^ 1));
    }
  }
}

TEST_CASE("votes, also of halves of a warp that never meet") {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<unsigned> out(32 * 4);
  launch(vote_kernel, 1, 32, 0, stream, out.data());
  const std::vector<unsigned> got = out.to_host();
  for (unsigned lane = 0; lane < 32; ++lane) {
    const bool upper = lane >= 16;
    CHECK(got[lane * 4] == 0xAAAAAAAAu);
    CHECK(got[lane * 4 + 1] == (upper ? 0xAAAA0000u : 0x0000AAAAu));
    CHECK(got[lane * 4 + 2] == (upper ? 1 : 0));
    CHECK(got[lane * 4 + 3] == (upper ? 1 : 0));
  }
}

TEST_CASE("indices in three dimensions, before and after a barrier") {
  Stream stream(Stream::Priority::normal);
  const dim3 grid(3, 2, 2), block(5, 3, 2);
  const DeviceArray<Indices> out(12 * 30);
  launch(indices_kernel, grid, block, 0, stream, out.data());
  const std::vector<Indices> got = out.to_host();
  for (unsigned i = 0; i < got.size(); ++i) {
    const auto& [thread, of_block, block_size, grid_size] = got[i];
    CHECK((thread.z * block.y + thread.y) * block.x + thread.x == i % 30);
    CHECK((of_block.z * grid.y + of_block.y) * grid.x + of_block.x == i / 30);
    CHECK((block_size.x == 5 && block_size.y == 3 && block_size.z == 2));
    CHECK((grid_size.x == 3 && grid_size.y == 2 && grid_size.z == 2));
  }
}

TEST_CASE("threads and blocks run in the order that the environment names") {
  Stream stream(Stream::Priority::normal);
  const dim3 grid(2, 2), block(5, 3, 4);
  const unsigned blocks = 4, threads = 60;
  const DeviceArray<unsigned> arrivals(2 * blocks * threads), count(std::vector<unsigned>{0});
  launch(arrivals_kernel, grid, block, 0, stream, arrivals.data(), count.data());
  std::vector<unsigned> expected;
  for (unsigned b = 0; b < blocks; ++b) {
    const auto thread = [&](unsigned t) { expected.push_back(100 * b + t); };
    for (unsigned t = 0; t < threads; ++t) thread(t);
    thread(threads - 1);  // the last to arrive at the barrier continues at once
    for (unsigned t = 0; t < threads - 1; ++t) thread(t);
  }
  std::vector<unsigned> got = arrivals.to_host();
  if (order() == "backward") {
    for (unsigned& place : expected)
      place = 100 * (blocks - 1 - place / 100) + threads - 1 - place % 100;
  }
  CHECK((got == expected) == (order() != "random"));
  // In any order: block after block, and all threads come before the barrier, then all after it.
  std::vector<unsigned> blocks_seen;
  for (unsigned phase = 0; phase < 2 * blocks; ++phase) {
    const unsigned number = got[phase * threads] / 100;
    if (phase % 2 == 0) blocks_seen.push_back(number);
    const auto begin = got.begin() + phase * threads;
    std::sort(begin, begin + threads);
    for (unsigned t = 0; t < threads; ++t) CHECK(begin[t] == 100 * number + t);
  }
  std::sort(blocks_seen.begin(), blocks_seen.end());
  CHECK(blocks_seen == std::vector<unsigned>{0, 1, 2, 3});
}

TEST_CASE("a random order finds a race that both orders from end to end hide") {
  Stream stream(Stream::Priority::normal);
  constexpr unsigned blocks = 100;
  const DeviceArray<float> found(blocks);
  launch(two_writers_kernel, blocks, 64, sizeof(float), stream, found.data());
  const std::vector<float> got = found.to_host();
  const auto missed = std::count_if(got.begin(), got.end(), [](float x) { return std::isnan(x); });
  CHECK((missed > 0) == (order() == "random"));
}

TEST_CASE("arguments are copied when the kernel is launched; atomics count every thread") {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> x(numbers(100)), count(std::vector<float>{1.0f});
  const DeviceArray<int> counted(std::vector<int>{0});
  Scale scale{2.0f, 3};
  launch(scale_kernel, 4, 32, 0, stream, x.data(), scale, 100);
  scale = {0.0f, 0};
  launch(count_kernel, 3, 50, 0, stream, count.data(), counted.data());
  const std::vector<float> before = numbers(100), after = x.to_host();
  for (size_t i = 0; i < 100; ++i) CHECK(after[i] == 2 * before[i] + 3);
  CHECK(count.to_host()[0] == 76.0f);
  CHECK(counted.to_host()[0] == 300);
}

TEST_CASE("launches that CUDA refuses") {
  const auto result_of = [](dim3 grid, dim3 block, size_t shared_bytes) {
    return emulated_gpu::launch(reverse_kernel, grid, block, shared_bytes, nullptr, nullptr);
  };
  CHECK(result_of(0, 32, 0) == cudaErrorInvalidConfiguration);
  CHECK(result_of(1, 1025, 0) == cudaErrorInvalidConfiguration);
  CHECK(result_of(1, dim3(32, 33), 0) == cudaErrorInvalidConfiguration);
  CHECK(result_of(dim3(1, 65536), 32, 0) == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaErrorInvalidConfiguration);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("a block may have 48 KiB of dynamic shared memory, and more if its kernel has asked") {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<int> x(std::vector<int>{7});
  const auto result_with = [&](size_t bytes) {  // as <<<…>>> starts it
    return emulated_gpu::launch(reverse_kernel, 1, 1, bytes, stream, x.data());
  };
  CHECK(result_with(48 * 1024) == cudaSuccess);
  CHECK(result_with(48 * 1024 + 1) == cudaErrorInvalidValue);
  launch(reverse_kernel, 1, 1, 64 * 1024, stream, x.data());  // asks
  CHECK(result_with(64 * 1024) == cudaSuccess);
  CHECK(result_with(64 * 1024 + 1) == cudaErrorInvalidValue);
  CHECK(emulated_gpu::launch(tree_kernel, 1, 1, 64 * 1024, stream, nullptr, nullptr) ==
        cudaErrorInvalidValue);  // another kernel has not asked
  CHECK_THROWS_WITH(launch(reverse_kernel, 1, 1, 99 * 1024 + 1, stream, x.data()),
                    doctest::Contains("invalid argument"));
  CHECK(x.to_host() == std::vector<int>{7});
  cudaGetLastError();
}

TEST_CASE("kernels have names") {
  const char* name = nullptr;
  REQUIRE(cudaFuncGetName(&name, reinterpret_cast<const void*>(reverse_kernel)) == cudaSuccess);
  CHECK(std::string(name).find("reverse_kernel") != std::string::npos);
}
