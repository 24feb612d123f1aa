// All kernels except those of the chapters. Each header of kernels/ is one idea, and uses pack.cuh
// (which thread, and how it moves elements) and reduce.cuh (sums over threads). The .cu files of
// this folder start them: each operation of CudaBackend is a few lines that choose a kernel's
// instance and its grid (dispatch.h).
#pragma once
#include "common/cuda/kernels/attention_rows.cuh"
#include "common/cuda/kernels/causal_softmax.cuh"
#include "common/cuda/kernels/columns.cuh"
#include "common/cuda/kernels/copy_rows.cuh"
#include "common/cuda/kernels/elementwise.cuh"
#include "common/cuda/kernels/layer_norm.cuh"
#include "common/cuda/kernels/plain_attention.cuh"
#include "common/cuda/kernels/tiled_attention_backward.cuh"
#include "common/cuda/kernels/training.cuh"
#include "common/cuda/kernels/vocabulary.cuh"
