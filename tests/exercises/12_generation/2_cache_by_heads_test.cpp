#include "exercises/12_generation/2_cache_by_heads.h"

#include <cmath>
#include <functional>

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr CachedAttention sizes{.heads = 12, .head_width = 5, .context = 11};
constexpr int64_t tokens = 9;
const std::vector<int64_t> pieces{4, 1, 3, 1};  // a prompt, then what follows

/// How attention goes wrong. Columns are those at which this rank's Q, K and V begin in qkv.
struct Variant {
  std::function<bool(int64_t query, int64_t key)> sees = [](int64_t query, int64_t key) {
    return key <= query;
  };
  double scale = 1 / std::sqrt(static_cast<double>(sizes.head_width));
  int64_t first_key = 0;  // earlier ones are not attended to
};

struct Heads {
  int64_t q, k, v, count;
};

/// The attention of tokens `rows`, to no later token than the last of them: [rows × heads·width].
Matrix attended(const Matrix& qkv, Range rows, const Heads& heads, const Variant& how) {
  const int64_t d = sizes.head_width;
  Matrix out(rows.size(), heads.count * d);
  for (int64_t head = 0; head < heads.count; ++head) {
    for (int64_t i = rows.begin; i < rows.end; ++i) {
      std::vector<double> weights;
      double sum = 0;
      for (int64_t j = how.first_key; j < rows.end; ++j) {
        double score = 0;
        for (int64_t c = 0; c < d; ++c)
          score += qkv(i, heads.q + head * d + c) * qkv(j, heads.k + head * d + c);
        weights.push_back(how.sees(i, j) ? std::exp(how.scale * score) : 0);
        sum += weights.back();
      }
      for (int64_t j = how.first_key; j < rows.end; ++j) {
        for (int64_t c = 0; c < d; ++c)
          out(i - rows.begin, head * d + c) += weights[static_cast<size_t>(j - how.first_key)] /
                                               sum * qkv(j, heads.v + head * d + c);
      }
    }
  }
  return out;
}

Heads heads_of(int ranks, int rank) {
  const int64_t first = rank * sizes.width() / ranks;
  return {first, sizes.width() + first, 2 * sizes.width() + first, sizes.heads / ranks};
}

/// [rows × heads·d] as [heads × rows × d], one head after the other.
Matrix by_head(const Matrix& x) {
  Matrix out(x.rows, x.columns);
  const int64_t d = sizes.head_width;
  for (int64_t row = 0; row < x.rows; ++row) {
    for (int64_t column = 0; column < x.columns; ++column) {
      const size_t place = static_cast<size_t>((column / d * x.rows + row) * d + column % d);
      out.values[place] = x(row, column);
    }
  }
  return out;
}

