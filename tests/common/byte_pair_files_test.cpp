// The files of a Hugging Face tokenizer: read as transformers reads them, or refused.
// CPU only.
#include "tests/common/byte_pair_support.h"
#include "tests/test_support.h"

using namespace shard;
using nlohmann::json;

namespace {

const std::string space = "Ġ";

/// The same tokenizer as `vocabulary` in one tokenizer.json.
json tokenizer_json(const Vocabulary& vocabulary) {
  json numbers, merges = json::array();
  for (size_t i = 0; i < vocabulary.tokens.size(); ++i) numbers[vocabulary.tokens[i]] = i;
  for (const auto& [left, right] : read_byte_pairs(vocabulary.folder.path()).merges)
    merges.push_back({left, right});
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", json::array()},
          {"normalizer", nullptr},
          {"pre_tokenizer",
           {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"vocab", numbers},
            {"merges", merges}}}};
}

json added_token(const std::string& content, size_t number) {
  return {{"id", number},    {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// The numbers of the tokens of a text, with what is in the vocabulary as its text.
std::string cut(const Vocabulary& vocabulary, const std::string& text) {
  std::string out;
  for (const int32_t token : vocabulary.tokenizer().encode(text)) {
    const auto place = static_cast<size_t>(token);
    const bool known = place < vocabulary.tokens.size();
    out += (out.empty() ? "" : "|") + (known ? vocabulary.tokens[place] : std::to_string(place));
  }
  return out;
}

}  // namespace

TEST_CASE(
    "byte pair files: merges.txt may have line ends of Windows, and nothing that is no pair") {
  const Vocabulary vocabulary({{"t", "h"}, {"th", "e"}});
  const auto merges = vocabulary.folder.path() / "merges.txt";
  write_file(merges, "#version: 0.2\r\nt h\r\nth e\r\n");
  CHECK(vocabulary.cut("the") == "the");
  for (const char* line : {"t", "t  h", "t h e", ""}) {
    write_file(merges, text("#version: 0.2\nt h\n", line, "\nth e\n"));
    CHECK(
        contains(message_of<UsageError>([&] { vocabulary.tokenizer(); }), "merges.txt, line 3: "));
  }
  write_file(merges, "t h\nth x\n");
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer(); }),
                 "merges.txt merges \"th\" and \"x\", but one of them or"));
}

TEST_CASE("byte pair files: tokenizer.json alone, with merges as pairs or as lines") {
  const Vocabulary vocabulary({{"t", "h"}, {"th", "e"}, {space, "the"}});
  json said = tokenizer_json(vocabulary);
  std::filesystem::remove(vocabulary.folder.path() / "vocab.json");
  std::filesystem::remove(vocabulary.folder.path() / "merges.txt");
  write_file(vocabulary.folder.path() / "tokenizer.json", said.dump());
  CHECK(vocabulary.cut("the the") == "the|" + space + "the");
  said["model"]["merges"] = {"t h", "th e"};
  write_file(vocabulary.folder.path() / "tokenizer.json", said.dump());
  CHECK(vocabulary.cut("the the") == "the|" + space + "|the");
  CHECK(vocabulary.tokenizer().files().at("tokenizer.json") == said.dump());
}

TEST_CASE(
    "byte pair files: added tokens are found in a text, and stand behind the vocabulary where it "
    "lacks them") {
  const Vocabulary vocabulary({{"<", "|"}, {"a", "b"}});
  const size_t next = vocabulary.tokens.size();
  json said = tokenizer_json(vocabulary);
  json left = added_token("<left>", next + 2), right = added_token("<right>", next + 3);
  left["lstrip"] = right["rstrip"] = true;
  json last = added_token("[PAD][PAD]", next + 4);
  last["normalized"] = true;
  said["added_tokens"] = {added_token("<|endoftext|>", next),
                          added_token("[PAD]", next + 1),
                          left,
                          right,
                          last,
                          added_token("ab", 257)};
  write_file(vocabulary.folder.path() / "tokenizer.json", said.dump());
  const std::string end = std::to_string(next), pad = std::to_string(next + 1);
  CHECK(vocabulary.tokenizer().vocabulary() == static_cast<int64_t>(next) + 5);
  CHECK(vocabulary.tokenizer().end_of_text() == static_cast<int32_t>(next));
  CHECK(cut(vocabulary, "<|endoftext|>a<|endoftext|>") == end + "|a|" + end);
  CHECK(cut(vocabulary, "<|endoftext|") == "<||e|n|d|o|f|t|e|x|t||");
  CHECK(cut(vocabulary, "[PAD] x") == pad + "|" + space + "|x");
  CHECK(cut(vocabulary, "[PAD][PAD]") == pad + "|" + pad);  // what is normalized is looked for last
  CHECK(cut(vocabulary, "x \n<left> x") == "x|" + std::to_string(next + 2) + "|" + space + "|x");
  CHECK(cut(vocabulary, "x <right>\u3000 x") ==
        "x|" + space + "|" + std::to_string(next + 3) + "|x");
  CHECK(vocabulary.tokenizer().decode(vocabulary.tokenizer().encode("a<|endoftext|> ab")) ==
        "a<|endoftext|> ab");
}

