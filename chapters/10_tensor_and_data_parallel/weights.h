// Weights: a GPT-2 in a safetensors file, by the names and in the orientation that Hugging Face's transformers uses, with
// or without "transformer." before each name.
#pragma once
#include <string>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/safetensors.h"

namespace shard {

class WeightsFile {
 public:
  /// Throws UsageError for a file that cannot be read, or does not hold a GPT-2.
  explicit WeightsFile(const std::filesystem::path& file);

  /// What the tensors tell of the model: all but the number of heads, which is 0.
  const GptSizes& sizes() const { return sizes_; }
  /// The part `shard` of tensor `name`. Throws UsageError for a tensor that is missing, of another shape, or, unless
  /// `allow_nan`, holds a NaN or an infinity.
  std::vector<float> part(const std::string& name, const Shard& shard, bool allow_nan) const;
  /// Sets the values of all parameters. Throws as above.
  void load(const Parameters& parameters, bool allow_nan) const;

 private:
  void find_sizes();

  std::filesystem::path path_;
  SafetensorsReader file_;
  std::string prefix_;
  GptSizes sizes_;
};

/// The part `shard` of a file's tensor, checked as in WeightsFile::part.
std::vector<float> read_part(const SafetensorsReader& file, const std::filesystem::path& path, const std::string& name,
                             const Shard& shard, bool allow_nan);

}  // namespace shard
