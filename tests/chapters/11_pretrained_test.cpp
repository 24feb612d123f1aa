// A GPT-2 in a folder: in one file or several, of any type of number, with a padded vocabulary;
// what is not this model, or does not fit together, is refused.
#include <nlohmann/json.hpp>

#include "chapters/11_checkpoints/checkpoint_info.h"
#include "chapters/11_checkpoints/pretrained.h"
#include "common/text/character_tokenizer.h"
#include "common/text/text_data.h"
#include "common/text/utf8.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const GptSizes sizes{13, 10, 24, 12, 2};
const Init init{5, 0.3f, 0.3f};

struct TensorOfFile {
  std::string name, type;
  std::vector<int64_t> shape;
  std::string bytes;
};
using Tensors = std::vector<TensorOfFile>;

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

/// Whole, in f32, by the names that GPT2LMHeadModel gives.
Tensors tensors_of_model() {
  Gpt model(alone(), sizes, init);
  Tensors tensors;
  for (const Parameter* parameter : model.parameters()) {
    const Shape& whole = parameter->shard.whole;
    const auto shape = whole.rank() == 1 ? std::vector{whole.columns()}
                                         : std::vector{whole.rows(), whole.columns()};
    const Tensor value = parameter->without_padding(parameter->value);
    tensors.push_back({"transformer." + parameter->name, "F32", shape, bytes_of(value.to_host())});
  }
  return tensors;
}

