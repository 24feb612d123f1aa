#include "common/text/text_data.h"

#include <algorithm>
#include <filesystem>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/folders.h"
#include "common/base/memory.h"
#include "common/base/random.h"

namespace shard {

/// All texts below common/ and chapters/, in the order of their paths, without the temporary files
/// of editors and macOS, such as .#x.cpp and ._x.cpp.
static std::string own_text() {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  for (const char* folder : {"common", "chapters"}) {
    auto entry =
        std::filesystem::recursive_directory_iterator(source_folder() + "/" + folder, missing);
    for (; entry != std::filesystem::end(entry); entry.increment(missing)) {
      const std::string ending = entry->path().extension();
      if (entry->path().filename().string().starts_with('.')) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file(missing) &&
                 (ending == ".md" || ending == ".h" || ending == ".cpp")) {
        files.push_back(entry->path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const auto& file : files) all += read_file(file);
  return all;
}

std::string read_text(const std::string& file) {
  const std::string problem = file.empty() ? "" : problem_with(file);
  require_usage(problem.empty(), "--data ", file, ": ", problem);
  constexpr double bytes_for_each = 10;  // for the file itself, its characters and its tokens
  if (!file.empty()) {
    require_memory(bytes_for_each * static_cast<double>(std::filesystem::file_size(file)),
                   "--data " + file);
  }
  std::string all = file.empty() ? own_text() : read_file(file);
  require_usage(!all.empty(), "--data ", file.empty() ? source_folder() : file,
                ": there is no text in it");
  return all;
}

TextData::TextData(std::vector<int32_t> tokens, double validation_fraction, int64_t context)
    : context_(context) {
  const auto kept = static_cast<int64_t>(validation_fraction * static_cast<double>(tokens.size()));
  const int64_t training = std::ssize(tokens) - kept;
  require_usage(training > context, "the training text has ", training, " tokens; --context ",
                context, " needs at least ", context + 1);
  require_usage(kept == 0 || kept > context, "--validation-fraction ", validation_fraction, " of ",
                tokens.size(), " tokens keeps ", kept, " for validation; --context ", context,
                " needs at least ", context + 1);
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
