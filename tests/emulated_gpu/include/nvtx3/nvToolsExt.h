// Ranges for NVIDIA's profiler: nobody looks at them here, but all must end.
#pragma once

int nvtxRangePushA(const char* name);
int nvtxRangePop();
