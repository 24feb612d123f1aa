#include "exercises/19_interleaved_pipeline/2_later_weights.h"

#include <algorithm>
#include <functional>

#include "chapters/18_pipeline/replay.h"
#include "common/base/counted.h"
#include "tests/exercises/answers.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

using reference::add;
using reference::matmul;
using reference::transpose;

constexpr int64_t tokens = 5, in = 3, out = 7;

/// How many products are in dw after each micro-batch, for each stage.
using Counts = std::vector<std::vector<int64_t>>;
/// The same by a rule: after micro-batch i of stage j.
using Rule = std::function<int64_t(int64_t i, int64_t j)>;

Counts counts_of(int p, int64_t m, const Rule& rule) {
  Counts counts;
  for (int64_t j = 0; j < p; ++j) {
    auto& of_stage = counts.emplace_back();
    for (int64_t i = 0; i < m; ++i) of_stage.push_back(std::max<int64_t>(0, rule(i, j)));
  }
  return counts;
}

/// The time that the stages lose with F = I = W = 1: 1F1B's order of F and I, and W as counted.
double bubble_of(const Counts& counts) {
  const auto p = static_cast<int>(counts.size());
  const int64_t m = std::ssize(counts.front());
  Schedule schedule;
  for (int stage = 0; stage < p; ++stage) {
    Steps steps;
    int64_t added = 0;
    const auto add_until = [&](int64_t count) {
      for (; added < count; ++added) steps.push_back({Pass::weight_gradient, added});
    };
    for (const Step& step : one_forward_one_backward(stage, p, m)) {
      if (step.pass == Pass::forward) {
        steps.push_back(step);
        continue;
      }
      steps.push_back({Pass::input_gradient, step.micro_batch});
      add_until(
          std::min(step.micro_batch + 1,
                   counts[static_cast<size_t>(stage)][static_cast<size_t>(step.micro_batch)]));
    }
    add_until(m);
    schedule.push_back(steps);
  }
  return replay(schedule, StepCosts::units()).total() - 3.0 * static_cast<double>(m);
}

struct Case {
  int p;
  int64_t m;
};

class Trial {
 public:
  Trial(Examiner& examiner, Case c) : examiner_(examiner), p_(c.p), m_(c.m) {
    for (int64_t i = 0; i < m_; ++i) {
      x_.push_back(examiner.random(tokens, in, text("x", i)));
      dy_.push_back(examiner.random(tokens, out, text("dy", i)));
    }
  }

  void examine_all() {
    for (int stage = 0; stage < p_; ++stage) examine_stage(stage);
    expect_moments();
    expect_counts();
  }

 private:
  Matrix product(int64_t x, int64_t dy) const {
    return matmul(transpose(x_[static_cast<size_t>(x)]), dy_[static_cast<size_t>(dy)]);
  }
  /// before + Σ over x in `range` of the products with dy(x).
  Matrix sum(const Matrix& before, Range range, const std::function<int64_t(int64_t)>& dy) const {
    Matrix total = before;
    for (int64_t i = range.begin; i < range.end; ++i) total = add(total, product(i, dy(i)));
    return total;
  }
  Matrix sum(const Matrix& before, Range range) const {
    return sum(before, range, [](int64_t i) { return i; });
  }

  void examine_stage(int stage) {
    const Matrix w = examiner_.random(in, out, "w"), before = examiner_.random(in, out, "dw");
    LaterWeight layer{stage, p_, examiner_.tensor(w, "w"), examiner_.variable(before)};
    int64_t weights = 0;
    bool has_dx = false;
    examiner_.watch_products([&](const Tensor& c) {
      if (c.rows() == in) ++weights;
      if (c.rows() == tokens && c.columns() == in) has_dx = true;
      if (c.rows() == in && in_input_gradient_) ++(has_dx ? beside_dx_ : before_dx_);
    });
    auto& counts = counts_.emplace_back();
    for (int64_t i = 0; i < m_; ++i) {
      const auto at = static_cast<size_t>(i);
      has_dx = false;
      in_input_gradient_ = true;
      const Tensor dx =
          input_gradient(layer, examiner_.tensor(x_[at], "x"), examiner_.tensor(dy_[at], "dy"));
      in_input_gradient_ = false;
      expect_dx(dx, w, i, stage);
      after_sending(layer);
      counts.push_back(weights);
    }
    const Matrix right = sum(before, {0, m_ - stage});
    if (m_ > stage && counts.back() == m_ - stage && before_dx_ + beside_dx_ == 0)
      expect_before_finish(layer.dw, before, right, stage);
    finish(layer);
    examiner_.watch_products(nullptr);
    expect_end(layer, before, stage);
  }

  void expect_dx(const Tensor& dx, const Matrix& w, int64_t i, int stage) {
    std::vector<Suspect> suspects;
    const int64_t oldest = std::max<int64_t>(0, i - stage);
    if (oldest != i) {
      suspects.push_back(Suspect::result(
          "that of the micro-batch whose weights' gradient is due: the stage before waits for this "
          "one's",
          matmul(dy_[static_cast<size_t>(oldest)], transpose(w))));
    }
    examiner_.expect("dX", dx, matmul(dy_[static_cast<size_t>(i)], transpose(w)), suspects);
  }

