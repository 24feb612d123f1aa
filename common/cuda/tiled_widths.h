// Which instance of a tiled kernel takes a head: by its width, and with or without dropout.
#pragma once
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/tiled_attention.cuh"

namespace shard {

/// Calls body.operator()<width, with_dropout>() for a head that is_tiled().
template <class Body>
void by_head(const kernels::AttentionInputs<BFloat16>& in, const Body& body) {
  const auto with_width = [&]<int width>() {
    if (in.sizes.width != width) return;
    in.settings.dropout.probability != 0.0f ? body.template operator()<width, true>()
                                            : body.template operator()<width, false>();
  };
  with_width.template operator()<32>();
  with_width.template operator()<64>();
  with_width.template operator()<96>();
  with_width.template operator()<128>();
}

/// A block for every tile of `rows` of the rows of each matrix.
inline dim3 tiled_grid(const kernels::AttentionInputs<BFloat16>& in, int64_t rows,
                       int rows_of_tile) {
  return dim3(dimension(in.sizes.matrices * kernels::tiles_of_rows(rows, rows_of_tile)));
}

}  // namespace shard
