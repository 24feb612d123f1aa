#include "exercises/09_data_parallel/2_accumulate.h"

#include <cmath>

#include "tests/exercises/examiner.h"

namespace shard {

static constexpr int64_t in = 7, out = 5;
static constexpr size_t passes = 5;  // more than there are ranks
static constexpr int64_t samples_of[4][passes] = {
    {3, 1, 4, 2, 7}, {2, 6, 5, 8, 4}, {7, 2, 3, 1, 6}, {1, 4, 9, 5, 2}};  // of each rank

/// One micro-batch of one rank, and what its pass should add to gradients and loss.
struct Pass {
  Matrix x, wanted;
  Matrix a, bias, loss;
};

static Pass make_pass(const Examiner& examiner, const Matrix& a, const Matrix& bias, size_t rank,
                      size_t micro) {
  const int64_t samples = samples_of[rank][micro];
  Pass pass{examiner.random(samples, in, text("x ", rank, " ", micro)),
            examiner.random(samples, out, text("wanted ", rank, " ", micro)),
            {},
            Matrix(1, out),
            Matrix(1, 1)};
  Matrix dy = reference::add_bias(reference::matmul(pass.x, a), bias);
  for (int64_t row = 0; row < samples; ++row) {
    for (int64_t column = 0; column < out; ++column) {
      dy(row, column) -= pass.wanted(row, column);
      pass.bias(0, column) += dy(row, column);
    }
  }
  pass.a = reference::matmul(reference::transpose(pass.x), dy);
  pass.loss(0, 0) = 0.5 * reference::dot(dy, dy);
  return pass;
}

using Passes = std::vector<std::vector<Pass>>;  // [rank][micro-batch]
// what a pass's sums are multiplied by
using Factor = std::function<double(size_t rank, size_t micro)>;

static Matrix combined(const Passes& all, Matrix Pass::*part, const Factor& factor) {
  Matrix sum(all[0][0].*part);
  std::fill(sum.values.begin(), sum.values.end(), 0.0);
  for (size_t rank = 0; rank < all.size(); ++rank) {
    for (size_t micro = 0; micro < passes; ++micro) {
      const std::vector<double>& values = (all[rank][micro].*part).values;
      for (size_t i = 0; i < values.size(); ++i) sum.values[i] += factor(rank, micro) * values[i];
    }
  }
  return sum;
}

/// The numbers of samples that right and wrong answers divide by.
struct Counts {
  double all = 0, own = 0;     // of all, of this rank
  double first = 0, last = 0;  // of all first, of all last micro-batches
  double squares = 0;          // Σ over all micro-batches of samples²
  double each_time = 0;        // of all, with the count summed over the ranks after every pass
};

static Counts count(size_t ranks, size_t me) {
  Counts counts;
  for (size_t rank = 0; rank < ranks; ++rank) {
    for (size_t micro = 0; micro < passes; ++micro) {
      const auto samples = static_cast<double>(samples_of[rank][micro]);
      counts.all += samples;
      counts.own += rank == me ? samples : 0;
      counts.first += micro == 0 ? samples : 0;
      counts.last += micro + 1 == passes ? samples : 0;
      counts.squares += samples * samples;
      counts.each_time += samples * std::pow(ranks, passes - 1 - micro);
    }
  }
  return counts;
}

static std::vector<std::pair<std::string, Factor>> mistakes(const std::string& name, size_t ranks,
                                                            size_t me) {
  const auto n = [](size_t rank, size_t micro) {
    return static_cast<double>(samples_of[rank][micro]);
  };
  const auto t = static_cast<double>(ranks), m = static_cast<double>(passes);
  const Counts c = count(ranks, me);
  const std::string first_only = "that of the first micro-batches only: the others were left out";
  return {
      {"the plain mean of the micro-batches' means: a small micro-batch counted as much as a "
       "large one. Add up sums, and divide once by the number of all samples",
       [=](size_t rank, size_t micro) { return 1 / n(rank, micro) / m / t; }},
      {"the sum of the micro-batches' means, each divided by its own number of samples: add up "
       "sums over samples instead, and divide once by the number of all samples",
       [=](size_t rank, size_t micro) { return 1 / n(rank, micro); }},
      {"the sum of the micro-batches' means, divided by the number of ranks only: add up sums "
       "over samples instead, and divide once by the number of all samples",
       [=](size_t rank, size_t micro) { return 1 / n(rank, micro) / t; }},
      {"the sum of the micro-batches' means, divided by the number of micro-batches of one rank "
       "only: add up sums over samples instead, and divide once by the number of all samples",
       [=](size_t rank, size_t micro) { return 1 / n(rank, micro) / m; }},
      {"the sum of the micro-batches' means, divided by the number of all samples: add up sums "
       "over samples instead, and divide once",
       [=](size_t rank, size_t micro) { return 1 / n(rank, micro) / c.all; }},
      {"made of the micro-batches' sums, each multiplied by its number of samples, and divided "
       "by the number of all samples: a pass adds sums over samples, not means",
       [=](size_t rank, size_t micro) { return n(rank, micro) / c.all; }},
      {"that of the last micro-batches only: every pass overwrote the sums of the previous one",
       [=](size_t, size_t micro) { return micro + 1 == passes ? 1 / c.all : 0; }},
      {first_only, [=](size_t, size_t micro) { return micro == 0 ? 1 / c.first : 0; }},
      {first_only, [=](size_t, size_t micro) { return micro == 0 ? 1 / c.all : 0; }},
      {"too much of the first micro-batches: the sums were reduced after every pass, so what "
       "had already been summed over the ranks was summed again",
       [=](size_t, size_t micro) {
         return std::pow(t, m - 1 - static_cast<double>(micro)) / c.each_time;
       }},
      {"too much of the first micro-batches: the sums were reduced after every pass, so what "
       "had already been summed over the ranks was summed again",
       [=](size_t, size_t micro) {
         return std::pow(t, m - 1 - static_cast<double>(micro)) / c.all;
       }},
      {"the mean over this rank's samples only: the ranks' sums were never added",
       [=](size_t rank, size_t) { return rank == me ? 1 / c.own : 0; }},
      {"the sum over this rank's samples divided by the number of all samples: the ranks' sums "
       "were never added",
       [=](size_t rank, size_t) { return rank == me ? 1 / c.all : 0; }},
      {"the mean of the ranks' means: a rank with few samples counted as much as one with many",
       [=](size_t rank, size_t) { return 1 / count(ranks, rank).own / t; }},
      {"the sum over all samples divided by this rank's own number of samples instead of that "
       "of all ranks",
       [=](size_t, size_t) { return 1 / c.own; }},
      {"the sum over all samples divided by the number of ranks times this rank's own samples: "
       "the other ranks have more, or fewer",
       [=](size_t, size_t) { return 1 / c.own / t; }},
      {text("the sum over all samples, ", c.all, " times the right ", name,
            ": it was not divided by their number"),
       [](size_t, size_t) { return 1.0; }},
      {"the sum over all samples divided by the number of those in the last micro-batches: every "
       "pass overwrote the number of the previous one",
       [=](size_t, size_t) { return 1 / c.last; }},
      {"the sum over all samples divided by the number of all ranks' micro-batches: divide by "
       "the number of all samples",
       [=](size_t, size_t) { return 1 / m / t; }},
      {"the sum over all samples divided by the number of this rank's micro-batches: divide by "
       "the number of all samples",
       [=](size_t, size_t) { return 1 / m; }},
      {"the sum over all samples divided by the number of ranks: divide by the number of all "
       "samples",
       [=](size_t, size_t) { return 1 / t; }},
      {"the sum over all samples divided by Σ samples² of the micro-batches: divide by their "
       "number, Σ samples",
       [=](size_t, size_t) { return 1 / c.squares; }},
      {text("the right ", name,
            " divided by the number of ranks: dividing by the number of all samples is enough"),
       [=](size_t, size_t) { return 1 / c.all / t; }},
      {text("the right ", name,
            " divided by the number of micro-batches: dividing by the number of all samples is "
            "enough"),
       [=](size_t, size_t) { return 1 / c.all / m; }}};
}

static void expect_mean(Examiner& examiner, const std::string& name, const Tensor& got,
                        const Passes& all, Matrix Pass::*part) {
  const auto me = static_cast<size_t>(examiner.world().rank());
  std::vector<Suspect> suspects;
  for (const auto& [diagnosis, factor] : mistakes(name, all.size(), me)) {
    suspects.push_back(Suspect::result(diagnosis, combined(all, part, factor)));
  }
  const double samples = count(all.size(), me).all;
  examiner.expect(name, got, combined(all, part, [=](size_t, size_t) { return 1 / samples; }),
                  suspects);
}

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const Matrix a = examiner.random(in, out, "a"), bias = examiner.random(1, out, "bias");
  Passes all(static_cast<size_t>(world.size()));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    for (size_t micro = 0; micro < passes; ++micro)
      all[rank].push_back(make_pass(examiner, a, bias, rank, micro));
  }
  std::vector<MicroBatch> mine;
  for (const Pass& pass : all[static_cast<size_t>(world.rank())]) {
    mine.push_back({examiner.tensor(pass.x, "x"), examiner.tensor(pass.wanted, "wanted")});
  }

  const Ledger before = examiner.ledger();
  const Gradients mean =
      accumulated_gradients(world, examiner.tensor(a, "a"), examiner.vector(bias, "bias"), mine);
  expect_mean(examiner, "dA", mean.a, all, &Pass::a);
  expect_mean(examiner, "db", mean.bias, all, &Pass::bias);
  expect_mean(examiner, "loss", mean.loss, all, &Pass::loss);
  examiner.expect_ledger("one all_reduce of gradients, loss and number of samples together", before,
                         {{Collective::all_reduce, 1, (in * out + out + 2) * 4}});
}

}  // namespace shard
