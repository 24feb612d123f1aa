#include "exercises/08_vocab_parallel/4_find_the_faults.h"

#include <cmath>
#include <functional>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "tests/exercises/08_vocab_parallel/levels.h"
#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t tokens = 12, width = 8;  // the last column of X sets the level of the logits

/// One case: X, E and targets in whole, and what is right and wrong with them in double precision.
struct Case {
  std::string of;
  int ranks, rank;
  int64_t vocabulary, columns;  // columns of every rank's part, padding included
  bool is_extreme;              // the logits of token i are around level(i)
  Matrix x, e, logits;          // [tokens × width], [vocabulary × width], [tokens × vocabulary]
  std::vector<int32_t> targets;

  Case(Examiner& examiner, const std::string& name, int64_t words, bool extreme)
      : of(" (" + name + ")"),
        ranks(examiner.world().size()),
        rank(examiner.world().rank()),
        vocabulary(words),
        columns(vocabulary_part(words, ranks, rank).size()),
        is_extreme(extreme),
        x(examiner.random(tokens, width, "x" + name, 0.7)),
        e(examiner.random(words, width, "e" + name)) {
    for (int64_t word = 0; word < words; ++word) e(word, width - 1) = 1;
    for (int64_t i = 0; i < tokens; ++i) {
      x(i, width - 1) = is_extreme ? level(i) : 0.5;
      targets.push_back(static_cast<int32_t>((words - 1 + 7 * i) % words));
    }
    logits = matmul(x, transpose(e));
  }

  int64_t target(int64_t i) const { return targets[static_cast<size_t>(i)]; }
  Range words_of(int of_rank) const {
    const int64_t begin = std::min(of_rank * columns, vocabulary);
    return {begin, std::min(begin + columns, vocabulary)};
  }
  Range mine() const { return words_of(rank); }
  /// Of [vocabulary × width], this rank's rows, and zeros in padding.
  Matrix own_rows(const Matrix& whole) const {
    Matrix rows(columns, width);
    for (int64_t row = 0; row < mine().size(); ++row) {
      for (int64_t j = 0; j < width; ++j) rows(row, j) = whole(mine().begin + row, j);
    }
    return rows;
  }

  double max(int64_t i, Range words) const {
    double largest = -INFINITY;
    for (int64_t word = words.begin; word < words.end; ++word)
      largest = std::max(largest, logits(i, word));
    return largest;
  }
  double max(int64_t i) const { return max(i, {0, vocabulary}); }
  double sum(int64_t i, Range words, double shift) const {
    double total = 0;
    for (int64_t word = words.begin; word < words.end; ++word)
      total += std::exp(logits(i, word) - shift);
    return total;
  }
  double log_sum(int64_t i) const { return std::log(sum(i, {0, vocabulary}, max(i))) + max(i); }
};

/// Where a rank believes that its columns begin.
using First = std::function<int64_t(const Case&, int rank)>;

int64_t first_word(const Case& c, int rank) { return rank * c.columns; }
int64_t after_full_parts(const Case& c, int rank) { return rank * c.words_of(rank).size(); }
int64_t of_even_parts(const Case& c, int rank) {
  return part_of(c.vocabulary, c.ranks, rank).begin;
}

// ---- The forward pass ---------------------------------------------------------------------------

Matrix losses(const std::function<double(int64_t)>& loss_of) {
  Matrix all(tokens, 1);
  for (int64_t i = 0; i < tokens; ++i) all(i, 0) = loss_of(i);
  return all;
}

/// The sum over ranks of what each finds in the column that it believes to be the target's.
double picked(const Case& c, int64_t i, const First& first) {
  double sum = 0;
  for (int rank = 0; rank < c.ranks; ++rank) {
    const int64_t column = c.target(i) - first(c, rank);
    if (column >= 0 && column < c.words_of(rank).size())
      sum += c.logits(i, c.words_of(rank).begin + column);
  }
  return sum;
}

