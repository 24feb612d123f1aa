#include "exercises/01_gemm/3_tiled_kernel.h"

#include <algorithm>
#include <cmath>

#include "common/cuda/stream.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

/// Floats in the GPU's memory.
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<float>& values) : size_(values.size()) {
    check_cuda(cudaMalloc(&data_, size_ * sizeof(float)), "cudaMalloc");
    check_cuda(cudaMemcpy(data_, values.data(), size_ * sizeof(float), cudaMemcpyHostToDevice),
               "cudaMemcpy");
    // it may still be on its way
    check_cuda(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
  }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  float* data() { return data_; }

  /// What they are when all that `stream` holds now has run.
  std::vector<float> after(cudaStream_t stream) const {
    std::vector<float> values(size_);
    check_cuda(cudaMemcpyAsync(values.data(), data_, size_ * sizeof(float), cudaMemcpyDeviceToHost,
                               stream),
               "cudaMemcpyAsync");
    check_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    return values;
  }

 private:
  float* data_ = nullptr;
  size_t size_;
};

struct Problem {
  Matrix dy, a;  // [tokens × out], [in × out]
  int64_t tokens() const { return dy.rows; }
  int64_t in() const { return a.rows; }
  int64_t out() const { return a.columns; }
  Matrix right_answer() const { return matmul(dy, transpose(a)); }
};

