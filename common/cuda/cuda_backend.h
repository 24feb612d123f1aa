// CudaBackend: matrix products by cuBLASLt and cuBLAS, everything else by the kernels of
// kernels.cuh, in the order of one stream. A second stream is for collectives, so that they can run
// concurrently. Only functions that read numbers wait for the GPU.
#pragma once
#include <functional>
#include <map>
#include <utility>

#include "common/cuda/cuda_trace.h"
#include "common/cuda/cuda_transfer.h"
#include "common/cuda/lt_products.h"
#include "common/cuda/small_uploads.h"
#include "common/tensor/backend.h"

namespace shard {

class CudaBackend : public Backend {
 public:
  explicit CudaBackend(int device);
  ~CudaBackend() override;

  Device device() const override { return Device::cuda; }
  std::string description()
      const override;  // "NVIDIA H200 (132 multiprocessors, 141 GB, CUDA 13.0, cuBLAS 13.1.0)"
  bool computes_in(DataType type) const override { return type != DataType::bf16 || has_bf16_; }
  void synchronize() override;
  int64_t waits() const override { return waits_; }
  int64_t launches() const override;
  bool uses_epilogues() const override { return uses_epilogues_; }
  /// The width of cuBLAS's tiles. And rows of logits begin at multiples of 16 bytes, without which
  /// it does not use its fastest kernels.
  int64_t vocabulary_multiple() const override { return 128; }
  Peak measure_peak() override;
  void copy_to_host(void* host, const void* device, size_t bytes) override;
  void copy_from_host(void* device, const void* host, size_t bytes) override;
  HostTransfer* host_transfer() override { return &transfer_; }

  cudaStream_t compute_stream() const { return compute_; }
  cudaStream_t communication_stream() const { return communication_; }
  int multiprocessors() const { return multiprocessors_; }
  const CudaTrace& trace() const { return trace_; }
  /// Counters for blocks that arrive (kernels/columns.cuh): at least `count` of them, all 0 when no
  /// kernel runs. For kernels of the compute stream, one after the other.
  unsigned* arrivals(int64_t count);
  /// Waits, in polls, until `done`. The watchers below are called meanwhile.
  void wait_until(const std::function<bool()>& done);
  /// Calls watcher(true) from time to time while the host waits for the GPU, and then
  /// watcher(false). It may throw to end the wait. Returns a number for unwatch.
  int watch(std::function<void(bool host_waits)> watcher);
  void unwatch(int number) { watchers_.erase(number); }

