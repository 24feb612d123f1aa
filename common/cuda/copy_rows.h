// How rows are moved: in the largest units that all places and lengths allow.
#pragma once
#include "common/cuda/cuda_backend.h"
#include "common/cuda/dispatch.h"
#include "common/cuda/kernels/copy_rows.cuh"

namespace shard {

/// Copies `rows` rows of `bytes` bytes; `places` says from where to where.
template <class Places>
void copy_rows(CudaBackend& gpu, Tensor& to, const Tensor& from, int64_t rows, int64_t bytes,
               const Places& places) {
  if (rows == 0 || bytes == 0) return;
  const auto start = [&]<int unit>() {
    const Tiles tiles = tiles_of(rows, bytes / unit, gpu.multiprocessors());
    launch(kernels::copy_rows<unit, Places>, tiles.grid, tiles.block, 0, gpu.compute_stream(),
           to.data<char>(), from.data<char>(), rows, bytes, places);
  };
  switch (unit_of({bytes, address_of(to), address_of(from), places.all_lengths()})) {
    case 16: return start.template operator()<16>();
    case 8: return start.template operator()<8>();
    case 4: return start.template operator()<4>();
    default: return start.template operator()<2>();
  }
}

}  // namespace shard
