#include "chapters/10_tensor_and_data_parallel/metrics.h"

#include <charconv>

#include "common/base/error.h"
#include "common/base/files.h"

namespace shard::chapter_10 {
namespace {

constexpr const char* names =
    "step,loss,gradient_norm,learning_rate,tokens_per_second,validation_loss";

/// As few digits as give the same number when it is read.
void append(std::string& out, double value) {
  char digits[32];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

/// Takes a number and, if `more`, a comma from the front of `rest`. False where there is none.
template <class Number>
bool take(std::string_view& rest, Number& number, bool more = true) {
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
  if (error != std::errc()) return false;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (more && !rest.starts_with(',')) return false;
  if (more) rest.remove_prefix(1);
  return true;
}

/// A line of the file. False where it is not one.
bool parse(std::string_view line, StepMetrics& row) {
  const bool numbers = take(line, row.step) && take(line, row.loss) &&
                       take(line, row.gradient_norm) && take(line, row.learning_rate) &&
                       take(line, row.tokens_per_second);
  if (!numbers || !std::isfinite(row.loss)) return false;
  return line.empty() || (take(line, row.validation_loss, false) && line.empty());
}

}  // namespace

std::string metrics_text(const Metrics& metrics) {
  std::string out = text(names, "\n");
  for (const StepMetrics& row : metrics) {
    out += std::to_string(row.step);
    for (const double value :
         {row.loss, row.gradient_norm, row.learning_rate, row.tokens_per_second}) {
      out += ",", append(out, value);
    }
    out += ",";
    if (!std::isnan(row.validation_loss)) append(out, row.validation_loss);
    out += "\n";
  }
  return out;
}

Metrics read_metrics(const std::filesystem::path& file, int64_t last) {
  const std::string content = read_file(file);
  Metrics metrics;
  int64_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    std::string_view line = std::string_view(content).substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    begin = end + 1;
    StepMetrics row;
    const bool right = ++number == 1 ? line == names : parse(line, row);
    require_usage(right, file.string(), ": line ", number, " is not one of a metrics file");
    if (number == 1) continue;
    require_usage(metrics.empty() || row.step == metrics.back().step + 1, file.string(), ": line ",
                  number, " has step ", row.step, " after step ",
                  metrics.empty() ? 0 : metrics.back().step);
    metrics.push_back(row);
  }
  const int64_t end = metrics.empty() ? 0 : metrics.back().step;
  require_usage(end == last, file.string(), " ends with step ", end,
                ", the checkpoint was saved after step ", last);
  return metrics;
}

}  // namespace shard::chapter_10