std::vector<Suspect> wrong_outputs(const Matrix& qkv, Range rows, int ranks, int rank) {
  const Heads mine = heads_of(ranks, rank);
  const auto wrong = [&](const char* diagnosis, const Variant& how) {
    return Suspect::result(diagnosis, attended(qkv, rows, mine, how));
  };
  const auto elsewhere = [&](const char* diagnosis, const Heads& heads) {
    return Suspect::result(diagnosis, attended(qkv, rows, heads, {}));
  };
  const int64_t part = sizes.width() / ranks, third = 3 * part * rank, begin = rows.begin;
  const double all_heads = static_cast<double>(sizes.width());
  return {
      wrong("made without a mask: of several new tokens, each sees the later ones",
            {.sees = [](int64_t, int64_t) { return true; }}),
      wrong(
          "made with a mask as if the new tokens were the first of the sequence: query i sees the "
          "keys up to seen + i",
          {.sees = [=](int64_t query, int64_t key) { return key <= query - begin; }}),
      wrong("made with a mask that is off by one: a token does not see itself",
            {.sees = [](int64_t query, int64_t key) { return key < std::max<int64_t>(query, 1); }}),
      wrong("made with a mask that is off by one: a token sees the one after it",
            {.sees = [](int64_t query, int64_t key) { return key <= query + 1; }}),
      wrong("made with the new tokens' keys alone: those in the cache belong in front of them",
            {.first_key = begin}),
      wrong("made with scores that are not divided by √head_width", {.scale = 1}),
      wrong("made with scores divided by √width: it is the width of a head that counts",
            {.scale = 1 / std::sqrt(all_heads)}),
      wrong("made with scores divided by √(width/t): it is the width of a head that counts",
            {.scale = 1 / std::sqrt(all_heads / ranks)}),
      wrong("made with scores divided by head_width, not by its root",
            {.scale = 1.0 / static_cast<double>(sizes.head_width)}),
      elsewhere("that of the next rank's heads", heads_of(ranks, (rank + 1) % ranks)),
      elsewhere("that of the first heads: this rank's begin at rank·heads/t", heads_of(ranks, 0)),
      elsewhere(
          "made from one range of 3·width/t columns: this rank's heads are at three places, in "
          "Q, in K and in V",
          {third, third + part, third + 2 * part, mine.count}),
      elsewhere("made with keys for values and values for keys",
                {mine.q, mine.v, mine.k, mine.count}),
      Suspect::result("that of all heads: this rank's are asked for",
                      attended(qkv, rows, heads_of(1, 0), {})),
      Suspect::result("one head below the other: a token's heads belong side by side in its row "
                      "(merge_heads)",
                      by_head(attended(qkv, rows, mine, {})))};
}

/// Where in qkv the row `got` of a cache comes from: "the key of token 3, head 5". `right` is the
/// head that belongs there.
std::string origin_of(const Matrix& qkv, std::span<const float> got, int64_t right) {
  static const char* const names[] = {"query", "key", "value"};
  for (int64_t token = 0; token < tokens; ++token) {
    for (int64_t block = 0; block < 3 * sizes.heads; ++block) {
      double gap = 0;
      for (int64_t c = 0; c < sizes.head_width; ++c)
        gap = reference::larger(
            gap, std::abs(got[static_cast<size_t>(c)] - qkv(token, block * sizes.head_width + c)));
      if (!(gap < 1e-5)) continue;
      const int64_t head = block % sizes.heads;
      return text("the ", names[block / sizes.heads], " of token ", token,
                  head == right ? "" : text(" of head ", head));
    }
  }
  return std::isnan(got[0]) ? "what was never written" : "something else";
}

/// What is wrong with the first `seen` rows of the cache's keys (matrix 1) or values (2), or "".
std::string diagnosis_of(const Matrix& qkv, const Tensor& kept, int64_t matrix, int64_t seen,
                         int64_t first_head, int64_t heads) {
  const char* const name = matrix == 1 ? "key" : "value";
  if (!kept || kept.shape() != Shape{heads, sizes.context, sizes.head_width})
    return text("your cache's ", name, "s ",
                kept ? "have shape " + to_string(kept.shape()) : "are an empty tensor", " where ",
                to_string(Shape{heads, sizes.context, sizes.head_width}),
                " belongs: this rank's heads, and room for the whole context");
  const std::vector<float> all = kept.to_host();
  for (int64_t token = 0; token < seen; ++token) {
    for (int64_t head = 0; head < heads; ++head) {
      const auto begin = static_cast<size_t>((head * sizes.context + token) * sizes.head_width);
      const auto row = std::span(all).subspan(begin, static_cast<size_t>(sizes.head_width));
      const std::string origin = origin_of(qkv, row, first_head + head);
      if (origin == text("the ", name, " of token ", token)) continue;
      return text("in your cache of ", name, "s, row ", token, " of head ", first_head + head,
                  " holds ", origin, " where the ", name, " of token ", token, " belongs");
    }
  }
  return "";
}

