#include "exercises/15_sharded_optimizer/3_accumulate_into_shards.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t elements = 23, passes = 5;  // 23: padding on 2, 3 and 4 ranks

/// The gradients of each rank's micro-batches, [rank][pass]: whole numbers, whose sums are exact.
using Gradients = std::vector<std::vector<Matrix>>;

Gradients make_gradients(Examiner& examiner) {
  Gradients all(static_cast<size_t>(examiner.world().size()));
  for (size_t rank = 0; rank < all.size(); ++rank)
    for (int64_t pass = 0; pass < passes; ++pass)
      all[rank].push_back(
          examiner.random_integers(1, elements, text("rank ", rank, " pass ", pass)));
  return all;
}

/// How often a rank's pass is in a sum.
using Factor = std::function<double(size_t rank, int64_t pass)>;

Matrix sum(const Gradients& all, const Factor& factor) {
  Matrix total(1, elements);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    for (int64_t pass = 0; pass < passes; ++pass) {
      for (int64_t i = 0; i < elements; ++i)
        total(0, i) += factor(rank, pass) * all[rank][static_cast<size_t>(pass)](0, i);
    }
  }
  return total;
}

/// Range number `index` of the padded sum.
Matrix range_of(const Matrix& whole, int ranks, int index) {
  const int64_t size = (elements + ranks - 1) / ranks;
  Matrix range(1, size);
  for (int64_t i = 0; i < size && index * size + i < elements; ++i)
    range(0, i) = whole(0, index * size + i);
  return range;
}

/// This rank's range if it reduces in every pass into its own range of the whole gradient, which
/// nobody zeroes.
Matrix put_into_whole(const Gradients& all, int me) {
  const auto d = static_cast<int>(all.size());
  const int64_t size = (elements + d - 1) / d;
  std::vector<Matrix> whole(all.size(), Matrix(1, size * d));
  for (int64_t pass = 0; pass < passes; ++pass) {
    Matrix sum(1, size * d);
    for (size_t rank = 0; rank < all.size(); ++rank)
      for (int64_t i = 0; i < elements; ++i)
        whole[rank](0, i) += all[rank][static_cast<size_t>(pass)](0, i);
    for (const Matrix& one : whole)
      for (int64_t i = 0; i < size * d; ++i) sum(0, i) += one(0, i);
    for (int rank = 0; rank < d; ++rank)
      for (int64_t i = rank * size; i < (rank + 1) * size; ++i)
        whole[static_cast<size_t>(rank)](0, i) = sum(0, i);
  }
  return columns_of(whole[static_cast<size_t>(me)], Range{me * size, (me + 1) * size});
}

std::vector<Suspect> suspects_of(const Gradients& all, int me) {
  const auto d = static_cast<int>(all.size());
  const auto mine = [=, &all](const Factor& factor) { return range_of(sum(all, factor), d, me); };
  const auto last = [](size_t, int64_t pass) { return pass + 1 == passes ? 1.0 : 0.0; };
  const auto own = static_cast<size_t>(me);
  std::vector<Suspect> suspects{
      Suspect::result("that of the last micro-batch only: the passes before were overwritten, "
                      "and must be added to",
                      mine(last)),
      Suspect::result("that of the first micro-batch only",
                      mine([](size_t, int64_t pass) { return pass == 0 ? 1.0 : 0.0; })),
      Suspect::result(
          "a sum in which earlier micro-batches count several times: what has been "
          "reduced was still in the whole gradient, and was reduced again",
          mine([](size_t, int64_t pass) { return static_cast<double>(passes - pass); })),
      Suspect::result("a sum in which earlier micro-batches count several times, multiplied by "
                      "the number of ranks: sums over the ranks were put where this rank's terms "
                      "are, and summed over the ranks again",
                      mine([=](size_t, int64_t pass) {
                        return std::pow(d, static_cast<double>(passes - 1 - pass));
                      })),
      Suspect::result(
          "one in which sums over the ranks were put into the whole gradient, and reduced again: "
          "keep the shard in a tensor of its own",
          put_into_whole(all, me)),
      Suspect::result("this rank's own terms: they were not summed over the ranks",
                      mine([=](size_t rank, int64_t) { return rank == own ? 1.0 : 0.0; })),
      Suspect::result("the mean over the ranks: the sum is asked for",
                      mine([=](size_t, int64_t) { return 1.0 / d; })),
      Suspect::result("the mean over the micro-batches: the sum is asked for",
                      mine([](size_t, int64_t) { return 1.0 / passes; })),
      Suspect::result("that of all micro-batches but the last: it must be reduced, too",
                      mine([](size_t, int64_t pass) { return pass + 1 < passes ? 1.0 : 0.0; }))};
  const Matrix right = sum(all, [](size_t, int64_t) { return 1.0; });
  suspects.push_back(Suspect::result("the whole gradient, not this rank's range of it", right));
  for (int other = 0; other < d; ++other)
    if (other != me)
      suspects.push_back(Suspect::result("the range of another rank", range_of(right, d, other)));
  const Range part = part_of(elements, d, me);
  suspects.push_back(Suspect::result(
      "cut without padding, by part_of: the ranges must be equal, ⌈elements / ranks⌉",
      columns_of(right, part)));
  return suspects;
}

void expect_shard(Examiner& examiner, const Gradients& all, Reduced reduced,
                  const std::string& name) {
  const int me = examiner.world().rank();
  const auto d = static_cast<int64_t>(all.size());
  const Ledger before = examiner.ledger();
  int64_t calls = 0;
  bool in_order = true;
  const Tensor got = accumulated_shard(
      examiner.world(), elements, passes,
      [&](int64_t pass, Tensor& whole) {
        in_order = in_order && pass == calls++;
        require(whole.shape() == Shape{elements}, "add_pass takes a whole gradient of shape ",
                Shape{elements}, ", not of ", whole.shape());
        const Matrix& gradient = all[static_cast<size_t>(me)][static_cast<size_t>(pass)];
        accumulate(whole, examiner.vector(gradient, "gradient").reshape({elements}));
      },
      reduced);
  examiner.expect("passes, " + name, in_order && calls == passes,
                  text("add_pass was called ", calls, " times, or in another order than 0 … ",
                       passes - 1));
  examiner.expect("shard, " + name, got,
                  range_of(sum(all, [](size_t, int64_t) { return 1.0; }), static_cast<int>(d), me),
                  suspects_of(all, me), 1e-6);
  const int64_t times = reduced == Reduced::in_every_pass ? passes : 1,
                padded = (elements + d - 1) / d * d;
  examiner.expect_ledger(text(times, times == 1 ? " reduce_scatter, " : " reduce_scatters, ", name),
                         before, {{Collective::reduce_scatter, times, times * padded * 4}}, name);
}

}  // namespace

void examine(Examiner& examiner) {
  const Gradients all = make_gradients(examiner);
  examiner.attempt("reduced in every pass", [&] {
    expect_shard(examiner, all, Reduced::in_every_pass, "reduced in every pass");
  });
  examiner.attempt("reduced after the last pass", [&] {
    expect_shard(examiner, all, Reduced::after_last_pass, "reduced after the last pass");
  });
}

}  // namespace shard
