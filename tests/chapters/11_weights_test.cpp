// A file of weights: each rank takes its part, and files that do not fit are refused.
#include <cmath>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/11_checkpoints/weights.h"
#include "common/storage/safetensors_writer.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

const GptSizes sizes{.vocabulary = 13, .context = 10, .width = 24, .heads = 12, .layers = 2};
const Init init{5, 0.3f, 0.3f};

/// Writes the tensors of a model that is not split, `changed` before.
void write_weights(
    const std::filesystem::path& file, const std::string& prefix,
    const std::function<void(std::vector<SharedSafetensors::Description>&)>& changed = {},
    float first = 0) {
  Gpt model(alone(), sizes, init);
  std::vector<SharedSafetensors::Description> tensors;
  for (const Parameter* parameter : model.parameters()) {
    tensors.push_back({prefix + parameter->name, parameter->shard.whole});
  }
  if (changed) changed(tensors);
  SharedSafetensors out(file, tensors);
  out.create();
  out.open();
  for (const Parameter* parameter : model.parameters()) {
    std::vector<float> values = parameter->without_padding(parameter->value).to_host();
    if (parameter->name == "h.1.mlp.c_fc.bias" && first != 0) values[3] = first;
    if (!changed) out.write(prefix + parameter->name, 0, values);
  }
  out.close();
}

}  // namespace

TEST_CASE("weights are found with and without a prefix, and each rank takes its part") {
  const TemporaryFolder folder;
  for (const std::string prefix : {"", "transformer."}) {
    write_weights(folder.path() / "w", prefix);
    const WeightsFile file(folder.path() / "w");
    CHECK(file.sizes().vocabulary == sizes.vocabulary);
    CHECK(file.sizes().context == sizes.context);
    CHECK(file.sizes().width == sizes.width);
    CHECK(file.sizes().layers == sizes.layers);
    Gpt expected(world(), sizes, init), got(world(), sizes, {9, 0.1f, 0.1f});
    file.load(got.parameters(), false);
    for (size_t i = 0; i < expected.parameters().size(); ++i) {
      CHECK(got.parameters()[i]->value.to_host() == expected.parameters()[i]->value.to_host());
    }
  }
}

TEST_CASE(
    "weights that are missing, of another shape, or no numbers are refused with the tensor's "
    "name") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "w";
  using Tensors = std::vector<SharedSafetensors::Description>;
  const auto refusal = [&](const std::function<void(Tensors&)>& change, float first = 0,
                           bool allow_nan = false) {
    write_weights(file, "", change, first);
    return message_of<UsageError>([&] {
      Gpt model(alone(), sizes, init);
      WeightsFile(file).load(model.parameters(), allow_nan);
    });
  };
  const auto with_shape = [](const std::string& name, Shape shape) {
    return [=](Tensors& all) {
      for (auto& tensor : all) {
        if (tensor.name == name) tensor.shape = shape;
      }
    };
  };
  const auto without = [](const std::string& name) {
    return [=](Tensors& all) {
      std::erase_if(all, [&](const auto& tensor) { return tensor.name == name; });
    };
  };
  CHECK(contains(refusal(without("wte.weight")), "there is no tensor \"wte.weight\""));
  CHECK(contains(refusal(without("h.1.ln_2.bias")), "there is no tensor \"h.1.ln_2.bias\""));
  CHECK(contains(refusal(without("h.1.attn.c_attn.weight")),
                 "there is no tensor \"h.1.attn.c_attn.weight\""));
  CHECK(contains(refusal(without("h.0.attn.c_attn.weight")), "there is no h.0.attn.c_attn.weight"));
  CHECK(contains(refusal(with_shape("h.0.mlp.c_fc.weight", {96, 24})),
                 "h.0.mlp.c_fc.weight has shape [96 × 24] instead of [24 × 96]"));
  CHECK(contains(refusal(with_shape("h.1.attn.c_attn.weight", {0})),
                 "has shape [0] instead of [24 × 72]"));
  CHECK(contains(refusal(with_shape("wte.weight", {0, int64_t{1} << 62})),
                 "wte.weight and wpe.weight are not matrices"));
  CHECK(contains(refusal(with_shape("wpe.weight", {24})),
                 "wte.weight and wpe.weight are not matrices"));
  CHECK(
      contains(refusal({}, NAN), "element 3 of h.1.mlp.c_fc.bias is nan (--allow-nan accepts it)"));
  CHECK(contains(refusal({}, -INFINITY), "element 3 of h.1.mlp.c_fc.bias is -inf"));
  CHECK(refusal({}, NAN, true) == "(nothing was thrown)");
}
