#include "exercises/06_parallel_attention/2_grouped_query.h"

#include "chapters/06_parallel_attention/parallel_attention.h"
#include "common/base/counted.h"
#include "exercises/06_parallel_attention/grouped_query_layer.h"
#include "tests/exercises/answers.h"
#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t heads = 12, head_width = 2, width = heads * head_width, tokens = 7;

GroupedQuery with(int64_t kv_heads) { return {heads, kv_heads, head_width}; }
std::string kv_text(int64_t kv_heads) { return text(counted(kv_heads, "KV head")); }

Range right_kv_heads(const GroupedQuery& sizes, int ranks, int rank) {
  const Range mine = part_of(heads, ranks, rank);
  const int64_t each = heads / sizes.kv_heads;
  return {mine.begin / each, (mine.end - 1) / each + 1};
}

/// Columns of query heads `q` in Q, of KV heads `kv` in K, which begins at column `k_begin`, and in
/// V, at `v_begin`.
std::vector<Range> columns_of_heads(Range q, Range kv, int64_t k_begin, int64_t v_begin) {
  const auto columns = [](int64_t begin, Range of) {
    return Range{begin + of.begin * head_width, begin + of.end * head_width};
  };
  return {columns(0, q), columns(k_begin, kv), columns(v_begin, kv)};
}

std::vector<Range> right_columns(const GroupedQuery& sizes, int ranks, int rank) {
  return columns_of_heads(part_of(heads, ranks, rank), right_kv_heads(sizes, ranks, rank), width,
                          width + sizes.kv_width());
}

std::vector<int> right_sharers(const GroupedQuery& sizes, int ranks, int rank) {
  std::vector<int> sharers;
  for (int other = 0; other < ranks; ++other) {
    if (right_kv_heads(sizes, ranks, other) == right_kv_heads(sizes, ranks, rank))
      sharers.push_back(other);
  }
  return sharers;
}

