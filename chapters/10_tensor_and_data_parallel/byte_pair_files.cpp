#include "chapters/10_tensor_and_data_parallel/byte_pair_files.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "chapters/10_tensor_and_data_parallel/json_file.h"
#include "common/error.h"
#include "common/files.h"

namespace shard {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

/// A JSON file whose fields are asked for by JSON pointers. A field that is missing is null.
struct JsonFile {
  std::string name;
  json content = json::object();

  const json& at(const std::string& field) const {
    static const json missing;
    const json::json_pointer place(field);
    return content.contains(place) ? content.at(place) : missing;
  }

  void must_be(const std::string& field, std::initializer_list<json> allowed) const {
    const json& value = at(field);
    require_usage(std::find(allowed.begin(), allowed.end(), value) != allowed.end(), name, ": ", field, " is ",
                  shortened(value), ", which is not supported here");
  }
  /// Of the fields of an object, no other ones: they might change the tokens.
  void must_have_only(const json& object, const std::string& field, const std::set<std::string>& known) const {
    require_usage(object.is_object(), name, ": ", field, " is not an object");
    for (const auto& [key, value] : object.items()) {
      require_usage(known.contains(key), name, ": ", field, "/", shortened(key), " is not supported here");
    }
  }
};

JsonFile read(const fs::path& file) {
  JsonFile read{file.string(), read_json(file)};
  require_usage(read.content.is_object(), read.name, " is not a JSON object");
  return read;
}

std::vector<std::string> tokens_of(const json& vocabulary, const std::string& source) {
  require_usage(vocabulary.is_object(), source, " is no vocabulary: it is not a JSON object");
  std::vector<std::string> tokens(vocabulary.size());
  for (const auto& [token, number] : vocabulary.items()) {
    const uint64_t place = number.is_number_unsigned() ? number.get<uint64_t>() : tokens.size();
    require_usage(place < tokens.size() && tokens[place].empty(), source, ": the number ", shortened(number),
                  " stands twice or leaves a hole");
    tokens[place] = token;
  }
  return tokens;
}

std::pair<std::string, std::string> merge_in(const std::string& line, const std::string& source) {
  const size_t space = line.find(' ');
  require_usage(space != std::string::npos && line.find(' ', space + 1) == std::string::npos, source, ": \"",
                shortened(line), "\" is not a pair of tokens with a space between them");
  return {line.substr(0, space), line.substr(space + 1)};
}

/// The lines of merges.txt, which end as on Unix or as on Windows.
std::vector<std::pair<std::string, std::string>> merges_in(const fs::path& file) {
  std::vector<std::pair<std::string, std::string>> merges;
  std::istringstream lines(read_file(file));
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.starts_with("#version")) merges.push_back(merge_in(line, text(file.string(), ", line ", number)));
  }
  return merges;
}

