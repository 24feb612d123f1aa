#include "exercises/06_parallel_attention/1_cut_qkv.h"

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t heads = 12, head_width = 5, width = heads * head_width;

/// Column `element` of the q (matrix 0), k (1) or v (2) of `head`, in the checkpoint.
int64_t column_of(int64_t matrix, int64_t head, int64_t element) {
  return (3 * head + matrix) * head_width + element;
}

/// One number for each column of a part of `all_heads` heads, in the order of the loops.
using Place = std::function<int64_t(int64_t matrix, int64_t head, int64_t element)>;
std::vector<int64_t> by_matrix(const std::vector<int64_t>& all_heads, const Place& place) {
  std::vector<int64_t> columns;
  for (int64_t matrix = 0; matrix < 3; ++matrix) {
    for (int64_t head : all_heads) {
      for (int64_t element = 0; element < head_width; ++element)
        columns.push_back(place(matrix, head, element));
    }
  }
  return columns;
}

struct KnownCut {
  std::string diagnosis;
  std::vector<int64_t> columns;
};

std::vector<KnownCut> known_cuts(int ranks, int rank) {
  const std::vector<int64_t> mine = numbers_in({part_of(heads, ranks, rank)}),
                             of_rank_0 = numbers_in({part_of(heads, ranks, 0)});
  std::vector<int64_t> in_turn;
  for (int64_t head = rank; head < heads; head += ranks) in_turn.push_back(head);
  const auto exchanged = [](int64_t first, int64_t second) -> Place {
    return [=](int64_t matrix, int64_t head, int64_t element) {
      return column_of(matrix == first ? second : matrix == second ? first : matrix, head, element);
    };
  };
  return {
      {"in the checkpoint's order, q k v of each head: Q_i K_i V_i is required",
       numbers_in({part_of(3 * width, ranks, rank)})},
      {"what chapter 06 takes from [Q K V]; in this checkpoint those columns are q, k and v of "
       "other heads",
       by_matrix(mine, [](int64_t m, int64_t head,
                          int64_t e) { return m * width + head * head_width + e; })},
      {"that of heads assigned to the ranks in turn; a rank's heads are consecutive",
       by_matrix(in_turn, column_of)},
      {"that of rank 0's heads", by_matrix(of_rank_0, column_of)},
      {"with K_i and V_i exchanged", by_matrix(mine, exchanged(1, 2))},
      {"with Q_i and K_i exchanged", by_matrix(mine, exchanged(0, 1))},
      {"with Q_i and V_i exchanged", by_matrix(mine, exchanged(0, 2))},
      {"cut as if q, k and v alternated column by column, as in Megatron-LM's checkpoints of "
       "version 1.0",
       by_matrix(mine, [](int64_t m, int64_t head,
                          int64_t e) { return 3 * head * head_width + 3 * e + m; })},
      {"cut as if a head had width/heads columns: with its q, k and v it has three times as many",
       by_matrix(mine,
                 [](int64_t m, int64_t head, int64_t e) { return (head + m) * head_width + e; })}};
}

void check_part(Examiner& examiner, const std::string& name, const std::vector<float>& got,
                const Matrix& whole) {
  const int ranks = examiner.world().size(), rank = examiner.world().rank();
  std::vector<Suspect> suspects;
  for (const KnownCut& known : known_cuts(ranks, rank)) {
    suspects.push_back(Suspect::result(known.diagnosis, columns_of(whole, known.columns)));
  }
  suspects.push_back(Suspect::result("the whole of it, not this rank's part", whole));
  const std::vector<int64_t> right =
      by_matrix(numbers_in({part_of(heads, ranks, rank)}), column_of);
  const Tensor values =
      Tensor::from(examiner.backend(), {std::ssize(got)}, std::span<const float>(got));
  examiner.expect(name, values, columns_of(whole, right), suspects);
}

/// 5 heads on 2 ranks: refused, with both numbers.
void check_refusal(Examiner& examiner) {
  const std::vector<float> weight(10 * 30, 1.0f), bias(30, 1.0f);
  const std::string wrong = wrong_refusal<UsageError>(
      [&] { cut_qkv(weight, bias, 10, 5, 2, 0); },
      {"5 heads on 2 ranks",
       "UsageError, which require_usage() throws",
       "5 heads were divided among 2 ranks: throw a UsageError (require_usage)",
       {"5", "2"}});
  examiner.expect("refusal", wrong.empty(), wrong);
}

}  // namespace

void examine(Examiner& examiner) {
  const Matrix weight = examiner.random(width, 3 * width, "weight"),
               bias = examiner.random(1, 3 * width, "bias");
  const Communicator& world = examiner.world();
  examiner.attempt(text(heads, " heads"), [&] {
    const QkvPart part =
        cut_qkv(weight.floats(), bias.floats(), width, heads, world.size(), world.rank());
    check_part(examiner, "weight", part.weight, weight);
    check_part(examiner, "bias", part.bias, bias);
  });
  check_refusal(examiner);
}

}  // namespace shard
