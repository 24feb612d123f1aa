#include "chapters/11_checkpoints/checkpoint_info.h"

#include <cmath>
#include <iomanip>

#include "chapters/10_tensor_and_data_parallel/setting_table.h"
#include "chapters/11_checkpoints/weights.h"
#include "common/base/random.h"
#include "common/storage/json_file.h"

namespace shard {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

json config_of(const CheckpointInfo& info) {
  const auto& ends = info.end_of_text;
  const json begin = ends.empty() ? json() : json(ends.front()),
             end = ends.size() > 1 ? json(ends) : begin;
  return {{"model_type", "gpt2"},
          {"architectures", {"GPT2LMHeadModel"}},
          {"activation_function", "gelu_new"},
          {"layer_norm_epsilon", 1e-5},
          {"vocab_size", info.sizes.vocabulary},
          {"n_positions", info.sizes.context},
          {"n_embd", info.sizes.width},
          {"n_head", info.sizes.heads},
          {"n_layer", info.sizes.layers},
          {"bos_token_id", begin},
          {"eos_token_id", end}};
}

json json_of(const CheckpointInfo& info) {
  json settings, sizes = {{"vocabulary", info.sizes.vocabulary}};
  chapter_10::for_each_size(
      [&](const char* name, auto member, auto...) { sizes[name] = info.sizes.*member; });
  chapter_10::for_each_setting(
      [&](const char* name, auto member, auto...) { settings[name] = info.settings.*member; });
  return {{"step", info.step},
          {"sizes", sizes},
          {"settings", settings},
          {"precision", to_string(info.settings.precision)},
          {"reduce_in", to_string(info.settings.reduce_in)},
          {"characters", info.characters},
          {"data", info.data}};
}

/// A number of training.json. Throws UsageError when it is missing, no number of this kind, or not
/// from least to most.
template <class Number>
Number number_in(const json& object, const char* name, Number least, Number most) {
  const json& value = object.at(name);
  const bool is_number =
      std::is_integral_v<Number> ? value.is_number_unsigned() : value.is_number();
  const auto number = is_number ? value.get<double>() : NAN;
  require_usage(number >= static_cast<double>(least) && number <= static_cast<double>(most), name,
                " is ", shortened(value), ", which is not from ", least, " to ", most);
  return value.get<Number>();
}

CheckpointInfo info_of(const json& j) {
  constexpr int64_t many = int64_t{1} << 20;
  CheckpointInfo info;
  info.step = number_in<int64_t>(j, "step", 0, int64_t{1} << 40);
  const json& sizes = j.at("sizes");
  info.sizes.vocabulary = number_in<int64_t>(sizes, "vocabulary", 1, many);
  chapter_10::for_each_size([&](const char* name, auto member, auto, int64_t least, int64_t most) {
    info.sizes.*member = number_in<int64_t>(sizes, name, least, most);
  });
  chapter_10::for_each_setting([&](const char* name, auto member, auto, auto least, auto most) {
    auto& setting = info.settings.*member;
    using Number = std::remove_reference_t<decltype(setting)>;
    setting = number_in<Number>(j.at("settings"), name, static_cast<Number>(least),
                                static_cast<Number>(most));
  });
  info.settings.precision = precision_named(j.at("precision").get<std::string>(), "precision");
  info.settings.reduce_in = reduction_named(j.at("reduce_in").get<std::string>(), "reduce_in");
  info.characters = j.at("characters").get<std::string>();
  info.data = j.at("data").get<std::string>();
  return info;
}

/// The sizes that are said against those that the tensors have: memory is taken only for what is
/// there.
void require_sizes_of(const fs::path& weights, const GptSizes& said) {
  const GptSizes found = WeightsFile(weights).sizes();
  const auto compare = [&](const char* name, int64_t here, int64_t there) {
    require_usage(here == there, "training.json says ", name, " ", here, ", ", weights.string(),
                  " has ", there);
  };
  compare("vocabulary", said.vocabulary, found.vocabulary);
  compare("context", said.context, found.context);
  compare("width", said.width, found.width);
  compare("layers", said.layers, found.layers);
}

}  // namespace

CheckpointInfo read_checkpoint_info(const fs::path& checkpoint) {
  const fs::path file = checkpoint / "training.json";
  const json said = read_json(file);
  CheckpointInfo info;
  try {
    info = info_of(said);
  } catch (const json::exception& error) {
    throw UsageError(text(file.string(), " is not from a checkpoint: ", error.what()));
  } catch (const UsageError& error) {
    throw UsageError(text(file.string(), ": ", error.what()));
  }
  require_sizes_of(checkpoint / "model.safetensors", info.sizes);
  return info;
}

std::string training_text(const CheckpointInfo& info) { return json_of(info).dump(2) + "\n"; }

std::string config_text(const CheckpointInfo& info) { return config_of(info).dump(2) + "\n"; }

std::string fingerprint_of(const std::string& text) {
  std::ostringstream out;
  out << std::hex << std::setw(16) << std::setfill('0') << stream_of(text);
  return out.str();
}

}  // namespace shard
