#include "exercises/12_generation/1_sample_sharded.h"

#include <cmath>
#include <functional>

#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "common/base/format.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

using Words = std::vector<int32_t>;  // one for each u
constexpr int64_t draws = 24;
constexpr float far_above =
    1e4f;  // no exponential of this is finite, and none of minus this is not 0

/// A row of logits, cut over the ranks.
struct Row {
  int ranks, rank;
  int64_t vocabulary, columns;  // columns of every rank's part, padding included
  double level;                 // about this are the logits
  double above = 5;             // by this much, the padding is above the level
  std::vector<float> logits;    // [vocabulary]
  std::vector<double> us;

  Row(Examiner& examiner, int64_t words, double about)
      : ranks(examiner.world().size()),
        rank(examiner.world().rank()),
        vocabulary(words),
        columns(vocabulary_part(words, ranks, rank).size()),
        level(about) {
    const Matrix random = examiner.random(1, words, "logits", 2);
    for (const double value : random.values) logits.push_back(static_cast<float>(value + level));
  }

  Range words_of(int of) const {
    const int64_t begin = std::min(of * columns, vocabulary);
    return {begin, std::min((of + 1) * columns, vocabulary)};
  }
  Range mine() const { return words_of(rank); }
  int rank_of(int64_t word) const { return static_cast<int>(word / columns); }
  float padding() const { return static_cast<float>(level + above); }
  /// What stands in column `column` of a rank's part: a word's logit, or padding.
  double at(int of, int64_t column) const {
    return column < words_of(of).size() ? logits[static_cast<size_t>(words_of(of).begin + column)]
                                        : padding();
  }
  std::vector<float> part() const {
    std::vector<float> part;
    for (int64_t j = 0; j < columns; ++j) part.push_back(static_cast<float>(at(rank, j)));
    return part;
  }
  double max(Range words) const {
    double largest = -INFINITY;
    for (int64_t j = words.begin; j < words.end; ++j)
      largest = std::max<double>(largest, logits[static_cast<size_t>(j)]);
    return largest;
  }
};

/// exp(temperature's logit), shifted so that nothing overflows.
double weight(const Row& row, double logit, double temperature) {
  return std::exp((logit - row.max({0, row.vocabulary})) / temperature);
}

/// The word in `line` (weights, one after the other) at which the running sum exceeds target; -1
/// where it never does.
int32_t found(const std::vector<double>& line, double target) {
  double running = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    running += line[i];
    if (target < running) return static_cast<int32_t>(i);
  }
  return -1;
}

double total(const std::vector<double>& line) {
  double sum = 0;
  for (const double value : line) sum += value;
  return sum;
}

/// The weights of the words by `of`.
std::vector<double> line_of(const Row& row, const std::function<double(int64_t word)>& of) {
  std::vector<double> line;
  for (int64_t word = 0; word < row.vocabulary; ++word) line.push_back(of(word));
  return line;
}

std::vector<double> line_at(const Row& row, double temperature) {
  return line_of(row, [&](int64_t word) {
    return weight(row, row.logits[static_cast<size_t>(word)], temperature);
  });
}

/// Random u, and the smallest and the largest one; none so near to the border between two words
/// that rounding decides.
std::vector<double> uniform_numbers(const std::vector<double>& line) {
  const double sum = total(line);
  std::vector<double> us;
  if (line.front() > 1e-4 * sum) us.push_back(0);
  if (line.back() > 1e-4 * sum) us.push_back(1 - 0x1p-24);
  const RandomStream random{20, stream_of("u")};
  for (uint64_t i = 0; std::ssize(us) < draws; ++i) {
    const double u = random.uniform(i);
    if (found(line, (u - 1e-4) * sum) == found(line, (u + 1e-4) * sum)) us.push_back(u);
  }
  return us;
}

Words drawn(const Row& row, const std::function<int32_t(double u)>& word) {
  Words words;
  for (const double u : row.us) words.push_back(word(u));
  return words;
}

