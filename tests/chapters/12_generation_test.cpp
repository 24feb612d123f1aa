// Generation: keys and values that are kept give what computing everything again gives, for every
// number of ranks; and files of weights that do not fit are refused.
#include "chapters/10_tensor_and_data_parallel/sampling.h"
#include "chapters/11_checkpoints/weights.h"
#include "common/storage/safetensors_writer.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

const GptSizes sizes{13, 10, 24, 12, 2};
const Init init{5, 0.3f, 0.3f};
const std::vector<int32_t> text_tokens{4, 0, 12, 7, 7, 3, 11, 1, 9, 5};

/// The last row of logits, whole, without padding.
std::vector<float> last_row(Communicator& tp, const Tensor& logits) {
  const Tensor row = logits.slice({logits.rows() - 1, logits.rows()});
  std::vector<float> all = tp.all_gather(row.reshape({row.columns()})).to_host();
  all.resize(static_cast<size_t>(sizes.vocabulary));
  return all;
}

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
    std::vector<float> values = parameter->value.to_host();
    if (parameter->name == "h.1.mlp.c_fc.bias" && first != 0) values[3] = first;
    if (!changed) out.write(prefix + parameter->name, 0, values);
  }
  out.close();
}

}  // namespace

TEST_CASE(
    "kept keys and values: token after token, in pieces or at once, the logits are those of the "
    "whole text") {
  Gpt model(world(), sizes, init);
  for (const std::vector<size_t>& pieces :
       {std::vector<size_t>(10, 1), {10}, {3, 1, 4, 2}, {1, 9}}) {
    std::vector<KeyValueCache> caches = model.make_caches();
    size_t seen = 0;
    for (size_t piece : pieces) {
      const auto begin = text_tokens.begin() + static_cast<std::ptrdiff_t>(seen);
      const std::vector<int32_t> added(begin, begin + static_cast<std::ptrdiff_t>(piece));
      seen += piece;
      const std::vector<int32_t> all(text_tokens.begin(),
                                     text_tokens.begin() + static_cast<std::ptrdiff_t>(seen));
      const std::vector<float> got = last_row(world(), model.next_logits(indices(added), caches));
      Gpt::Kept kept;
      const std::vector<float> expected =
          last_row(world(), model.logits(indices(all), 1, {}, kept));
      double error = 0;
      for (size_t i = 0; i < got.size(); ++i)
        error = reference::larger(error, std::abs(got[i] - expected[i]));
      CAPTURE(seen);
      CHECK(error < 2e-5);
    }
    CHECK(caches[0].seen == 10);
  }
}

TEST_CASE("more tokens than the context holds do not fit the cache") {
  Gpt model(alone(), sizes, init);
  std::vector<KeyValueCache> caches = model.make_caches();
  model.next_logits(indices(text_tokens), caches);
  CHECK_THROWS_AS(model.next_logits(indices({1}), caches), Error);
}

TEST_CASE("every number of ranks writes what one rank writes, past the end of the context, too") {
  Gpt split(world(), sizes, init), whole(alone(), sizes, init);
  for (double temperature : {0.0, 0.8}) {
    for (const std::vector<int32_t>& prompt : {std::vector<int32_t>{4}, text_tokens}) {
      const std::vector<int32_t> expected =
          sample(whole, alone(), prompt, 30, {1, 2}, {temperature});
      CHECK(sample(split, world(), prompt, 30, {1, 2}, {temperature}) == expected);
    }
  }
}

TEST_CASE(
    "the most probable token is written at temperature 0, as if all that the model sees were "
    "computed each time") {
  Gpt model(alone(), sizes, init);
  std::vector<int32_t> text{4};
  std::ptrdiff_t begin = 0, seen = 0;
  for (int i = 0; i < 25; ++i) {
    if (seen == sizes.context)
      begin = std::ssize(text) - sizes.context / 2;  // full: it goes on from the last half
    const std::vector<int32_t> window(text.begin() + begin, text.end());
    seen = std::ssize(window);
    Gpt::Kept kept;
    const std::vector<float> logits = last_row(alone(), model.logits(indices(window), 1, {}, kept));
    text.push_back(
        static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
  }
  CHECK(sample(model, alone(), {4}, 25, {1, 2}, {0}) == text);
}

TEST_CASE("a text ends behind the first end of text that is drawn, on every number of ranks") {
  Gpt split(world(), sizes, init);
  const std::vector<int32_t> endless = sample(split, world(), text_tokens, 30, {1, 2});
  const auto begin = endless.begin() + std::ssize(text_tokens);
  for (const std::vector<int64_t>& ends :
       {std::vector<int64_t>{begin[7]}, {begin[9], begin[4]}, {13, 50256, -1}, {}}) {
    const auto end = std::find_if(begin, endless.end(), [&](int32_t token) {
      return std::ranges::count(ends, token) > 0;
    });
    const std::vector<int32_t> expected(endless.begin(), end == endless.end() ? end : end + 1);
    CHECK(sample(split, world(), text_tokens, 30, {1, 2}, {.end_of_text = ends}) == expected);
  }
}

TEST_CASE("padding of the vocabulary is never drawn") {
  Gpt split(world(), sizes, init);
  for (double temperature : {0.0, 5.0}) {
    const SamplingSettings padded{temperature, 5};
    const auto drawn = sample(split, world(), {4}, 200, {1, 2}, padded),
               all = sample(split, world(), {4}, 200, {1, 2}, {temperature});
    CHECK(*std::ranges::max_element(drawn) < 5);
    CHECK(*std::ranges::max_element(all) >= 5);
  }
}

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
                 "h.0.mlp.c_fc.weight has shape [96 × 24] where [24 × 96] belongs"));
  CHECK(contains(refusal(with_shape("h.1.attn.c_attn.weight", {0})),
                 "has shape [0] where [24 × 72] belongs"));
  CHECK(contains(refusal(with_shape("wte.weight", {0, int64_t{1} << 62})),
                 "wte.weight and wpe.weight are no matrices"));
  CHECK(contains(refusal(with_shape("wpe.weight", {24})),
                 "wte.weight and wpe.weight are no matrices"));
  CHECK(contains(refusal({}, NAN),
                 "element 3 of h.1.mlp.c_fc.bias is nan (--allow-nan takes it all the same)"));
  CHECK(contains(refusal({}, -INFINITY), "element 3 of h.1.mlp.c_fc.bias is -inf"));
  CHECK(refusal({}, NAN, true) == "(nothing was thrown)");
}
