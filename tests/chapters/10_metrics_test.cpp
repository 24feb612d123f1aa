// metrics.csv, and the curve that is drawn of it.
// Ranks: 1. CPU only.
#include "chapters/10_tensor_and_data_parallel/loss_curve.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_10;

namespace {

/// Steps first … last, with a validation after each tenth.
Metrics metrics_of(int64_t first, int64_t last) {
  Metrics metrics;
  for (int64_t step = first; step <= last; ++step) {
    const double x = static_cast<double>(step);
    metrics.push_back({step, 4.0 - 0.01 * x, 1.0 / x, 1e-3 / 3, 12345.678,
                       step % 10 == 0 ? 4.1 - 0.01 * x : NAN});
  }
  return metrics;
}

bool same(const Metrics& a, const Metrics& b) {
  return metrics_text(a) == metrics_text(b) && a.size() == b.size();
}

/// The warning about a file with this content, whose last step should be 30.
std::string refusal(const std::string& content) {
  const TemporaryFolder temporary;
  const auto file = temporary.path() / "metrics.csv";
  write_file(file, content);
  return message_of<UsageError>([&] { read_metrics(file, 30); });
}

std::string replaced_in(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

TEST_CASE("metrics are read as they were written, to the last digit") {
  const TemporaryFolder temporary;
  const auto file = temporary.path() / "metrics.csv";
  for (int64_t first : {1, 21}) {
    const Metrics metrics = metrics_of(first, 30);
    write_file(file, metrics_text(metrics));
    const Metrics read = read_metrics(file, 30);
    CHECK(same(read, metrics));
    CHECK(read.back().loss == metrics.back().loss);
    CHECK(read.back().gradient_norm == 1.0 / 30);
    CHECK(std::isnan(read.front().validation_loss));
    CHECK(read.back().validation_loss == metrics.back().validation_loss);
  }
  write_file(file, replaced_in(metrics_text(metrics_of(1, 1)), "\n", "\r\n"));
  CHECK(read_metrics(file, 1).size() == 1);
  write_file(file, metrics_text({}));
  CHECK(read_metrics(file, 0).empty());
}

TEST_CASE("a metrics file that is damaged, or of other steps, is refused") {
  const std::string whole = metrics_text(metrics_of(1, 30));
  CHECK(refusal(whole) == "(nothing was thrown)");
  CHECK(contains(refusal(metrics_text(metrics_of(1, 29))),
                 "metrics.csv ends with step 29, the checkpoint was saved after step 30"));
  CHECK(contains(refusal(metrics_text(metrics_of(1, 31))), "ends with step 31"));
  CHECK(contains(refusal(replaced_in(whole, "\n7,", "\n8,")), "line 8 has step 8 after step 6"));
  CHECK(contains(refusal(replaced_in(whole, "\n7,", "\nseven,")),
                 "line 8 is not one of a metrics file"));
  CHECK(contains(refusal(replaced_in(whole, "\n7,", "\n\n7,")),
                 "line 8 is not one of a metrics file"));
  CHECK(
      contains(refusal(replaced_in(whole, "loss", "lost")), "line 1 is not one of a metrics file"));
  CHECK(contains(refusal(replaced_in(whole, "12345.678,", "12345.678,1,")),
                 "line 2 is not one of a metrics file"));
  CHECK(contains(refusal(replaced_in(whole, "3.99,", "nan,")),
                 "line 2 is not one of a metrics file"));
  CHECK(contains(refusal(whole.substr(0, whole.size() - 30)),
                 "line 31 is not one of a metrics file"));
  CHECK(contains(refusal(""), "ends with step 0"));
  CHECK(contains(refusal("\xff\xfe\0"), "line 1 is not one of a metrics file"));
  CHECK(contains(message_of<UsageError>([] { read_metrics("/no/such/metrics.csv", 3); }),
                 "there is no such file"));
}

TEST_CASE("a curve is smoothed by the mean of what is around each step") {
  const std::vector<double> values{1, 2, 6, 3, 8};
  CHECK(smoothed(values, 1) == values);
  CHECK(smoothed(values, 3) == std::vector<double>{1.5, 3, 11.0 / 3, 17.0 / 3, 5.5});
  CHECK(smoothed({}, 3).empty());
}

TEST_CASE("the loss curve is drawn from its first step to its last") {
  const std::string drawing = LossCurve(metrics_of(1, 100)).drawn(40, 8);
  CHECK(contains(drawing, "\n          1                                    100\n"));
  CHECK(contains(drawing,
                 ". training loss   * its mean over 5 steps   o validation loss, over the steps"));
  CHECK(contains(drawing, "  4.00 |"));
  CHECK(contains(LossCurve(metrics_of(71, 100)).drawn(40, 8),
                 "\n          71                                   100\n"));
  CHECK_FALSE(contains(LossCurve(metrics_of(1, 39)).drawn(40, 8), "its mean"));
  CHECK(LossCurve({}).drawn() == "");
  const Metrics flat{{1, 0, 0, 0, 1}, {2, 0, 0, 0, 1}};
  CHECK(contains(LossCurve(flat).drawn(40, 8), "  0.50 |"));
}

TEST_CASE("a validation dot stands at its own step, also where the curve begins later") {
  Metrics metrics = metrics_of(101, 140);
  for (StepMetrics& row : metrics) row.validation_loss = row.step == 121 ? 9.0 : NAN;
  const std::string drawing = LossCurve(metrics).drawn(40, 8);
  const std::string top = drawing.substr(0, drawing.find('\n'));
  CHECK(top == "    9.00 |" + std::string(20, ' ') + "o");
}

TEST_CASE("the loss curve is written as SVG, raw and smoothed") {
  const TemporaryFolder temporary;
  const auto file = temporary.path() / "curve.svg";
  LossCurve(metrics_of(1, 100)).write_svg(file, "a title");
  const std::string svg = content_of(file);
  for (const char* part :
       {"<title>a title</title>", "data-curve=\"training\"", "data-curve=\"mean over 5 steps\"",
        "data-curve=\"validation\"", "</svg>"}) {
    CHECK(contains(svg, part));
  }
  CHECK(contains(message_of<Error>([] {
                   LossCurve(metrics_of(1, 9)).write_svg("/no/such/folder/x.svg", "a title");
                 }),
                 "cannot be written"));
}