/// Every rank of the group searches its own words: for `target` in a line that begins at `begin`
/// for it. `told` makes the result of all ranks' words, -1 where a rank finds none.
struct Search {
  const Row& row;
  double temperature;
  std::vector<double> line = line_at(row, temperature);
  double sum_of(int rank) const {
    double sum = 0;
    for (int64_t word = row.words_of(rank).begin; word < row.words_of(rank).end; ++word)
      sum += line[static_cast<size_t>(word)];
    return sum;
  }
  int32_t word_of(int rank, double begin, double target) const {
    const Range words = row.words_of(rank);
    if (target < begin) return -1;
    const int32_t local =
        found({line.begin() + words.begin, line.begin() + words.end}, target - begin);
    return local < 0 ? -1 : static_cast<int32_t>(words.begin) + local;
  }
  /// The largest of the ranks' words.
  int32_t largest(const std::function<int32_t(int rank)>& word) const {
    int32_t all = -1;
    for (int rank = 0; rank < row.ranks; ++rank) all = std::max(all, word(rank));
    return all;
  }
  double before(int rank) const {
    double sum = 0;
    for (int other = 0; other < rank; ++other) sum += sum_of(other);
    return sum;
  }
};

/// Mistakes in the weights.
std::vector<KnownWrong<Words>> wrong_weights(const Row& row, double temperature) {
  const auto in = [&](const std::vector<double>& line) {
    return drawn(row, [&](double u) { return found(line, u * total(line)); });
  };
  const std::vector<double> own_maximum = line_of(row, [&](int64_t word) {
    const double max = row.max(row.words_of(row.rank_of(word)));
    return std::exp((row.logits[static_cast<size_t>(word)] - max) / temperature);
  });
  std::vector<double> with_padding, line = line_at(row, temperature);
  for (int rank = 0; rank < row.ranks; ++rank) {
    for (int64_t j = 0; j < row.columns; ++j)
      with_padding.push_back(weight(row, row.at(rank, j), temperature));
  }
  return {
      {"drawn with each rank's own maximum taken off: the ranks' weights have different factors in "
       "front, take off the maximum over all ranks",
       in(own_maximum)},
      {"drawn with the padding as if it were words: only the first words.size() columns are",
       in(with_padding)},
      {"drawn at temperature 1: divide logit - max by the temperature before exp (a factor after "
       "it "
       "changes nothing)",
       in(line_at(row, 1))},
      {"drawn with logits that were multiplied by the temperature: divide them",
       in(line_at(row, 1 / temperature))},
      {"the most probable word, whatever u is: that is temperature 0", drawn(row, [&](double) {
         return static_cast<int32_t>(std::max_element(line.begin(), line.end()) - line.begin());
       })}};
}

/// Mistakes in what a rank knows of the others.
std::vector<KnownWrong<Words>> wrong_searches(const Row& row, const Search& s) {
  const double all = total(s.line);
  const auto largest = [&](const std::function<int32_t(int rank, double u)>& word) {
    return drawn(row, [&](double u) { return s.largest([&](int rank) { return word(rank, u); }); });
  };
  const auto right = [&](double u) { return found(s.line, u * all); };
  const auto local = [&](double u) { return static_cast<int32_t>(right(u) % row.columns); };
  const auto only_here = [&](int32_t elsewhere) {
    return drawn(row, [&, elsewhere](double u) {
      const int32_t word = right(u);
      return word >= row.mine().begin && word < row.mine().end ? word : elsewhere;
    });
  };
  const auto own = [&](double u) { return s.word_of(row.rank, 0, u * s.sum_of(row.rank)); };
  /// On the rank of the right word: the first at which a sum from 0 exceeds u times that of all.
  const auto from_zero = [&](double u, int64_t if_none) {
    const int rank = row.rank_of(right(u));
    const int32_t word = s.word_of(rank, 0, u * all);
    return word < 0 ? static_cast<int32_t>(row.words_of(rank).end + if_none) : word;
  };
  const std::string walk =
      "on the right rank, but the walk through its words begins at 0: let it begin at the sum of "
      "the ranks before it";
  return {
      {"the word's column in its rank's part: add words.begin", drawn(row, local)},
      {"the word's column plus rank · words.size(), but the last ranks have fewer words than the "
       "others: add words.begin",
       drawn(row,
             [&](double u) {
               const int rank = row.rank_of(right(u));
               return static_cast<int32_t>(local(u) + rank * row.words_of(rank).size());
             })},
      {walk, drawn(row, [&](double u) { return from_zero(u, -1); })},
      {walk, drawn(row, [&](double u) { return from_zero(u, 0); })},
      {"-1 for u = 0, which no rank takes: a rank has the word where the sum before it is at most "
       "u · total, and the sum with its own is more",
       drawn(row, [&](double u) { return u == 0 ? -1 : right(u); })},
      {"right on the rank that has the word only: the other ranks have -1, tell them",
       only_here(-1)},
      {"right on the rank that has the word only: the other ranks have 0, tell them", only_here(0)},
      {"searched from 0 on every rank: the sums of the ranks before it come first",
       largest([&](int rank, double u) { return s.word_of(rank, 0, u * all); })},
      {"searched from the sum of all ranks up to this one, its own included: only those before it "
       "come first",
       largest([&](int rank, double u) { return s.word_of(rank, s.before(rank + 1), u * all); })},
      {"searched from the sum of the ranks after this one: those before it come first",
       largest(
           [&](int rank, double u) { return s.word_of(rank, all - s.before(rank + 1), u * all); })},
      {"searched for u times each rank's own sum: u is a part of the sum of all ranks",
       largest([&](int rank, double u) {
         return s.word_of(rank, s.before(rank), u * s.sum_of(rank));
       })},
      {"the last of the words that the ranks drew from their own parts: each rank took u for "
       "itself "
       "alone",
       largest([&](int rank, double u) { return s.word_of(rank, 0, u * s.sum_of(rank)); })},
      {"a word that each rank drew from its own part, another on every rank", drawn(row, own)}};
}

