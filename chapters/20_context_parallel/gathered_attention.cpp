#include "chapters/20_context_parallel/gathered_attention.h"

#include "chapters/20_context_parallel/block_attention.h"
#include "chapters/20_context_parallel/rows_in_order.h"
#include "common/tensor/ops.h"

namespace shard {

std::vector<ScoreBlock> GatheredAttention::blocks(const CutSequences& sequences) const {
  std::vector<ScoreBlock> blocks;
  for (const Chunk& queries : cut_.chunks(sequences.context, group_.rank()))
    blocks.push_back({queries, {{0, sequences.context}}});
  return blocks;
}

//! [20-gathered]
Tensor GatheredAttention::forward(const Tensor& qkv, const CutSequences& sequences,
                                  Kept& kept) const {
  const RowsInOrder order(qkv.backend(), cut_, sequences);
  const int64_t width = qkv.columns() / 3;
  const Tensor own = columns_of(qkv, {width, 3 * width});
  const Tensor kv = order.by_position(group_.all_gather(own, order.of_ranks()));
  ChunkResults results(cut_.chunks(sequences.context, group_.rank()));
  for (const ScoreBlock& block : blocks(sequences))
    results.add(block.queries, attend(qkv, kv, block, sequences));
  kept = {qkv, kv, results.joined(sequences, qkv.type())};
  return kept.result.output;
}

Tensor GatheredAttention::backward(const Tensor& dout, const CutSequences& sequences,
                                   const Kept& kept) const {
  const RowsInOrder order(dout.backend(), cut_, sequences);
  Tensor dq = Tensor::zeros(dout.backend(), dout.shape()),
         dkv = Tensor::zeros(dout.backend(), kept.kv.shape());  // this rank's queries' term
  for (const ScoreBlock& block : blocks(sequences))
    add_gradients(dq, dkv, dout, kept.qkv, kept.kv, block, sequences, kept.result);
  const Tensor own = group_.reduce_scatter(PartialSum(order.by_rank_padded(dkv)));
  return side_by_side(dq, own.slice({0, dq.rows()}), dout.type());
}
//! [20-gathered]

}  // namespace shard
