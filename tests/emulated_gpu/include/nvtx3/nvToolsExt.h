// Ranges for NVIDIA's profiler: they are not recorded here, but all must be ended.
#pragma once

int nvtxRangePushA(const char* name);
int nvtxRangePop();
