#include "common/text/byte_pair_training.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>
#include <tuple>
#include <unordered_set>

#include "common/base/error.h"
#include "common/text/words.h"

namespace shard {
namespace {

using Pair = std::pair<int32_t, int32_t>;

struct HashOfPair {
  size_t operator()(const Pair& pair) const {
    return std::hash<uint64_t>()(uint64_t{static_cast<uint32_t>(pair.first)} << 32 |
                                 static_cast<uint32_t>(pair.second));
  }
};

struct Word {
  std::vector<int32_t> tokens;
  int64_t times;  // number of occurrences in the text
};

/// The words of a text as tokens, and the number of occurrences of each pair of adjacent tokens.
class PairCounts {
 public:
  PairCounts(const std::string& text, const std::array<int32_t, 256>& bytes) {
    std::unordered_map<std::string_view, int64_t> times;
    for (const std::string_view word : words_of(text)) ++times[word];
    for (const auto& [word, count] : times) {
      words_.push_back({{}, count});
      for (const char byte : word)
        words_.back().tokens.push_back(bytes[static_cast<unsigned char>(byte)]);
      for (size_t i = 1; i < word.size(); ++i) {
        add({words_.back().tokens[i - 1], words_.back().tokens[i]}, count, words_.size() - 1);
      }
    }
    offer_changed();
  }

  /// The most frequent pair that occurs at least twice, and its count; 0 if there is none.
  std::pair<Pair, int64_t> most_frequent() {
    while (!queue_.empty()) {
      const auto [count, left, right] = queue_.top();
      const Pair pair{-left, -right};
      const auto found = pairs_.find(pair);
      if (found != pairs_.end() && found->second.count == count && count > 1) return {pair, count};
      queue_.pop();  // outdated: the queue has another entry with the new count
    }
    return {{}, 0};
  }

  void merge(const Pair& pair, int32_t token) {
    const std::unordered_set<size_t> words = std::move(pairs_[pair].words);
    for (const size_t word : words) merge_in(word, pair, token);
    pairs_.erase(pair);
    offer_changed();
  }

 private:
  struct Found {
    int64_t count = 0;
    std::unordered_set<size_t> words;  // those that contain it, or have contained it
  };

  void add(const Pair& pair, int64_t count, size_t word) {
    Found& found = pairs_[pair];
    found.count += count;
    if (count > 0) found.words.insert(word);
    changed_.insert(pair);
  }

  void merge_in(size_t number, const Pair& pair, int32_t token) {
    const int64_t times = words_[number].times;
    std::vector<int32_t>& tokens = words_[number].tokens;
    size_t out = 0;  // everything before it is already merged
    for (size_t i = 0; i < tokens.size(); ++out) {
      const bool here =
          i + 1 < tokens.size() && tokens[i] == pair.first && tokens[i + 1] == pair.second;
      if (here && out > 0) {
        add({tokens[out - 1], pair.first}, -times, number);
        add({tokens[out - 1], token}, times, number);
      }
      if (here && i + 2 < tokens.size()) {
        add({pair.second, tokens[i + 2]}, -times, number);
        add({token, tokens[i + 2]}, times, number);
      }
      tokens[out] = here ? token : tokens[i];
      i += here ? 2 : 1;
    }
    tokens.resize(out);
  }

  void offer_changed() {
    for (const Pair& pair : changed_) {
      const auto found = pairs_.find(pair);
      if (found != pairs_.end()) queue_.emplace(found->second.count, -pair.first, -pair.second);
    }
    changed_.clear();
  }

  std::vector<Word> words_;
  std::unordered_map<Pair, Found, HashOfPair> pairs_;
  std::unordered_set<Pair, HashOfPair> changed_;  // since the queue was updated
  std::priority_queue<std::tuple<int64_t, int32_t, int32_t>>
      queue_;  // count, and the negated numbers of the pair
};

std::string vocabulary_text(const std::vector<std::string>& tokens) {
  std::string out = "{";
  for (size_t i = 0; i < tokens.size(); ++i) {
    out += text(i > 0 ? ",\n" : "\n", nlohmann::json(tokens[i]).dump(), ": ", i);
  }
  return out + "\n}\n";
}

std::string merges_text(const std::vector<std::pair<std::string, std::string>>& merges) {
  std::string out = "#version: 0.2\n";
  for (const auto& [left, right] : merges) out += left + " " + right + "\n";
  return out;
}

}  // namespace

BytePairs learn_byte_pairs(const std::string& text, int64_t vocabulary) {
  const std::string end_of_text = "<|endoftext|>";
  std::vector<std::string> tokens(printable_bytes().begin(), printable_bytes().end());
  std::sort(tokens.begin(), tokens.end());  // in GPT-2's order, by their characters
  std::unordered_map<std::string, int32_t> numbers;
  for (const std::string& token : tokens)
    numbers.emplace(token, static_cast<int32_t>(numbers.size()));
  std::array<int32_t, 256> bytes{};
  for (size_t byte = 0; byte < 256; ++byte) bytes[byte] = numbers.at(printable_bytes()[byte]);

  BytePairs learnt;
  PairCounts counts(text, bytes);
  while (std::ssize(tokens) + 1 < vocabulary) {
    const auto [pair, count] = counts.most_frequent();
    require_usage(count > 0, "--vocabulary ", vocabulary, ": the text has byte pairs for only ",
                  tokens.size() + 1, " tokens");
    const std::string left = tokens[static_cast<size_t>(pair.first)],
                      right = tokens[static_cast<size_t>(pair.second)];
    const auto [same, is_new] = numbers.emplace(left + right, static_cast<int32_t>(tokens.size()));
    if (is_new) tokens.push_back(left + right);  // a + bc and ab + c are one token
    learnt.merges.emplace_back(left, right);
    counts.merge(pair, same->second);
  }
  learnt.added = {{end_of_text, static_cast<int32_t>(tokens.size())}};
  tokens.push_back(end_of_text);
  learnt.tokens = std::move(tokens);
  learnt.end_of_text = end_of_text;
  learnt.files = {{"vocab.json", vocabulary_text(learnt.tokens)},
                  {"merges.txt", merges_text(learnt.merges)}};
  return learnt;
}

}  // namespace shard