void write_tensors(const fs::path& file, const Tensors& tensors) {
  json header = json::object();
  std::string data;
  for (const auto& [name, type, shape, bytes] : tensors) {
    header[name] = {{"dtype", type},
                    {"shape", shape},
                    {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  const std::string text = header.dump();
  write_file(file, bytes_of(std::vector<uint64_t>{text.size()}) + text + data);
}

json small_config() {
  return {{"model_type", "gpt2"}, {"vocab_size", 13}, {"n_positions", 10},      {"n_embd", 24},
          {"n_head", 12},         {"n_layer", 2},     {"eos_token_id", nullptr}};
}

/// The folder of a model, whose parts a test changes.
struct ModelFolder {
  TemporaryFolder folder;
  fs::path path = folder.path() / "gpt2", single = path / "model.safetensors",
           index = path / "model.safetensors.index.json";

  explicit ModelFolder(const Tensors& tensors = tensors_of_model(), int tokens = 13) {
    fs::create_directory(path);
    write_tensors(single, tensors);
    config(small_config());
    tokenizer(tokens);
  }
  void config(const json& content) const { write_file(path / "config.json", content.dump()); }
  void tokenizer(int tokens) const {  // the letters from a on
    json vocabulary = json::object();
    for (int i = 0; i < tokens; ++i) vocabulary[std::string(1, static_cast<char>('a' + i))] = i;
    write_file(path / "vocab.json", vocabulary.dump());
    write_file(path / "merges.txt", "#version: 0.2\n");
  }
  /// The same tensors in two files with an index.
  void split() const {
    const Tensors all = tensors_of_model();
    const auto middle = all.begin() + 9;
    json map = json::object();
    for (auto tensor = all.begin(); tensor != all.end(); ++tensor)
      map[tensor->name] = tensor < middle ? "one" : "two";
    write_tensors(path / "one", {all.begin(), middle});
    write_tensors(path / "two", {middle, all.end()});
    fs::remove(single);
    write_map(map);
  }
  void write_map(const json& map) const { write_file(index, json{{"weight_map", map}}.dump()); }
  json map() const { return json::parse(content_of(index))["weight_map"]; }
  std::string refusal() const { return refusal(path); }
  static std::string refusal(const fs::path& what) {
    return message_of<UsageError>([&] {
      Gpt model(alone(), sizes, init);
      Pretrained(what).weights.load(model.parameters(), false);
    });
  }
};

void check_weights(const fs::path& path, float tolerance = 0) {
  Gpt expected(world(), sizes, init), got(world(), sizes, {9, 0.1f, 0.1f});
  const Pretrained pretrained(path);
  CHECK(pretrained.sizes.heads == 12);
  pretrained.weights.load(got.parameters(), false);
  for (size_t i = 0; i < expected.parameters().size(); ++i) {
    CAPTURE(expected.parameters()[i]->name);
    const auto here = got.parameters()[i]->value.to_host(),
               there = expected.parameters()[i]->value.to_host();
    double error = here.size() == there.size() ? 0 : INFINITY;
    for (size_t k = 0; k < here.size(); ++k)
      error = reference::larger(error, std::abs(here[k] - there[k]));
    CHECK(error <= tolerance);
  }
}

const std::string nothing = "(nothing was thrown)";

}  // namespace

TEST_CASE("a model is read from its folder, its file, its index, and from several files") {
  const ModelFolder model;
  check_weights(model.path);
  check_weights(model.single);
  model.split();
  check_weights(model.path);
  check_weights(model.index);
}

TEST_CASE("an index that does not fit its files is refused") {
  const ModelFolder model;
  model.split();
  const json whole = model.map();
  const auto refusal = [&](const std::string& tensor, const json& file) {
    json map = whole;
    file.is_discarded() ? void(map.erase(tensor)) : void(map[tensor] = file);
    model.write_map(map);
    return model.refusal();
  };
  const std::string name = "transformer.h.1.ln_2.bias",
                    place = model.index.string() + ": weight_map has ";
  CHECK(contains(refusal(name, json(json::value_t::discarded)),
                 "there is no tensor \"" + name + "\" in " + model.index.string()));
  CHECK(contains(refusal(name, "one"),
                 "there is no tensor \"" + name + "\" in " + (model.path / "one").string()));
  CHECK(contains(refusal(name, "three"), model.index.string() + " names three, which is missing"));
  for (const char* bad : {"../gpt2/two", "/etc/passwd", "", "two/", "t\x1b[2Jwo"}) {
    CHECK(contains(refusal(name, bad), place + json(bad).dump()));
  }
  CHECK(contains(refusal(name, 3), place + "3 for \"" + name +
                                       "\" instead of the name of a file in the same folder"));
  CHECK(contains(refusal(name, ".."), "it is not a regular file"));
  CHECK(contains(refusal(name, "model.safetensors.index.json"),
                 "cannot read " + model.index.string()));
  for (const char* bad : {"[]", "{}", "3", R"({"weight_map":{}})", R"({"weight_map":["one"]})",
                          R"({"weight_map":null})"}) {
    write_file(model.index, bad);
    CHECK(contains(model.refusal(),
                   "is not an index: its weight_map is missing, empty or not an object"));
  }
  write_file(model.index, "version https://git-lfs.github.com/spec/v1\n");
  CHECK(contains(model.refusal(), model.index.string() + ": it is a git-lfs pointer"));
}

TEST_CASE("a folder without safetensors, and a part of a model, are refused with the way out") {
  const ModelFolder model;
  const fs::path part = model.path / "model-00001-of-00002.safetensors";
  fs::copy(model.single, part);
  check_weights(part);  // a name alone says nothing
  model.split();
  CHECK(
      contains(ModelFolder::refusal(part), "is one part of a model: give its folder or its index"));
  fs::remove(model.index);
  CHECK(contains(model.refusal(), "there is no model.safetensors in " + model.path.string()));
  write_file(model.path / "pytorch_model.bin", "");
  CHECK(contains(model.refusal(), ", only pytorch_model.bin: convert it with save_pretrained("));
}

TEST_CASE(
    "an output projection is passed over where it is the embedding's table, and else refused") {
  Tensors tensors = tensors_of_model();
  tensors.push_back({"lm_head.weight", "F32", {13, 24}, tensors[0].bytes});
  REQUIRE(tensors[0].name == "transformer.wte.weight");
  const auto refusal = [&](bool tied) {
    const ModelFolder model(tensors);
    json config = small_config();
    config["tie_word_embeddings"] = tied;
    model.config(config);
    return model.refusal();
  };
  const std::string differs =
      "model.safetensors: lm_head.weight differs from transformer.wte.weight";
  CHECK(ModelFolder(tensors).refusal() == nothing);
  CHECK(refusal(true) == nothing);
  CHECK(refusal(false) == nothing);
  tensors.back().bytes[4] ^= 1;
  CHECK(contains(ModelFolder(tensors).refusal(), differs));
  CHECK(contains(refusal(true), differs));
  CHECK(contains(refusal(false), differs));
  tensors.back() = {"lm_head.weight", "F32", {12, 24}, tensors[0].bytes.substr(0, 4 * 12 * 24)};
  CHECK(contains(refusal(false), differs));
  tensors.pop_back();
  CHECK(refusal(true) == nothing);
  CHECK(contains(refusal(false),
                 "config.json: tie_word_embeddings is false, but this model has true"));
}

TEST_CASE("tensors that GPT-2 does not have, of any type, are passed over") {
  Tensors tensors = tensors_of_model();
  tensors.push_back({"transformer.h.0.attn.bias", "BOOL", {1, 1, 10, 10}, std::string(100, 1)});
  tensors.push_back({"transformer.h.0.attn.masked_bias", "F8_E8M0", {}, "x"});
  tensors.push_back({"transformer.h.1.attn.bias", "U8", {1, 1, 1, 10, 10}, std::string(100, 1)});
  tensors.push_back({"positions", "I64", {1}, std::string(8, 0)});
  check_weights(ModelFolder(tensors).path);
}

TEST_CASE("weights in BF16 and in F64 are read, whole numbers are not") {
  Tensors tensors = tensors_of_model();
  for (auto& [name, type, shape, bytes] : tensors) {
    std::string rounded;
    for (size_t i = 0; i < bytes.size(); i += 4)
      rounded += bytes.substr(i + 2, 2);  // the upper half, cut off
    type = "BF16", bytes = rounded;
  }
  check_weights(ModelFolder(tensors).path, 0.02f);
  tensors[3].type = "I16";
  CHECK(contains(ModelFolder(tensors).refusal(), " has type I16 instead of F32, F64, F16 or BF16"));
}

TEST_CASE(
    "rows of the embedding behind the tokenizer's tokens are padding; fewer rows than tokens are "
    "refused") {
  const ModelFolder model(tensors_of_model(), 11);
  CHECK(Pretrained(model.path).padding() == 2);
  model.tokenizer(13);
  CHECK(Pretrained(model.path).padding() == 0);
  model.tokenizer(14);
  CHECK(contains(model.refusal(), "has 13 tokens, the tokenizer beside it 14"));
}

TEST_CASE(
    "a model of a smaller context takes the first positions; one of a larger context is refused") {
  const ModelFolder folder;
  const WeightsFile weights(folder.path);
  GptSizes other = sizes;
  other.context = 7;
  Gpt whole(alone(), sizes, init), shorter(alone(), other, {9, 0.1f, 0.1f});
  weights.load(shorter.parameters(), false);
  for (size_t i = 0; i < whole.parameters().size(); ++i) {
    const Parameter& mine = *shorter.parameters()[i];
    std::vector<float> expected = whole.parameters()[i]->value.to_host();
    if (mine.name == "wpe.weight") expected.resize(7 * 24);
    CHECK(mine.value.to_host() == expected);
  }
  other.context = 11;
  CHECK(contains(message_of<UsageError>([&] {
                   Gpt longer(alone(), other, init);
                   weights.load(longer.parameters(), false);
                 }),
                 "transformer.wpe.weight has shape [10 × 24] instead of [11 × 24]"));
}

TEST_CASE(
    "the end of text is nothing, a number or a list, of generation_config.json where there is "
    "one") {
  const ModelFolder model;
  const json absent(json::value_t::discarded);
  const auto with_end = [&](json config, const json& end) {
    end.is_discarded() ? void(config.erase("eos_token_id")) : void(config["eos_token_id"] = end);
    return config;
  };
  const auto end_of = [&](const json& end) {
    model.config(with_end(small_config(), end));
    return Pretrained(model.path).end_of_text;
  };
  using Ends = std::vector<int64_t>;
  CHECK(end_of(nullptr) == Ends{});
  CHECK(end_of(3) == Ends{3});
  CHECK(end_of({3, 7}) == Ends{3, 7});
  CHECK(end_of(json::array()) == Ends{});
  CHECK(end_of(absent) == Ends{50256});
  for (const json& bad : {json("3"), json(1.5), json{{"a", 3}}, json{3, "7"}}) {
    CHECK(contains(message_of<UsageError>([&] { end_of(bad); }),
                   "/config.json: eos_token_id holds "));
  }
  const auto generation_end = [&](const json& end) {
    write_file(model.path / "generation_config.json", with_end(json::object(), end).dump());
    return end_of(3);
  };
  CHECK(generation_end(absent) == Ends{});
  CHECK(generation_end(nullptr) == Ends{});
  CHECK(generation_end({5, 3}) == Ends{5, 3});
  CHECK(contains(message_of<UsageError>([&] { generation_end("x"); }),
                 "generation_config.json: eos_token_id holds \"x\""));
}

TEST_CASE("a checkpoint of characters has no end of text; another has its tokenizer's") {
  CheckpointInfo info;
  const auto ends = [&] {
    const json config = json::parse(config_text(info));
    return json{config.at("bos_token_id"), config.at("eos_token_id")};
  };
  CHECK(ends() == json{nullptr, nullptr});
  CHECK(end_of_text_of("/no/such/folder", CharacterTokenizer({'a', 'b'})).empty());
  CHECK(end_of_text_of("", CharacterTokenizer({'a', 'b'})).empty());
  info.end_of_text = {256};
  CHECK(ends() == json{256, 256});
  info.end_of_text = {256, 3};
  CHECK(ends() == json{256, {256, 3}});
}
