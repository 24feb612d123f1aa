#include "chapters/10_tensor_and_data_parallel/gpt_reference.h"

namespace shard::chapter_10 {

using reference::Matrix;

ReferenceWeights weights_of(Gpt& unsplit) {
  ReferenceWeights weights;
  for (const Parameter* parameter : unsplit.parameters()) {
    weights[parameter->name] = Matrix(parameter->without_padding(parameter->value));
  }
  return weights;
}

double reference_loss(const ReferenceWeights& weights, const GptSizes& sizes,
                      std::span<const int32_t> tokens, std::span<const int32_t> targets,
                      int64_t batch) {
  const auto w = [&](const std::string& name) -> const Matrix& { return weights.at(name); };
  const auto norm = [&](const Matrix& x, const std::string& name) {
    return layer_norm(x, w(name + ".weight"), w(name + ".bias"));
  };
  const auto linear = [&](const Matrix& x, const std::string& name) {
    return add_bias(matmul(x, w(name + ".weight")), w(name + ".bias"));
  };
  const int64_t count = std::ssize(tokens), context = count / batch;
  Matrix x(count, sizes.width);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t c = 0; c < sizes.width; ++c) {
      x(i, c) =
          w("wte.weight")(tokens[static_cast<size_t>(i)], c) + w("wpe.weight")(i % context, c);
    }
  }
  for (int64_t layer = 0; layer < sizes.layers; ++layer) {
    const std::string h = text("h.", layer);
    const Matrix heads =
        reference::attention(linear(norm(x, h + ".ln_1"), h + ".attn.c_attn"), batch, sizes.heads);
    x = add(x, linear(heads, h + ".attn.c_proj"));
    x = add(x, linear(gelu(linear(norm(x, h + ".ln_2"), h + ".mlp.c_fc")), h + ".mlp.c_proj"));
  }
  const Matrix losses = cross_entropy(matmul(norm(x, "ln_f"), transpose(w("wte.weight"))), targets);
  double sum = 0;
  for (double loss : losses.values) sum += loss;
  return sum / static_cast<double>(count);
}

}  // namespace shard::chapter_10
