#include "exercises/01_gemm/1_blocked_gemm.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

/// A row-major matrix inside a larger one: with `stride` floats from row to row, and more memory
/// after it than the tiles of a wrong answer reach.
struct Part {
  int64_t rows, columns, stride;
  std::vector<float> memory;

  Part(const Examiner& examiner, int64_t row_count, int64_t column_count, int64_t padding,
       const std::string& name)
      : rows(row_count), columns(column_count), stride(column_count + padding) {
    memory = examiner.random(rows + 64, stride + 64, text(name, " of ", row_count)).floats();
  }
  double operator()(int64_t i, int64_t j) const {
    return memory[static_cast<size_t>(i * stride + j)];
  }
  double dense(int64_t i, int64_t j) const { return memory[static_cast<size_t>(i * columns + j)]; }
};

struct Problem {
  Part x, a, y;  // y as it is before
};

int64_t down_to(int64_t size, int64_t step) { return size / step * step; }
int64_t up_to(int64_t size, int64_t step) { return (size + step - 1) / step * step; }

/// Y with element (i, j) = Σ over k < depth of term(i, j, k).
template <class Term>
Matrix summed(const Problem& p, int64_t depth, Term term) {
  Matrix y(p.y.rows, p.y.columns);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t j = 0; j < y.columns; ++j) {
      for (int64_t k = 0; k < depth; ++k) y(i, j) += term(i, j, k);
    }
  }
  return y;
}

Matrix right_answer(const Problem& p) {
  return summed(p, p.a.rows,
                [&](int64_t i, int64_t j, int64_t k) { return p.x(i, k) * p.a(k, j); });
}

/// The right answer where `written` holds; elsewhere what was there before.
template <class Where>
Matrix written_where(const Problem& p, Where written) {
  Matrix y = right_answer(p);
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t j = 0; j < y.columns; ++j) y(i, j) = written(i, j) ? y(i, j) : p.y(i, j);
  }
  return y;
}

/// Y as it is found in its memory when the right elements were put there with another stride.
Matrix misplaced(const Problem& p, int64_t stride) {
  const Matrix y = right_answer(p);
  Part after = p.y;
  for (int64_t i = 0; i < y.rows; ++i) {
    for (int64_t j = 0; j < y.columns; ++j)
      after.memory[static_cast<size_t>(i * stride + j)] = static_cast<float>(y(i, j));
  }
  return summed(p, 1, [&](int64_t i, int64_t j, int64_t) { return after(i, j); });
}

/// Mistakes in the loops over tiles.
void add_tile_suspects(const Problem& p, std::vector<Suspect>& all) {
  const int64_t in = p.a.rows, rows = down_to(p.y.rows, tile_rows),
                columns = down_to(p.y.columns, tile_columns);
  const auto product = [&](int64_t i, int64_t j, int64_t k) { return p.x(i, k) * p.a(k, j); };
  const auto add = [&](const std::string& diagnosis, const Matrix& wrong) {
    all.push_back(Suspect::result(diagnosis, wrong));
  };
  const std::string rest = " is not a multiple of the tile's, and the remainder was left out";
  add("not written in the last rows: their number" + rest,
      written_where(p, [&](int64_t i, int64_t) { return i < rows; }));
  add("not written in the last columns: their number" + rest,
      written_where(p, [&](int64_t, int64_t j) { return j < columns; }));
  add("not written in the last rows and columns: their numbers are not multiples of the tile's, "
      "and the remainder was left out",
      written_where(p, [&](int64_t i, int64_t j) { return i < rows && j < columns; }));
  add("the sum without its last terms: in" + rest, summed(p, down_to(in, tile_depth), product));
  add("the sum of too many terms: the last block runs past in, into memory that is not the "
      "matrices'",
      summed(p, up_to(in, tile_depth), product));
  add("written only in every second tile of rows: the loop over rows advances by tile_columns",
      written_where(p, [&](int64_t i, int64_t) { return i % tile_columns < tile_rows; }));
}