TEST_CASE("byte pair files: vocab.json with the added tokens of the files beside it") {
  const Vocabulary vocabulary({});
  const auto folder = vocabulary.folder.path();
  const std::string next = std::to_string(vocabulary.tokens.size());
  // transformers gives it a number
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer().encode("x<|endoftext|>"); }),
                 "the text has \"<|endoftext|>\", for which "));
  // that the model lacks
  write_file(folder / "tokenizer_config.json",
             json{{"added_tokens_decoder", {{next, {{"content", "[PAD]"}, {"special", true}}}}},
                  {"pad_token", "[PAD]"}}
                 .dump());
  CHECK(cut(vocabulary, "a[PAD]") == "a|" + next);
  std::filesystem::remove(folder / "tokenizer_config.json");
  write_file(folder / "added_tokens.json", json{{"[PAD]", std::stoi(next)}}.dump());
  CHECK(cut(vocabulary, "a[PAD]") == "a|" + next);
  write_file(folder / "added_tokens.json", json{{"[PAD]", std::stoi(next) + 5}}.dump());
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer(); }),
                 "added_tokens.json: [PAD] has number 261"));
}

TEST_CASE("byte pair files: add_prefix_space, by tokenizer_config.json and tokenizer.json") {
  const Vocabulary vocabulary(Merges{{space, "t"}});
  const auto folder = vocabulary.folder.path();
  write_file(folder / "tokenizer_config.json", R"({"add_prefix_space": true})");
  CHECK(vocabulary.cut("t t") == space + "t|" + space + "t");
  CHECK(vocabulary.cut(" t") == space + "t");
  CHECK(vocabulary.cut("") == "");
  json said = tokenizer_json(vocabulary);
  write_file(folder / "tokenizer.json", said.dump());
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer(); }),
                 "tokenizer_config.json: /add_prefix_space is true, which differs"));
  said["pre_tokenizer"]["add_prefix_space"] = true;
  write_file(folder / "tokenizer.json", said.dump());
  CHECK(vocabulary.cut("t") == space + "t");
}

TEST_CASE("byte pair files: what would lead to other tokens is refused, with file and field") {
  const Vocabulary vocabulary(Merges{{"t", "h"}});
  const auto folder = vocabulary.folder.path();
  const json whole = tokenizer_json(vocabulary);
  const auto refused = [&](const char* file, const char* field, const json& value) {
    json said = file == std::string("tokenizer.json") ? whole : json::object();
    said[json::json_pointer(field)] = value;
    write_file(folder / "tokenizer.json", whole.dump());
    write_file(folder / file, said.dump());
    const std::string message = message_of<UsageError>([&] { vocabulary.tokenizer(); });
    CAPTURE(message);
    std::filesystem::remove(folder / file);
    return contains(message, text(file, ": ", field)) || contains(message, text(file, " merges "));
  };
  CHECK(refused("tokenizer.json", "/normalizer", {{"type", "NFC"}}));
  CHECK(refused("tokenizer.json", "/truncation", {{"max_length", 8}}));
  CHECK(refused("tokenizer.json", "/padding", {{"length", 8}}));
  CHECK(refused("tokenizer.json", "/pre_tokenizer", nullptr));
  CHECK(refused("tokenizer.json", "/pre_tokenizer/type", "Whitespace"));
  CHECK(refused("tokenizer.json", "/pre_tokenizer/use_regex", false));
  CHECK(refused("tokenizer.json", "/pre_tokenizer/add_prefix_space", nullptr));
  CHECK(refused("tokenizer.json", "/pre_tokenizer/behavior", "Isolated"));
  CHECK(refused("tokenizer.json", "/post_processor", {{"type", "BertProcessing"}}));
  CHECK(refused("tokenizer.json", "/post_processor",
                {{"type", "TemplateProcessing"}, {"single", json::array()}}));
  CHECK(refused("tokenizer.json", "/decoder/type", "WordPiece"));
  CHECK(refused("tokenizer.json", "/model/type", "Unigram"));
  CHECK(refused("tokenizer.json", "/model/dropout", 0.1));
  CHECK(refused("tokenizer.json", "/model/continuing_subword_prefix", "##"));
  CHECK(refused("tokenizer.json", "/model/end_of_word_suffix", "</w>"));
  CHECK(refused("tokenizer.json", "/model/ignore_merges", true));
  CHECK(refused("tokenizer.json", "/model/cache", 5));
  CHECK(refused("tokenizer.json", "/model/vocab", json::array()));
  CHECK(refused("tokenizer.json", "/model/merges", json::array({json::array({"t", "zz"})})));
  CHECK(refused("tokenizer.json", "/something", 1));
  CHECK(refused("tokenizer_config.json", "/add_bos_token", true));
  CHECK(refused("tokenizer_config.json", "/add_eos_token", true));
  CHECK(refused("tokenizer_config.json", "/split_special_tokens", true));
  CHECK(refused("tokenizer_config.json", "/tokenizer_class", "LlamaTokenizer"));
  CHECK(
      refused("tokenizer_config.json", "/bos_token", {{"content", "<s>"}, {"single_word", true}}));
  json said = whole;
  said["added_tokens"] = {added_token("t", 7)};
  write_file(folder / "tokenizer.json", said.dump());
  CHECK(contains(message_of<UsageError>([&] { vocabulary.tokenizer(); }),
                 "tokenizer.json: t has number 7, but "));
  said["added_tokens"] = "none";
  write_file(folder / "tokenizer.json", said.dump());
  CHECK(!message_of<UsageError>([&] { vocabulary.tokenizer(); }).empty());
  said = whole;
  said["model"]["merges"] = 5;
  write_file(folder / "tokenizer.json", said.dump());
  CHECK(!message_of<UsageError>([&] { vocabulary.tokenizer(); }).empty());
}