  void copy(Tensor& to, const Tensor& from) override;
  void fill(Tensor& x, float value) override;
  void accumulate(Tensor& y, const Tensor& x, float factor) override;
  void add(Tensor& out, const Tensor& a, const Tensor& b) override;
  void add(Tensor& out, const Tensor& a, const Tensor& b, const Tensor& bias) override;
  void scale(Tensor& x, float factor) override;
  void copy_columns(Tensor& to, int64_t to_column, const Tensor& from, int64_t from_column,
                    int64_t columns) override;
  void matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) override;
  void linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  void add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x,
                            const Tensor& dy) override;
  void linear_gelu_matmul(Tensor& u, Tensor& y, const Tensor& x, const Tensor& weight,
                          const Tensor& bias, const Tensor& second) override;
  void gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias, const Tensor& dy,
                            const Tensor& weight, const Tensor& u) override;
  void add_bias(Tensor& y, const Tensor& bias) override;
  void add_column_sums(Tensor& sums, const Tensor& x) override;
  void gelu(Tensor& y, const Tensor& x) override;
  void gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) override;
  void layer_norm(Tensor& y, Tensor& mean, Tensor& inverse_deviation, const Tensor& x,
                  const Tensor& gain, const Tensor& bias, float epsilon) override;
  void add_layer_norm(Tensor& u, Tensor& y, Tensor& mean, Tensor& inverse_deviation,
                      const Tensor& x, const Tensor& z, const Tensor* z_bias, const Tensor& gain,
                      const Tensor& bias, float epsilon) override;
  void layer_norm_backward(Tensor& dx, Tensor& dgain, Tensor& dbias, Tensor* dx_sums,
                           const Tensor& dy, const Tensor* dresidual, const Tensor& x,
                           const Tensor& mean, const Tensor& inverse_deviation,
                           const Tensor& gain) override;
  void dropout(Tensor& y, const Tensor& x, float probability, RandomStream random,
               Block block) override;
  void split_heads(Tensor& heads, const Tensor& x, int64_t first_column) override;
  void merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) override;
  void causal_softmax(Tensor& scores, float scale) override;
  void causal_softmax_backward(Tensor& dscores, const Tensor& probabilities, float scale) override;
  void attention(const Heads& output, Tensor& log_sum_exp, const Heads& q, const Heads& k,
                 const Heads& v, const AttentionSettings& settings) override;
  void merge_attention(const Heads& output, Tensor& log_sum_exp, const Heads& part,
                       const Tensor& part_log_sum_exp) override;
  void attention_backward(const Heads& dq, const Heads& dk, const Heads& dv, const Heads& dout,
                          const Heads& q, const Heads& k, const Heads& v, const Heads& output,
                          const Tensor& log_sum_exp, const AttentionSettings& settings) override;
  void gather_rows(Tensor& out, const Tensor& table, const Tensor& ids, int64_t first_row) override;
  void add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy, int64_t first_row) override;
  void row_max(Tensor& max, const Tensor& x, int64_t valid_columns) override;
  void row_sum(Tensor& sums, const Tensor& x, int64_t valid_columns) override;
  void exp_and_row_sum(Tensor& x, Tensor& sums, const Tensor& max, int64_t valid_columns) override;
  void pick(Tensor& picked, const Tensor& x, const Tensor& columns, int64_t first_column) override;
  void cross_entropy(Tensor& losses, const Tensor& sums, const Tensor& max, const Tensor& picked,
                     const Tensor& targets) override;
  void cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                              int64_t first_column, float factor) override;
  void exp_sums(ExpSums& result, const Tensor& x, int64_t valid_columns) override;
  void rescale(Tensor& sums, const ExpSums& part, const Tensor& max) override;
  void softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                             int64_t first_column, int64_t valid_columns, float factor) override;
  void route(Routing& routing, const Tensor& logits, const Tensor& bias) override;
  void route_backward(Tensor& dlogits, const Routing& routing, const Tensor& dweights,
                      const Tensor& dprobabilities) override;
  void occurrences(Tensor& counts, const Tensor& ids) override;
  void sum_of_rows(Tensor& y, const Tensor& rows, const Tensor& places,
                   const Tensor& weights) override;
  void sum_of_rows_backward(SumOfRowsBackward& result, const Tensor& dy, const Tensor& rows,
                            const Tensor& places, const Tensor& weights) override;
  void add_sum(Tensor& total, const Tensor& x) override;
  void add_sum_of_squares(Tensor& total, std::span<const Tensor> all) override;
  void clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) override;
  void zero(std::span<const Tensor> all) override;
  void adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor,
             const AdamW& hyper) override;

 protected:
  bool set_tf32(bool on) override { return std::exchange(tf32_, on); }
  bool set_epilogues(bool on) override {
    return std::exchange(uses_epilogues_, on && has_epilogues_);
  }
  void* take_block(size_t bytes) override;
  void give_back_block(void* block, size_t bytes) noexcept override;
  void fill_with_nan(void* block, size_t bytes) override;

 private:
  /// matmul by cuBLASLt; false, with nothing done, for a batch and for what LtProducts refuses.
  bool multiply_by_cublas_lt(Tensor& c, const Operand& a, const Operand& b, float beta,
                             const ProductPart& part, const LtEnd& end = {});
  /// Whether products of x may do more at their end than add a bias.
  bool epilogues_for(const Tensor& x) const {
    return uses_epilogues_ && x.type() == DataType::bf16;
  }
  void multiply_by_cublas(Tensor& c, const Operand& a, const Operand& b, float beta,
                          const ProductPart& part);

  int multiprocessors_ = 1;
  bool has_bf16_ = false;
  bool has_epilogues_ = false, uses_epilogues_ = false;
  Stream compute_, communication_;
  CudaTrace trace_;
  CudaTransfer transfer_;
  SmallUploads small_uploads_;
  cublasHandle_t cublas_ = nullptr;
  std::unique_ptr<LtProducts> lt_products_;  // from the first product on that it may take
  cudaMemPool_t pool_ = nullptr;             // the device's
  bool tf32_ = false;
  int64_t waits_ = 0;
  void* arrivals_ = nullptr;
  int64_t arrivals_count_ = 0;
  std::map<int, std::function<void(bool)>> watchers_;
  int last_watcher_ = 0;
};

}  // namespace shard