std::vector<Suspect> wrong_losses(const Case& c) {
  const auto right_logit = [&](int64_t i) { return c.logits(i, c.target(i)); };
  const auto wrong = [&](const std::string& diagnosis, const std::function<double(int64_t)>& of) {
    return Suspect::result(diagnosis, losses(of));
  };
  const std::string last_words =
      "right except for tokens whose target is one of the last words: there it depends on the "
      "number of ranks";
  const auto padding = static_cast<double>(c.ranks * c.columns - c.vocabulary);
  std::vector<Suspect> suspects;
  for (const First& first : {First(after_full_parts), First(of_even_parts)}) {
    suspects.push_back(
        wrong(last_words, [&](int64_t i) { return c.log_sum(i) - picked(c, i, first); }));
  }
  suspects.push_back(wrong(
      "computed with the padding's exponentials: these columns are not words", [&](int64_t i) {
        const double whole = c.sum(i, {0, c.vocabulary}, c.max(i));
        return std::log(whole + padding * std::exp(-c.max(i))) + c.max(i) - right_logit(i);
      }));
  suspects.push_back(wrong(
      "computed with each rank's own maximum: the exponentials that are summed have different "
      "factors",
      [&](int64_t i) {
        double sum = 0;
        for (int r = 0; r < c.ranks; ++r) {
          if (c.words_of(r).size() > 0) sum += c.sum(i, c.words_of(r), c.max(i, c.words_of(r)));
        }
        return std::log(sum) + c.max(i, c.mine()) - right_logit(i);
      }));
  suspects.push_back(
      wrong("computed with this rank's own sum of exponentials: the other ranks' "
            "were never added",
            [&](int64_t i) {
              return std::log(c.sum(i, c.mine(), c.max(i))) + c.max(i) - right_logit(i);
            }));
  return suspects;
}

// ---- The backward pass --------------------------------------------------------------------------

/// What a wrong gradient of the logits is made of.
struct Formula {
  bool own_sums = false;     // each rank's probabilities add up to 1
  First first = first_word;  // where the target's 1 is subtracted
};

/// d(mean loss)/d(logits): [tokens × columns of rank], with what is in the padding.
Matrix dlogits(const Case& c, int rank, const Formula& formula = {}) {
  const Range words = c.words_of(rank);
  Matrix d(tokens, c.columns);
  for (int64_t i = 0; i < tokens; ++i) {
    const double sum = c.sum(i, formula.own_sums ? words : Range{0, c.vocabulary}, c.max(i));
    for (int64_t j = 0; j < c.columns; ++j) {
      if (j < words.size()) d(i, j) = std::exp(c.logits(i, words.begin + j) - c.max(i)) / sum;
      if (c.target(i) - formula.first(c, rank) == j) d(i, j) -= 1;
      d(i, j) /= static_cast<double>(tokens);
    }
  }
  return d;
}

/// dlogits_i·E_i of one rank.
Matrix dx_term(const Case& c, int rank, const Formula& formula = {}) {
  Matrix d = dlogits(c, rank, formula), e(c.columns, width);
  for (int64_t row = 0; row < c.words_of(rank).size(); ++row) {
    for (int64_t j = 0; j < width; ++j) e(row, j) = c.e(c.words_of(rank).begin + row, j);
  }
  return matmul(d, e);
}
Matrix dx(const Case& c, const Formula& formula = {}) {
  Matrix sum(tokens, width);
  for (int rank = 0; rank < c.ranks; ++rank) sum = add(sum, dx_term(c, rank, formula));
  return sum;
}
Matrix de(const Case& c, const Formula& formula = {}) {
  return matmul(transpose(dlogits(c, c.rank, formula)), c.x);
}

