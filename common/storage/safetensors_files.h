// SafetensorsFiles: the tensors of a model in one safetensors file, or in several files with an
// index, as Hugging Face's transformers saves large models.
#pragma once
#include "common/storage/safetensors.h"

namespace shard {

class SafetensorsFiles {
 public:
  /// `path`: a safetensors file, an index (NAME.index.json), or a folder with model.safetensors or
  /// its index. Throws UsageError, naming the file, if one cannot be read or is missing.
  explicit SafetensorsFiles(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }  // the file, or the index
  bool has(const std::string& name) const;
  /// The file that holds this tensor, or should. Throws UsageError if the index does not name the
  /// tensor.
  const SafetensorsReader& file_of(const std::string& name) const;

 private:
  void read_index();

  std::filesystem::path path_;
  std::map<std::string, SafetensorsReader> files_;  // by name
  std::map<std::string, std::string> places_;  // tensor → name of its file; empty for a single file
};

}  // namespace shard
