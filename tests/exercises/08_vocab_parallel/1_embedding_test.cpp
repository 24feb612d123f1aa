#include "exercises/08_vocab_parallel/1_embedding.h"

#include <functional>
#include <map>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "tests/exercises/gradients.h"

namespace shard {
namespace {

/// One table, cut over the ranks, and the tokens that look into it.
struct Lookup {
  int ranks, rank;
  int64_t vocabulary, rows_here;  // rows of a rank's part, padding included
  Matrix table;                   // [ranks · rows_here × width]: the vocabulary, then padding
  std::vector<int32_t> ids;
  Range tokens;  // this rank's

  Lookup(Examiner& examiner, int64_t words, int64_t width, int64_t token_count)
      : ranks(examiner.world().size()),
        rank(examiner.world().rank()),
        vocabulary(words),
        rows_here(vocabulary_part(words, ranks, rank).size()),
        table(ranks * rows_here, width),
        tokens(part_of(token_count, ranks, rank)) {
    const Matrix random = examiner.random(words, width, "table");
    std::copy(random.values.begin(), random.values.end(), table.values.begin());
    for (int64_t i = 0; i < token_count;
         ++i) {  // some twice; each rank's words occur in its own tokens and in others'
      ids.push_back(static_cast<int32_t>((8 + 23 * (i % 9)) % words));
    }
  }

  Range rows_of_rank(int of) const { return {of * rows_here, (of + 1) * rows_here}; }
  int owner(int32_t id) const { return static_cast<int>(id / rows_here); }
  Matrix part(const Matrix& whole) const { return rows_of(whole, rows_of_rank(rank)); }

  /// Σ over ranks of the row that `row_on(rank, id)` names in that rank's part (none if negative),
  /// for this rank's tokens.
  Matrix summed(const std::function<int64_t(int, int32_t)>& row_on) const {
    Matrix out(tokens.size(), table.columns);
    for (int64_t i = 0; i < out.rows; ++i) {
      for (int other = 0; other < ranks; ++other) {
        const int64_t row = row_on(other, ids[static_cast<size_t>(tokens.begin + i)]);
        if (row < 0 || row >= rows_here) continue;
        for (int64_t j = 0; j < out.columns; ++j) out(i, j) += table(other * rows_here + row, j);
      }
    }
    return out;
  }

