// The memory of a rank, by kind: Korthikanti et al., "Reducing Activation Recomputation in Large
// Transformer Models", arXiv:2205.05198, section 4 and table 2, for any widths, with context
// parallelism, experts, the schedules of chapters 18 and 19 and the sharding of 15 and 16.
#pragma once
#include "chapters/23_planner/cluster.h"
#include "chapters/23_planner/layout.h"
#include "chapters/23_planner/software.h"

namespace shard::chapter_23 {

/// Bytes of a value of each kind. Megatron in half precision: 2, 4, 12, 2 and 1.
struct ValueBytes {
  double weight = 2, gradient = 4;
  double optimizer = 12;  // the weights that it updates, and both moments
  double activation = 2, mask = 1;
  double statistics = 0;     // of a norm's row: small, and not in table 2
  bool keeps_scores = true;  // attention's probabilities; fused attention computes them again
  bool keeps_gelu = true;    // what GeLU returns
};
/// In f32 as this project: no other weights are updated; masks and GeLU are computed again
/// (chapters 07 and 10), and a norm keeps two statistics of a row.
ValueBytes value_bytes(const Cluster& cluster, const Software& software);

/// Bytes.
struct Memory {
  double weights = 0, gradients = 0, optimizer = 0, activations = 0;
  double buffers = 0;  // what is there only for a while: parts of one layer
  double total() const { return weights + gradients + optimizer + activations + buffers; }
};

/// Of a rank of stage `stage`, at most during a step; as Megatron keeps activations.
Memory memory_of(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                 const ValueBytes& bytes = {});
/// Of the stage that needs most: the first, which has no fewer layers than others and keeps most
/// micro-batches, or the last, which has the head.
Memory memory_of_fullest(const ModelShape& model, const Layout& layout, int64_t batch,
                         const ValueBytes& bytes = {});

/// The same in two steps, for a search of many layouts: what a rank of `stage` holds depends on
/// tp, pp, chunks and ep only.
struct HeldParameters {
  double all = 0;
  double experts = 0;  // of these: the experts'
  double largest = 0;  // of one layer, or of the ends
};
HeldParameters held_by(const ModelShape& model, const Layout& layout, int64_t stage);
/// Of them, what a rank has where those with the same parameters share them out; experts have
/// fewer such ranks.
double shared_out(const HeldParameters& held, const Layout& layout);
Memory memory_of(const ModelShape& model, const Layout& layout, int64_t batch, int64_t stage,
                 const ValueBytes& bytes, const HeldParameters& held);

/// What a rank keeps of one micro-batch in one layer, bytes: table 2's rows.
double kept_of_layer(const ModelShape& model, const Layout& layout, const ValueBytes& bytes = {});
/// How many micro-batches a stage keeps at most of all its layers: of 1F1B min(p - j, m), of GPipe
/// all, of ZB-H1 min(p, m), as gradients of weights are late by j passes; interleaved, of the first
/// stage p·(1 + (p - 1)/(p·v)): two
/// micro-batches of which half of the layers are kept count as one.
double micro_batches_kept(const Layout& layout, int64_t batch, int64_t stage);

}  // namespace shard::chapter_23
