// The answer's gradients are compared with those of attention over whole sequences, in double
// precision, and with what comes of each step done wrongly.
#include "exercises/20_context_parallel/3_gradients_come_home.h"

#include <cmath>

#include "tests/exercises/support.h"

namespace shard {
namespace {

constexpr int64_t heads = 2, n = 3, width = 5;
constexpr double score_scale = 0.6;

/// Of all ranks: [heads·c·n × width], head after head.
struct Whole {
  int c;
  Matrix q, k, v, dout;
  int64_t row(int64_t head, int64_t position) const { return head * c * n + position; }
};

/// What a wrong part takes from elsewhere.
struct Wrong {
  bool local_d = false;  // Σ dout ∘ output of this block's output
  bool local_p = false;  // and probabilities of this block's own sum
  bool no_positions = false;
  double scale = score_scale;  // of the block's scores
  int keys_shift = 0;          // the keys are those of this many ranks further on; positions stay
};

struct Parts {
  Matrix dq{heads * n, width}, dk{heads * n, width}, dv{heads * n, width};

  Parts& operator+=(const Parts& more) {
    dq = add(dq, more.dq), dk = add(dk, more.dk), dv = add(dv, more.dv);
    return *this;
  }
};

double dot_rows(const Matrix& a, int64_t row, const Matrix& b, int64_t other) {
  double sum = 0;
  for (int64_t i = 0; i < width; ++i) sum += a(row, i) * b(other, i);
  return sum;
}

/// One query's sum of exponentials and output over keys first … end-1.
struct Softmax {
  double sum = 0;
  std::vector<double> output = std::vector<double>(width, 0.0);
};
Softmax softmax(const Whole& w, int64_t query, int64_t head, int64_t first, int64_t end) {
  Softmax result;
  for (int64_t key = first; key < end; ++key) {
    const int64_t row = w.row(head, key);
    const double e = std::exp(score_scale * dot_rows(w.q, query, w.k, row));
    result.sum += e;
    for (int64_t i = 0; i < width; ++i) result.output[static_cast<size_t>(i)] += e * w.v(row, i);
  }
  for (double& number : result.output) number /= result.sum;
  return result;
}

/// The part of rank `rank`'s queries and rank `owner`'s keys in the gradients.
Parts part_of_block(const Whole& w, int rank, int owner, const Wrong& wrong = {}) {
  Parts parts;
  const int keys_of = (owner + wrong.keys_shift + 2 * w.c) % w.c;
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t query = w.row(head, rank * n + i), to = head * n + i;
      const int64_t behind = wrong.no_positions ? i : (rank - owner) * n + i;
      const int64_t seen = std::clamp<int64_t>(behind + 1, 0, n);
      if (seen == 0) continue;
      const Softmax all = softmax(w, query, head, 0, rank * n + i + 1);
      const Softmax block = softmax(w, query, head, keys_of * n, keys_of * n + seen);
      const Softmax& of_d = wrong.local_d ? block : all;
      double d = 0;
      for (int64_t x = 0; x < width; ++x)
        d += w.dout(query, x) * of_d.output[static_cast<size_t>(x)];
      for (int64_t j = 0; j < seen; ++j) {
        const int64_t key = w.row(head, keys_of * n + j);
        const double p = std::exp(wrong.scale * dot_rows(w.q, query, w.k, key)) /
                         (wrong.local_p ? block.sum : all.sum);
        const double ds = wrong.scale * p * (dot_rows(w.dout, query, w.v, key) - d);
        for (int64_t x = 0; x < width; ++x) {
          parts.dq(to, x) += ds * w.k(key, x);
          parts.dk(head * n + j, x) += ds * w.q(query, x);
          parts.dv(head * n + j, x) += p * w.dout(query, x);
        }
      }
    }
  }
  return parts;
}

/// dq of a rank, and dk and dv of the keys of a rank, complete.
Matrix dq_of(const Whole& w, int rank, const Wrong& wrong = {}) {
  Parts sum;
  for (int owner = 0; owner < w.c; ++owner) sum += part_of_block(w, rank, owner, wrong);
  return sum.dq;
}
Parts of_keys(const Whole& w, int owner, const Wrong& wrong = {}) {
  Parts sum;
  for (int rank = 0; rank < w.c; ++rank) sum += part_of_block(w, rank, owner, wrong);
  return sum;
}

/// Rank `rank`'s rows of a matrix of all.
Matrix own(const Whole& w, const Matrix& all, int rank) {
  Matrix rows(heads * n, width);
  for (int64_t head = 0; head < heads; ++head)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t x = 0; x < width; ++x) rows(head * n + i, x) = all(w.row(head, rank * n + i), x);
  return rows;
}

constexpr const char* local_d =
    "that of Σ dout ∘ output with the output over this block's keys: it must be the output over "
    "all keys, as the log-sum-exp";
constexpr const char* local_p =
    "that of probabilities over this block's keys only: output and log-sum-exp must be those over "
    "all keys";
constexpr const char* no_positions =
    "that of a mask that does not know where the blocks lie: settings.first_query and first_key";
constexpr const char* no_scale =
    "that of scores without their scale, which settings.scale must be told";
constexpr const char* other_way =
    "that of rank r + s's keys with the positions of rank r - s: what is sent to rank r + 1 comes "
    "from rank r - 1";
constexpr const char* keys_stay = "that of your own keys in every step: k and v must travel, too";

