// From an op to a kernel: which instance of the template, on what grid, with what memory besides.
#pragma once
#include <algorithm>
#include <bit>
#include <initializer_list>

#include "common/base/bfloat16.h"
#include "common/cuda/launch.h"
#include "common/tensor/backend.h"

namespace shard {

constexpr int64_t block_threads = 256;
// about four times what runs at once, so that all end at about the same time
constexpr int64_t blocks_per_multiprocessor = 32;

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// A dimension of a grid or block.
inline unsigned dimension(int64_t size) { return static_cast<unsigned>(size); }

inline int64_t address_of(const Tensor& x) {
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(x.address()));
}

/// The largest of 16, 8, 4 and 2 that all numbers (addresses, lengths in bytes) are multiples of.
inline int unit_of(std::initializer_list<int64_t> bytes) {
  int64_t all = 16;
  for (const int64_t number : bytes) all |= number;
  return 1 << std::min(4, std::countr_zero(static_cast<uint64_t>(all)));
}

/// Whether rows of these tensors, with as many columns as the first one, can be moved 16 bytes at a
/// time.
template <class... Tensors>
bool rows_are_wide(const Tensor& first, const Tensors&... others) {
  return unit_of({first.columns() * size_of(first.type()), address_of(first),
                  address_of(others)...}) == 16;
}

/// The same for tensors that are seen as one row, whose last elements may be fewer.
template <class... Tensors>
bool is_wide(const Tensors&... tensors) {
  return unit_of({address_of(tensors)...}) == 16;
}

/// Calls body.operator()<n>(): n elements of f32 are 16 bytes if `wide`, else n = 1.
template <class Body>
void by_width(bool wide, const Body& body) {
  wide ? body.template operator()<4>() : body.template operator()<1>();
}

/// Calls body.operator()<T>() for elements of `type`: f32 or bf16.
template <class Body>
void by_type(DataType type, const Body& body) {
  type == DataType::bf16 ? body.template operator()<BFloat16>() : body.template operator()<float>();
}

/// Calls body.operator()<T, n>(): n elements of T are 16 bytes if `wide`, else n = 1.
template <class Body>
void by_type(DataType type, bool wide, const Body& body) {
  by_type(type, [&]<class T>() {
    wide ? body.template operator()<T, 16 / sizeof(T)>() : body.template operator()<T, 1>();
  });
}

/// Blocks for `count` threads, each of which goes on in steps of the grid if there are more.
inline dim3 blocks_for(int64_t count, int multiprocessors) {
  return dim3(dimension(std::clamp<int64_t>(ceil_div(count, block_threads), 1,
                                            multiprocessors * blocks_per_multiprocessor)));
}

struct Tiles {
  dim3 grid, block;
};

/// Covers a matrix of `rows` × `units`: x has a thread for every unit of a row, y goes down the
/// rows in steps.
inline Tiles tiles_of(int64_t rows, int64_t units, int multiprocessors) {
  constexpr int64_t warp = 32, widest = 512;
  const int64_t across = ceil_div(units, widest);
  const int64_t x = units < warp ? static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(units)))
                                 : ceil_div(ceil_div(units, across), warp) * warp;
  const int64_t y = std::max<int64_t>(1, block_threads / x);
  const int64_t most_down =
      std::max<int64_t>(1, multiprocessors * blocks_per_multiprocessor / across);
  const int64_t down = std::clamp<int64_t>(ceil_div(rows, y), 1, most_down);
  return {dim3(dimension(across), dimension(down)), dim3(dimension(x), dimension(y))};
}

/// Memory that passes results from one launch to the next. Released when the launches are in the
/// stream: its next user is ordered after them.
class Scratch {
 public:
  Scratch(Backend& backend, int64_t bytes)
      : backend_(backend), bytes_(static_cast<size_t>(bytes)), block_(backend.allocate(bytes_)) {}
  ~Scratch() { backend_.release(block_, bytes_); }
  Scratch(const Scratch&) = delete;
  template <class T>
  T* data() const {
    return static_cast<T*>(block_);
  }

 private:
  Backend& backend_;
  size_t bytes_;
  void* block_;
};

}  // namespace shard
