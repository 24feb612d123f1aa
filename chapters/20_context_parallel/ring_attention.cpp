#include "chapters/20_context_parallel/ring_attention.h"

#include <optional>

#include "chapters/20_context_parallel/block_attention.h"
#include "common/tensor/ops.h"

namespace shard {

Pending RingAttention::start_hop(const Tensor& out, int step, const CutSequences& sequences,
                                 const std::string& label) const {
  const int c = group_.size(), rank = group_.rank();
  const int64_t rows = sequences.batch * cut_.tokens(sequences.context, owner_in(step));
  const Tensor in(out.backend(), {rows, out.columns()}, out.type());
  return group_.start_messages(
      {{in, (rank + c - 1) % c, false, Label(label)}, {out, (rank + 1) % c, true, Label(label)}});
}

//! [20-ring-forward]
Tensor RingAttention::forward(const Tensor& qkv, const CutSequences& sequences, Kept& kept) const {
  const int c = group_.size(), rank = group_.rank();
  const int64_t width = qkv.columns() / 3;
  ChunkResults results(cut_.chunks(sequences.context, rank));
  Tensor kv = columns_of(qkv, {width, 3 * width});  // [tokens of the owner × 2·width]
  for (int step = 0; step < c; ++step) {
    std::optional<Pending> next;
    if (step + 1 < c)
      next.emplace(start_hop(kv, step + 1, sequences, text("k, v: hop ", step + 1, "/", c - 1)));
    for (const ScoreBlock& block : cut_.blocks(sequences.context, rank, owner_in(step))) {
      results.add(block.queries, attend(qkv, kv, block, sequences));
      if (next) next->poll();
    }
    if (next) kv = next->wait();
  }
  kept = {qkv, {}, results.joined(sequences, qkv.type())};
  return kept.result.output;
}
//! [20-ring-forward]

//! [20-ring-backward]
Tensor RingAttention::backward(const Tensor& dout, const CutSequences& sequences,
                               const Kept& kept) const {
  const int c = group_.size(), rank = group_.rank();
  const int64_t width = dout.columns();
  Tensor dq = Tensor::zeros(dout.backend(), dout.shape());
  Tensor kv = columns_of(kept.qkv, {width, 3 * width}), dkv;
  std::optional<Pending> follows;  // what the ranks before have added to dk and dv
  for (int step = 0; step < c; ++step) {
    std::optional<Pending> next;
    if (step + 1 < c)
      next.emplace(start_hop(kv, step + 1, sequences, text("k, v: hop ", step + 1, "/", c - 1)));
    dkv = Tensor::zeros(dout.backend(), kv.shape());  // this rank's part for the keys that are here
    for (const ScoreBlock& block : cut_.blocks(sequences.context, rank, owner_in(step))) {
      add_gradients(dq, dkv, dout, kept.qkv, kv, block, sequences, kept.result);
      if (next) next->poll();
      if (follows) follows->poll();
    }
    if (follows) accumulate(dkv, follows->wait());
    if (c > 1)
      follows.emplace(start_hop(dkv, step + 1, sequences, text("dk, dv: hop ", step + 1, "/", c)));
    if (next) kv = next->wait();
  }
  if (follows) dkv = follows->wait();  // home: step c is step 0
  return side_by_side(dq, dkv, dout.type());
}
//! [20-ring-backward]

}  // namespace shard
