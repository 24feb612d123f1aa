#include "exercises/13_sequence_parallel/1_which_sums.h"

#include "tests/exercises/terms.h"

namespace shard {
namespace {

/// What a rank's gradient is before the call.
enum class Kind { own_rows, own_heads, cut, whole };

struct Case {
  std::string name;
  Tensor BlockGradients::*member;
  int64_t rows, columns;  // on one rank; 1 row: a vector
  Kind kind;
};

constexpr int64_t context = 5, width = 24, heads = 12, head_width = 2, experts = 7;

std::vector<Case> cases(int ranks) {
  using B = BlockGradients;
  const int64_t part = heads / ranks * head_width;
  return {{"positions", &B::positions, context, width, Kind::own_rows},
          {"the norm's gain", &B::norm_gain, 1, width, Kind::own_rows},
          {"the norm's bias", &B::norm_bias, 1, width, Kind::own_rows},
          {"the projection's bias", &B::projection_bias, 1, width, Kind::own_rows},
          {"the gain of Q's norm", &B::query_norm_gain, 1, head_width, Kind::own_heads},
          {"the router", &B::router, width, experts, Kind::whole},
          {"the weight of Q, K and V", &B::qkv_weight, width, 3 * part, Kind::cut},
          {"the bias of Q, K and V", &B::qkv_bias, 1, 3 * part, Kind::cut},
          {"the projection's weight", &B::projection_weight, part, width, Kind::cut}};
}

bool is_partial(Kind kind) { return kind == Kind::own_rows || kind == Kind::own_heads; }

/// This rank's gradient before the call: the same on every rank where it is whole.
Matrix before(const Examiner& examiner, const Case& one, int rank) {
  return examiner.random(one.rows, one.columns,
                         one.kind == Kind::whole ? one.name : text(one.name, " on rank ", rank));
}

Matrix sum_over_ranks(const Examiner& examiner, const Case& one, int ranks) {
  Matrix sum = before(examiner, one, 0);
  for (int rank = 1; rank < ranks; ++rank) sum = add(sum, before(examiner, one, rank));
  return sum;
}

/// What may have become of one gradient. `others`: the sums of gradients of the same shape.
std::vector<Suspect> suspects_of(const Case& one, const Matrix& own, const Matrix& sum, int ranks,
                                 const std::vector<std::pair<std::string, Matrix>>& others) {
  const double t = ranks;
  if (one.kind == Kind::whole) {
    return {
        Suspect::result("t times what it was: it was complete on every rank, and was summed", sum)};
  }
  if (one.kind == Kind::cut) {
    return {Suspect::result("the sum of all ranks' parts: a part is the gradient of other columns "
                            "or rows than another rank's, and complete",
                            sum),
            Suspect::result("divided by the number of ranks: it was complete", scaled(own, 1 / t))};
  }
  const std::string missing = one.kind == Kind::own_rows
                                  ? "this rank's term only: it has seen this rank's rows only"
                                  : "this rank's term only: it has seen this rank's heads only";
  std::vector<Suspect> suspects{
      Suspect::result(missing, own),
      Suspect::result("the mean over the ranks: each has a term of the sum", scaled(sum, 1 / t)),
      Suspect::result("this rank's term divided by the number of ranks", scaled(own, 1 / t)),
      Suspect::result("t times the sum: it was summed twice", scaled(sum, t))};
  for (const auto& [name, matrix] : others)
    suspects.push_back(Suspect::result("that of " + name + ": places were exchanged", matrix));
  return suspects;
}

}  // namespace

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const int ranks = world.size();
  const std::vector<Case> all = cases(ranks);
  BlockGradients gradients;
  for (const Case& one : all) {
    const Matrix own = before(examiner, one, world.rank());
    gradients.*one.member = one.rows == 1 ? examiner.variable_vector(own) : examiner.variable(own);
  }
  const BlockGradients places = gradients;  // the same memory
  examiner.attempt("all gradients", [&] {
    const Ledger start = examiner.ledger();
    complete_gradients(world, gradients);
    int64_t elements = 0;
    std::string moved;
    for (const Case& one : all) {
      const Matrix own = before(examiner, one, world.rank()),
                   sum = sum_over_ranks(examiner, one, ranks);
      std::vector<std::pair<std::string, Matrix>> others;
      for (const Case& other : all) {
        if (is_partial(other.kind) && other.name != one.name && other.rows == one.rows &&
            other.columns == one.columns)
          others.emplace_back(other.name, sum_over_ranks(examiner, other, ranks));
      }
      if (is_partial(one.kind)) elements += one.rows * one.columns;
      const Tensor &place = places.*one.member, &now = gradients.*one.member;
      if (now.memory() != place.memory()) moved += (moved.empty() ? "" : ", ") + one.name;
      examiner.expect("gradient of " + one.name, place, is_partial(one.kind) ? sum : own,
                      suspects_of(one, own, sum, ranks, others));
    }
    examiner.expect("every gradient is where it was", moved.empty(),
                    "gradients are in other tensors now, those of " + moved +
                        ": the sum must be copied to where it was");
    examiner.expect_ledger("one all_reduce, of these five", start,
                           {{Collective::all_reduce, 1, elements * 4}});
  });
}

}  // namespace shard
