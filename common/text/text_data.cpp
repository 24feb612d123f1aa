#include "common/text/text_data.h"

#include <algorithm>
#include <filesystem>

#include "common/base/counted.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/folders.h"
#include "common/base/memory.h"
#include "common/base/random.h"

namespace shard {

std::string read_text(const std::string& file) {
  const bool usual = file.empty();
  const std::string path = usual ? source_folder() + "/data/text.txt" : file,
                    name = usual ? "the default text, " + path : "--data " + file,
                    problem = problem_with(path);
  require_usage(problem.empty(), name, ": ", problem);
  constexpr double bytes_for_each = 10;  // of the file itself, its characters and its tokens
  require_memory(bytes_for_each * static_cast<double>(std::filesystem::file_size(path)), name);
  std::string all = read_file(path);
  require_usage(!all.empty(), name, ": the file is empty");
  return all;
}

TextData::TextData(std::vector<int32_t> tokens, double validation_fraction, int64_t context)
    : context_(context) {
  const auto kept = static_cast<int64_t>(validation_fraction * static_cast<double>(tokens.size()));
  const int64_t training = std::ssize(tokens) - kept;
  require_usage(training > context, "the training text has ", counted(training, "token"),
                "; --context ", context, " needs at least ", context + 1);
  require_usage(kept == 0 || kept > context, "--validation-fraction ", validation_fraction, " of ",
                counted(tokens.size(), "token"), " keeps ", kept, " for validation; --context ",
                context, " needs at least ", context + 1);
  training_.assign(tokens.begin(), tokens.begin() + training);
  validation_.assign(tokens.begin() + training, tokens.end());
}

static void add_window(TextData::Sequences& to, const std::vector<int32_t>& text, int64_t start,
                       int64_t context) {
  to.tokens.insert(to.tokens.end(), text.begin() + start, text.begin() + start + context);
  to.targets.insert(to.targets.end(), text.begin() + start + 1, text.begin() + start + context + 1);
}

TextData::Sequences TextData::training(uint64_t seed, int64_t step, Range range) const {
  const RandomStream random{seed, stream_of("batch", static_cast<uint64_t>(step))};
  const auto starts = static_cast<uint64_t>(std::ssize(training_) - context_);
  Sequences sequences;
  for (int64_t i = range.begin; i < range.end; ++i) {
    add_window(sequences, training_,
               static_cast<int64_t>(random.below(starts, static_cast<uint64_t>(i))), context_);
  }
  return sequences;
}

TextData::Sequences TextData::validation(int64_t chosen, Range range) const {
  Sequences sequences;
  for (int64_t i = range.begin; i < range.end; ++i) {
    add_window(sequences, validation_, i * validation_windows() / chosen * context_, context_);
  }
  return sequences;
}

}  // namespace shard