/// The mistakes of both gradients: `made` makes the wrong one.
std::vector<Suspect> wrong_gradients(const std::function<Matrix(const Formula&)>& made) {
  const std::string own_sums =
                        "computed with probabilities that add up to t over the vocabulary, to 1 on "
                        "each rank: they must add up to 1 over all ranks",
                    targets =
                        "right in its softmax, but the target's 1 is subtracted at other words",
                    both =
                        "computed with probabilities that do not add up to 1 over the "
                        "vocabulary, and the target's 1 is subtracted at other words";
  std::vector<Suspect> suspects{Suspect::result(own_sums, made({.own_sums = true}))};
  for (const First& first : {First(after_full_parts), First(of_even_parts)}) {
    suspects.push_back(Suspect::result(targets, made({.first = first})));
    suspects.push_back(Suspect::result(both, made({.own_sums = true, .first = first})));
  }
  return suspects;
}

// ---- One case -----------------------------------------------------------------------------------

void check(Examiner& examiner, const Case& c) {
  Communicator& world = examiner.world();
  const Tensor x = examiner.tensor(c.x, "x"), e = examiner.tensor(c.own_rows(c.e), "e");
  const Tensor targets =
      Tensor::from(examiner.backend(), {tokens}, std::span<const int32_t>(c.targets));
  const Matrix old_de = c.own_rows(examiner.random(c.vocabulary, width, "de" + c.of));
  Tensor sum_of_de = examiner.variable(old_de);

  HeadKept kept;
  const Ledger start = examiner.ledger();
  const Tensor got = head_forward(world, x, e, targets, c.vocabulary, kept);
  const Ledger middle = examiner.ledger();
  const std::string infinite = c.is_extreme ? levels_not_finite(got, tokens) : "";
  if (!infinite.empty()) {
    examiner.expect("loss per token" + c.of, false,
                    text("your loss per token", c.of,
                         " is infinite or NaN where the logits are around ", infinite,
                         ": their exponentials overflow, or all of them vanish"));
  } else {
    const auto right = [&](int64_t i) { return c.log_sum(i) - c.logits(i, c.target(i)); };
    examiner.expect("loss per token" + c.of, got, losses(right), wrong_losses(c));
  }
  examiner.expect_ledger("forward: three reductions of [tokens]" + c.of, start,
                         {{Collective::all_reduce_max, 1, tokens * 4},
                          {Collective::all_reduce, 2, 2 * tokens * 4}});

  const Tensor got_dx = head_backward(world, x, e, targets, c.vocabulary, kept, sum_of_de);
  if (infinite.empty()) {
    std::vector<Suspect> suspects =
        wrong_gradients([&](const Formula& formula) { return dx(c, formula); });
    suspects.push_back(Suspect::result(
        "this rank's own term: those of the other ranks were never added", dx_term(c, c.rank)));
    examiner.expect("dX" + c.of, got_dx, dx(c), suspects);
    const auto with_old = [&](const Formula& f) { return add(old_de, de(c, f)); };
    examiner.expect(
        "de" + c.of, sum_of_de, add(old_de, de(c)),
        wrong_gradients(with_old) + not_kept(old_de, c.ranks) +
            std::vector{multiple("dlogitsᵀ·X", de(c), tokens,
                                 "is that of the sum of the losses, not of their mean")} +
            not_once("dlogitsᵀ·X", de(c), c.ranks));
  }
  examiner.expect_ledger("backward: one all_reduce of tokens × width" + c.of, middle,
                         {{Collective::all_reduce, 1, tokens * width * 4}});
}

}  // namespace

void examine(Examiner& examiner) {
  const auto check_case = [&](const std::string& name, int64_t vocabulary, bool is_extreme) {
    examiner.attempt(name, [&] { check(examiner, Case(examiner, name, vocabulary, is_extreme)); });
    return examiner.verdict();
  };
  if (!check_case("ordinary logits", 37, false)) return;
  if (!check_case("logits around 0, 100 and -120", 37, true)) return;
  // on 3 and 4 ranks the last has padding only
  const int64_t few = examiner.world().size() + 1;
  check_case(text("a vocabulary of ", few), few, true);
}

}  // namespace shard
