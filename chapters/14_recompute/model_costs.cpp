#include "chapters/14_recompute/model_costs.h"

namespace shard {

ModelBytes kept_bytes(const ModelWork& work) {
  const int64_t tokens = work.block.tokens(), rows = work.block.rows(), width = work.block.width;
  // the token, and the position of each row
  const int64_t begin = work.embedding ? 4 * (tokens + rows) : 0;  // i32
  // the last norm's input and statistics; its output, logits, maximum, sum and target
  const int64_t end = 4 * (rows * (width + 2) + tokens * (width + work.columns + 3));
  return {.layers = work.layers,
          .block = kept_bytes(Design::fused, work.block),
          .input = input_bytes(work.block),
          .again =
              4 * (tokens - rows) * width,  // then it has gathered the MLP's input (chapter 22)
          .begin = begin,
          .end = work.head ? end : 0};
}

int64_t flops_of(const ModelWork& work, int64_t recomputed) {
  return model_flops(Design::fused, work.block, work.layers, work.head ? work.columns : 0) +
         recomputed * recomputation_flops(work.block);
}

std::vector<Calls> calls_of_loss(int64_t tokens) {
  return {{.op = Collective::all_reduce, .calls = 2, .bytes = 2 * (4 * tokens)},
          {.op = Collective::all_reduce_max, .calls = 1, .bytes = 4 * tokens}};
}

std::vector<Calls> calls_of(const ModelWork& work, int64_t recomputed) {
  // the embedding, each block twice forward and twice backward, and the gradient of the last norm
  const int64_t sums =
      (work.embedding ? 1 : 0) + 4 * work.layers + recomputed + (work.head ? 1 : 0);
  std::vector<Calls> calls;
  if (work.head) calls = calls_of_loss(work.block.tokens());
  calls.push_back({.op = Collective::all_reduce,
                   .calls = sums,
                   .bytes = sums * 4 * work.block.tokens() * work.block.width});
  return calls;
}

}  // namespace shard
