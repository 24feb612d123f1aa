#include "chapters/12_generation/memory_speed.h"

#include <algorithm>

#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/tensor/ops.h"

namespace shard::chapter_12 {

double read_rate(Communicator& world, int64_t bytes) {
  constexpr int64_t columns = 4096;
  constexpr size_t passes = 7;
  const int64_t rows = std::max<int64_t>(1, bytes / (columns * size_of(DataType::f32)));
  const Tensor memory = Tensor::zeros(world.backend(), {rows, columns});
  std::vector<double> rates;
  for (size_t pass = 0; pass < passes; ++pass) {
    world.barrier();
    const double start = now();
    row_max(memory, columns);
    world.backend().synchronize();
    const double seconds = world.max_of(now() - start);
    rates.push_back(static_cast<double>(world.size() * memory.elements()) *
                    static_cast<double>(size_of(DataType::f32)) / seconds);
  }
  std::ranges::nth_element(rates, rates.begin() + passes / 2);
  return rates[passes / 2];
}

double weight_bytes(Communicator& world, Gpt& model) {
  double bytes = 0;
  for (const Parameter* parameter : model.parameters()) {
    const Tensor& value = parameter->value;
    if (parameter != &*model.position_embedding)
      bytes += static_cast<double>(value.elements() * size_of(value.type()));
  }
  return world.sum_of(bytes);
}

double memory_limit(Communicator& world, Gpt& model) {
  constexpr double beyond_caches = 128e6;
  if (weight_bytes(world, model) < beyond_caches) return 0;
  return read_rate(world, static_cast<int64_t>(2 * beyond_caches) / world.size());
}

/// Tokens per second, on the slowest rank; 0 where there were none.
static double rate_of(Communicator& world, int64_t tokens, double seconds) {
  const double slowest = world.max_of(seconds);
  return tokens == 0 ? 0 : static_cast<double>(tokens) / slowest;
}

void report_speed(Communicator& world, Report& report, Gpt& model, const WritingTimes& times,
                  double limit) {
  const double prompts = rate_of(world, times.prompt_tokens, times.prompt_seconds);
  report.result("prompt_tokens_per_second", prompts);
  if (times.prompt_tokens > 0) {
    report.line(text("  read at once: ", counted(times.prompt_tokens, "token"), ", ",
                     fixed(prompts, 1), " tokens/s"));
  }
  if (times.passes == 0) return;
  const auto passes = static_cast<double>(times.passes);
  const double written = rate_of(world, times.tokens, times.seconds),
               of_pass = static_cast<double>(times.tokens) / passes;
  report.result("tokens_per_second", written);
  report.result("tokens_per_pass", of_pass);
  report.line(text("  written: ", fixed(written, 1), " tokens/s, ", fixed(of_pass, 1),
                   of_pass == 1 ? " token a pass" : " tokens a pass"));
  const Tensor& table = model.token_embedding->weight.value;
  const auto of_token = static_cast<double>(2 * model.sizes().layers * model.sizes().width *
                                            size_of(table.type()));  // its keys and values
  const double weights = weight_bytes(world, model),
               kept = of_token * static_cast<double>(times.kept_tokens) / passes;
  report.result("weight_bytes_per_pass", weights);
  report.result("key_and_value_bytes_per_pass", kept);
  if (limit == 0) return;
  const double rate = (weights + kept) * written / of_pass;
  report.result("bytes_per_second", rate);
  report.result("read_bytes_per_second", limit);
  report.result("share_of_read_rate", rate / limit);
  report.line(text("  a pass reads ", bytes_text(weights), " of weights and ", bytes_text(kept),
                   " of keys and values,\n  ", fixed(rate / 1e9, 1),
                   " GB/s: ", fixed(100 * rate / limit, 0), " % of the ", fixed(limit / 1e9, 1),
                   " GB/s at which these ranks read when they do nothing else"));
}

}  // namespace shard::chapter_12
