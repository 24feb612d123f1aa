// OverlapSteps: the starts and waits of exchanges, and the products between them, in their order.
#pragma once
#include <algorithm>
#include <cmath>

#include "tests/exercises/support.h"

namespace shard {

class OverlapSteps {
 public:
  /// Records from now on. `products`: what this rank should compute for the rows of each rank, by
  /// which a product is recognised.
  OverlapSteps(Examiner& examiner, std::vector<Matrix> products)
      : examiner_(examiner), products_(std::move(products)) {
    examiner.watch_products([this](const Tensor& c) {
      steps_.push_back({Kind::product, owner_of(c), c.rows()});
    });
    examiner.watch_exchanges([this](const WatchedGroup::Event& event) {
      if (first_ == 0) first_ = event.number;
      steps_.push_back({event.is_start ? Kind::start : Kind::wait, event.number - first_ + 1, 0});
    });
  }
  ~OverlapSteps() {
    examiner_.watch_products(nullptr);
    examiner_.watch_exchanges([](const WatchedGroup::Event&) {});
  }
  OverlapSteps(const OverlapSteps&) = delete;

  /// What is wrong with them, "" if nothing is. The rows of rank `own` come first, or last.
  std::string diagnosis(int own, bool own_first) const {
    const auto is_product = [](const Step& step) { return step.kind == Kind::product; };
    if (first_ == 0 || std::ranges::none_of(steps_, is_product)) return "";  // said elsewhere
    if (std::string together = all_at_once(); !together.empty()) return together;
    const auto first = std::ranges::find_if(steps_, is_product);
    const auto last = std::find_if(steps_.rbegin(), steps_.rend(), is_product);
    if (own_first && first->number >= 0 && first->number != own)
      return "your own rows are not the first that you multiply, but they are here from the start, "
             "and can be multiplied during exchange 1";
    if (!own_first && last->number >= 0 && last->number != own)
      return "your own rows are not the last that you multiply, but their sum need not travel on";
    for (auto start = steps_.begin(); start != steps_.end(); ++start) {
      if (start->kind != Kind::start) continue;
      const auto wait = std::find_if(start, steps_.end(), [&](const Step& step) {
        return step.kind == Kind::wait && step.number == start->number;
      });
      if (std::none_of(start, wait, is_product)) {
        return text("nothing is multiplied between the start of exchange ", start->number,
                    " and the wait for it: they do not overlap");
      }
    }
    return "";
  }

 private:
  enum class Kind { start, wait, product };
  struct Step {
    Kind kind;
    int64_t number;  // of the exchange from 1, or the rank whose rows are multiplied; -1: unknown
    int64_t rows;    // of a product
  };

  int64_t owner_of(const Tensor& c) const {
    for (size_t owner = 0; owner < products_.size(); ++owner) {
      const Matrix& product = products_[owner];
      if (product.rows == c.rows() && product.columns == c.columns() &&
          reference::relative_error(c, product) < 1e-4)
        return static_cast<int64_t>(owner);
    }
    return -1;
  }

  std::string all_at_once() const {
    int64_t rows = 0;
    for (const Matrix& product : products_) rows += product.rows;
    for (const Step& step : steps_) {
      if (step.kind == Kind::product && step.rows == rows && products_.size() > 1)
        return "you multiply all rows in one product, which needs all of them: multiply part by "
               "part";
    }
    return "";
  }

  Examiner& examiner_;
  std::vector<Matrix> products_;
  std::vector<Step> steps_;
  int64_t first_ = 0;  // number of the first exchange
};

}  // namespace shard
