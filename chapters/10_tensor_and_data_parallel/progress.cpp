#include "chapters/10_tensor_and_data_parallel/progress.h"

#include <algorithm>

#include "common/clock.h"
#include "common/error.h"
#include "common/terminal.h"

namespace shard {

Progress::Progress(Report& report, int64_t steps, int64_t tokens_per_step)
    : report_(report), steps_(steps), tokens_per_step_(tokens_per_step), moving_(prints_to_terminal()) {}

std::string Progress::line(double loss) const {
  constexpr int64_t width = 24;
  std::string bar;
  for (int64_t i = 0; i < width; ++i) bar += i < done_ * width / steps_ ? "#" : ".";
  const double each = seconds_ / static_cast<double>(done_);
  const std::string number = std::to_string(done_);
  return text("  [", bar, "] step ", std::string(std::to_string(steps_).size() - number.size(), ' '), number, "/",
              steps_, "  loss ", fixed(loss, 4), validation_, "  ",
              fixed(static_cast<double>(tokens_per_step_) / each, 0), " tokens/s  ",
              fixed(each * static_cast<double>(steps_ - done_), 0), " s left");
}

void Progress::step(double loss, double seconds) {
  ++done_;
  seconds_ += seconds;
  if (moving_) {
    constexpr double often_enough = 0.1;  // seconds
    if (done_ < steps_ && now() - last_shown_ < often_enough) return;
    last_shown_ = now();
    report_.update(line(loss));
  } else if (done_ % std::max<int64_t>(1, steps_ / 10) == 0 || done_ == 1) {
    report_.line(line(loss));
  }
}

void Progress::validated(double loss) { validation_ = "  validation " + fixed(loss, 4); }

void Progress::end() {
  if (moving_) report_.line();
}

}  // namespace shard
