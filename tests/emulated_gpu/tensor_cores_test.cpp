// A warp's products, loads and asynchronous copies: common/cuda/mma.cuh.
#include <algorithm>
#include <cmath>

#include "common/cuda/mma.cuh"
#include "tests/emulated_gpu/device_array.h"

using namespace shard;

namespace {

/// C [16 × 8] = A [16 × 16] · B [16 × 8], all row-major, by one warp.
__global__ void product_kernel(float* c, const BFloat16* a, const BFloat16* b) {
  BFloat16 *const shared_a = dynamic_shared<BFloat16>(), *const shared_b = shared_a + 16 * 16;
  const int lane = static_cast<int>(threadIdx.x), group = lane / 4, pair = lane % 4 * 2;
  for (int i = lane; i < 16 * 16; i += 32) shared_a[i] = a[i];
  for (int i = lane; i < 16 * 8; i += 32) shared_b[i] = b[i];
  __syncthreads();
  uint32_t left[4], right[4];
  load_matrices(left, shared_a + lane % 16 * 16 + lane / 16 * 8);
  load_matrices<true>(right, shared_b + lane % 16 * 8);  // its upper half twice
  float sums[4] = {1, 2, 3, 4};
  mma(sums, left, right[0], right[1]);
  for (int i = 0; i < 4; ++i)
    c[(group + i / 2 * 8) * 8 + pair + i % 2] = sums[i] - static_cast<float>(i + 1);
}

/// What load_matrices gives each lane, of a 32 × 8 matrix.
__global__ void load_kernel(uint32_t* plain, uint32_t* transposed, const BFloat16* matrix) {
  BFloat16* const rows = dynamic_shared<BFloat16>();
  for (unsigned i = threadIdx.x; i < 32 * 8; i += 32) rows[i] = matrix[i];
  __syncthreads();
  uint32_t to[4];
  load_matrices(to, rows + threadIdx.x * 8);
  for (unsigned i = 0; i < 4; ++i) plain[threadIdx.x * 4 + i] = to[i];
  load_matrices<true>(to, rows + threadIdx.x * 8);
  for (unsigned i = 0; i < 4; ++i) transposed[threadIdx.x * 4 + i] = to[i];
}

/// Three tiles of four floats a thread, through two buffers; those from `valid` on are zeros. A
/// thread reads what its neighbour has copied. Right with groups_left = 1.
template <int groups_left, bool barrier_before_copies = true>
__global__ void copy_kernel(float* out, const float* from, int valid) {
  constexpr int tiles = 3, of_thread = 4;
  const int threads = static_cast<int>(blockDim.x), me = static_cast<int>(threadIdx.x),
            neighbour = (me + 1) % threads, tile_size = of_thread * threads;
  float* const buffers = dynamic_shared<float>();
  const auto start = [&](int tile) {
    const int at = tile * tile_size + me * of_thread;
    if (tile < tiles)
      copy_async(buffers + tile % 2 * tile_size + me * of_thread, from + at, at < valid);
    commit_copies();  // an empty group behind the last tile
  };
  start(0);
  for (int tile = 0; tile < tiles; ++tile) {
    if (barrier_before_copies) __syncthreads();  // the other buffer has been read
    start(tile + 1);
    wait_for_copies<groups_left>();
    __syncthreads();
    for (int i = neighbour * of_thread; i < (neighbour + 1) * of_thread; ++i)
      out[tile * tile_size + i] = buffers[tile % 2 * tile_size + i];
  }
  wait_for_copies<0>();
}

std::vector<BFloat16> some_numbers(size_t size) {
  std::vector<BFloat16> numbers;
  for (size_t i = 0; i < size; ++i)
    numbers.emplace_back(static_cast<float>(i * 37 % 101) / 16.0f - 3);
  return numbers;
}

/// The upper half is the second one.
uint32_t word_of(BFloat16 first, BFloat16 second) {
  return first.bits | uint32_t{second.bits} << 16;
}

/// Runs copy_kernel with 64 threads.
template <class Kernel>
std::vector<float> copied(Kernel kernel, const std::vector<float>& from, int valid) {
  Stream stream(Stream::Priority::normal);
  const DeviceArray<float> on_device(from), out(from.size());
  launch(kernel, 1, 64, from.size() / 3 * 2 * sizeof(float), stream, out.data(), on_device.data(),
         valid);
  return out.to_host();
}

}  // namespace

