// CheckpointInfo: what a checkpoint says beside its tensors, and the two small files that say it.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"

namespace shard {

struct CheckpointInfo {
  int64_t step = 0;  // steps that have been taken
  GptSizes sizes;
  TrainingSettings settings;
  std::string
      characters;    // the tokenizer's, in order, as UTF-8; empty where it is one of byte pairs
  std::string data;  // fingerprint of the text
  std::map<std::string, std::string> tokenizer_files = {};  // only to be written: Tokenizer::files
  std::vector<int64_t> end_of_text = {};                    // only to be written: end_of_text_of
};

/// Reads training.json. Throws UsageError, naming the file, when anything in it is missing, of
/// another kind or beyond its limits, or when the sizes are not those of the weights beside it.
CheckpointInfo read_checkpoint_info(const std::filesystem::path& checkpoint);

/// The text of training.json, which read_checkpoint_info reads, and of config.json, which
/// transformers reads.
std::string training_text(const CheckpointInfo& info);
std::string config_text(const CheckpointInfo& info);

/// A number that tells one text from another: 64 bits, in hexadecimal.
std::string fingerprint_of(const std::string& text);

}  // namespace shard