/// The least multiple of `step` that is not less than `size`.
int64_t up_to(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

double element_or_0(const Matrix& matrix, int64_t row, int64_t column) {
  return row < matrix.rows && column < matrix.columns ? matrix(row, column) : 0;
}

/// dX as it becomes when the thread of element (i, j) multiplies dy_at(i, k) · a_at(j, k), for
/// every k of the tiles from `begin` on.
template <class Dy, class A>
Matrix multiplied(const Problem& p, int64_t begin, Dy dy_at, A a_at) {
  Matrix dx(p.tokens(), p.in());
  for (int64_t i = 0; i < dx.rows; ++i) {
    for (int64_t j = 0; j < dx.columns; ++j) {
      for (int64_t k = begin; k < up_to(p.out(), tile); ++k) dx(i, j) += dy_at(i, k) * a_at(j, k);
    }
  }
  return dx;
}

/// The value in memory at that place: in the next row where `column` is past the end of one; NaN
/// after the matrix.
double in_memory(const Matrix& matrix, int64_t row, int64_t column) {
  const auto place = static_cast<size_t>(row * matrix.columns + column);
  return place < matrix.values.size() ? matrix.values[place] : NAN;
}

/// NaN where `written` does not hold: what was there before.
template <class Where>
Matrix written_where(const Problem& p, Where written) {
  Matrix dx = p.right_answer();
  for (int64_t i = 0; i < dx.rows; ++i) {
    for (int64_t j = 0; j < dx.columns; ++j) dx(i, j) = written(i, j) ? dx(i, j) : NAN;
  }
  return dx;
}

std::vector<Suspect> suspects(const Problem& p) {
  const auto dy_at = [&](int64_t i, int64_t k) { return element_or_0(p.dy, i, k); };
  const auto a_at = [&](int64_t j, int64_t k) { return element_or_0(p.a, j, k); };
  const int64_t last = up_to(p.out(), tile) - tile, rows = p.tokens() / tile * tile,
                columns = p.in() / tile * tile;
  const std::string rounded = ": the number of blocks must be rounded up";
  return {
      Suspect::result("not written when `stream` has finished: launch the kernel in that stream",
                      written_where(p, [](int64_t, int64_t) { return false; })),
      Suspect::result("not written in the last rows" + rounded,
                      written_where(p, [&](int64_t i, int64_t) { return i < rows; })),
      Suspect::result("not written in the last columns" + rounded,
                      written_where(p, [&](int64_t, int64_t j) { return j < columns; })),
      Suspect::result("not written in the last rows and columns" + rounded,
                      written_where(p,
                                    [&](int64_t i, int64_t j) { return i < rows && j < columns; })),
      Suspect::result("not written where there is no block: the grid needs in / tile blocks along "
                      "x and tokens / tile along y",
                      written_where(p,
                                    [&](int64_t i, int64_t j) {
                                      return i < up_to(p.in(), tile) && j < up_to(p.tokens(), tile);
                                    })),
      Suspect::result("the sum of too many terms: the last tile runs past the end of the rows",
                      multiplied(
                          p, 0, [&](int64_t i, int64_t k) { return in_memory(p.dy, i, k); },
                          [&](int64_t j, int64_t k) { return in_memory(p.a, j, k); })),
      Suspect::result("the sum over the last tile only: the sum must continue from tile to tile",
                      multiplied(p, last, dy_at, a_at)),
      Suspect::result(
          "computed with the first tile of dY every time: the tile's start is missing from its "
          "columns",
          multiplied(
              p, 0, [&](int64_t i, int64_t k) { return element_or_0(p.dy, i, k % tile); }, a_at)),
      Suspect::result(
          "computed with the first tile of A every time: the tile's start is missing from its "
          "columns",
          multiplied(p, 0, dy_at,
                     [&](int64_t j, int64_t k) { return element_or_0(p.a, j, k % tile); })),
      Suspect::result("dY·A, tile by tile: A's tile is read along its rows, not down its columns",
                      multiplied(p, 0, dy_at, [&](int64_t j, int64_t k) {
                        return element_or_0(p.a, j / tile * tile + k % tile,
                                            k / tile * tile + j % tile);
                      }))};
}

std::vector<float> answer(const Stream& stream, const Problem& p) {
  DeviceArray dy(p.dy.floats()), a(p.a.floats());
  DeviceArray dx(std::vector<float>(static_cast<size_t>(p.tokens() * p.in()), NAN));
  input_gradient(static_cast<int>(p.tokens()), static_cast<int>(p.in()), static_cast<int>(p.out()),
                 dy.data(), a.data(), dx.data(), stream);
  return dx.after(stream);
}

// ---- Barriers -----------------------------------------------------------------------------------
// Which numbers come out without a barrier depends on the order of the threads. So the data are
// chosen such that all threads must find the same, and that a thread which reads too early or too
// late does not.

/// `columns` of an otherwise zero matrix [tile × all] are ones.
Matrix ones_in(Range columns, int64_t all) {
  Matrix matrix(tile, all);
  for (int64_t row = 0; row < tile; ++row) {
    for (int64_t column = columns.begin; column < columns.end; ++column) matrix(row, column) = 1;
  }
  return matrix;
}

/// Other mistakes treat all threads alike.
bool threads_disagree(const std::vector<float>& values) {
  return std::any_of(values.begin(), values.end(),
                     [&](float value) { return value != values[0]; }) &&
         std::none_of(values.begin(), values.end(), [](float value) { return std::isnan(value); });
}

/// What is wrong with the barriers; nothing is "".
std::string missing_barrier(const Stream& stream) {
  // One tile of ones: each sum is that of 32 ones, unless some are not there yet.
  if (threads_disagree(answer(stream, {ones_in({0, tile}, tile), ones_in({0, tile}, tile)}))) {
    return "tiles are read before they are complete: a __syncthreads() is needed between the "
           "copies and the products";
  }
  // Where dY has ones A has zeros and vice versa, unless a tile of dY meets the one of A from
  // another turn.
  if (threads_disagree(
          answer(stream, {ones_in({tile, 2 * tile}, 2 * tile), ones_in({0, tile}, 2 * tile)}))) {
    return "tiles are overwritten before all have read them: a __syncthreads() is needed between "
           "the products and the next copies";
  }
  return "";
}

bool examine_sizes(Examiner& examiner, const Stream& stream, const std::string& name,
                   int64_t tokens, int64_t in, int64_t out) {
  const Problem p{examiner.random(tokens, out, text("dy of ", tokens)),
                  examiner.random(in, out, text("a of ", in))};
  const Tensor got =
      Tensor::from(examiner.backend(), {tokens, in}, std::span<const float>(answer(stream, p)));
  examiner.expect(text("dX (", name, ")"), got, p.right_answer(), suspects(p), 1e-5);
  return examiner.verdict();
}

}  // namespace

void examine(Examiner& examiner) {
  const Stream stream(Stream::Priority::normal);
  const std::string barrier = missing_barrier(stream);  // first: what else comes out depends on it
  if (barrier.empty()) {
    if (!examine_sizes(examiner, stream, "one tile", tile, tile, tile)) return;
    if (!examine_sizes(examiner, stream, "whole tiles", 2 * tile, 3 * tile, 4 * tile)) return;
    if (!examine_sizes(examiner, stream, "tiles at the edges", 53, 41, 75)) return;
    if (!examine_sizes(examiner, stream, "smaller than a tile", 3, 5, 7)) return;
  }
  examiner.expect("barriers", barrier.empty(), barrier);
  examiner.verdict();
}

}  // namespace shard
