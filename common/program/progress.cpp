#include "common/program/progress.h"

#include <algorithm>
#include <cmath>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/terminal.h"

namespace shard {

Progress::Progress(Report& report, int64_t first_step, int64_t steps, int64_t tokens_per_step)
    : report_(report),
      first_step_(first_step),
      steps_(steps),
      tokens_per_step_(tokens_per_step),
      done_(first_step),
      moving_(prints_to_terminal()) {}

/// As much as fits into `width` characters, the most important first, so that a narrow terminal
/// shows less, but one line.
std::string Progress::line(size_t width) const {
  constexpr size_t longest_bar = 24, shortest_bar = 8;
  const double each = seconds_ / static_cast<double>(std::max<int64_t>(1, done_ - first_step_));
  const std::string number = std::to_string(done_), all = std::to_string(steps_);
  std::string out = text("step ", std::string(all.size() - number.size(), ' '), number, "/", all);
  for (const std::string& part :
       {"  loss " + fixed(loss_, 4), validation_,
        text("  ", fixed(static_cast<double>(tokens_per_step_) / each, 0), " tokens/s"),
        text("  ", fixed(each * static_cast<double>(steps_ - done_), 0), " s left")}) {
    if (out.size() + part.size() > width) break;
    out += part;
  }
  constexpr size_t around_bar = 5;  // "  [" and "] "
  if (out.size() + around_bar + shortest_bar > width) return out.substr(0, width);
  const auto length = static_cast<int64_t>(std::min(longest_bar, width - around_bar - out.size()));
  std::string bar;
  for (int64_t i = 0; i < length; ++i) bar += i < done_ * length / steps_ ? "#" : ".";
  return text("  [", bar, "] ", out);
}

void Progress::step(double loss, double seconds) {
  constexpr size_t any_width = 1000;
  ++done_;
  seconds_ += seconds;
  loss_ = loss;
  if (moving_) {
    constexpr double often_enough = 0.1;  // seconds
    if (done_ < steps_ && now() - last_shown_ < often_enough) return;
    last_shown_ = now();
    report_.update(line(terminal_columns() - 1));  // the last column is for the cursor
  } else if (done_ % std::max<int64_t>(1, steps_ / 10) == 0 || done_ == first_step_ + 1) {
    report_.line(line(any_width));
  }
}

void Progress::validated(double loss) {
  if (!std::isnan(loss))
    validation_ = "  validation " + fixed(loss, 4);  // not finite without a validation text
}

void Progress::end() {
  if (moving_) report_.line(line(terminal_columns() - 1));
}

}  // namespace shard
