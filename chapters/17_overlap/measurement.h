// The times of gathered and scattered products on this machine, whole and in chunks, and the model
// fitted to the gathered ones.
#pragma once
#include "chapters/17_overlap/overlap_model.h"
#include "common/program/runtime.h"

namespace shard::chapter_17 {

struct TimingSizes {
  int64_t in = 1024, out = 64;                   // W, on each rank
  std::vector<int64_t> rows = {128, 512, 2048};  // of X, of all ranks
  std::vector<int> chunks = {1, 2, 4, 8};        // per rank
  int64_t repeat = 9;                            // measurements
};

struct Measurement {
  OverlapModel model;
  // For each number of rows whole, then in chunks: Y = X·W, and its backward pass dX = dY·Wᵀ, which
  // multiplies and sends as much.
  std::vector<MeasuredProduct> gathered, scattered;
};

/// Times products and exchanges by themselves, for the model's lines; then both rings.
/// Collective.
Measurement measure(Runtime& runtime, Communicator& group, const TimingSizes& sizes);

}  // namespace shard::chapter_17
