#include "exercises/04_column_parallel_gemm/2_uneven_columns.h"

#include "tests/exercises/terms.h"

namespace shard {
namespace {

constexpr int64_t tokens = 5, in = 6;

struct Cut {
  int64_t out, block;
  std::string text() const { return shard::text(out, " columns in blocks of ", block); }
};

using Ranges = std::vector<Range>;

/// All ranks' ranges, if rank r holds the blocks from first(r) up to first(r + 1).
template <class First>
Ranges dealt(const Cut& cut, int ranks, First first) {
  const int64_t blocks = cut.out / cut.block;
  Ranges all;
  for (int rank = 0; rank < ranks; ++rank) {
    const int64_t begin = std::min<int64_t>(first(rank), blocks),
                  end = std::min<int64_t>(first(rank + 1), blocks);
    all.push_back({begin * cut.block, end * cut.block});
  }
  return all;
}

Ranges right_ranges(const Cut& cut, int ranks) {
  const int64_t blocks = cut.out / cut.block;
  return dealt(cut, ranks, [=](int rank) {
    return rank * (blocks / ranks) + std::min<int64_t>(rank, blocks % ranks);
  });
}

/// Equal, except for the positions of empty ranges.
bool same(const Ranges& a, const Ranges& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i].size() != b[i].size() || (a[i].size() > 0 && a[i].begin != b[i].begin)) return false;
  }
  return true;
}

std::string drawn(const Ranges& ranges) {
  std::string all;
  for (const Range& range : ranges) {
    all += (all.empty() ? "" : ", ") +
           (range.size() == 0 ? "none" : text("[", range.begin, ", ", range.end, ")"));
  }
  return all;
}

/// The mistake in the ranges that the learner's function gives to all ranks; empty if none.
std::string ranges_diagnosis(const Cut& cut, int ranks) {
  const int64_t blocks = cut.out / cut.block, per_rank = blocks / ranks, more = blocks % ranks;
  Ranges got, inclusive;
  for (int rank = 0; rank < ranks; ++rank)
    got.push_back(columns_of_rank(cut.out, cut.block, ranks, rank));
  const Ranges right = right_ranges(cut, ranks);
  if (same(got, right)) return "";
  for (const Range& range : right) inclusive.push_back({range.begin, range.end - 1});
  const auto rest_to_last = [=](int rank) { return rank == ranks ? blocks : rank * per_rank; };
  const auto rounded_up = [=](int rank) { return rank * (per_rank + (more > 0)); };
  const auto more_at_the_end = [=](int rank) {
    return rank * per_rank + std::max<int64_t>(0, rank - (ranks - more));
  };
  Ranges in_blocks = right;
  for (Range& range : in_blocks) range = {range.begin / cut.block, range.end / cut.block};

  const std::string start =
      text("you divide ", cut.text(), " among ", ranks, " ranks as ", drawn(got), ": ");
  for (const Range& range : got) {
    if (range.begin < 0 || range.end < range.begin || range.end > cut.out) {
      return text(start, "[", range.begin, ", ", range.end, ") is not a part of the columns");
    }
  }
  if (same(got, in_blocks)) return start + "these are blocks, not columns";
  if (same(got, inclusive))
    return start + "end is the column after the last one, so every rank's last column is lost";
  for (const Range& range : got) {
    if (range.size() > 0 && (range.begin % cut.block != 0 || range.end % cut.block != 0)) {
      return text(start, "[", range.begin, ", ", range.end, ") cuts a block in two");
    }
  }
  if (same(got, dealt(cut, ranks, rest_to_last))) {
    return start + "the whole remainder goes to the last rank, and the others wait for it";
  }
  if (same(got, dealt(cut, ranks, rounded_up))) {
    return start + "rounded up for every rank, so the last ranks get less than they could";
  }
  if (same(got, dealt(cut, ranks, more_at_the_end)))
    return start + "the extra blocks go to the first ranks, not to the last ones";
  return text(start, "expected ", drawn(right));
}

void examine_product(Examiner& examiner, const Cut& cut) {
  Communicator& world = examiner.world();
  const Matrix x = examiner.random(tokens, in, "x"), a = examiner.random(in, cut.out, "a");
  const Matrix bias = examiner.random(1, cut.out, "bias"), expected = add_bias(matmul(x, a), bias);
  Matrix one_behind_another(tokens, cut.out), first_bias = matmul(x, a), own(tokens, cut.out);
  int64_t rank = 0, next = 0;
  for (const Range& range : right_ranges(cut, world.size())) {
    for (int64_t row = 0; row < tokens; ++row) {
      for (int64_t column = range.begin; column < range.end; ++column) {
        one_behind_another.values[static_cast<size_t>(next++)] = expected(row, column);
        first_bias(row, column) += bias(0, column - range.begin);
        if (rank == world.rank()) own(row, column) = expected(row, column);
      }
    }
    ++rank;
  }

  Matrix at_equal_places(tokens, cut.out);  // as if all pieces before it were as large as a piece
  rank = 0;
  for (const Range& range : right_ranges(cut, world.size())) {
    next = rank++ * tokens * range.size();
    for (int64_t row = 0; row < tokens; ++row) {
      for (int64_t column = range.begin; column < range.end; ++column)
        at_equal_places(row, column) = one_behind_another.values[static_cast<size_t>(next++)];
    }
  }

  const Ledger before = examiner.ledger();
  const Tensor y = column_parallel_gathered(world, examiner.tensor(x, "x"), examiner.tensor(a, "a"),
                                            examiner.vector(bias, "bias"), cut.block);
  const std::string name = text("Y of ", cut.text());
  examiner.expect(
      name, y, expected,
      std::vector{
          Suspect::result(
              "the ranks' pieces one after the other, as all_gather delivers them: each "
              "piece must go to its columns",
              one_behind_another),
          Suspect::result("made of pieces that begin at rank × their own size in what all_gather "
                          "delivers: a piece begins behind those of all ranks before it",
                          at_equal_places),
          Suspect::result("computed with the wrong bias: every rank added the first entries, not "
                          "those of its columns",
                          first_bias),
          Suspect::result("this rank's columns, and zero in those of the other ranks", own)} +
          bias_not_once("bias", bias, tokens, world.size()));
  const int64_t mine = right_ranges(cut, world.size())[static_cast<size_t>(world.rank())].size();
  examiner.expect_products(text("only own columns, ", cut.text()), tokens * in * mine,
                           text("each rank computes only its ", mine, " columns of Y"));
  examiner.expect_ledger(text("one all_gather of own columns, ", cut.text()), before,
                         {{Collective::all_gather, 1, tokens * mine * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const std::vector<Cut> cuts{
      {20, 4}, {7, 1}, {6, 3}, {8, 8}};  // the last two: fewer blocks than 3 or 2 ranks
  examiner.attempt("columns_of_rank", [&] {
    std::string wrong;
    for (const Cut& cut : cuts) {
      for (int ranks : {3, 4, 5, 2, 1}) {  // with 3 and more, no two mistakes look alike
        if (wrong.empty()) wrong = ranges_diagnosis(cut, ranks);
      }
    }
    examiner.expect("columns_of_rank for 1 to 5 ranks", wrong.empty(), wrong);
  });
  if (!examiner.verdict()) return;  // what follows could not be right
  for (const Cut& cut : cuts) examiner.attempt(cut.text(), [&] { examine_product(examiner, cut); });
}

}  // namespace shard