void check_pieces(Examiner& examiner, const Matrix& qkv) {
  Communicator& world = examiner.world();
  const int ranks = world.size(), rank = world.rank();
  const int64_t heads = sizes.heads / ranks, first_head = rank * heads;
  HeadCache cache = empty_cache(world, sizes);
  examiner.expect("an empty cache", cache.seen == 0, "your empty cache has seen tokens");
  for (const int64_t matrix : {1, 2}) {
    const std::string diagnosis =
        diagnosis_of(qkv, matrix == 1 ? cache.keys : cache.values, matrix, 0, first_head, heads);
    examiner.expect("", diagnosis.empty(), diagnosis);
  }
  if (!examiner.verdict()) return;
  int64_t seen = 0;
  for (const int64_t piece : pieces) {
    const Range rows{seen, seen + piece};
    const std::string of = text(", tokens ", rows.begin, " … ", rows.end - 1);
    const Ledger before = examiner.ledger();
    const Tensor got =
        attend_cached(world, sizes, examiner.tensor(rows_of(qkv, rows), "qkv"), cache);
    seen = rows.end;
    examiner.expect_ledger("", before, {});
    examiner.expect("", cache.seen == seen,
                    text("after ", seen, " tokens, your cache has seen ", cache.seen));
    for (const int64_t matrix : {1, 2}) {
      const std::string diagnosis = diagnosis_of(qkv, matrix == 1 ? cache.keys : cache.values,
                                                 matrix, seen, first_head, heads);
      examiner.expect("", diagnosis.empty(), diagnosis);
    }
    examiner.expect("output" + of, got, attended(qkv, rows, heads_of(ranks, rank), {}),
                    wrong_outputs(qkv, rows, ranks, rank));
    if (!examiner.verdict()) return;
  }
}

/// As many tokens as the context holds, the last two of them at once.
void check_full(Examiner& examiner, Matrix qkv) {
  Communicator& world = examiner.world();
  HeadCache cache = empty_cache(world, sizes);
  attend_cached(world, sizes, examiner.tensor(qkv, "qkv"), cache);
  const Matrix two = rows_of(qkv, {0, 2});
  const Tensor got = attend_cached(world, sizes, examiner.tensor(two, "qkv"), cache);
  qkv.values.insert(qkv.values.end(), two.values.begin(), two.values.end());
  qkv.rows += two.rows;
  examiner.expect("output of the last tokens that fit", got,
                  attended(qkv, {tokens, qkv.rows}, heads_of(world.size(), world.rank()), {}));
}

/// More tokens than the context holds.
void check_too_many(Examiner& examiner, const Matrix& qkv) {
  HeadCache cache = empty_cache(examiner.world(), sizes);
  attend_cached(examiner.world(), sizes, examiner.tensor(qkv, "qkv"), cache);
  const std::vector<float> before = cache.keys.to_host();
  const std::string diagnosis = wrong_refusal<Error>(
      [&] {
        attend_cached(examiner.world(), sizes, examiner.tensor(rows_of(qkv, {0, 3}), "qkv"), cache);
      },
      {"12 tokens",
       "Error, which require() throws",
       "your attend_cached takes 12 tokens where the context holds 11",
       {"11", "12"}});
  examiner.expect("refuses 12 tokens", diagnosis.empty(), diagnosis);
  examiner.expect("a refusal leaves the cache as it was", cache.seen == tokens,
                  text("after a refusal, your cache has seen ", cache.seen, " tokens, not 9"));
}

}  // namespace

void examine(Examiner& examiner) {
  const Matrix qkv = examiner.random(tokens, 3 * sizes.width(), "qkv");
  examiner.attempt("tokens within the context", [&] { check_pieces(examiner, qkv); });
  if (!examiner.verdict()) return;
  examiner.attempt("as many tokens as the context holds", [&] { check_full(examiner, qkv); });
  examiner.attempt("more tokens than the context", [&] { check_too_many(examiner, qkv); });
}

}  // namespace shard
