#include "common/text/byte_pair_files.h"

#include <sstream>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/text/added_token_files.h"

namespace shard {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::vector<std::string> tokens_of(const json& vocabulary, const std::string& source) {
  require_usage(vocabulary.is_object(), source, " is not a vocabulary: it is not a JSON object");
  std::vector<std::string> tokens(vocabulary.size());
  for (const auto& [token, number] : vocabulary.items()) {
    const uint64_t place = number.is_number_unsigned() ? number.get<uint64_t>() : tokens.size();
    require_usage(place < tokens.size() && tokens[place].empty(), source, ": the number ",
                  shortened(number), " occurs twice or leaves a gap");
    tokens[place] = token;
  }
  return tokens;
}

std::pair<std::string, std::string> merge_in(const std::string& line, const std::string& source) {
  const size_t space = line.find(' ');
  require_usage(space != std::string::npos && line.find(' ', space + 1) == std::string::npos,
                source, ": \"", shortened(line),
                "\" is not a pair of tokens with a space between them");
  return {line.substr(0, space), line.substr(space + 1)};
}

/// The lines of merges.txt, with Unix or Windows line endings.
std::vector<std::pair<std::string, std::string>> merges_in(const fs::path& file) {
  std::vector<std::pair<std::string, std::string>> merges;
  std::istringstream lines(read_file(file));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.starts_with("#version"))
      merges.push_back(merge_in(line, text(file.string(), ", line ", number)));
  }
  return merges;
}

BytePairs read_tokenizer(const JsonFields& file) {
  file.must_have_only(file.content, "",
                      {"version", "truncation", "padding", "added_tokens", "normalizer",
                       "pre_tokenizer", "post_processor", "decoder", "model"});
  for (const char* field : {"/truncation", "/padding", "/normalizer"})
    file.must_be(field, {nullptr});
  file.must_be("/pre_tokenizer/type", {"ByteLevel"});
  file.must_have_only(file.at("/pre_tokenizer"), "/pre_tokenizer",
                      {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  file.must_be("/pre_tokenizer/add_prefix_space", {false, true});
  file.must_be("/pre_tokenizer/use_regex", {nullptr, true});
  file.must_be("/decoder/type", {"ByteLevel"});
  file.must_be("/post_processor/type", {nullptr, "ByteLevel", "TemplateProcessing"});
  const json text_alone = json::parse(R"([{"Sequence": {"id": "A", "type_id": 0}}])");
  if (file.at("/post_processor/type") == "TemplateProcessing")
    file.must_be("/post_processor/single", {text_alone});
  file.must_be("/model/type", {nullptr, "BPE"});
  file.must_have_only(file.at("/model"), "/model",
                      {"type", "dropout", "unk_token", "continuing_subword_prefix",
                       "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab",
                       "merges"});  // bytes without a token are refused
  file.must_be("/model/dropout", {nullptr, 0});
  file.must_be("/model/continuing_subword_prefix", {nullptr, ""});
  file.must_be("/model/end_of_word_suffix", {nullptr, ""});
  file.must_be("/model/ignore_merges", {nullptr, false});
  BytePairs pairs;
  pairs.tokens = tokens_of(file.at("/model/vocab"), file.name + ": /model/vocab");
  for (const json& merge : file.at("/model/merges")) {
    const std::string line = merge.is_array() && merge.size() == 2 ? "" : merge.get<std::string>();
    pairs.merges.push_back(line.empty() ? merge.get<std::pair<std::string, std::string>>()
                                        : merge_in(line, file.name));
  }
  pairs.add_prefix_space = file.at("/pre_tokenizer/add_prefix_space").get<bool>();
  return pairs;
}

/// tokenizer_config.json sets what transformers does in addition to tokenizer.json. Unsupported
/// settings that would change the tokens are refused.
void apply_config(const JsonFields& file, BytePairs& pairs, bool prefix_space_is_known) {
  file.must_be("/tokenizer_class", {nullptr, "GPT2Tokenizer", "GPT2TokenizerFast",
                                    "PreTrainedTokenizerFast", "TokenizersBackend"});
  for (const char* field : {"/add_bos_token", "/add_eos_token", "/split_special_tokens"}) {
    file.must_be(field, {nullptr, false});
  }
  file.must_be("/add_prefix_space", {nullptr, false, true});
  const bool prefix_space = file.at("/add_prefix_space") == json(true);
  require_usage(!prefix_space_is_known || prefix_space == pairs.add_prefix_space, file.name,
                ": /add_prefix_space is ", prefix_space ? "true" : "false",
                ", which differs from tokenizer.json");
  pairs.add_prefix_space = prefix_space;
}

BytePairs read_files(const fs::path& folder) {
  const auto there = [&](const char* name) { return fs::exists(folder / name); };
  require_usage(there("tokenizer.json") || (there("vocab.json") && there("merges.txt")),
                "there is no tokenizer in ", folder.string(),
                ": neither training.json with characters, nor tokenizer.json, nor vocab.json with "
                "merges.txt");
  const auto read_if_there = [&](const char* name) {
    return there(name) ? read_fields(folder / name) : JsonFields{(folder / name).string()};
  };
  const bool whole = there("tokenizer.json");
  const JsonFields tokenizer = read_if_there("tokenizer.json"),
                   config = read_if_there("tokenizer_config.json");
  BytePairs pairs;
  if (whole) {
    pairs = read_tokenizer(tokenizer);
  } else {
    pairs.tokens = tokens_of(read_json(folder / "vocab.json"), (folder / "vocab.json").string());
    pairs.merges = merges_in(folder / "merges.txt");
  }
  pairs.source = (folder / (whole ? "tokenizer.json" : "merges.txt")).string();
  if (there("tokenizer_config.json")) apply_config(config, pairs, whole);

  AddedTokens added(pairs.tokens);
  added.add_list(tokenizer);
  added.add_numbered(config);
  added.add_older(read_if_there("added_tokens.json"));
  added.add_named(config);
  added.add_named(read_if_there("special_tokens_map.json"));
  added.add_name("<|endoftext|>");  // transformers adds it by default
  pairs.added = added.all();
  const json& end = config.at("/eos_token");
  pairs.end_of_text =
      end.is_null() ? "<|endoftext|>" : added_token_in(config, "/eos_token", end).content;
  return pairs;
}

}  // namespace

BytePairs read_byte_pairs(const fs::path& folder) {
  BytePairs pairs;
  try {
    pairs = read_files(folder);
  } catch (const json::exception& error) {
    throw UsageError(text("the tokenizer in ", folder.string(),
                          " is not a GPT-2 tokenizer: ", shortened(std::string(error.what()))));
  }
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
                           "special_tokens_map.json", "added_tokens.json"}) {
    if (fs::exists(folder / name)) pairs.files[name] = read_file(folder / name);
  }
  return pairs;
}

}  // namespace shard
