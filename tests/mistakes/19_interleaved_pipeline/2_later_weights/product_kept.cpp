// expect: computes a product of weights, too: it takes the time there
#include "exercises/19_interleaved_pipeline/2_later_weights.h"

namespace shard {

static void add_oldest(LaterWeight& layer) {
  accumulate(layer.dw, layer.queue.front().x);
  layer.queue.pop_front();
}

Tensor input_gradient(LaterWeight& layer, const Tensor& x, const Tensor& dy) {
  Tensor dx = matmul(dy, transposed(layer.w));
  layer.queue.push_back({matmul(transposed(x), dy), dy});
  return dx;
}

void after_sending(LaterWeight& layer) {
  if (std::ssize(layer.queue) > layer.stage) add_oldest(layer);
}

void finish(LaterWeight& layer) {
  while (!layer.queue.empty()) add_oldest(layer);
}

}  // namespace shard