/// Mistakes with the blocks of the sum.
void add_block_suspects(const Problem& p, std::vector<Suspect>& all) {
  const int64_t in = p.a.rows, blocks = up_to(in, tile_depth) / tile_depth,
                last = (blocks - 1) * tile_depth;
  const auto add = [&](const std::string& diagnosis, const auto& term) {
    all.push_back(Suspect::result(diagnosis, summed(p, in, term)));
  };
  add("the sum over the last block only: each block overwrote the previous one instead of being "
      "added to it",
      [&](int64_t i, int64_t j, int64_t k) { return k < last ? 0 : p.x(i, k) * p.a(k, j); });
  add("the sum over the first block only",
      [&](int64_t i, int64_t j, int64_t k) { return k < tile_depth ? p.x(i, k) * p.a(k, j) : 0; });
  add("a sum in which earlier blocks count more than once: the tile of sums was not set to 0 for "
      "each block, and added to Y after each",
      [&](int64_t i, int64_t j, int64_t k) {
        return static_cast<double>(blocks - k / tile_depth) * p.x(i, k) * p.a(k, j);
      });
  add("computed with the first block of X every time: the block's start is missing from k there",
      [&](int64_t i, int64_t j, int64_t k) { return p.x(i, k % tile_depth) * p.a(k, j); });
  add("computed with the first block of A every time: the block's start is missing from k there",
      [&](int64_t i, int64_t j, int64_t k) { return p.x(i, k) * p.a(k % tile_depth, j); });
  add("computed as if X's rows were contiguous: x_stride was left out",
      [&](int64_t i, int64_t j, int64_t k) { return p.x.dense(i, k) * p.a(k, j); });
  add("computed as if A's rows were contiguous: a_stride was left out",
      [&](int64_t i, int64_t j, int64_t k) { return p.x(i, k) * p.a.dense(k, j); });
}

std::vector<Suspect> suspects(const Problem& p) {
  Matrix before(p.y.rows, p.y.columns);
  for (int64_t i = 0; i < before.rows; ++i) {
    for (int64_t j = 0; j < before.columns; ++j) before(i, j) = p.y(i, j);
  }
  std::vector<Suspect> all{
      Suspect::extra("what it held before", before, "Y must start from 0",
                     [](double c) { return c > 0; }),
      Suspect::result("written as if its rows were contiguous: y_stride was left out",
                      misplaced(p, p.y.columns))};
  add_tile_suspects(p, all);
  add_block_suspects(p, all);
  return all;
}

/// What was changed that is not Y, if anything was.
std::string change_around(const Problem& p, const std::vector<float>& after) {
  for (size_t place = 0; place < after.size(); ++place) {
    const int64_t row = static_cast<int64_t>(place) / p.y.stride,
                  column = static_cast<int64_t>(place) % p.y.stride;
    if ((row < p.y.rows && column < p.y.columns) || after[place] == p.y.memory[place]) continue;
    if (row >= p.y.rows)
      return "you wrote past the last row of Y: a tile there may have fewer rows than tile_rows";
    return text("you wrote between the rows of Y, at row ", row, ", column ", column,
                ", but Y has ", p.y.columns,
                " columns: a tile at the edge may have fewer columns than tile_columns");
  }
  return "";
}

void examine_sizes(Examiner& examiner, const std::string& name, int64_t tokens, int64_t in,
                   int64_t out, int64_t padding) {
  const Problem p{Part(examiner, tokens, in, padding, "x"),
                  Part(examiner, in, out, 2 * padding, "a"),
                  Part(examiner, tokens, out, 3 * padding, "y")};
  std::vector<float> after = p.y.memory;
  tiled_gemm(tokens, in, out, p.x.memory.data(), p.x.stride, p.a.memory.data(), p.a.stride,
             after.data(), p.y.stride);
  std::vector<float> y;
  for (int64_t i = 0; i < tokens; ++i) {
    y.insert(y.end(), after.begin() + i * p.y.stride, after.begin() + i * p.y.stride + out);
  }
  const Tensor got = Tensor::from(examiner.backend(), {tokens, out}, std::span<const float>(y));
  examiner.expect(text("Y (", name, ")"), got, right_answer(p), suspects(p), 1e-5);
  if (!examiner.verdict()) return;
  const std::string change = change_around(p, after);
  examiner.expect(text("the memory around Y (", name, ")"), change.empty(), change);
}

/// Products whose terms are ±large, then ±1, ±2 or ±3, then ∓large: the large ones and the small
/// ones are in blocks of their own.
struct LargeAndSmall {
  static constexpr int64_t tokens = 11, out = 21, small = 2 * tile_depth,
                           in = tile_depth + small + 1;

  static float sign(int64_t i) { return i % 3 == 0 ? -1.0f : 1.0f; }
  static float factor(int64_t j) { return 1.0f + static_cast<float>(j % 3); }
  static Matrix sums() {
    Matrix y(tokens, out);
    for (int64_t i = 0; i < tokens; ++i) {
      for (int64_t j = 0; j < out; ++j) y(i, j) = sign(i) * factor(j) * static_cast<float>(small);
    }
    return y;
  }