  void expect_before_finish(const Tensor& dw, const Matrix& before, const Matrix& right,
                            int stage) {
    std::vector<Suspect> suspects;
    if (stage > 0) {
      suspects.push_back(Suspect::result(
          "the sum of the newest products: the oldest must be added first, or it is kept until the "
          "end",
          sum(before, {stage, m_})));
    }
    add_common(suspects, before, m_ - 1 - stage, stage);
    examiner_.expect("dW before finish", dw, right, suspects);
  }

  /// Sums with products of what belongs to two micro-batches, and products that replace the sum.
  void add_common(std::vector<Suspect>& suspects, const Matrix& before, int64_t last,
                  int stage) const {
    suspects.push_back(
        Suspect::result("the product of one micro-batch: each one must be added to what is there",
                        product(last, last)));
    if (stage == 0) return;
    suspects.push_back(Suspect::result(
        "made of one micro-batch's X and another one's dY: each product has both from one entry of "
        "the queue",
        sum(before, {0, last + 1}, [&](int64_t i) { return std::min(i + stage, m_ - 1); })));
  }

  void expect_end(const LaterWeight& layer, const Matrix& before, int stage) {
    std::vector<Suspect> suspects;
    const int64_t waited = std::min<int64_t>(stage, m_);
    if (waited > 0) {
      suspects.push_back(
          Suspect::result("without the last products, which still wait: finish adds them all",
                          sum(before, {0, m_ - waited})));
      suspects.push_back(
          Suspect::result("with one of those that waited at the end: finish adds all",
                          sum(before, {0, m_ - waited + 1})));
    }
    add_common(suspects, before, m_ - 1, stage);
    examiner_.expect("dW", layer.dw, sum(before, {0, m_}), suspects);
    examiner_.expect("queue", layer.queue.empty(),
                     text("after finish ", counted(std::ssize(layer.queue), "product"),
                          " are still in the queue"));
  }

  void expect_moments() {
    examiner_.expect(
        "input_gradient", before_dx_ == 0,
        "your input_gradient computes a product of weights before dX: the stage before "
        "waits for dX, and meanwhile for that product, too");
    examiner_.expect("input_gradient", beside_dx_ == 0,
                     "your input_gradient computes a product of weights, too: it takes the time "
                     "there, whenever it is added");
  }

  void expect_counts() {
    if (before_dx_ + beside_dx_ > 0) return;
    const auto wrong = [&](const std::string& what, const Rule& rule) {
      const Counts counts = counts_of(p_, m_, rule);
      return KnownWrong<Counts>{text(what, "; replayed, the bubble is ", bubble_of(counts),
                                     ", not ", bubble_of(right())),
                                counts};
    };
    std::vector<KnownWrong<Counts>> known{
        wrong("that of products which are added at once: nothing is left for the end",
              [](int64_t i, int64_t) { return i + 1; }),
        wrong("that of products which are all added at the end: their X and dY are kept until then",
              [](int64_t, int64_t) { return 0; }),
        wrong("right for the stages in reverse: p - 1 - j passes later",
              [&](int64_t i, int64_t j) { return i + 1 - (p_ - 1 - j); }),
        wrong("that of p - 1 passes later on every stage: the first one has nothing to wait for",
              [&](int64_t i, int64_t) { return i + 1 - (p_ - 1); }),
        wrong("one pass too early: a stage j > 0 has one product too few at the end",
              [](int64_t i, int64_t j) { return i + 1 - std::max<int64_t>(0, j - 1); }),
        wrong("one pass too late: j + 1 products wait after each pass, one more than needed",
              [](int64_t i, int64_t j) { return i - j; }),
        wrong("that of a queue which is emptied when it has more than j: only the oldest is due",
              [](int64_t i, int64_t j) { return (i + 1) / (j + 1) * (j + 1); })};
    std::string difference;
    for (size_t j = 0; j < counts_.size() && difference.empty(); ++j) {
      if (counts_[j] != right()[j])
        difference =
            text("of stage ", j, " of ", p_, " the products in dW after each micro-batch are ",
                 shown(right()[j]), ", in your answer ", shown(counts_[j]));
    }
    expect_answer(examiner_, "order of products", counts_, right(), known, difference);
  }

  Counts right() const {
    return counts_of(p_, m_, [](int64_t i, int64_t j) { return i + 1 - j; });
  }

  Examiner& examiner_;
  int p_;
  int64_t m_;
  std::vector<Matrix> x_, dy_;
  Counts counts_;
  bool in_input_gradient_ = false;
  int64_t before_dx_ = 0, beside_dx_ = 0;  // products of weights in input_gradient
};

}  // namespace

void examine(Examiner& examiner) {
  for (const Case c : {Case{4, 7}, Case{3, 2}}) {
    const std::string name = text(c.p, " stages, ", c.m, " micro-batches");
    examiner.attempt(name, [&] { Trial(examiner, c).examine_all(); });
  }
}

}  // namespace shard
