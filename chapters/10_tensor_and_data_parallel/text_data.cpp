#include "chapters/10_tensor_and_data_parallel/text_data.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/memory.h"
#include "common/random.h"

namespace shard {

CharacterTokenizer::CharacterTokenizer(const std::vector<char32_t>& text) {
  const std::set<char32_t> different(text.begin(), text.end());
  characters_.assign(different.begin(), different.end());
  for (size_t i = 0; i < characters_.size(); ++i) tokens_[characters_[i]] = static_cast<int32_t>(i);
}

std::vector<int32_t> CharacterTokenizer::encode(const std::vector<char32_t>& text) const {
  std::vector<int32_t> tokens;
  for (char32_t point : text) {
    const auto found = tokens_.find(point);
    require_usage(found != tokens_.end(), "the tokenizer does not know the character U+", std::hex, uint32_t{point});
    tokens.push_back(found->second);
  }
  return tokens;
}

std::vector<int32_t> CharacterTokenizer::encode(const std::string& text) const {
  return encode(code_points(text, "the text"));
}

std::string CharacterTokenizer::characters() const {
  std::string all;
  for (char32_t point : characters_) append_utf8(all, point);
  return all;
}

std::string CharacterTokenizer::decode(const std::vector<int32_t>& tokens) const {
  std::string out;
  for (int32_t token : tokens) append_utf8(out, characters_.at(static_cast<size_t>(token)));
  return out;
}

/// All texts below common/ and chapters/, in the order of their paths. Editors and macOS keep files of their own beside
/// them, as .#x.cpp and ._x.cpp.
static std::string own_text() {
  std::vector<std::filesystem::path> files;
  std::error_code missing;
  for (const char* folder : {"common", "chapters"}) {
    auto entry = std::filesystem::recursive_directory_iterator(SHARD_SOURCE_DIR "/" + std::string(folder), missing);
    for (; entry != std::filesystem::end(entry); entry.increment(missing)) {
      const std::string ending = entry->path().extension();
      if (entry->path().filename().string().starts_with('.')) {
        entry.disable_recursion_pending();
      } else if (entry->is_regular_file(missing) && (ending == ".md" || ending == ".h" || ending == ".cpp")) {
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
  constexpr double bytes_for_each = 10;  // of the file itself, its characters and its tokens
  if (!file.empty()) {
    require_memory(bytes_for_each * static_cast<double>(std::filesystem::file_size(file)), "--data " + file);
  }
  std::string all = file.empty() ? own_text() : read_file(file);
  require_usage(!all.empty(), "--data ", file.empty() ? SHARD_SOURCE_DIR : file, ": there is no text in it");
  return all;
}

TextData::TextData(std::vector<int32_t> tokens, double validation_fraction, int64_t context) : context_(context) {
  const auto kept = static_cast<int64_t>(validation_fraction * static_cast<double>(tokens.size()));
  const int64_t training = std::ssize(tokens) - kept;
  require_usage(training > context, "the training text has ", training, " tokens; --context ", context,
                " needs at least ", context + 1);
  require_usage(kept == 0 || kept > context, "--validation-fraction ", validation_fraction, " of ", tokens.size(),
                " tokens keeps ", kept, " for validation; --context ", context, " needs at least ", context + 1);
  training_.assign(tokens.begin(), tokens.begin() + training);
  validation_.assign(tokens.begin() + training, tokens.end());
}

static void add_window(TextData::Sequences& to, const std::vector<int32_t>& text, int64_t start, int64_t context) {
  to.tokens.insert(to.tokens.end(), text.begin() + start, text.begin() + start + context);
  to.targets.insert(to.targets.end(), text.begin() + start + 1, text.begin() + start + context + 1);
}

TextData::Sequences TextData::training(uint64_t seed, int64_t step, Range range) const {
  const RandomStream random{seed, stream_of("batch", static_cast<uint64_t>(step))};
  const auto starts = static_cast<uint64_t>(std::ssize(training_) - context_);
  Sequences sequences;
  for (int64_t i = range.begin; i < range.end; ++i) {
    add_window(sequences, training_, static_cast<int64_t>(random.below(starts, static_cast<uint64_t>(i))), context_);
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