  static std::vector<float> answer(float large) {
    std::vector<float> x(tokens * in), a(in * out), y(tokens * out);
    for (int64_t i = 0; i < tokens; ++i) {
      for (int64_t k = tile_depth; k < in - 1; ++k) x[static_cast<size_t>(i * in + k)] = sign(i);
      x[static_cast<size_t>(i * in)] = sign(i) * large;
      x[static_cast<size_t>(i * in + in - 1)] = -sign(i) * large;
    }
    for (int64_t k = 0; k < in; ++k) {
      for (int64_t j = 0; j < out; ++j)
        a[static_cast<size_t>(k * out + j)] = k == 0 || k == in - 1 ? 1.0f : factor(j);
    }
    tiled_gemm(tokens, in, out, x.data(), in, a.data(), out, y.data(), out);
    return y;
  }
  /// Whether the small terms are not lost in a sum with ±large.
  static bool keeps(float large) {
    const std::vector<float> y = answer(large);
    const Matrix expected = sums();
    for (size_t i = 0; i < y.size(); ++i) {
      const double gap = std::abs(y[i] - expected.values[i]);
      if (!(gap < std::abs(expected.values[i]) / 2)) return false;  // nor for NaN
    }
    return true;
  }
};

/// One large term in the first block, and terms of 1 in a last block that is not full: together
/// they count in a float beside the large one, and one by one they do not.
void examine_last_block(Examiner& examiner) {
  constexpr int64_t small = tile_depth - 1, in = tile_depth + small;
  constexpr float large = 0x1p26f;
  std::vector<float> x(in, 1.0f), a(in, 1.0f), y(1);
  std::fill(x.begin(), x.begin() + tile_depth, 0.0f);
  x[0] = large;
  tiled_gemm(1, in, 1, x.data(), in, a.data(), 1, y.data(), 1);
  examiner.expect("Y (small terms in the last block)", y[0] != large,
                  text("your Y lacks the ", small,
                       " terms of 1 in the last block, which is not "
                       "full: they were added to Y one by one, beside 2²⁶, where each is lost. The "
                       "last block's sum starts from 0 as well, and is added to Y at its end"));
}

/// In a number of p bits, terms below 4 are lost on one of 2^(p + 2), one by one. Added to each
/// other first, in blocks, they are not. So a sum of more bits than float's, which keeps terms that
/// are lost in a float, is formed in blocks if it keeps those as well.
void examine_rounding(Examiner& examiner) {
  const Tensor got = Tensor::from(examiner.backend(), {LargeAndSmall::tokens, LargeAndSmall::out},
                                  std::span<const float>(LargeAndSmall::answer(0x1p26f)));
  const std::string advice =
      "Start each block's sum from 0, and add it to Y at the end of the block";
  examiner.expect(
      "Y (large and small terms)", got, LargeAndSmall::sums(),
      {Suspect::result("0 where the sum in blocks is ±64, ±128 or ±192: all terms were added to "
                       "one running sum, and the small terms were lost in the large one. " +
                           advice,
                       Matrix(LargeAndSmall::tokens, LargeAndSmall::out))},
      0);
  if (!examiner.verdict()) return;
  const auto expect_blocks = [&](const std::string& type, float kept, const std::string& kept_power,
                                 float lost, const std::string& lost_power) {
    examiner.expect("blocks, if sums are " + type,
                    !LargeAndSmall::keeps(kept) || LargeAndSmall::keeps(lost),
                    text("your Y is right where terms of 1 to 3 are between ±", kept_power,
                         ", which is more than a float can, but not between ±", lost_power,
                         ": all terms were added to one running sum, in ", type,
                         ", which loses small terms as well, only later. ", advice));
  };
  expect_blocks("double", 0x1p40f, "2⁴⁰", 0x1p55f, "2⁵⁵");
  expect_blocks("long double", 0x1p60f, "2⁶⁰", 0x1p66f, "2⁶⁶");
}

}  // namespace

void examine(Examiner& examiner) {
  struct Case {
    const char* name;
    int64_t tokens, in, out, padding;
  };
  for (const Case& c : {Case{"whole tiles", 2 * tile_rows, 2 * tile_depth, 3 * tile_columns, 0},
                        {"inside a larger matrix", 3 * tile_rows, tile_depth, 2 * tile_columns, 2},
                        {"tiles at the edges", 37, 75, 53, 4},
                        {"smaller than a tile", 3, 5, 7, 3},
                        {"many tokens", 231, 2, 3, 3},
                        {"in is large", 2, 517, 3, 3},
                        {"out is large", 3, 1, 231, 3}}) {
    examiner.attempt(c.name,
                     [&] { examine_sizes(examiner, c.name, c.tokens, c.in, c.out, c.padding); });
    if (!examiner.verdict()) return;
  }
  examiner.attempt("large and small terms", [&] { examine_rounding(examiner); });
  if (!examiner.verdict()) return;
  examiner.attempt("a last block that is not full", [&] { examine_last_block(examiner); });
}

}  // namespace shard