TEST_CASE("tensor cores: a product of 16 × 16 and 16 × 8 by one warp") {
  Stream stream(Stream::Priority::normal);
  const std::vector<BFloat16> a = some_numbers(16 * 16), b = some_numbers(16 * 8 + 3);
  const DeviceArray<BFloat16> on_device_a(a), on_device_b(b);
  const DeviceArray<float> c(16 * 8);
  launch(product_kernel, 1, 32, 16 * 16 * 2 + 16 * 8 * 2, stream, c.data(), on_device_a.data(),
         on_device_b.data());
  const std::vector<float> got = c.to_host();
  for (size_t i = 0; i < 16; ++i) {
    for (size_t j = 0; j < 8; ++j) {
      double sum = 0;
      for (size_t k = 0; k < 16; ++k) sum += double{a[i * 16 + k]} * double{b[k * 8 + j]};
      CHECK(double{got[i * 8 + j]} == doctest::Approx(sum).epsilon(1e-6));
    }
  }
}

TEST_CASE("tensor cores: each lane gets two elements of each matrix that it helps to load") {
  Stream stream(Stream::Priority::normal);
  const std::vector<BFloat16> x = some_numbers(32 * 8);
  const DeviceArray<BFloat16> matrix(x);
  const DeviceArray<uint32_t> plain(32 * 4), transposed(32 * 4);
  launch(load_kernel, 1, 32, 32 * 8 * 2, stream, plain.data(), transposed.data(), matrix.data());
  const std::vector<uint32_t> of_rows = plain.to_host(), of_columns = transposed.to_host();
  for (size_t lane = 0; lane < 32; ++lane) {
    for (size_t m = 0; m < 4; ++m) {
      const size_t group = lane / 4, pair = lane % 4 * 2;
      const BFloat16* const at = &x[m * 64];
      CHECK(of_rows[lane * 4 + m] == word_of(at[group * 8 + pair], at[group * 8 + pair + 1]));
      CHECK(of_columns[lane * 4 + m] == word_of(at[pair * 8 + group], at[(pair + 1) * 8 + group]));
    }
  }
}

TEST_CASE("tensor cores: pack puts its first number into the lower half, and rounds to even") {
  CHECK(pack(1.0f, -2.0f) == 0xC0003F80u);
  CHECK(pack(1.0f + 0x1p-8f, 1.0f + 3 * 0x1p-8f) == 0x3F823F80u);  // both are ties
  CHECK(pack(INFINITY, -0.0f) == 0x80007F80u);
  CHECK(exp2_approximate(-INFINITY) == 0.0f);
}

TEST_CASE("asynchronous copies arrive when they are waited for, and not before") {
  std::vector<float> from(3 * 64 * 4);
  for (size_t i = 0; i < from.size(); ++i) from[i] = static_cast<float>(i) + 0.5f;
  const size_t valid = 2 * 64 * 4 + 17 * 4;
  std::vector<float> expected = from;
  std::fill(expected.begin() + valid, expected.end(), 0.0f);
  const auto wrong_numbers = [&](auto kernel) {
    const std::vector<float> got = copied(kernel, from, static_cast<int>(valid));
    size_t wrong = 0;
    for (size_t i = 0; i < got.size(); ++i) wrong += got[i] == expected[i] ? 0 : 1;
    return wrong;
  };
  CHECK(wrong_numbers(copy_kernel<1>) == 0);
  CHECK(wrong_numbers(copy_kernel<0>) == 0);
  // One group too many may be under way: the first two tiles are read before they are there.
  CHECK(wrong_numbers(copy_kernel<2>) >= 2 * 64 * 4);
  // A copy begins while other threads still read its buffer.
  CHECK(wrong_numbers(copy_kernel<1, false>) > 0);
}
