// Which instance of a tiled kernel takes a head: by its width, and with or without dropout.
#pragma once
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/tiled_attention.cuh"

namespace shard {

/// Calls body.operator()<width>() for a head of this width. False if no kernel has it.
template <class Body>
bool by_head_width(int64_t width, const Body& body) {
  switch (width) {
    case 32: body.template operator()<32>(); return true;
    case 64: body.template operator()<64>(); return true;
    case 96: body.template operator()<96>(); return true;
    case 128: body.template operator()<128>(); return true;
  }
  return false;
}

/// Calls body.operator()<width, with_dropout>() for a head that is_tiled().
template <class Body>
void by_head(const kernels::AttentionInputs<BFloat16>& in, const Body& body) {
  const bool with_dropout = in.settings.dropout.probability != 0.0f;
  by_head_width(in.sizes.width, [&]<int width>() {
    with_dropout ? body.template operator()<width, true>()
                 : body.template operator()<width, false>();
  });
}

/// A block for every tile of `rows` of the rows of each matrix.
inline dim3 tiled_grid(const kernels::AttentionInputs<BFloat16>& in, int64_t rows,
                       int rows_of_tile) {
  return dim3(dimension(in.sizes.matrices * kernels::tiles_of_rows(rows, rows_of_tile)));
}

}  // namespace shard
