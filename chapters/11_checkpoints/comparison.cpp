#include "chapters/11_checkpoints/comparison.h"

#include <filesystem>

#include "common/base/files.h"
#include "common/check/reference.h"
#include "common/storage/safetensors.h"

namespace shard::chapter_11 {
namespace {

namespace fs = std::filesystem;

/// Whether the two checkpoints hold the same tensors, byte by byte.
bool same_files(const fs::path& one, const fs::path& other) {
  for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
    if (read_file(one / name) != read_file(other / name)) return false;
  }
  return true;
}

/// ‖got - expected‖ / ‖expected‖ over all weights but K's biases: softmax ignores them, so their
/// gradients are rounding noise, which AdamW scales up to the size of its step.
double weights_error(const fs::path& got, const fs::path& expected,
                     const std::vector<StateTensor>& weights) {
  const SafetensorsReader mine(got / "model.safetensors"), theirs(expected / "model.safetensors");
  std::vector<float> all;
  std::vector<double> all_expected;
  for (const StateTensor& tensor : weights) {
    std::vector<float> here = mine.floats(tensor.name), there = theirs.floats(tensor.name);
    if (tensor.name.ends_with("c_attn.bias")) {
      const auto third = std::ssize(there) / 3;  // Q, K, V
      std::copy_n(there.begin() + third, third, here.begin() + third);
    }
    all.insert(all.end(), here.begin(), here.end());
    all_expected.insert(all_expected.end(), there.begin(), there.end());
  }
  return reference::relative_error(all, all_expected);
}

}  // namespace

std::vector<std::string> Difference::row(const std::string& name) const {
  std::vector<std::string> cells{name};
  for (const double loss : losses) cells.push_back(fixed(loss, 6));
  cells.push_back(scientific(of_losses));
  cells.push_back(scientific(of_weights));
  return cells;
}

void Comparison::take_unbroken(BrokenRun& run) {
  run.steps({0, second_half_.begin});
  middle_ = run.save(folder_ + "/middle", second_half_.begin);
  losses_ = run.steps(second_half_);
  end_ = run.save(folder_ + "/end", second_half_.end);
}

Difference Comparison::go_on(chapter_10::Layout layout, bool forgets_moments) {
  const int used = layout.tp * layout.dp;
  const auto ranks = world_.split(world_.rank() < used ? 0 : 1, "layout");
  Difference found;
  if (world_.rank() < used) compare(*ranks, layout, forgets_moments, found);
  found.of_losses = world_.max_of(found.of_losses);
  found.of_weights = world_.max_of(found.of_weights);
  found.same_files = world_.max_of(found.same_files ? 0.0 : 1.0) == 0.0;
  return found;
}

void Comparison::compare(Communicator& ranks, chapter_10::Layout layout, bool forgets_moments,
                         Difference& found) {
  const std::string directory =
      text(folder_, "/", layout.tp, "x", layout.dp, forgets_moments ? "-forgets" : "");
  BrokenRun run(ranks, layout, settings_, corpus_);
  run.load(middle_);
  const std::string again = run.save(directory + "/again", second_half_.begin);
  if (forgets_moments) run.forget_moments();
  found.losses = run.steps(second_half_);
  const std::string end = run.save(directory + "/end", second_half_.end);
  for (size_t i = 0; i < losses_.size(); ++i) {
    const double error = reference::relative_error(found.losses[i], losses_[i]);
    found.of_losses = reference::larger(found.of_losses, error);
  }
  if (ranks.rank() > 0) return;
  found.same_files = same_files(again, middle_);
  found.of_weights = weights_error(end, end_, run.state().weights);
}

}  // namespace shard::chapter_11