/// All that is drawn, one after the other, and what is communicated for one word.
struct Answer {
  Words words;
  int64_t calls = 0, bytes = 0;
};

Answer answers(Examiner& examiner, const Row& row, double temperature, const std::string& of) {
  const std::vector<float> part = row.part();
  const Tensor logits =
      Tensor::from(examiner.backend(), {row.columns}, std::span<const float>(part));
  Answer answer;
  const Ledger before = examiner.ledger();
  for (const double u : row.us)
    answer.words.push_back(sample_sharded(examiner.world(), logits, row.mine(), temperature, u));
  const Ledger since = examiner.ledger().since(before);
  answer.calls = since.calls() / std::ssize(row.us);
  answer.bytes = since.bytes() / std::ssize(row.us);
  examiner.expect(
      "logits are not changed" + of, logits.to_host() == part,
      "you have changed the logits that you were given: clone them, or work on the host");
  return answer;
}

void expect_ledger(Examiner& examiner, const Answer& answer, const Row& row,
                   const std::string& of) {
  std::string diagnosis;
  if (answer.bytes >= 4 * row.columns && row.columns > 4) {
    diagnosis = text("you communicate ", answer.bytes,
                     " bytes of each rank for a word: that is all "
                     "of its ",
                     row.columns, " logits, where a few numbers are enough");
  } else if (answer.calls > 3) {
    diagnosis = text("you communicate otherwise than asked: ", answer.calls,
                     " calls for a word where 3 are enough");
  } else if (answer.bytes > 4 * answer.calls) {
    diagnosis = text("you communicate otherwise than asked: ", answer.bytes, " bytes in ",
                     answer.calls, " calls, where each takes one number");
  }
  if (diagnosis.empty()) diagnosis = examiner.about_host_numbers();
  examiner.expect("at most three calls of one number each" + of, diagnosis.empty(), diagnosis);
}

std::string first_difference(const Row& row, const Words& got, const Words& right,
                             const std::string& of) {
  size_t first = 0;
  while (first + 1 < right.size() && got[first] == right[first]) ++first;
  return text("your word", of, " for u = ", fixed(row.us[first], 8), " is ", got[first],
              ", expected ", right[first]);
}

void check(Examiner& examiner, int64_t vocabulary, double level, double temperature,
           const std::string& of) {
  Row row(examiner, vocabulary, level);
  const Search search{row, temperature};
  row.us = uniform_numbers(search.line);
  const Answer got = answers(examiner, row, temperature, of);
  const Words right =
      drawn(row, [&](double u) { return found(search.line, u * total(search.line)); });
  std::vector<KnownWrong<Words>> known;
  if (level == 0) known = wrong_weights(row, temperature);
  if (level == 0)
    for (const auto& more : wrong_searches(row, search)) known.push_back(more);
  std::string difference = first_difference(row, got.words, right, of);
  if (level != 0)
    difference +=
        ": exp overflows or vanishes in f32 or double; take the maximum off before you "
        "divide by the temperature";
  expect_answer(examiner, "word" + of, got.words, right, known, difference);
  expect_ledger(examiner, got, row, of);
}

