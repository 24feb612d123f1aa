// Counting: parameters and floating-point operations of a model, in closed form, for a search of
// many layouts. What the ranks of a training send and keep, to the byte: traffic.h, kept.h,
// state.h.
#pragma once
#include "chapters/14_recompute/costs.h"
#include "chapters/23_planner/layout.h"

namespace shard::chapter_23 {

/// Of the whole model, the tied table once: 12·L·h² + 13·L·h + (V + s)·h + 2·h for MLPs of 4·h.
/// Narayanan et al., arXiv:2104.04473, equation 2, and the last norm.
int64_t parameters(const ModelShape& model);
/// What a rank of this stage holds, of those with the largest part: chapter 10's parts of each
/// layer, of equally many layers on every stage, or one more on the first.
int64_t parameters_of_rank(const ModelShape& model, const Layout& layout, int64_t stage);
/// How many layers chunk `chunk` of a stage has then.
int64_t layers_of_chunk(const ModelShape& model, const Layout& layout, int64_t stage,
                        int64_t chunk = 0);

/// A block's work on a whole model's rank, for chapter 14's formulas. Of experts those that a
/// token goes to. Attention to all keys, as publications count it, or causal.
BlockWork block_work(const ModelShape& model, int64_t sequences, bool causal = false);

/// Of a training step of so many sequences, all ranks together, without what is computed again:
/// 72·B·s·L·h²·(1 + s/6h + V/12hL). Narayanan et al., section 5.1; Korthikanti et al.,
/// arXiv:2205.05198, equation 7.
double model_flops(const ModelShape& model, int64_t batch);
/// With what is computed again: `full`, all blocks, with their outputs (Narayanan et al., equation
/// 3: 96·B·s·L·h²·(1 + s/6h + V/16hL)); `selective`, Q·Kᵀ and P·V, which is 2s/9h in the place of
/// s/6h.
double hardware_flops(const ModelShape& model, int64_t batch, Recompute recompute);
/// Equation 8 of Korthikanti et al. as it is printed, with s/3h: of attention, what the backward
/// pass computes is in it twice. Their published HFU is of these.
double hfu_published_eq8(const ModelShape& model, int64_t batch);

}  // namespace shard::chapter_23
