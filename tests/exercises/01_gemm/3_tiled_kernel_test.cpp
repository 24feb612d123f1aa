#include "exercises/01_gemm/3_tiled_kernel.h"

#include <algorithm>
#include <cmath>

#include "common/cuda/stream.h"
#include "tests/exercises/01_gemm/kernel_accesses.h"
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

constexpr double tolerance = 1e-5;

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

/// dX as it becomes when the thread of element (i, j) multiplies dy_at(i, j, k) · a_at(i, j, k),
/// for every k of the tiles from `begin` on.
template <class Dy, class A>
Matrix multiplied(const Problem& p, Dy dy_at, A a_at, int64_t begin = 0) {
  Matrix dx(p.tokens(), p.in());
  for (int64_t i = 0; i < dx.rows; ++i) {
    for (int64_t j = 0; j < dx.columns; ++j) {
      for (int64_t k = begin; k < up_to(p.out(), tile); ++k)
        dx(i, j) += dy_at(i, j, k) * a_at(i, j, k);
    }
  }
  return dx;
}

/// The value in memory at that place: in the next row where `column` is past the end of one; NaN
/// after the matrix.
double in_memory(const Matrix& matrix, int64_t place) {
  return place < std::ssize(matrix.values) ? matrix.values[static_cast<size_t>(place)] : NAN;
}
double in_memory(const Matrix& matrix, int64_t row, int64_t column) {
  return in_memory(matrix, row * matrix.columns + column);
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

std::vector<Suspect> not_written(const Problem& p) {
  const int64_t rows = p.tokens() / tile * tile, columns = p.in() / tile * tile;
  const std::string rounded = ": the number of blocks must be rounded up";
  const auto only = [&](const std::string& diagnosis, const auto& written) {
    return Suspect::result(diagnosis, written_where(p, written));
  };
  return {only("not written when `stream` has finished: launch the kernel in that stream",
               [](int64_t, int64_t) { return false; }),
          only("not written in the last rows" + rounded,
               [&](int64_t i, int64_t) { return i < rows; }),
          only("not written in the last columns" + rounded,
               [&](int64_t, int64_t j) { return j < columns; }),
          only("not written in the last rows and columns" + rounded,
               [&](int64_t i, int64_t j) { return i < rows && j < columns; }),
          only("not written where there is no block: the grid needs in / tile blocks along x and "
               "tokens / tile along y",
               [&](int64_t i, int64_t j) {
                 return i < up_to(p.in(), tile) && j < up_to(p.tokens(), tile);
               })};
}

std::vector<Suspect> wrong_tiles(const Problem& p) {
  const auto dy_at = [&](int64_t i, int64_t, int64_t k) { return element_or_0(p.dy, i, k); };
  const auto a_at = [&](int64_t, int64_t j, int64_t k) { return element_or_0(p.a, j, k); };
  return {
      Suspect::result("the sum of too many terms: the last tile runs past the end of the rows",
                      multiplied(
                          p, [&](int64_t i, int64_t, int64_t k) { return in_memory(p.dy, i, k); },
                          [&](int64_t, int64_t j, int64_t k) { return in_memory(p.a, j, k); })),
      Suspect::result("the sum over the last tile only: the sum must continue from tile to tile",
                      multiplied(p, dy_at, a_at, up_to(p.out(), tile) - tile)),
      Suspect::result(
          "computed with the first tile of dY every time: the tile's start is missing from its "
          "columns",
          multiplied(
              p, [&](int64_t i, int64_t, int64_t k) { return element_or_0(p.dy, i, k % tile); },
              a_at)),
      Suspect::result(
          "computed with the first tile of A every time: the tile's start is missing from its "
          "columns",
          multiplied(p, dy_at, [&](int64_t, int64_t j, int64_t k) {
            return element_or_0(p.a, j, k % tile);
          }))};
}

// ---- Exchanged indices --------------------------------------------------------------------------

/// The place of `inner` in the tile that `outer` is in.
int64_t in_tile_of(int64_t outer, int64_t inner) { return outer / tile * tile + inner % tile; }

/// dX as it is found in its memory when element (i, j) was written to j * stride + i.
Matrix written_transposed(const Problem& p, int64_t stride) {
  const Matrix right = p.right_answer();
  Matrix dx = written_where(p, [](int64_t, int64_t) { return false; });
  for (int64_t i = 0; i < dx.rows; ++i) {
    for (int64_t j = 0; j < dx.columns; ++j) {
      const auto place = static_cast<size_t>(j * stride + i);
      if (place < dx.values.size()) dx.values[place] = right(i, j);
    }
  }
  return dx;
}

/// Of a tile, or of its place in the matrix.
std::vector<Suspect> exchanged_in_tiles(const Problem& p) {
  const auto dy_at = [&](int64_t i, int64_t, int64_t k) { return element_or_0(p.dy, i, k); };
  const auto a_at = [&](int64_t, int64_t j, int64_t k) { return element_or_0(p.a, j, k); };
  const auto dy_transposed = [&](int64_t i, int64_t, int64_t k) {
    return element_or_0(p.dy, in_tile_of(i, k), in_tile_of(k, i));
  };
  const auto a_transposed = [&](int64_t, int64_t j, int64_t k) {
    return element_or_0(p.a, in_tile_of(j, k), in_tile_of(k, j));
  };
  const auto dy_of_x = [&](int64_t i, int64_t j, int64_t k) {
    return element_or_0(p.dy, in_tile_of(j, i), k);
  };
  const auto a_of_y = [&](int64_t i, int64_t j, int64_t k) {
    return element_or_0(p.a, in_tile_of(i, j), k);
  };
  const auto product = [&](const std::string& diagnosis, const auto& dy, const auto& a) {
    return Suspect::result(diagnosis, multiplied(p, dy, a));
  };
  return {
      product("dY·A, tile by tile: A's tile is read along its rows, not down its columns, or it "
              "was stored transposed and is read as if it were not",
              dy_at, a_transposed),
      product("computed with each tile of dY transposed: dy_tile[row][n] is the factor of term n, "
              "if the tile is stored as dY has it",
              dy_transposed, a_at),
      product("computed with each tile of dY and of A transposed: the sum of both goes along the "
              "rows of a tile that is stored as the matrix has it",
              dy_transposed, a_transposed),
      product(
          "transposed within each tile: threadIdx.y gives the row of dX, and so the one of dY; "
          "threadIdx.x gives the column of dX, and so the row of A. Somewhere the two are "
          "exchanged",
          [&](int64_t i, int64_t j, int64_t k) { return element_or_0(p.dy, in_tile_of(i, j), k); },
          [&](int64_t i, int64_t j, int64_t k) { return element_or_0(p.a, in_tile_of(j, i), k); }),
      product("computed with other rows of A: its tile begins in row blockIdx.x · tile, as the "
              "columns of dX do, not blockIdx.y · tile",
              dy_at, a_of_y),
      product("computed with other rows of dY: its tile begins in row blockIdx.y · tile, as the "
              "rows of dX do, not blockIdx.x · tile",
              dy_of_x, a_at),
      product("computed with other rows of dY and of A: blockIdx.x and blockIdx.y are exchanged "
              "where the tiles begin",
              dy_of_x, a_of_y)};
}

/// Of a whole matrix. Such answers leave it where the sizes differ; so there must be memory after
/// it, and tokens < in: else several threads would write the same element.
std::vector<Suspect> exchanged_in_matrices(const Problem& p) {
  const auto dy_at = [&](int64_t i, int64_t, int64_t k) { return element_or_0(p.dy, i, k); };
  const auto a_at = [&](int64_t, int64_t j, int64_t k) { return element_or_0(p.a, j, k); };
  const std::string written = "written transposed: element (i, j) of dX is dx[i * in + j], not ";
  return {
      Suspect::result("A·dYᵀ, of what there is in memory: dY and A are exchanged",
                      multiplied(
                          p, [&](int64_t i, int64_t, int64_t k) { return element_or_0(p.a, i, k); },
                          [&](int64_t, int64_t j, int64_t k) { return element_or_0(p.dy, j, k); })),
      Suspect::result(
          "computed as if A were stored as [out × in]: element (j, k) is a[j * out + k]",
          multiplied(p, dy_at,
                     [&](int64_t, int64_t j, int64_t k) {
                       return in_memory(p.a, k * p.in() + j);
                     })),
      Suspect::result(
          "computed as if dY were stored as [out × tokens]: element (i, k) is dy[i * out + k]",
          multiplied(
              p, [&](int64_t i, int64_t, int64_t k) { return in_memory(p.dy, k * p.tokens() + i); },
              a_at)),
      Suspect::result(written + "dx[j * tokens + i]", written_transposed(p, p.tokens())),
      Suspect::result(written + "dx[j * in + i]", written_transposed(p, p.in()))};
}

std::vector<Suspect> suspects(const Problem& p) {
  return not_written(p) + wrong_tiles(p) + exchanged_in_tiles(p) + exchanged_in_matrices(p);
}

// ---- What the test runs -------------------------------------------------------------------------

struct InMemory {
  DeviceArray dy, a, dx;

  /// With room for `size` floats in each matrix, or just for the matrix.
  explicit InMemory(const Problem& p, int64_t size = 0)
      : dy(enlarged(p.dy, size, 0)),
        a(enlarged(p.a, size, 0)),
        dx(enlarged(written_where(p, [](int64_t, int64_t) { return false; }), size, NAN)) {}
  static std::vector<float> enlarged(const Matrix& matrix, int64_t size, float rest) {
    std::vector<float> memory = matrix.floats();
    memory.resize(std::max(memory.size(), static_cast<size_t>(size)), rest);
    return memory;
  }
};

/// What the learner's function writes to dX.
Matrix answer(const Stream& stream, const Problem& p, InMemory& memory) {
  input_gradient(static_cast<int>(p.tokens()), static_cast<int>(p.in()), static_cast<int>(p.out()),
                 memory.dy.data(), memory.a.data(), memory.dx.data(), stream);
  const std::vector<float> values = memory.dx.after(stream);
  Matrix dx(p.tokens(), p.in());
  std::copy_n(values.begin(), dx.values.size(), dx.values.begin());
  return dx;
}

/// An answer whose accesses to memory are recorded. After the matrices there is room for exchanged
/// indices.
class RecordedAnswer {
 public:
  RecordedAnswer(const Stream& stream, const Problem& p)
      : memory_(p, (p.in() + p.tokens()) * (p.in() + p.out())),
        dy_{"dY", memory_.dy.data(), p.tokens(), p.out()},
        a_{"A", memory_.a.data(), p.in(), p.out()},
        dx_{"dX", memory_.dx.data(), p.tokens(), p.in()},
        result_(answer(stream, p, memory_)) {}

  const Matrix& dx() const { return result_; }
  std::string race() const { return race_in_shared_memory(record_.accesses); }
  std::string not_tiled() const {
    std::string found = read_too_often(dy_, a_.rows);
    return found.empty() ? read_too_often(a_, dy_.rows) : found;
  }
  std::string not_coalesced() const {
    for (const GlobalMatrix* matrix : {&dy_, &a_, &dx_}) {
      if (std::string found = shard::not_coalesced(*matrix, record_.accesses); !found.empty())
        return found;
    }
    return "";
  }

 private:
  /// Each block along `other_rows` needs the matrix.
  std::string read_too_often(const GlobalMatrix& matrix, int64_t other_rows) const {
    const double reads =
        reads_of(matrix, record_.accesses) / static_cast<double>(other_rows / tile);
    if (reads < 2) return "";
    return text("not tiled: each block reads each element of its rows of ", matrix.name,
                " from global memory ", std::lround(reads),
                " times. Copy a tile to shared memory once, and take the factors of the products "
                "from there");
  }

  InMemory memory_;
  GlobalMatrix dy_, a_, dx_;
  emulated_gpu::AccessRecord record_;
  Matrix result_;
};

Problem problem(const Examiner& examiner, int64_t tokens, int64_t in, int64_t out) {
  return {examiner.random(tokens, out, text("dy of ", tokens)),
          examiner.random(in, out, text("a of ", in))};
}

/// A race is the mistake only where the result fits no other.
template <class Race>
bool expect_result(Examiner& examiner, const std::string& name, const Problem& p, const Matrix& got,
                   Race race) {
  const Tensor dx = reference::to_tensor(examiner.backend(), got);
  const Matrix expected = p.right_answer();
  std::vector<Suspect> all;
  if (!(reference::relative_error(dx, expected) <= tolerance)) {  // also for NaN
    all = suspects(p);
    if (const std::string found = race(); !found.empty())
      all.push_back(Suspect::result("wrong: " + found, got));
  }
  examiner.expect(text("dX (", name, ")"), dx, expected, all, tolerance);
  return examiner.verdict();
}

bool examine_sizes(Examiner& examiner, const Stream& stream, const std::string& name,
                   int64_t tokens, int64_t in, int64_t out) {
  const Problem p = problem(examiner, tokens, in, out);
  InMemory memory(p);
  return expect_result(examiner, name, p, answer(stream, p, memory), [] { return ""; });
}

}  // namespace

