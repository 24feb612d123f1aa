#pragma once
#include <cstdint>

namespace shard {

/// What the backward pass computes again.
enum class Recomputed {
  none,
  selective,  // attention's probabilities, their dropout's mask, and its output
  full,       // all of a layer but its input, which is its first norm's input
};

/// A GPT's layers in half precision, and how they are spread over GPUs. tp divides context, width
/// and heads; pp · chunks divides layers.
struct ActivationSizes {
  int64_t context = 1, width = 1, heads = 1, layers = 1;
  int64_t micro_batch = 1;    // sequences
  int64_t micro_batches = 1;  // of a step; with several chunks a multiple of pp
  int64_t tp = 1, pp = 1;
  int64_t chunks = 1;  // of a stage; 1: the schedule is 1F1B, otherwise it is interleaved
  bool sequence_parallel = false;
  Recomputed recomputed = Recomputed::none;
};

/// Bytes of activations that the layers of the fullest rank keep at most during a step: not those
/// of the embedding and the output layer, and not what a layer that is computed again has for the
/// time of its own backward pass.
double activation_bytes(const ActivationSizes& sizes);

}  // namespace shard
