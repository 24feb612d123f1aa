#include "chapters/01_gemm/gpu_ladder.h"

namespace shard {

const std::vector<GpuRung>& gpu_ladder() {
  static const std::vector<GpuRung> rungs{
      {"one thread per element, not coalesced", "uncoalesced_gflops", "gpu_uncoalesced_gemm", 8192},
      {"one thread per element, coalesced", "coalesced_gflops", "gpu_coalesced_gemm", 8192},
      {"tiles in shared memory", "tiled_gflops", "gpu_tiled_gemm", int64_t{1} << 30},
      {"tiles in registers", "register_tiled_gflops", "gpu_register_tiled_gemm", int64_t{1} << 30}};
  return rungs;
}

}  // namespace shard
