// CpuBackend: matrix products by oneDNN, everything else by plain loops that OpenMP and the
// compiler parallelize.
#pragma once
#include "common/tensor/backend.h"

namespace shard {

class CpuBackend : public Backend {
 public:
  /// Sets the number of OpenMP threads of this process.
  explicit CpuBackend(int threads);
  ~CpuBackend() override;

  Device device() const override { return Device::cpu; }
  std::string description() const override;
  void synchronize() override {}
  Peak measure_peak() override;
  void copy_to_host(void* host, const void* device, size_t bytes) override;
  void copy_from_host(void* device, const void* host, size_t bytes) override;

  void copy(Tensor& to, const Tensor& from) override;
  void fill(Tensor& x, float value) override;
  void accumulate(Tensor& y, const Tensor& x, float factor) override;
  void add(Tensor& out, const Tensor& a, const Tensor& b) override;
  void add(Tensor& out, const Tensor& a, const Tensor& b, const Tensor& bias) override;
  void scale(Tensor& x, float factor) override;
  void copy_columns(Tensor& to, int64_t to_column, const Tensor& from, int64_t from_column,
                    int64_t columns) override;
  void matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) override;
  void add_bias(Tensor& y, const Tensor& bias) override;
  void add_column_sums(Tensor& sums, const Tensor& x) override;
  void gelu(Tensor& y, const Tensor& x) override;
  void gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) override;
  void linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) override;
  void linear_backward(Tensor& dx, Tensor* dbias, const Tensor& dy, const Tensor& weight) override;
  void gelu_matmul(Tensor& y, const Tensor& u, const Tensor& weight) override;
  void gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias, const Tensor& dy,
                            const Tensor& weight, const Tensor& u) override;
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
  void* take_block(size_t bytes) override;
  void give_back_block(void* block, size_t bytes) noexcept override;
  void fill_with_nan(void* block, size_t bytes) override;

 private:
  int threads_;
};

}  // namespace shard
