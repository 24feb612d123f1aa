// Weights: a GPT-2 in safetensors files, by the names and in the orientation that Hugging Face's
// transformers uses, with or without "transformer." before each name.
#pragma once
#include <string>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "common/storage/safetensors_files.h"

namespace shard {

class WeightsFile {
 public:
  /// `path` as in SafetensorsFiles. Throws UsageError for a file that cannot be read, or does not
  /// hold a GPT-2.
  explicit WeightsFile(const std::filesystem::path& path);

  /// Of the file, or of the index of several.
  const std::filesystem::path& path() const { return files_.path(); }
  /// What the tensors tell of the model: all but the number of heads, which is 0.
  const GptSizes& sizes() const { return sizes_; }
  /// Whether there is an output projection, lm_head.weight, beside the embedding's table.
  bool has_head() const { return files_.has("lm_head.weight"); }
  /// The part `shard` of tensor `name`; of the positions, wpe.weight, a model of a smaller context
  /// takes the first. Throws UsageError for a tensor that is missing, of another shape, or, unless
  /// `allow_nan`, holds a NaN or an infinity.
  std::vector<float> part(const std::string& name, const Shard& shard, bool allow_nan) const;
  /// Sets the values of all parameters. Throws as above, and where lm_head.weight is not the
  /// embedding's table: Gpt has one table for both.
  void load(const Parameters& parameters, bool allow_nan) const;

 private:
  const Shape& shape_of(const std::string& name) const {
    return files_.file_of(name).entry(name).shape;
  }
  void find_sizes();
  void require_tied_head() const;

  SafetensorsFiles files_;
  std::string prefix_;
  GptSizes sizes_;
};

/// The part `shard` of a file's tensor, checked as in WeightsFile::part.
std::vector<float> read_part(const SafetensorsReader& file, const std::string& name,
                             const Shard& shard, bool allow_nan);

}  // namespace shard
