// The last lane to arrive takes the operands of all lanes for the matrices that they are, and gives
// every lane its part of the result. Which lane has which elements: PTX ISA, "Matrix Fragments for
// mma.m16n8k16 with floating point type" and "ldmatrix".
#include "emulated_gpu/tensor_cores.h"

#include <bit>

#include "fault.h"
#include "grid.h"
#include "memory.h"

namespace emulated_gpu {
namespace {

constexpr int lanes_of_warp = 32;

struct MmaOperands {
  float* c;           // [4]
  const uint32_t* a;  // [4]
  uint32_t b[2];
};

float lower(uint32_t two) { return std::bit_cast<float>(two << 16); }
float upper(uint32_t two) { return std::bit_cast<float>(two & 0xFFFF0000u); }

/// C [16 × 8] += A [16 × 16] · B [16 × 8]: bf16 operands, sums in f32.
void multiply(void* const* lanes) {
  float a[16][16], b[16][8], c[16][8] = {};
  const auto of_lane = [&](int lane) { return static_cast<const MmaOperands*>(lanes[lane]); };
  for (int lane = 0; lane < lanes_of_warp; ++lane) {
    const int group = lane / 4, pair = lane % 4 * 2;
    for (int i = 0; i < 4; ++i) {
      float* const at = &a[group + i % 2 * 8][pair + i / 2 * 8];
      at[0] = lower(of_lane(lane)->a[i]);
      at[1] = upper(of_lane(lane)->a[i]);
    }
    for (int i = 0; i < 2; ++i) {
      b[pair + i * 8][group] = lower(of_lane(lane)->b[i]);
      b[pair + i * 8 + 1][group] = upper(of_lane(lane)->b[i]);
    }
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < 16; ++k) {
      for (int column = 0; column < 8; ++column) c[row][column] += a[row][k] * b[k][column];
    }
  }
  for (int lane = 0; lane < lanes_of_warp; ++lane) {
    for (int i = 0; i < 4; ++i)
      of_lane(lane)->c[i] += c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

struct LoadOperands {
  uint32_t* to;  // [4]
  const void* row;
};

/// Lane l brings row l % 8 of matrix l / 8.
template <bool transposed>
void load(void* const* lanes) {
  const auto of_lane = [&](int lane) { return static_cast<const LoadOperands*>(lanes[lane]); };
  for (int matrix = 0; matrix < 4; ++matrix) {
    uint16_t at[8][8];
    for (int row = 0; row < 8; ++row)
      std::memcpy(at[row], of_lane(8 * matrix + row)->row, sizeof at[row]);
    for (int lane = 0; lane < lanes_of_warp; ++lane) {
      const int group = lane / 4, pair = lane % 4 * 2;
      const uint32_t first = transposed ? at[pair][group] : at[group][pair],
                     second = transposed ? at[pair + 1][group] : at[group][pair + 1];
      of_lane(lane)->to[matrix] = first | second << 16;
    }
  }
}

}  // namespace

void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Location where) {
  MmaOperands operands{c, a, {b0, b1}};
  collective("mma", &operands, multiply, where);
}

template <bool transposed>
void load_matrices(uint32_t (&to)[4], const void* row, Location where) {
  const auto past = reinterpret_cast<uintptr_t>(row) % 16;
  if (past != 0)
    fail_at("ldmatrix", where, text("its row is ", past, " bytes past a multiple of 16"));
  if (device_memory().contains(row)) fail_at("ldmatrix", where, "its row is not in shared memory");
  LoadOperands operands{to, row};
  collective("ldmatrix", &operands, load<transposed>, where);
}

template void load_matrices<false>(uint32_t (&)[4], const void*, Location);
template void load_matrices<true>(uint32_t (&)[4], const void*, Location);

}  // namespace emulated_gpu
