// Products of a few rows, as generation makes them: C = A·B with B from memory, which takes all the
// time. A thread reads rows of B that lie in one piece, and asks for those after them in the order
// of their addresses while it computes: the processor looks ahead by itself within a page only, and
// only in a few places at once. Two cores of an AMD EPYC (Zen 4) read B of GPT-2's layers at 74 %
// of the speed of a loop that only reads, for one row of A and for four, at 67 % for eight;
// oneDNN's sgemm at 42, 32 and 25 %.
#include <algorithm>
#include <vector>

#include "common/cpu/parallel.h"
#include "common/cpu/product.h"
#include "common/cpu/vector.h"

namespace shard {
namespace {

/// Asks for the line of memory at `address`, to be in the second-level cache later.
void expect(const float* address) { __builtin_prefetch(address, 0, 2); }

/// The numbers of C ← alpha · A·B + beta · C besides A, B and C.
struct Sizes {
  int64_t m, n, k;
  float beta, alpha;
};

/// c ← alpha · sum + beta · c, of some numbers in a row.
void write(float* c, const Vector& sum, const Sizes& sizes, int64_t count) {
  const Vector term = sizes.alpha * sum;
  store(c, sizes.beta == 0.0f ? term : load(c, count) + term, count);
}

// ---- B as it is stored: C += column of A · row of B, a block of rows at a time ------------------

constexpr int64_t block_rows = 8;

/// A thread's terms of C as vectors, so that they lie in one piece: [n/lanes × m × lanes].
struct alignas(vector_bytes) Sum {
  Vector vector;
};

/// Adds to `sums` the products of `rows` columns of A, from a.first on, and rows of B, from b.first
/// on. Expects the rows of B at `next`, as many.
template <int rows>
void add_block(Sum* sums, const Stored& a, const Stored& b, const float* next, int64_t m,
               int64_t n) {
  const auto add = [&](const Vector(&of_b)[rows]) {
    for (int64_t i = 0; i < m; ++i, ++sums) {
      Vector sum = sums->vector;
      for (int row = 0; row < rows; ++row)
        sum = multiply_add(Vector{} + a.first[i * a.row_length + row], of_b[row], sum);
      sums->vector = sum;
    }
  };
  Vector of_b[rows];
  int64_t j = 0;
  for (; j + lanes <= n; j += lanes) {
    for (int row = 0; row < rows; ++row, next += lanes) expect(next);
    for (int row = 0; row < rows; ++row) of_b[row] = load(b.first + row * b.row_length + j);
    add(of_b);
  }
  if (j == n) return;
  for (int row = 0; row < rows; ++row) of_b[row] = load(b.first + row * b.row_length + j, n - j);
  add(of_b);
}

/// sums ← A·B over the rows `inner` of B.
void sums_over(Range inner, Sum* sums, const Stored& a, const Stored& b, int64_t m, int64_t n) {
  std::fill_n(sums, (n + lanes - 1) / lanes * m, Sum{});
  const auto from = [&](int64_t row) { return b.first + row * b.row_length; };
  int64_t row = inner.begin;
  for (; row + block_rows <= inner.end; row += block_rows) {
    const int64_t next = row + 2 * block_rows <= inner.end ? row + block_rows : row;
    add_block<block_rows>(sums, {a.first + row, a.row_length}, {from(row), b.row_length},
                          from(next), m, n);
  }
  for (; row < inner.end; ++row)
    add_block<1>(sums, {a.first + row, a.row_length}, {from(row), b.row_length}, from(row), m, n);
}

/// Each thread takes some of B's rows; their terms are added at the end.
void product_of_rows(float* c, int64_t row_length, const Stored& a, const Stored& b,
                     const Sizes& sizes) {
  const auto& [m, n, k, beta, alpha] = sizes;
  const int64_t vectors = (n + lanes - 1) / lanes, blocks = (k + block_rows - 1) / block_rows;
  const int parts =
      omp_in_parallel() ? 1 : static_cast<int>(std::min<int64_t>(omp_get_max_threads(), blocks));
  static thread_local std::vector<Sum> memory;  // kept between calls: a token allocates nothing
  memory.resize(std::max(memory.size(), static_cast<size_t>(parts * vectors * m)));
  Sum* const sums = memory.data();
  parallel_for(parts, m * n * k / parts, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const Range mine = part_of(blocks, parts, static_cast<int>(part));
      sums_over({mine.begin * block_rows, std::min(k, mine.end * block_rows)},
                sums + part * vectors * m, a, b, m, n);
    }
  });
  parallel_for(vectors, parts * m * lanes, [&](int64_t begin, int64_t end) {
    for (int64_t place = begin * m; place < end * m; ++place) {
      Vector sum = sums[place].vector;
      for (int part = 1; part < parts; ++part) sum += sums[part * vectors * m + place].vector;
      const int64_t column = place / m * lanes;
      write(c + place % m * row_length + column, sum, sizes, std::min(lanes, n - column));
    }
  });
}

// ---- B transposed: C's elements are products of a row of A and a row of what is stored ----------

/// Columns `range` of `rows` rows of C, whose sums stay in registers.
template <int rows>
void multiply_columns(float* c, int64_t row_length, const Stored& a, const Stored& b, Range range,
                      const Sizes& sizes) {
  constexpr int64_t ahead = 2;
  const int64_t whole = sizes.k / lanes * lanes, rest = sizes.k - whole;
  for (int64_t column = range.begin; column < range.end; ++column) {
    const float* const stored = b.first + column * b.row_length;
    const float* const next = b.first + std::min(column + ahead, range.end - 1) * b.row_length;
    Vector sums[rows] = {};
    for (int64_t j = 0; j < whole; j += lanes) {
      expect(next + j);
      const Vector of_b = load(stored + j);
      for (int i = 0; i < rows; ++i)
        sums[i] = multiply_add(load(a.first + i * a.row_length + j), of_b, sums[i]);
    }
    for (int i = 0; i < rows; ++i) {
      if (rest > 0)
        sums[i] = multiply_add(load(a.first + i * a.row_length + whole, rest),
                               load(stored + whole, rest), sums[i]);
      write(c + i * row_length + column, Vector{} + sum_of(sums[i]), sizes, 1);
    }
  }
}

/// Each thread takes some of the rows that are stored, and up to 8 rows of A at a time.
void product_of_columns(float* c, int64_t row_length, const Stored& a, const Stored& b,
                        const Sizes& sizes) {
  constexpr decltype(&multiply_columns<1>) multiply_rows[] = {
      multiply_columns<1>, multiply_columns<2>, multiply_columns<3>, multiply_columns<4>,
      multiply_columns<5>, multiply_columns<6>, multiply_columns<7>, multiply_columns<8>};
  constexpr int64_t most = std::size(multiply_rows);
  parallel_for(sizes.n, sizes.m * sizes.k, [&](int64_t begin, int64_t end) {
    for (int64_t i = 0; i < sizes.m; i += most) {
      multiply_rows[std::min(most, sizes.m - i) - 1](c + i * row_length, row_length,
                                                     {a.first + i * a.row_length, a.row_length}, b,
                                                     {begin, end}, sizes);
    }
  });
}

}  // namespace

void product_of_few_rows(float* c, int64_t row_length, Stored a, Stored b, int64_t m, int64_t n,
                         int64_t k, float beta, float alpha) {
  (b.transposed ? product_of_columns : product_of_rows)(c, row_length, a, b,
                                                        {m, n, k, beta, alpha});
}

}  // namespace shard