/// An added token as it stands in `file` at `field`: an object, or its text alone.
AddedToken added_token_in(const JsonFile& file, const std::string& field, const json& said) {
  if (said.is_string()) return {said.get<std::string>()};
  file.must_have_only(said, field,
                      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special", "__type"});
  require_usage(!said.value("single_word", false), file.name, ": ", field,
                "/single_word is true, which is not supported here");
  const bool special = said.value("special", false);
  return {said.at("content").get<std::string>(), said.value("id", AddedToken::no_number), said.value("lstrip", false),
          said.value("rstrip", false), said.value("normalized", !special)};
}

/// The tokens that are added to those of the model, in the order in which the files name them.
class AddedTokens {
 public:
  explicit AddedTokens(const std::vector<std::string>& tokens) : next_(static_cast<int32_t>(tokens.size())) {
    for (const std::string& token : tokens) numbers_.emplace(token, static_cast<int32_t>(numbers_.size()));
  }

  void add(AddedToken token, const std::string& where) {
    if (token.content.empty()) return;
    const auto same =
        std::find_if(all_.begin(), all_.end(), [&](auto& other) { return other.content == token.content; });
    const auto found = numbers_.find(token.content);
    if (found != numbers_.end()) {
      require_usage(token.number == AddedToken::no_number || token.number == found->second, where, ": ", token.content,
                    " has number ", token.number, ", but ", found->second, " in the vocabulary");
      token.number = found->second;
    } else if (token.number != AddedToken::no_number) {
      require_usage(token.number == next_, where, ": ", token.content, " has number ", token.number,
                    "; the next one after those before it is ", next_);
      numbers_.emplace(token.content, next_++);
    }
    if (same == all_.end()) return all_.push_back(token);
    require_usage(same->lstrip == token.lstrip && same->rstrip == token.rstrip && same->normalized == token.normalized,
                  where, ": lstrip, rstrip or normalized of ", token.content, " differ from those of another file");
  }
  /// A token by its text alone: what is not said of it elsewhere is as usual.
  void add_name(const std::string& content) {
    const auto same = std::find_if(all_.begin(), all_.end(), [&](auto& other) { return other.content == content; });
    if (same == all_.end()) add({content}, "");
  }
  std::vector<AddedToken> take() { return std::move(all_); }

 private:
  int32_t next_;
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<AddedToken> all_;
};

/// Every token that tokenizer_config.json or special_tokens_map.json has a role for.
void add_named(const JsonFile& file, AddedTokens& added) {
  const auto add = [&](const std::string& field, const json& said) {
    if (said.is_null()) return;
    const AddedToken token = added_token_in(file, field, said);
    said.is_string() ? added.add_name(token.content) : added.add(token, file.name);
  };
  for (const char* role : {"bos", "eos", "unk", "sep", "pad", "cls", "mask"}) {
    const std::string field = text("/", role, "_token");
    add(field, file.at(field));
  }
  for (const char* field : {"/additional_special_tokens", "/extra_special_tokens"}) {
    for (const json& said : file.at(field)) add(field, said);
  }
}

BytePairs read_tokenizer(const JsonFile& file) {
  file.must_have_only(file.content, "",
                      {"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                       "post_processor", "decoder", "model"});
  for (const char* field : {"/truncation", "/padding", "/normalizer"}) file.must_be(field, {nullptr});
  file.must_be("/pre_tokenizer/type", {"ByteLevel"});
  file.must_have_only(file.at("/pre_tokenizer"), "/pre_tokenizer",
                      {"type", "add_prefix_space", "trim_offsets", "use_regex"});
  file.must_be("/pre_tokenizer/add_prefix_space", {false, true});
  file.must_be("/pre_tokenizer/use_regex", {nullptr, true});
  file.must_be("/decoder/type", {"ByteLevel"});
  file.must_be("/post_processor/type", {nullptr, "ByteLevel", "TemplateProcessing"});
  const json text_alone = json::parse(R"([{"Sequence": {"id": "A", "type_id": 0}}])");
  if (file.at("/post_processor/type") == "TemplateProcessing") file.must_be("/post_processor/single", {text_alone});
  file.must_be("/model/type", {nullptr, "BPE"});
  file.must_have_only(file.at("/model"), "/model",
                      {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                       "byte_fallback", "ignore_merges", "vocab", "merges"});  // bytes without a token are refused
  file.must_be("/model/dropout", {nullptr, 0});
  file.must_be("/model/continuing_subword_prefix", {nullptr, ""});
  file.must_be("/model/end_of_word_suffix", {nullptr, ""});
  file.must_be("/model/ignore_merges", {nullptr, false});
  BytePairs pairs;
  pairs.tokens = tokens_of(file.at("/model/vocab"), file.name + ": /model/vocab");
  for (const json& merge : file.at("/model/merges")) {
    const std::string line = merge.is_array() && merge.size() == 2 ? "" : merge.get<std::string>();
    pairs.merges.push_back(line.empty() ? merge.get<std::pair<std::string, std::string>>() : merge_in(line, file.name));
  }
  pairs.add_prefix_space = file.at("/pre_tokenizer/add_prefix_space").get<bool>();
  return pairs;
}

/// tokenizer_config.json says what transformers does beside the tokenizer. What would change the tokens is refused.
void apply_config(const JsonFile& file, BytePairs& pairs, bool prefix_space_is_known) {
  file.must_be("/tokenizer_class",
               {nullptr, "GPT2Tokenizer", "GPT2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"});
  for (const char* field : {"/add_bos_token", "/add_eos_token", "/split_special_tokens"}) {
    file.must_be(field, {nullptr, false});
  }
  file.must_be("/add_prefix_space", {nullptr, false, true});
  const bool prefix_space = file.at("/add_prefix_space") == json(true);
  require_usage(!prefix_space_is_known || prefix_space == pairs.add_prefix_space, file.name, ": /add_prefix_space is ",
                prefix_space, ", but ", pairs.add_prefix_space, " in tokenizer.json");
  pairs.add_prefix_space = prefix_space;
}

/// "added_tokens_decoder" of tokenizer_config.json: {"50256": {"content": …}}.
void add_numbered(const JsonFile& file, AddedTokens& added) {
  std::map<int32_t, AddedToken> in_order;
  for (const auto& [number, said] : file.at("/added_tokens_decoder").items()) {
    AddedToken token = added_token_in(file, "/added_tokens_decoder/" + shortened(number), said);
    const bool digits = !number.empty() && number.size() < 9 && std::all_of(number.begin(), number.end(), ::isdigit);
    require_usage(digits, file.name, ": /added_tokens_decoder: \"", shortened(number), "\" is not a number");
    token.number = std::stoi(number);
    in_order.emplace(token.number, token);
  }
  for (const auto& [number, token] : in_order) added.add(token, file.name);
}

/// added_tokens.json of older models: {"<mask>": 50257}.
void add_older(const JsonFile& file, AddedTokens& added) {
  std::map<int32_t, std::string> in_order;
  for (const auto& [content, number] : file.content.items()) in_order.emplace(number.get<int32_t>(), content);
  for (const auto& [number, content] : in_order) added.add({content, number}, file.name);
}

BytePairs read_files(const fs::path& folder) {
  const auto there = [&](const char* name) { return fs::exists(folder / name); };
  require_usage(there("tokenizer.json") || (there("vocab.json") && there("merges.txt")), "there is no tokenizer in ",
                folder.string(),
                ": neither training.json with characters, nor tokenizer.json, nor vocab.json with merges.txt");
  const auto read_if_there = [&](const char* name) {
    return there(name) ? read(folder / name) : JsonFile{(folder / name).string()};
  };
  const bool whole = there("tokenizer.json");
  const JsonFile tokenizer = read_if_there("tokenizer.json"), config = read_if_there("tokenizer_config.json");
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
  for (const json& said : tokenizer.at("/added_tokens")) {
    added.add(added_token_in(tokenizer, "/added_tokens", said), tokenizer.name);
  }
  add_numbered(config, added);
  add_older(read_if_there("added_tokens.json"), added);
  add_named(config, added);
  add_named(read_if_there("special_tokens_map.json"), added);
  added.add_name("<|endoftext|>");  // transformers knows it without being told
  pairs.added = added.take();
  const json& end = config.at("/eos_token");
  pairs.end_of_text = end.is_null() ? "<|endoftext|>" : added_token_in(config, "/eos_token", end).content;
  return pairs;
}

}  // namespace

BytePairs read_byte_pairs(const fs::path& folder) {
  BytePairs pairs;
  try {
    pairs = read_files(folder);
  } catch (const json::exception& error) {
    throw UsageError(
        text("the tokenizer in ", folder.string(), " is not one of GPT-2: ", shortened(std::string(error.what()))));
  }
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt", "tokenizer_config.json",
                           "special_tokens_map.json", "added_tokens.json"}) {
    if (fs::exists(folder / name)) pairs.files[name] = read_file(folder / name);
  }
  return pairs;
}

}  // namespace shard