/// Temperature 0, with the largest logit twice on one rank and, where there are several, on others.
void check_most_probable(Examiner& examiner) {
  const std::string of = " at temperature 0";
  Row row(examiner, 37, 0);
  const auto largest = static_cast<float>(row.max({0, row.vocabulary}) + 1);
  for (const size_t word : {8, 6, 35, 33, 21}) row.logits[word] = largest;
  row.us = {0.7};
  row.above = far_above;
  const Answer got = answers(examiner, row, 0, of);
  const auto last_rank = static_cast<int32_t>(row.words_of(row.rank_of(35)).begin);
  int32_t first_of_last = 35;
  for (const int32_t word : {33, 21, 8, 6}) {
    if (word >= last_rank) first_of_last = word;
  }
  const std::string many = ": several words have the largest logit, the first of all is asked for";
  expect_answer<Words>(
      examiner, "word" + of, got.words, {6},
      {{"the last of the most probable ones" + many, {35}},
       {"the first of the last rank that has the largest logit" + many, {first_of_last}},
       {"the second on its rank" + many, {8}}},
      text("your word", of, " is ", got.words[0], ", expected 6",
           got.words[0] >= row.vocabulary || got.words[0] < 0
               ? ": the padding, which is far above the logits here, was part of the maximum"
               : ""));
  expect_ledger(examiner, got, row, of);
}

/// Four words of the probability 1/4: the sums of probabilities are exact, and u is one of them.
void check_borders(Examiner& examiner) {
  const std::string of = " where u is the sum of whole words";
  Row row(examiner, 4, 0);
  row.logits.assign(4, 0.0f);
  row.us = {0, 0.25, 0.5, 0.75};
  const Words right{0, 1, 2, 3};
  const Answer got = answers(examiner, row, 1, of);
  expect_answer<Words>(
      examiner, "word" + of, got.words, right, {},
      first_difference(row, got.words, right, " among four of equal logits") +
          ": the sum of the probabilities of the words before the expected one is exactly u, and "
          "does not exceed it");
  expect_ledger(examiner, got, row, of);
}

/// Padding that is so far above the logits that, with it in the maximum, every weight vanishes.
void check_padding(Examiner& examiner) {
  Row row(examiner, 37, 0);
  row.above = far_above;
  const std::vector<double> line = line_at(row, 0.7);
  row.us = uniform_numbers(line);
  const Answer got = answers(examiner, row, 0.7, " beside padding far above the logits");
  const Words right = drawn(row, [&](double u) { return found(line, u * total(line)); });
  expect_answer<Words>(
      examiner, "word beside padding far above the logits", got.words, right, {},
      text("your words are wrong where the padding is ", far_above,
           " above the logits, and right where it is 5 above them: it must be neither in the "
           "maximum nor among the exponentials"));
}

/// The first words have probability 0, those of rank 0 among them.
void check_impossible_words(Examiner& examiner) {
  Row row(examiner, 37, 0);
  const size_t possible = row.ranks > 1 ? static_cast<size_t>(row.columns) + 3 : 3;
  for (size_t word = 0; word < possible; ++word) row.logits[word] = -far_above;
  row.us = {0};
  const auto right = static_cast<int32_t>(possible);
  const Answer got = answers(examiner, row, 0.7, " after words of probability 0");
  expect_answer<Words>(
      examiner, "word for u = 0 after words of probability 0", got.words, {right}, {},
      text("your word for u = 0 is ", got.words[0], ", expected ", right, ": words 0 … ", right - 1,
           " have probability 0 here, and the sum of the probabilities must exceed u, not "
           "merely reach it"));
}

}  // namespace

void examine(Examiner& examiner) {
  const auto check_case = [&](int64_t vocabulary, double level, double temperature,
                              const std::string& of) {
    examiner.attempt("word" + of, [&] { check(examiner, vocabulary, level, temperature, of); });
  };
  check_case(37, 0, 0.7, "");
  if (!examiner.verdict()) return;
  check_case(37, 0, 2.5, " at temperature 2.5");
  examiner.attempt("word at temperature 0", [&] { check_most_probable(examiner); });
  examiner.attempt("padding far above the logits", [&] { check_padding(examiner); });
  examiner.attempt("words of probability 0", [&] { check_impossible_words(examiner); });
  check_case(37, 100, 0.1, " (logits of about 100)");
  check_case(37, -120, 0.1, " (logits of about -120)");
  const int64_t few = examiner.world().size() + 1;  // on 3 and 4 ranks the last has padding only
  check_case(few, 0, 0.7, text(" (vocabulary of ", few, ")"));
  examiner.attempt("four words of equal logits", [&] { check_borders(examiner); });
}

}  // namespace shard
