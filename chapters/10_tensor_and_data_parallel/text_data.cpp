#include "chapters/10_tensor_and_data_parallel/text_data.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/error.h"
#include "common/files.h"
#include "common/memory.h"
#include "common/random.h"

namespace shard {

/// Length of the UTF-8 sequence that starts with this byte; 0 if none can.
static size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return 2;
  if (first >= 0xE0 && first <= 0xEF) return 3;
  if (first >= 0xF0 && first <= 0xF4) return 4;
  return 0;
}

std::vector<char32_t> code_points(const std::string& text, const std::string& source) {
  constexpr char32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
  std::vector<char32_t> points;
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_length(static_cast<unsigned char>(text[i]));
    bool valid = length > 0 && i + length <= text.size();
    char32_t point = length == 1 ? static_cast<unsigned char>(text[i]) : text[i] & (0x7F >> length);
    for (size_t k = 1; valid && k < length; ++k) {
      valid = (text[i + k] & 0xC0) == 0x80;
      point = point << 6 | (text[i + k] & 0x3F);
    }
    valid = valid && point >= smallest[length] && point <= 0x10FFFF && (point < 0xD800 || point > 0xDFFF);
    require_usage(valid, source, ": the character at byte ", i, " of ", text.size(), " is not UTF-8");
    points.push_back(point);
    i += length;
  }
  return points;
}

void append_utf8(std::string& out, char32_t point) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  const auto tail = [&](int shift) { byte(0x80 | ((point >> shift) & 0x3F)); };
  if (point < 0x80) {
    byte(point);
  } else if (point < 0x800) {
    byte(0xC0 | point >> 6), tail(0);
  } else if (point < 0x10000) {
    byte(0xE0 | point >> 12), tail(6), tail(0);
  } else {
    byte(0xF0 | point >> 18), tail(12), tail(6), tail(0);
  }
}

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
  require_usage(training > context, "the training text has ", training, " characters; --context ", context,
                " needs at least ", context + 1);
  require_usage(kept == 0 || kept > context, "--validation-fraction ", validation_fraction, " of ", tokens.size(),
                " characters keeps ", kept, " for validation; --context ", context, " needs at least ", context + 1);
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
