// Reads the added tokens from the files of a Hugging Face tokenizer.
#pragma once
#include <unordered_map>

#include "common/storage/json_fields.h"
#include "common/text/added_tokens.h"

namespace shard {

/// The added token at `field` of `file`: `said` is an object, or only the token's text.
AddedToken added_token_in(const JsonFields& file, const std::string& field,
                          const nlohmann::json& said);

/// The tokens that are added to those of the model, in the order of the files.
class AddedTokens {
 public:
  explicit AddedTokens(const std::vector<std::string>& tokens_of_model);

  /// "added_tokens" of tokenizer.json: [{"id": 50256, "content": …}].
  void add_list(const JsonFields& tokenizer);
  /// "added_tokens_decoder" of tokenizer_config.json: {"50256": {"content": …}}.
  void add_numbered(const JsonFields& config);
  /// added_tokens.json of older models: {"<mask>": 50257}.
  void add_older(const JsonFields& file);
  /// Every token to which tokenizer_config.json or special_tokens_map.json assigns a role.
  void add_named(const JsonFields& file);
  /// A token given by its text only; its other properties have their defaults unless another file
  /// sets them.
  void add_name(const std::string& content);

  const std::vector<AddedToken>& all() const { return all_; }

 private:
  AddedToken* find(const std::string& content);
  void add(AddedToken token, const std::string& file);

  int32_t next_;
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<AddedToken> all_;
};

}  // namespace shard
