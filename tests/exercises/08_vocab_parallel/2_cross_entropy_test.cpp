#include "exercises/08_vocab_parallel/2_cross_entropy.h"

#include <functional>

#include "tests/exercises/08_vocab_parallel/sharded_logits.h"

namespace shard {
namespace {

constexpr float smoothing = 0.2f;

/// This rank's part of the logits, the padding filled.
Matrix cut(const ShardedLogits& all) {
  Matrix part(all.logits.rows, all.columns);
  for (int64_t i = 0; i < part.rows; ++i) {
    for (int64_t j = 0; j < part.columns; ++j) {
      part(i, j) = j < all.mine().size() ? all.logits(i, all.mine().begin + j) : all.padding(i);
    }
  }
  return part;
}

/// The losses by `loss_of(token)`, 0 for ignored tokens.
Matrix losses(const ShardedLogits& all, const std::function<double(int64_t)>& loss_of) {
  Matrix out(all.logits.rows, 1);
  for (int64_t i = 0; i < out.rows; ++i) out(i, 0) = all.target(i) < 0 ? 0 : loss_of(i);
  return out;
}

/// All the right pieces of a token's loss.
struct Pieces {
  const ShardedLogits& all;
  double log_sum(int64_t i) const { return std::log(all.sum_of_exps(i)) + all.max(i); }
  double target(int64_t i) const { return all.logits(i, all.target(i)); }
  double own_target(int64_t i) const {
    return all.target(i) >= all.mine().begin && all.target(i) < all.mine().end ? target(i) : 0;
  }
  double uniform(int64_t i) const {
    return all.smoothing / static_cast<double>(all.vocabulary) * all.sum_of_logits(i);
  }
  double mixed(int64_t i) const { return (1 - all.smoothing) * target(i) + uniform(i); }
  double right(int64_t i) const { return log_sum(i) - mixed(i); }
};

/// Mistakes in what the target distribution is.
std::vector<Suspect> wrong_targets(const ShardedLogits& all) {
  const Pieces p{all};
  const double e = all.smoothing;
  const auto v = static_cast<double>(all.vocabulary);
  const auto wrong = [&](const char* diagnosis, const std::function<double(int64_t)>& loss) {
    return Suspect::result(diagnosis, losses(all, loss));
  };
  const auto uniform_over = [&](double words) {
    return [=](int64_t i) {
      return p.log_sum(i) - (1 - e) * p.target(i) - e / words * p.all.sum_of_logits(i);
    };
  };
  const auto smoothed_by_each_rank = [&](int64_t i) {  // over its own words
    double uniform = 0;
    for (int rank = 0; rank < all.ranks; ++rank) {
      const Range words = all.words_of(rank);
      for (int64_t word = words.begin; word < words.end; ++word)
        uniform += e / static_cast<double>(words.size()) * all.logits(i, word);
    }
    return p.log_sum(i) - (1 - e) * p.target(i) - uniform;
  };
  return {
      wrong("smoothed by ε over the words of each rank: V is the number of all ranks' words",
            smoothed_by_each_rank),
      wrong("the cross entropy without label smoothing",
            [&](int64_t i) { return p.log_sum(i) - p.target(i); }),
      wrong("without the term ε/V · Σ logits: the target's logit is scaled by 1-ε, and the "
            "rest of q is missing",
            [&](int64_t i) { return p.log_sum(i) - (1 - e) * p.target(i); }),
      wrong("computed with the target's whole logit plus ε/V · Σ logits: q adds up to 1+ε, "
            "scale it by 1-ε",
            [&](int64_t i) { return p.log_sum(i) - p.target(i) - p.uniform(i); }),
      wrong("computed with ε and 1-ε exchanged: 1-ε belongs to the target",
            [&](int64_t i) {
              return p.log_sum(i) - e * p.target(i) - (1 - e) / v * all.sum_of_logits(i);
            }),
      wrong("computed with ε/V · Σ exp(logits - max) instead of ε/V · Σ logits: exp_and_row_sum "
            "overwrites the logits, so take their sum before",
            [&](int64_t i) {
              return p.log_sum(i) - (1 - e) * p.target(i) - e / v * all.sum_of_exps(i);
            }),
      wrong("smoothed over the V-1 other words: here q gives ε/V to all V words, including the "
            "target",
            [&](int64_t i) {
              return p.log_sum(i) - (1 - e) * p.target(i) -
                     e / (v - 1) * (all.sum_of_logits(i) - p.target(i));
            }),
      wrong("smoothed by ε over the columns of all ranks with their padding: V is the number "
            "of words",
            uniform_over(static_cast<double>(all.ranks * all.columns))),
      wrong("smoothed by ε over this rank's words: V is the number of all ranks' words",
            uniform_over(static_cast<double>(all.mine().size()))),
      wrong("smoothed by ε over this rank's columns: V is the number of all ranks' words",
            uniform_over(static_cast<double>(all.columns)))};
}

/// Mistakes in what is reduced over the ranks, and when.
std::vector<Suspect> wrong_sums(const ShardedLogits& all) {
  const Pieces p{all};
  const double e = all.smoothing;
  const auto v = static_cast<double>(all.vocabulary);
  const auto wrong = [&](const char* diagnosis, const std::function<double(int64_t)>& loss) {
    return Suspect::result(diagnosis, losses(all, loss));
  };
  const auto log_of_shifted = [&](int64_t i) {  // every rank takes its own maximum off
    double sum = 0;
    for (int r = 0; r < all.ranks; ++r)
      sum += all.sum_of_exps(i, all.words_of(r), all.max(i, all.words_of(r)));
    return std::log(sum) + all.max(i, all.mine());
  };
  const auto own_uniform = [&](int64_t i) { return e / v * all.sum_of_logits(i, all.mine()); };
  const auto exp_of_target = [&](int64_t i) { return std::exp(p.target(i) - all.max(i)); };
  return {
      wrong("computed with each rank's own maximum: the exponentials that are summed have "
            "different factors",
            [&](int64_t i) { return log_of_shifted(i) - p.mixed(i); }),
      wrong("computed with this rank's own sum of exponentials: the other ranks' were never added",
            [&](int64_t i) {
              return std::log(all.sum_of_exps(i, all.mine(), all.max(i))) + all.max(i) - p.mixed(i);
            }),
      wrong("computed with this rank's own logits in the smoothed target: the other ranks' were "
            "never added",
            [&](int64_t i) { return p.log_sum(i) - (1 - e) * p.own_target(i) - own_uniform(i); }),
      wrong("computed with the sum of only this rank's logits in ε/V · Σ logits",
            [&](int64_t i) { return p.log_sum(i) - (1 - e) * p.target(i) - own_uniform(i); }),
      wrong("computed with the target's logit only on the rank that has it: the other ranks need "
            "it too",
            [&](int64_t i) { return p.log_sum(i) - (1 - e) * p.own_target(i) - p.uniform(i); }),
      wrong("computed with ε/V · Σ logits t times: it was added after the sum over ranks, or is in "
            "every rank's term",
            [&](int64_t i) {
              return p.log_sum(i) - (1 - e) * p.target(i) - all.ranks * p.uniform(i);
            }),
      wrong("computed without adding the maximum back after the logarithm",
            [&](int64_t i) { return std::log(all.sum_of_exps(i)) - p.mixed(i); }),
      wrong("computed with the target's exponential instead of its logit: pick before "
            "exp_and_row_sum overwrites the logits",
            [&](int64_t i) { return p.log_sum(i) - (1 - e) * exp_of_target(i) - p.uniform(i); }),
      wrong("computed with exponentials instead of logits in the smoothed target: take them before "
            "exp_and_row_sum overwrites them",
            [&](int64_t i) {
              return p.log_sum(i) - (1 - e) * exp_of_target(i) - e / v * all.sum_of_exps(i);
            })};
}

/// Mistakes about padding.
std::vector<Suspect> with_padding(const ShardedLogits& all) {
  const Pieces p{all};
  const auto wrong = [&](const char* diagnosis, const std::function<double(int64_t)>& loss) {
    return Suspect::result(diagnosis, losses(all, loss));
  };
  const auto count = static_cast<double>(all.all_padding()),
             v = static_cast<double>(all.vocabulary);
  const auto log_sum = [=](int64_t i) {
    return std::log(p.all.sum_of_exps(i) + count * std::exp(p.all.padding(i) - p.all.max(i))) +
           p.all.max(i);
  };
  const auto uniform = [=](int64_t i) {
    return p.uniform(i) + p.all.smoothing / v * count * p.all.padding(i);
  };
  const auto target = [=](int64_t i) { return (1 - p.all.smoothing) * p.target(i); };
  return {
      wrong("computed with the padding's exponentials: only the first part.words columns are words",
            [&](int64_t i) { return log_sum(i) - p.mixed(i); }),
      wrong("computed with the padding in Σ logits: only the first part.words columns are words",
            [&](int64_t i) { return p.log_sum(i) - target(i) - uniform(i); }),
      wrong("computed with the padding as if it were words: only the first part.words columns are",
            [&](int64_t i) { return log_sum(i) - target(i) - uniform(i); })};
}

void check(Examiner& examiner, int64_t vocabulary, const std::string& of) {
  constexpr int64_t tokens = 11;
  const ShardedLogits all(examiner, vocabulary, tokens, smoothing);
  const Tensor targets =
      Tensor::from(examiner.backend(), {tokens}, std::span<const int32_t>(all.targets));
  const Ledger before = examiner.ledger();
  const Tensor got = smoothed_cross_entropy(examiner.world(), examiner.variable(cut(all)), targets,
                                            all.part(), smoothing);

  const Pieces p{all};
  Matrix of_ignored(tokens, 1);  // a loss that has no target's logit in it
  for (int64_t i = 0; i < tokens; ++i)
    of_ignored(i, 0) = all.target(i) < 0 ? p.log_sum(i) - p.uniform(i) : 0;
  std::vector<Suspect> suspects = wrong_targets(all);
  for (const auto& more : {wrong_sums(all), with_padding(all)})
    suspects.insert(suspects.end(), more.begin(), more.end());
  suspects.push_back(Suspect::extra("(log Σ exp - ε/V · Σ logits) of the tokens with target -1",
                                    of_ignored, "they have no target, so their loss is 0"));
  if (const std::string levels = levels_not_finite(got, tokens); !levels.empty()) {
    examiner.expect("loss per token" + of, false,
                    text("your loss per token", of,
                         " is infinite or NaN where the logits are about ", levels,
                         ": exp overflows or vanishes in f32, unless each token's own maximum, "
                         "over all ranks, is subtracted first"));
  } else {
    examiner.expect("loss per token" + of, got, losses(all, [&](int64_t i) { return p.right(i); }),
                    suspects);
  }
  examiner.expect_ledger("one all_reduce_max and two all_reduces of [tokens]" + of, before,
                         {{Collective::all_reduce_max, 1, tokens * 4},
                          {Collective::all_reduce, 2, 2 * tokens * 4}});
}

/// Padding that is so far above the logits that, with it in the maximum, the words' exponentials
/// vanish.
void check_far_padding(Examiner& examiner) {
  constexpr int64_t tokens = 11;
  ShardedLogits all(examiner, 37, tokens, smoothing);
  all.above = 1e4;
  const Tensor targets =
      Tensor::from(examiner.backend(), {tokens}, std::span<const int32_t>(all.targets));
  const Tensor got = smoothed_cross_entropy(examiner.world(), examiner.variable(cut(all)), targets,
                                            all.part(), smoothing);
  const Pieces p{all};
  const Matrix right = losses(all, [&](int64_t i) { return p.right(i); });
  const bool is_right = got && got.elements() == tokens &&
                        reference::relative_error(got, right) < 1e-4;  // false for NaN
  examiner.expect("loss per token beside padding far above the logits", is_right,
                  text("your loss per token is wrong where the padding is ", all.above,
                       " above the logits, and right where it is 7 above them: it must be neither "
                       "in the maximum nor among the exponentials"));
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("vocabulary of 37", [&] { check(examiner, 37, ""); });
  if (!examiner.verdict()) return;
  const int64_t few = examiner.world().size() + 1;  // on 3 and 4 ranks the last has padding only
  examiner.attempt(text("vocabulary of ", few),
                   [&] { check(examiner, few, text(" (vocabulary of ", few, ")")); });
  if (!examiner.verdict()) return;
  examiner.attempt("padding far above the logits", [&] { check_far_padding(examiner); });
}

}  // namespace shard
