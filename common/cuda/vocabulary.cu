// Embedding rows and the parts of the cross entropy over one rank's part of the vocabulary, on the
// GPU.
#include "common/cuda/copy_rows.h"
#include "common/cuda/kernels/vocabulary.cuh"
#include "common/cuda/transform.h"

namespace shard {
namespace {

struct Line {
  dim3 grid, block;
};

/// A block for each row of logits, with a thread for some packs of 16 bytes.
Line line_of(const Tensor& x, int multiprocessors) {
  constexpr int64_t warp = kernels::warp_size, widest = 512;
  const int64_t packs = ceil_div(x.columns() * size_of(x.type()), 16);
  return {dim3(dimension(std::min(x.rows(), multiprocessors * blocks_per_multiprocessor))),
          dim3(dimension(std::clamp(ceil_div(packs, warp) * warp, warp, widest)))};
}

}  // namespace

void CudaBackend::gather_rows(Tensor& out, const Tensor& table, const Tensor& ids,
                              int64_t first_row) {
  const int64_t width = table.columns() * size_of(table.type());
  copy_rows(*this, out, table, out.rows(), width,
            kernels::GatherRows{ids.data<int32_t>(), first_row, table.rows(), width});
}

void CudaBackend::add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy,
                              int64_t first_row) {
  const int64_t tokens = dy.rows(), width = dy.columns();
  if (dy.elements() == 0) return;
  require(tokens <= INT32_MAX, "add_to_rows on a GPU: ", tokens, " tokens are too many");
  const Scratch order(*this, tokens * int64_t{sizeof(int32_t)});
  const Scratch occurrences(*this, tokens * int64_t{sizeof(kernels::Occurrences)});
  launch(kernels::sort_ids<block_threads>, blocks_for(tokens, multiprocessors_), block_threads, 0,
         compute_, order.data<int32_t>(), occurrences.data<kernels::Occurrences>(),
         ids.data<int32_t>(), tokens);
  by_type(dy.type(), rows_are_wide(dy, dtable), [&]<class T, int n>() {
    const Tiles tiles = tiles_of(tokens, width / n, multiprocessors_);
    launch(kernels::add_to_rows<n, T>, tiles.grid, tiles.block, 0, compute_, dtable.data<float>(),
           dy.data<T>(), ids.data<int32_t>(), order.data<int32_t>(),
           occurrences.data<kernels::Occurrences>(), tokens, dtable.rows(), width, first_row);
  });
}

void CudaBackend::row_max(Tensor& max, const Tensor& x, int64_t valid_columns) {
  if (x.rows() == 0) return;
  const Line line = line_of(x, multiprocessors_);
  by_type(x.type(), [&]<class T>() {
    launch(kernels::row_max<T>, line.grid, line.block, 0, compute_, max.data<float>(), x.data<T>(),
           x.rows(), x.columns(), valid_columns);
  });
}

void CudaBackend::row_sum(Tensor& sums, const Tensor& x, int64_t valid_columns) {
  if (x.rows() == 0) return;
  const Line line = line_of(x, multiprocessors_);
  by_type(x.type(), [&]<class T>() {
    launch(kernels::row_sum<T>, line.grid, line.block, 0, compute_, sums.data<float>(), x.data<T>(),
           x.rows(), x.columns(), valid_columns);
  });
}

void CudaBackend::exp_and_row_sum(Tensor& x, Tensor& sums, const Tensor& max,
                                  int64_t valid_columns) {
  if (x.rows() == 0) return;
  const Line line = line_of(x, multiprocessors_);
  by_type(x.type(), [&]<class T>() {
    launch(kernels::exp_and_row_sum<T>, line.grid, line.block, 0, compute_, x.data<T>(),
           sums.data<float>(), max.data<float>(), x.rows(), x.columns(), valid_columns);
  });
}

void CudaBackend::pick(Tensor& picked, const Tensor& x, const Tensor& columns,
                       int64_t first_column) {
  if (x.rows() == 0) return;
  by_type(x.type(), [&]<class T>() {
    launch(kernels::pick<T>, blocks_for(x.rows(), multiprocessors_), block_threads, 0, compute_,
           picked.data<float>(), x.data<T>(), columns.data<int32_t>(), x.rows(), x.columns(),
           first_column);
  });
}

void CudaBackend::cross_entropy(Tensor& losses, const Tensor& sums, const Tensor& max,
                                const Tensor& picked, const Tensor& targets) {
  if (losses.elements() == 0) return;
  const auto start = [&](const auto*... wanted) {
    start_transform<1>(*this, losses.elements(), kernels::CrossEntropy{}, losses.data<float>(),
                       sums.data<float>(), max.data<float>(), picked.data<float>(), wanted...);
  };
  targets ? start(targets.data<int32_t>()) : start();
}

void CudaBackend::cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                                         int64_t first_column, float factor) {
  if (exps.elements() == 0) return;
  const Line line = line_of(exps, multiprocessors_);
  by_type(exps.type(), [&]<class T>() {
    launch(kernels::cross_entropy_backward<T>, line.grid, line.block, 0, compute_, exps.data<T>(),
           sums.data<float>(), targets.data<int32_t>(), exps.rows(), exps.columns(), first_column,
           factor);
  });
}

void CudaBackend::exp_sums(ExpSums& result, const Tensor& x, int64_t valid_columns) {
  if (x.rows() == 0) return;
  const Line line = line_of(x, multiprocessors_);
  by_type(x.type(), [&]<class T>() {
    launch(kernels::exp_sums<T>, line.grid, line.block, 0, compute_, result.max.data<float>(),
           result.sums.data<float>(), x.data<T>(), x.rows(), x.columns(), valid_columns);
  });
}

void CudaBackend::rescale(Tensor& sums, const ExpSums& part, const Tensor& max) {
  if (sums.elements() == 0) return;
  start_transform<1>(*this, sums.elements(), kernels::Rescale{}, sums.data<float>(),
                     part.sums.data<float>(), part.max.data<float>(), max.data<float>());
}

void CudaBackend::softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                                        int64_t first_column, int64_t valid_columns, float factor) {
  if (logits.elements() == 0) return;
  const Line line = line_of(logits, multiprocessors_);
  by_type(logits.type(), [&]<class T>() {
    launch(kernels::softmax_minus_targets<T>, line.grid, line.block, 0, compute_, logits.data<T>(),
           of.max.data<float>(), of.sums.data<float>(), targets.data<int32_t>(), logits.rows(),
           logits.columns(), first_column, valid_columns, factor);
  });
}

}  // namespace shard