void examine(Examiner& examiner) {
  const Stream stream(Stream::Priority::normal);
  const Problem whole = problem(examiner, 2 * tile, 3 * tile, 4 * tile);
  const RecordedAnswer recorded(stream, whole);
  if (!expect_result(examiner, "whole tiles", whole, recorded.dx(),
                     [&] { return recorded.race(); }))
    return;
  if (!examine_sizes(examiner, stream, "one tile", tile, tile, tile)) return;
  if (!examine_sizes(examiner, stream, "tiles at the edges", 53, 41, 75)) return;
  if (!examine_sizes(examiner, stream, "smaller than a tile", 3, 5, 7)) return;
  if (!examine_sizes(examiner, stream, "many tokens", 231, 2, 9)) return;
  if (!examine_sizes(examiner, stream, "in is large", 2, 231, 9)) return;
  if (!examine_sizes(examiner, stream, "out is large", 3, 2, 517)) return;
  if (!examine_sizes(examiner, stream, "out is 1", 35, 67, 1)) return;
  std::string accesses = recorded.not_tiled();
  if (accesses.empty()) accesses = recorded.not_coalesced();
  examiner.expect("accesses to global memory", accesses.empty(),
                  "your kernel's result is right, but it is " + accesses);
  examiner.verdict();
}

}  // namespace shard