std::vector<int> ints(const std::vector<int64_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

using Lists = std::vector<std::vector<int64_t>>;

// ---- The KV head of a query head ----------------------------------------------------------------

void check_kv_heads(Examiner& examiner) {
  const auto all = [](const std::function<int64_t(const GroupedQuery&, int64_t)>& kv_head) {
    Lists lists;
    for (int64_t kv_heads : {1, 2, 3, 4, 6, 12}) {
      lists.emplace_back();
      for (int64_t head = 0; head < heads; ++head)
        lists.back().push_back(kv_head(with(kv_heads), head));
    }
    return lists;
  };
  const Lists got = all(kv_head_of), expected = all([](const GroupedQuery&s, int64_t head) {
                                       return head * s.kv_heads / s.heads;
                                     });
  std::string difference;
  for (size_t i = got.size(); i-- > 0;) {
    if (got[i] == expected[i]) continue;
    difference = text("the KV heads of your 12 query heads are ", shown(ints(got[i])),
                      ", expected ", shown(ints(expected[i])));
  }
  expect_answer(examiner, "kv_head_of", got, expected,
                {{"that of query heads assigned in turn; consecutive query heads share a KV head",
                  all([](const GroupedQuery& s, int64_t head) { return head % s.kv_heads; })},
                 {"the query head divided by the number of KV heads, where the number of query "
                  "heads to one KV head divides",
                  all([](const GroupedQuery& s, int64_t head) { return head / s.kv_heads; })}},
                difference);
}

// ---- The columns of a rank ----------------------------------------------------------------------

using Cut = std::function<std::vector<Range>(const GroupedQuery&, int ranks, int rank)>;

/// Of every allowed number of KV heads, ranks, and rank.
Lists all_columns(const Cut& cut, std::vector<std::string>* names = nullptr) {
  Lists lists;
  for (int ranks = 1; ranks <= 4; ++ranks) {
    for (int kv_heads : {1, 2, 3, 4, 6, 12}) {
      if (kv_heads % ranks != 0 && ranks % kv_heads != 0) continue;
      for (int rank = 0; rank < ranks; ++rank) {
        lists.push_back(numbers_in(cut(with(kv_heads), ranks, rank)));
        if (names != nullptr)
          names->push_back(text("rank ", rank, " of ", ranks, " with ", kv_text(kv_heads)));
      }
    }
  }
  return lists;
}

void check_columns(Examiner& examiner) {
  std::vector<std::string> names;
  const Lists got = all_columns(grouped_query_columns, &names),
              expected = all_columns(right_columns);
  std::string difference;
  for (size_t i = got.size(); i-- > 0;) {
    if (got[i] == expected[i]) continue;
    difference = text("your columns of ", names[i], " (12 query heads, each 2 columns wide) are ",
                      shown(ints(got[i])), ", expected ", shown(ints(expected[i])));
  }
  const auto known = [](const std::string& diagnosis, const Cut& cut) {
    return KnownWrong<Lists>{diagnosis, all_columns(cut)};
  };
  const auto q = [](int ranks, int rank) { return part_of(heads, ranks, rank); };
  expect_answer(
      examiner, "cut", got, expected,
      {known("one with the KV heads divided like the query heads: where there are fewer of them "
             "than ranks, some ranks get none, although their query heads need one",
             [&](const GroupedQuery& s, int t, int i) {
               return columns_of_heads(q(t, i), part_of(s.kv_heads, t, i), width,
                                       width + s.kv_width());
             }),
       known("one with all KV heads on every rank; a rank needs those that its query heads use",
             [&](const GroupedQuery& s, int t, int i) {
               return columns_of_heads(q(t, i), {0, s.kv_heads}, width, width + s.kv_width());
             }),
       known("one where V begins at column 2·width: K is kv_width wide here, not width",
             [&](const GroupedQuery& s, int t, int i) {
               return columns_of_heads(q(t, i), right_kv_heads(s, t, i), width, 2 * width);
             }),
       known("one with as many columns of K and of V as of Q: those of the query heads' numbers",
             [&](const GroupedQuery& s, int t, int i) {
               return columns_of_heads(q(t, i), q(t, i), width, width + s.kv_width());
             }),
       known("one range of columns for each rank, as if the fused matrix were any matrix",
             [&](const GroupedQuery& s, int t, int i) {
               return std::vector{part_of(width + 2 * s.kv_width(), t, i)};
             })},
      difference);
}

// ---- The ranks that share -----------------------------------------------------------------------

void check_sharing(Examiner& examiner, const GroupedQuery& sizes) {
  Communicator& world = examiner.world();
  const std::unique_ptr<Communicator> sharing = sharing_group(world, sizes);
  const std::string name = text("sharing_group (", kv_text(sizes.kv_heads), ")");
  if (examiner.max_of(sharing == nullptr ? 1 : 0) > 0) {
    return examiner.expect(name, sharing != nullptr, "your sharing_group is an empty pointer");
  }
  std::vector<int> got, in_turn, all;
  for (const std::string& member : examiner.gather_text(*sharing, text(world.rank())))
    got.push_back(std::stoi(member));
  for (int rank = 0; rank < world.size(); ++rank) {
    all.push_back(rank);
    if (rank % sizes.kv_heads == world.rank() % sizes.kv_heads) in_turn.push_back(rank);
  }
  const std::vector<int> expected = right_sharers(sizes, world.size(), world.rank());
  const std::string why = got == in_turn ? ": ranks were grouped in turn, but neighbours share"
                          : got == all ? ": ranks with other KV heads would be included in the sum"
                          : std::ssize(got) == 1
                              ? ": the gradients of the copies would never be added"
                              : "";
  examiner.expect(name, got == expected,
                  text("your sharing_group holds, with ", kv_text(sizes.kv_heads), ", ranks ",
                       shown(got), ", but ", shown(expected), " hold the same KV heads", why));
}

// ---- The backward pass --------------------------------------------------------------------------

/// The whole fused matrix, and what each rank's query heads give as gradient of its part. In double
/// precision.
struct Pass {
  GroupedQuery sizes;
  int ranks, rank;
  int64_t q;                 // columns of a rank's Q
  Matrix x, weight;          // [tokens × width], [width × width + 2·kv_width]
  std::vector<Matrix> dqkv;  // of each rank: [tokens × n]

  Pass(Examiner& examiner, const GroupedQuery& s)
      : sizes(s),
        ranks(examiner.world().size()),
        rank(examiner.world().rank()),
        q(width / ranks),
        x(examiner.random(tokens, width, "x")),
        weight(examiner.random(width, width + 2 * s.kv_width(), "weight")) {
    for (int r = 0; r < ranks; ++r) {
      const std::vector<int64_t> columns = numbers_in(right_columns(s, ranks, r));
      dqkv.push_back(examiner.random(tokens, std::ssize(columns), text("dqkv", s.kv_heads, r)));
    }
  }

  Matrix q_of(int r) const { return columns_of(dqkv[static_cast<size_t>(r)], Range{0, q}); }
  Matrix kv_of(int r) const {
    const Matrix& d = dqkv[static_cast<size_t>(r)];
    return columns_of(d, Range{q, d.columns});
  }
  /// Σ over those ranks of K and V's columns of dqkv.
  Matrix kv_sum(const std::vector<int>& of) const {
    Matrix sum(tokens, kv_of(rank).columns);
    for (int r : of) sum = add(sum, kv_of(r));
    return sum;
  }
  /// The terms of dX of these ranks: from the columns of Q, and from those of K and V.
  Matrix dx_of_q(const std::vector<int>& of) const {
    Matrix sum(tokens, width);
    for (int r : of)
      sum = add(sum,
                matmul(q_of(r), transpose(columns_of(weight, right_columns(sizes, ranks, r)[0]))));
    return sum;
  }
  Matrix dx_of_kv(const std::vector<int>& of) const {
    Matrix sum(tokens, width);
    for (int r : of) {
      const std::vector<Range> columns = right_columns(sizes, ranks, r);
      sum = add(sum, matmul(kv_of(r),
                            transpose(columns_of(weight, numbers_in({columns[1], columns[2]})))));
    }
    return sum;
  }
  Matrix dx_of(const std::vector<int>& of) const { return add(dx_of_q(of), dx_of_kv(of)); }
};

std::vector<int> all_ranks(int ranks) {
  std::vector<int> all;
  for (int rank = 0; rank < ranks; ++rank) all.push_back(rank);
  return all;
}

void check_dx(Examiner& examiner, const std::string& name, const Tensor& dx, const Pass& pass,
              const std::vector<int>& sharers) {
  const std::vector<int> all = all_ranks(pass.ranks);
  const std::string over_sharers =
      sharers.size() > 1
          ? "the sum over the ranks that share KV heads, not over all ranks"
          : "this rank's own term: the terms of the other ranks were never added, or the sum was "
            "over the ranks that share KV heads, and no rank shares with this one here";
  examiner.expect(
      name, dx, pass.dx_of(all),
      std::vector{Suspect::result(over_sharers, pass.dx_of(sharers)),
                  multiple("K and V's part of it", pass.dx_of_kv(all),
                           static_cast<double>(sharers.size()),
                           "counts once for each rank that shares a KV head: dK and dV were summed "
                           "over these ranks, and then each of them put the whole sum into dX"),
                  multiple("K and V's part of it", pass.dx_of_kv(all), 0,
                           "is missing: only the columns of Q went into it")} +
          wrongly_summed(name, pass.dx_of(all), pass.dx_of({pass.rank}), pass.ranks));
}

/// Mistakes in all columns of a gradient, and in those of Q or of K and V alone. `sum_of`: what the
/// name of its term begins with.
std::vector<Suspect> wrong_columns(const Pass& pass, const std::string& sum_of,
                                   const Matrix& before, const Matrix& term,
                                   const std::vector<int>& sharers) {
  const auto only = [](const Matrix& all, Range columns) {
    Matrix some = all;
    for (int64_t row = 0; row < all.rows; ++row) {
      for (int64_t column = 0; column < all.columns; ++column)
        some(row, column) *= column >= columns.begin && column < columns.end;
    }
    return some;
  };
  const Range q{0, pass.q}, kv{pass.q, before.columns};
  const int copies = static_cast<int>(sharers.size());
  return std::vector{summed_with_before(only(before, kv), copies, "K and V's columns"),
                     overwritten(only(before, q), "Q's columns"),
                     overwritten(only(before, kv), "K and V's columns")} +
         not_once(sum_of + "dQ", only(term, q), pass.ranks) +
         not_once(sum_of + "[dK dV]", only(term, kv), copies) +
         wrongly_added(before, sum_of + "[dQ dK dV]", {{term, tokens}}, pass.ranks);
}

void check_gradients(Examiner& examiner, const std::string& suffix, const GroupedQkvPart& got,
                     const Matrix& weight_before, const Matrix& bias_before, const Pass& pass,
                     const std::vector<int>& sharers) {
  const auto weight_of = [&](const Matrix& d) { return matmul(transpose(pass.x), d); };
  std::vector<Suspect> of_weight, of_bias;
  const auto known = [&](const std::string& diagnosis, const Matrix& d) {
    of_weight.push_back(Suspect::result(diagnosis, add(weight_before, weight_of(d))));
    of_bias.push_back(Suspect::result(diagnosis, add(bias_before, column_sums(d))));
  };
  const int me = pass.rank;
  const Matrix own_q = pass.q_of(me), sum = pass.kv_sum(sharers);
  Matrix q_sum(tokens, pass.q);
  for (int rank : sharers) q_sum = add(q_sum, pass.q_of(rank));
  known(
      "that of this rank's query heads only: in the columns of K and V those of the other ranks "
      "that share them are missing",
      side_by_side(own_q, pass.kv_of(me)));
  known(
      "summed over the ranks that share KV heads in the columns of Q too, but these ranks have "
      "other query heads",
      side_by_side(q_sum, sum));
  known(
      "summed over all ranks in the columns of K and V, but other ranks have other KV heads there",
      side_by_side(own_q, pass.kv_sum(all_ranks(pass.ranks))));
  known("the mean over the ranks that share K and V, not the sum",
        side_by_side(own_q, scaled(sum, 1.0 / static_cast<double>(sharers.size()))));
  const Matrix d = side_by_side(own_q, sum);
  const Matrix weight_term = weight_of(d), bias_term = column_sums(d);
  examiner.expect("gradients.weight" + suffix, got.weight, add(weight_before, weight_term),
                  of_weight + wrong_columns(pass, "Xᵀ·", weight_before, weight_term, sharers));
  examiner.expect("gradients.bias" + suffix, got.bias, add(bias_before, bias_term),
                  of_bias + wrong_columns(pass, "Σ ", bias_before, bias_term, sharers));
}

void check_backward(Examiner& examiner, const GroupedQuery& sizes) {
  Communicator& world = examiner.world();
  const Pass pass(examiner, sizes);
  const std::vector<int> sharers = right_sharers(sizes, pass.ranks, pass.rank);
  const std::unique_ptr<Communicator> sharing = world.split(sharers[0], "kv");
  const std::vector<int64_t> columns = numbers_in(right_columns(sizes, pass.ranks, pass.rank));
  const int64_t whole = width + 2 * sizes.kv_width();
  const Matrix weight_before =
      columns_of(examiner.random(width, whole, "gradient of weight"), columns);
  const Matrix bias_before = columns_of(examiner.random(1, whole, "gradient of bias"), columns);
  const GroupedQkvPart part{examiner.tensor(columns_of(pass.weight, columns), "weight"),
                            examiner.vector(columns_of(examiner.random(1, whole, "bias"), columns),
                                            "bias")};
  GroupedQkvPart gradients{examiner.variable(weight_before), examiner.variable_vector(bias_before)};
  const Tensor x = examiner.tensor(pass.x, "x"),
               dqkv = examiner.tensor(pass.dqkv[static_cast<size_t>(pass.rank)], "dqkv");

  const Ledger start = examiner.ledger();
  const Tensor dx = grouped_qkv_backward(world, *sharing, sizes, x, part, dqkv, gradients);
  const bool left_out = sharing->size() == 1 &&
                        examiner.ledger().since(start).calls(Collective::all_reduce, "kv") == 0;
  const int64_t kv_bytes = tokens * (dqkv.columns() - pass.q) * 4;
  const std::string suffix = text(" (", kv_text(sizes.kv_heads), ")");
  examiner.expect_ledger(
      "one all_reduce of dX, one of dK and dV" + suffix, start,
      {{Collective::all_reduce, left_out ? 1 : 2, x.bytes() + (left_out ? 0 : kv_bytes)}});
  check_dx(examiner, "dX" + suffix, dx, pass, sharers);
  check_gradients(examiner, suffix, gradients, weight_before, bias_before, pass, sharers);
}

// ---- The whole layer ----------------------------------------------------------------------------

/// Against chapter 06's, unsplit, with each KV head's columns once for each of its query heads.
void check_layer(Examiner& examiner, const GroupedQuery& sizes) {
  constexpr int64_t batch = 2, context = 5;
  const Init init{20, 0.3f, 0.5f};
  GroupedQueryAttention layer(examiner.world(), "attn", sizes, init),
      unsplit(examiner.alone(), "attn", sizes, init);
  ParallelAttention multi_head(examiner.alone(), "multi_head", width, heads, init, 0.3f);
  const Parameters from = unsplit.parameters(), to = multi_head.parameters();

  std::vector<int64_t> repeated;  // the column of [Q K V] for each column of multi_head's matrix
  for (int64_t column = 0; column < 3 * width; ++column) {
    const int64_t matrix = column / width, head = column % width / head_width;
    const int64_t kv_column = head * sizes.kv_heads / heads * head_width + column % head_width;
    repeated.push_back(matrix == 0 ? column : width + (matrix - 1) * sizes.kv_width() + kv_column);
  }
  for (size_t i = 0; i < 2; ++i)
    to[i]->assign_whole(columns_of(Matrix(from[i]->value), repeated).floats());
  for (size_t i = 2; i < 4; ++i) to[i]->assign_whole(from[i]->value.to_host());

  const Tensor x = examiner.tensor(examiner.random(batch * context, width, "x of the layer"), "x"),
               dz = examiner.tensor(examiner.random(batch * context, width, "dz of the layer"),
                                    "dz");
  ParallelAttention::Kept kept;
  const Matrix z(multi_head.forward(x, batch, {}, kept));
  examiner.expect("Z of the layer", layer.forward(x, batch), z);
  examiner.expect("dX of the layer", layer.backward(dz), Matrix(multi_head.backward(dz, kept)));
  for (size_t i = 0; i < 2; ++i) {
    const Matrix gradient(to[i]->gradient);
    Matrix folded(gradient.rows, width + 2 * sizes.kv_width());
    for (int64_t row = 0; row < gradient.rows; ++row) {
      for (int64_t column = 0; column < 3 * width; ++column) {
        folded(row, repeated[static_cast<size_t>(column)]) += gradient(row, column);
      }
    }
    const std::vector<Range> mine =
        right_columns(sizes, examiner.world().size(), examiner.world().rank());
    examiner.expect(text("gradient of the layer's ", i == 0 ? "weight" : "bias"),
                    layer.parameters()[i]->gradient, columns_of(folded, numbers_in(mine)));
  }
}

}  // namespace

void examine(Examiner& examiner) {
  const int ranks = examiner.world().size();
  const GroupedQuery shared = with(
                         ranks == 1 || ranks == 4 ? 2 : 1),  // by ranks (where there are several)
      apart = with(ranks == 1   ? 3
                   : ranks == 4 ? 4
                                : 2 * ranks);
  examiner.attempt("kv_head_of", [&] { check_kv_heads(examiner); });
  if (!examiner.verdict()) return;
  examiner.attempt("grouped_query_columns", [&] { check_columns(examiner); });
  if (!examiner.verdict()) return;
  const auto attempt = [&](const std::string& name, const auto& check, const GroupedQuery& sizes) {
    examiner.attempt(text(name, " (", kv_text(sizes.kv_heads), ")"),
                     [&] { check(examiner, sizes); });
  };
  for (const GroupedQuery& sizes : {shared, apart}) attempt("sharing_group", check_sharing, sizes);
  if (!examiner.verdict()) return;
  for (const GroupedQuery& sizes : {shared, apart})
    attempt("grouped_qkv_backward", check_backward, sizes);
  if (examiner.verdict()) attempt("the layer", check_layer, shared);
}

}  // namespace shard
