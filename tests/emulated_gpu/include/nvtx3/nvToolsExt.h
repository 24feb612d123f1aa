// Ranges for NVIDIA's profiler: nobody looks at them here.
#pragma once

inline int nvtxRangePushA(const char*) { return 0; }
inline int nvtxRangePop() { return 0; }
