// The CPU backend's threads: large enough work is spread over them, and the results are the same
// for every number.
#include "tests/test_support.h"

using namespace shard;

/// A sum per element of everything that runs in parallel: forward and backward of a small network,
/// and the optimizer.
static std::vector<float> results(int threads) {
  const std::unique_ptr<Backend> device = make_cpu_backend(threads);
  device->poison(true);
  const auto on_device = [&](int64_t rows, int64_t columns, std::string_view name) {
    return reference::to_tensor(*device, random_matrix(rows, columns, name));
  };
  const Tensor x = on_device(130, 96, "x"), a = on_device(96, 128, "a"),
               gain = on_device(1, 128, "gain");
  Tensor dgain = on_device(1, 128, "dgain"), dbias = dgain.clone(),
         scores = on_device(260, 130, "scores");
  const Tensor h = gelu(matmul(x, a));
  const LayerNorm norm = layer_norm(h, gain, gain);
  const Tensor dropped = dropout(norm.y, 0.2f, {1, 2}, {.whole_columns = 128});
  const auto [u, normed] = add_layer_norm(dropped, h, gain, gain);
  const Tensor du = layer_norm_backward_add(normed.y, dropped, u, normed, gain, dgain, dbias);
  Tensor dx = gelu_backward(h, layer_norm_backward(du, h, norm, gain, dgain, dbias));
  scores = scores.reshape({2, 130, 130});
  causal_softmax(scores, 0.2f);
  causal_softmax_backward(scores, scores.clone(), 0.2f);
  Tensor sum = Tensor::zeros(*device, {1}), m = Tensor::zeros(*device, dx.shape()), v = m.clone();
  add_sum_of_squares(sum, dx);
  adamw(dx, m, v, h, clip_factor(sum, 1.0f), {});
  add_column_sums(dbias, dx);
  Tensor da = on_device(96, 128, "da"), few = matmul(x.slice({0, 3}), a),
         few_transposed = matmul(x.slice({0, 5}), transposed(x));
  add_matmul(da, transposed(x), dx);
  std::vector<float> all = dx.to_host();
  for (const Tensor& more :
       {dgain, dbias, scores, sum, da, few, few_transposed, split_heads(dx, 0, 2, 4, 32)}) {
    const std::vector<float> values = more.to_host();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

TEST_CASE("cpu: one, two, three and seven threads compute the same numbers") {
  const std::vector<float> one = results(1);
  const std::vector<double> expected(one.begin(), one.end());
  for (int threads : {2, 3, 7}) CHECK(reference::relative_error(results(threads), expected) < 1e-6);
  make_cpu_backend(1);  // the number of threads is the process's: back to something small
}