std::vector<Suspect> suspects_of_dq(const Whole& w, int rank) {
  const int last = (rank + 1) % w.c;
  Parts other, stay;
  for (int step = 0; step < w.c; ++step) {
    const int owner = (rank + w.c - step) % w.c;
    other += part_of_block(w, rank, owner, {.keys_shift = 2 * step % w.c});
    stay += part_of_block(w, rank, owner, {.keys_shift = step});
  }
  return {Suspect::result(local_d, dq_of(w, rank, {.local_d = true})),
          Suspect::result(local_p, dq_of(w, rank, {.local_d = true, .local_p = true})),
          Suspect::result(no_positions, dq_of(w, rank, {.no_positions = true})),
          Suspect::result(no_scale, dq_of(w, rank, {.scale = 1})),
          Suspect::result("that of your own keys only", part_of_block(w, rank, rank).dq),
          Suspect::result("that of the last step only: those of all steps add up",
                          part_of_block(w, rank, last).dq),
          Suspect::result(keys_stay, stay.dq),
          Suspect::result(other_way, other.dq)};
}

/// `of` picks dk or dv.
std::vector<Suspect> suspects_of(const Whole& w, int rank, Matrix Parts::*of) {
  const int next = (rank + 1) % w.c, before = (rank + w.c - 1) % w.c;
  Parts here;  // of this rank's queries, whatever the keys
  for (int owner = 0; owner < w.c; ++owner) here += part_of_block(w, rank, owner);
  Parts without_last = of_keys(w, rank);
  const Parts last = part_of_block(w, before, rank);
  for (size_t i = 0; i < without_last.dk.values.size(); ++i) {
    (without_last.*of).values[i] -= (last.*of).values[i];
  }
  Parts stay, early;
  for (int from = 0; from < w.c; ++from)
    stay += part_of_block(w, from, rank, {.keys_shift = (from - rank + w.c) % w.c});
  std::vector<Suspect> all{
      Suspect::result("that of rank r + 1's keys: one hop short of home", of_keys(w, next).*of),
      Suspect::result("that of rank r - 1's keys: one hop too far", of_keys(w, before).*of),
      Suspect::result(local_d, of_keys(w, rank, {.local_d = true}).*of),
      Suspect::result(local_p, of_keys(w, rank, {.local_d = true, .local_p = true}).*of),
      Suspect::result(no_positions, of_keys(w, rank, {.no_positions = true}).*of),
      Suspect::result(no_scale, of_keys(w, rank, {.scale = 1}).*of),
      Suspect::result("that of your own queries only: the other ranks' parts are missing",
                      part_of_block(w, rank, rank).*of),
      Suspect::result("that of your own queries with the keys of all ranks: the sum stays here, "
                      "but belongs to keys that travel",
                      here.*of),
      Suspect::result(
          "only the part of rank r - 1, which comes last: what arrives must be added to, "
          "not replaced",
          last.*of),
      Suspect::result(
          "only what this rank computes in its last step: it is rank r + 1's keys', and "
          "not home",
          part_of_block(w, rank, next).*of),
      Suspect::result(keys_stay, stay.*of)};
  if (w.c > 2 || rank == 0)
    all.push_back(
        Suspect::result("without the part of rank r - 1, which comes last", without_last.*of));
  return all;
}

}  // namespace

void examine(Examiner& examiner) {
  Communicator& world = examiner.world();
  const int c = world.size(), rank = world.rank();
  const int64_t rows = heads * c * n;
  const Whole w{c, examiner.random(rows, width, "q"), examiner.random(rows, width, "k"),
                examiner.random(rows, width, "v"), examiner.random(rows, width, "dout")};
  examiner.attempt("ring_backward", [&] {
    const Shape shape{heads, n, width};
    const auto given = [&](const Matrix& all, const char* name) {
      return examiner.tensor(own(w, all, rank), name).reshape(shape);
    };
    Matrix output(heads * n, width), log_sum_exp(1, heads * n);
    for (int64_t row = 0; row < heads * n; ++row) {
      const int64_t head = row / n, at = rank * n + row % n;
      const Softmax all = softmax(w, w.row(head, at), head, 0, at + 1);
      std::copy(all.output.begin(), all.output.end(), &output(row, 0));
      log_sum_exp(0, row) = std::log(all.sum);
    }
    const AttentionResult whole{
        examiner.tensor(output, "whole.output").reshape(shape),
        examiner.vector(log_sum_exp, "whole.log_sum_exp").reshape({heads, n})};
    const Tensor q = given(w.q, "q"), k = given(w.k, "k"), v = given(w.v, "v"),
                 dout = given(w.dout, "dout");
    const Ledger before = examiner.ledger();
    const RingGradients got =
        ring_backward(world, q, k, v, dout, whole, static_cast<float>(score_scale));
    const auto flat = [&](const Tensor& x) {
      return x && x.elements() == heads * n * width ? x.reshape({heads * n, width}) : x;
    };
    const Parts right = of_keys(w, rank);
    examiner.expect("dq", flat(got.dq), dq_of(w, rank), suspects_of_dq(w, rank));
    examiner.expect("dk", flat(got.dk), right.dk, suspects_of(w, rank, &Parts::dk));
    examiner.expect("dv", flat(got.dv), right.dv, suspects_of(w, rank, &Parts::dv));
    const int64_t calls = c == 1 ? 0 : 2 * (c - 1) + 2 * c;
    examiner.expect_ledger("c-1 hops of k and of v, c of dk and of dv", before,
                           {{Collective::send_receive, calls, calls * heads * n * width * 4}});
  });
}

}  // namespace shard
