#include "common/text/added_token_files.h"

#include <algorithm>
#include <map>

#include "common/base/error.h"

namespace shard {

using nlohmann::json;

AddedToken added_token_in(const JsonFields& file, const std::string& field, const json& said) {
  if (said.is_string()) return {said.get<std::string>()};
  file.must_have_only(said, field,
                      {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special",
                       "__type"});
  require_usage(!said.value("single_word", false), file.name, ": ", field,
                "/single_word is true, which is not supported");
  const bool special = said.value("special", false);
  return {said.at("content").get<std::string>(), said.value("id", AddedToken::no_number),
          said.value("lstrip", false), said.value("rstrip", false),
          said.value("normalized", !special)};
}

AddedTokens::AddedTokens(const std::vector<std::string>& tokens_of_model)
    : next_(static_cast<int32_t>(tokens_of_model.size())) {
  for (const std::string& token : tokens_of_model)
    numbers_.emplace(token, static_cast<int32_t>(numbers_.size()));
}

AddedToken* AddedTokens::find(const std::string& content) {
  const auto found =
      std::find_if(all_.begin(), all_.end(), [&](auto& other) { return other.content == content; });
  return found == all_.end() ? nullptr : &*found;
}

void AddedTokens::add(AddedToken token, const std::string& file) {
  if (token.content.empty()) return;
  const auto found = numbers_.find(token.content);
  if (found != numbers_.end()) {
    require_usage(token.number == AddedToken::no_number || token.number == found->second, file,
                  ": ", token.content, " has number ", token.number, ", but ", found->second,
                  " in the vocabulary");
    token.number = found->second;
  } else if (token.number != AddedToken::no_number) {
    require_usage(token.number == next_, file, ": ", token.content, " has number ", token.number,
                  "; the next one after those before it is ", next_);
    numbers_.emplace(token.content, next_++);
  }
  const AddedToken* same = find(token.content);
  if (same == nullptr) return all_.push_back(token);
  require_usage(same->lstrip == token.lstrip && same->rstrip == token.rstrip &&
                    same->normalized == token.normalized,
                file, ": lstrip, rstrip or normalized of ", token.content,
                " differ from those of another file");
}

void AddedTokens::add_name(const std::string& content) {
  if (find(content) == nullptr) add({content}, "");
}

void AddedTokens::add_list(const JsonFields& tokenizer) {
  for (const json& said : tokenizer.at("/added_tokens")) {
    add(added_token_in(tokenizer, "/added_tokens", said), tokenizer.name);
  }
}

void AddedTokens::add_numbered(const JsonFields& config) {
  std::map<int32_t, AddedToken> in_order;
  for (const auto& [number, said] : config.at("/added_tokens_decoder").items()) {
    const bool digits = !number.empty() && number.size() < 9 &&
                        std::all_of(number.begin(), number.end(), ::isdigit);
    require_usage(digits, config.name, ": /added_tokens_decoder: \"", shortened(number),
                  "\" is not a number");
    AddedToken token = added_token_in(config, "/added_tokens_decoder/" + number, said);
    token.number = std::stoi(number);
    in_order.emplace(token.number, token);
  }
  for (const auto& [number, token] : in_order) add(token, config.name);
}

void AddedTokens::add_older(const JsonFields& file) {
  std::map<int32_t, std::string> in_order;
  for (const auto& [content, number] : file.content.items())
    in_order.emplace(number.get<int32_t>(), content);
  for (const auto& [number, content] : in_order) {
    if (find(content) == nullptr) add({content, number}, file.name);
  }
}

void AddedTokens::add_named(const JsonFields& file) {
  const auto add_one = [&](const std::string& field, const json& said) {
    if (said.is_null()) return;
    const AddedToken token = added_token_in(file, field, said);
    said.is_string() ? add_name(token.content) : add(token, file.name);
  };
  for (const char* role : {"bos", "eos", "unk", "sep", "pad", "cls", "mask"}) {
    const std::string field = text("/", role, "_token");
    add_one(field, file.at(field));
  }
  for (const char* field : {"/additional_special_tokens", "/extra_special_tokens"}) {
    for (const json& said : file.at(field)) add_one(field, said);
  }
}

}  // namespace shard