  /// Σ over the tokens in `some` of dy's rows, at the rows of the table that `row_of(id)` names
  /// (none if outside).
  Matrix scattered(const Matrix& dy, Range some,
                   const std::function<int64_t(int32_t)>& row_of) const {
    Matrix out(table.rows, table.columns);
    for (int64_t i = some.begin; i < some.end; ++i) {
      const int64_t row = row_of(ids[static_cast<size_t>(i)]);
      if (row < 0 || row >= out.rows) continue;
      for (int64_t j = 0; j < out.columns; ++j) out(row, j) += dy(i, j);
    }
    return out;
  }
};

std::vector<Suspect> wrong_lookups(const Lookup& lookup) {
  const int64_t n = lookup.rows_here;
  return {
      Suspect::result(
          "this rank's rows of its own table, and zeros for the others' words: the ranks were "
          "never summed",
          lookup.summed([&](int r, int32_t id) { return r == lookup.rank ? id - r * n : -1; })),
      Suspect::result(
          "looked up as if every rank's table began with word 0: its first row is the part's begin",
          lookup.summed([](int, int32_t id) { return int64_t{id}; })),
      Suspect::result(
          "looked up with the parts of part_of: the table is padded, and cut by vocabulary_part",
          lookup.summed([&](int r, int32_t id) {
            return id - part_of(lookup.vocabulary, lookup.ranks, r).begin;
          })),
      Suspect::result(
          "the right rows plus the first row of every rank that does not have the word: mask those "
          "to zero",
          lookup.summed([&](int r, int32_t id) { return lookup.owner(id) == r ? id - r * n : 0; })),
      Suspect::result("a sum of one row from every rank, words taken modulo the part's size: only "
                      "the word's owner adds",
                      lookup.summed([&](int, int32_t id) { return id % n; })),
      Suspect::result("looked up with ids from which the part's begin was subtracted twice: "
                      "gather_rows does it, too",
                      lookup.summed([&](int r, int32_t id) { return id - 2 * r * n; }))};
}

/// Each token's dy at its word, but of tokens with the same word only the last.
Matrix last_of_each(const Lookup& lookup, const Matrix& dy) {
  std::map<int32_t, int64_t> last;
  for (size_t i = 0; i < lookup.ids.size(); ++i) last[lookup.ids[i]] = static_cast<int64_t>(i);
  Matrix out(lookup.table.rows, lookup.table.columns);
  for (const auto& [id, token] : last) {
    for (int64_t j = 0; j < out.columns; ++j) out(id, j) = dy(token, j);
  }
  return out;
}

std::vector<Suspect> wrong_gradients(const Lookup& lookup, const Matrix& before, const Matrix& dy) {
  const Range all{0, dy.rows};
  const auto here = [&](const Matrix& sums) { return lookup.part(add(before, sums)); };
  const auto as_it_is = [](int32_t id) { return int64_t{id}; };
  const auto from = [&](int64_t first) {  // as if this rank's rows began with word `first`
    const int64_t begin = lookup.rank * lookup.rows_here;
    return here(lookup.scattered(dy, all, [=, n = lookup.rows_here](int32_t id) {
      return id >= first && id < first + n ? id - first + begin : -1;
    }));
  };
  const Matrix term = lookup.scattered(dy, all, as_it_is), right = add(before, term);
  Matrix over_ranks(lookup.rows_here, dy.columns);
  for (int r = 0; r < lookup.ranks; ++r)
    over_ranks = add(over_ranks, rows_of(right, lookup.rows_of_rank(r)));
  return std::vector{
             Suspect::result(
                 "what it held before plus the terms of this rank's tokens: other ranks' "
                 "tokens use its words too",
                 here(lookup.scattered(dy, lookup.tokens, as_it_is))),
             Suspect::result(
                 "what it held before plus the last token's dY for each word: tokens of the "
                 "same word add up",
                 here(last_of_each(lookup, dy))),
             Suspect::result("the sum of all ranks' gradients: each rank has rows of its own, "
                             "nothing is left to sum",
                             over_ranks),
             Suspect::result("added up as if every rank's table began with word 0: its first row "
                             "is the part's begin",
                             from(0)),
             Suspect::result("added up with the parts of part_of: the table is padded, and cut by "
                             "vocabulary_part",
                             from(part_of(lookup.vocabulary, lookup.ranks, lookup.rank).begin)),
             Suspect::result("added up with ids from which the part's begin was subtracted twice: "
                             "add_to_rows does it, too",
                             from(2 * lookup.rank * lookup.rows_here))} +
         wrongly_added(lookup.part(before), "what the tokens add", {{lookup.part(term), dy.rows}},
                       lookup.ranks);
}

void check(Examiner& examiner, int64_t vocabulary, int64_t tokens, const std::string& of) {
  constexpr int64_t width = 7;
  Communicator& world = examiner.world();
  const Lookup lookup(examiner, vocabulary, width, tokens);
  const Tensor ids =
      Tensor::from(examiner.backend(), {tokens}, std::span<const int32_t>(lookup.ids));
  const int64_t n = lookup.rows_here;
  const Ledger at_start = examiner.ledger();
  const Tensor y =
      embed_scattered(world, examiner.tensor(lookup.part(lookup.table), "table"), ids, vocabulary);
  examiner.expect("Y" + of, y, lookup.summed([&](int r, int32_t id) {
    return lookup.owner(id) == r ? id - r * n : -1;
  }),
                  wrong_lookups(lookup), 1e-6);
  examiner.expect_ledger("forward" + of + ": one reduce_scatter of tokens × width", at_start,
                         {{Collective::reduce_scatter, 1, tokens * width * 4}});

  const Matrix dy = examiner.random(tokens, width, "dy");
  Matrix before(lookup.table.rows, width);  // zero in padding
  const Matrix random = examiner.random(vocabulary, width, "gradient before");
  std::copy(random.values.begin(), random.values.end(), before.values.begin());
  Tensor dtable = examiner.variable(lookup.part(before));
  const Ledger in_between = examiner.ledger();
  embed_scattered_backward(world, dtable, ids, examiner.tensor(rows_of(dy, lookup.tokens), "dy"),
                           vocabulary);
  const Matrix sums = lookup.scattered(dy, {0, tokens}, [](int32_t id) { return int64_t{id}; });
  examiner.expect("table's gradient" + of, dtable, lookup.part(add(before, sums)),
                  wrong_gradients(lookup, before, dy), 1e-6);
  examiner.expect_ledger("backward" + of + ": one all_gather of dy", in_between,
                         {{Collective::all_gather, 1, lookup.tokens.size() * width * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("vocabulary of 37", [&] { check(examiner, 37, 11, ""); });
  if (!examiner.verdict()) return;
  const int64_t few = examiner.world().size() + 1;  // on 3 and 4 ranks the last has padding only
  examiner.attempt(text("vocabulary of ", few),
                   [&] { check(examiner, few, 11, text(" (vocabulary of ", few, ")")); });
  if (!examiner.verdict()) return;
  // 3 and 4 ranks of ⌈13/t⌉ tokens would have others than those of part_of
  examiner.attempt("13 tokens", [&] { check(examiner, 37, 13, " (13 tokens)"); });
  // on 3 and 4 ranks the last has no token
  examiner.attempt("2 tokens", [&] { check(examiner, 37, 2, " (2 tokens)"); });
}

}  // namespace shard
