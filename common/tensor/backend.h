// Backend: what a device must be able to do. cpu/ implements it with oneDNN and OpenMP, cuda/ with
// cuBLAS and kernels. Layers do not call it: they call ops.h, which checks shapes once and then
// calls it.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "common/base/formulas.h"
#include "common/base/random.h"
#include "common/tensor/attention_settings.h"
#include "common/tensor/heads.h"
#include "common/tensor/host_transfer.h"
#include "common/tensor/tensor.h"

namespace shard {

struct Routing;            // routing.h
struct SumOfRowsBackward;  // routing.h

enum class Device { cpu, cuda };

/// A matrix as a factor of a product: as it is stored, or transposed.
struct Operand {
  const Tensor& matrix;     // [m × k], [k × n], or a batch of them: [b × m × k]
  bool transposed = false;  // whether the factor is its transpose
  bool lower = false;       // whether what is stored above the diagonal is zero: lower() of ops.h
  /// A tensor alone is a factor as it is stored; transposed() of ops.h makes the other kind.
  Operand(const Tensor& stored, bool as_transposed = false, bool is_lower = false)
      : matrix(stored), transposed(as_transposed), lower(is_lower) {}
  /// Rows of the factor, after the transposition: of one matrix of a batch, if it is a batch.
  int64_t rows() const {
    return transposed ? matrix.columns() : matrix.shape()[matrix.shape().rank() - 2];
  }
  /// Columns of the factor, likewise.
  int64_t columns() const {
    return transposed ? matrix.shape()[matrix.shape().rank() - 2] : matrix.columns();
  }
  /// Elements of the matrix, or of one matrix of the batch: how far apart two of them are.
  int64_t size() const { return rows() * columns(); }
  /// Where the element (row, column) of the factor is stored, counted from the matrix's first
  /// element.
  int64_t place_of(int64_t row, int64_t column) const {
    return transposed ? column * matrix.columns() + row : row * matrix.columns() + column;
  }
};

/// The part of C = A·B that one call computes: C[rows × columns] = A[rows × inner] · B[inner ×
/// columns].
struct ProductPart {
  Range rows;     // of C and of A
  Range inner;    // columns of A, rows of B
  Range columns;  // of B and of C
  /// All of it.
  static ProductPart whole(const Operand& a, const Operand& b) {
    return {{0, a.rows()}, {0, a.columns()}, {0, b.columns()}};
  }
};

/// Σ exp(x - max) over some columns of each row of logits, with the maximum that was subtracted.
struct ExpSums {
  Tensor max, sums;  // f32 [rows]
};

/// A weight and what AdamW needs of it: all f32 and of one shape.
struct TrainedWeight {
  Tensor weight, first_moment, second_moment, gradient;
  Tensor rounded;      // bf16, gets the new weight, too; or an empty handle
  bool decays = true;  // whether hyper.weight_decay is meant for it
};

/// Where a local block [rows × columns] lies in the whole matrix that all ranks hold together.
struct Block {
  int64_t first_row = 0, first_column = 0;  // of the whole matrix: where the block begins
  int64_t whole_columns = 0;  // columns of the whole matrix: how far apart its rows are
};

/// The measured peak of a device: f32 operations per second, on `cores` cores (a CPU's threads in
/// use, a GPU's multiprocessors). A multiplication and an addition in one instruction count as two
/// operations.
struct Peak {
  double flops = 0;  // operations per second
  int cores = 1;     // that were used together
};

/// The device's memory is exhausted.
class OutOfMemory : public Error {
 public:
  using Error::Error;
};

/// A device. cpu/ and cuda/ implement it; one serves all tensors of a rank and must outlive them.
class Backend {
 public:
  virtual ~Backend();
  virtual Device device() const = 0;
  virtual std::string description() const = 0;  // "CPU (…, 2 threads per rank, oneDNN 2.6.3)"
  /// Whether ops take tensors of this type: f32 and i32 everywhere, bf16 on GPUs only.
  virtual bool computes_in(DataType type) const { return type != DataType::bf16; }
  virtual void synchronize() = 0;  // waits until all work given so far is done
  /// How often the host has waited for an asynchronous device: to read results, or because it was
  /// far ahead.
  virtual int64_t waits() const { return 0; }
  /// How many kernels and matrix products an asynchronous device was given so far.
  virtual int64_t launches() const { return 0; }
  /// The floating-point operations of the matrix products so far, and of those inside attention: a
  /// multiplication and an addition are two. Of a triangle (lower() and causal_scores of ops.h,
  /// the keys that a query sees), its own elements count, and not what a device computes beside
  /// them. Only differences mean anything: it wraps around.
  uint64_t flops() const { return flops_; }
  void count_flops(int64_t more) { flops_ += static_cast<uint64_t>(more); }  // for ops
  /// Whether products compute more at their end than a bias: see ProductEpilogues.
  virtual bool uses_epilogues() const { return false; }
  /// The number of rows of a rank's part of a vocabulary should be a multiple of this: products
  /// with that part are slow otherwise.
  virtual int64_t vocabulary_multiple() const { return 1; }
  virtual Peak measure_peak() = 0;  // takes a fraction of a second

  // Memory. Released blocks are kept and reused, so that a training step allocates nothing in its
  // steady state: allocations() counts the blocks that were taken from the system.
  /// A block of device memory. Throws OutOfMemory when memory is exhausted.
  void* allocate(size_t bytes);
  /// Takes back a block from allocate, with its number of bytes.
  void release(void* block, size_t bytes) noexcept;
  /// How many blocks were taken from the system so far.
  int64_t allocations() const { return allocations_; }
  /// Bytes of all tensors that exist now.
  int64_t bytes_in_use() const { return bytes_in_use_; }
  /// The most that bytes_in_use() was since the last forget_peak().
  int64_t peak_bytes_in_use() const { return peak_bytes_in_use_; }
  void forget_peak() { peak_bytes_in_use_ = bytes_in_use_; }
  /// Fills every block with NaN when it is allocated, so that a result that was never written is
  /// noticed.
  void poison(bool on) { poison_ = on; }
  /// Copies bytes from the device, after all work given to it so far; returns when they have
  /// arrived.
  virtual void copy_to_host(void* host, const void* device, size_t bytes) = 0;
  /// Copies bytes to the device; returns when the host's memory may be reused.
  virtual void copy_from_host(void* device, const void* host, size_t bytes) = 0;
  /// The asynchronous copies; nullptr where tensors are already in host memory.
  virtual HostTransfer* host_transfer() { return nullptr; }

  // The functions below implement the operations of the same names in ops.h, and write to existing
  // tensors, whose shapes and types ops.h has checked: no backend checks again.
  virtual void copy(Tensor& to, const Tensor& from) = 0;
  virtual void fill(Tensor& x, float value) = 0;
  virtual void accumulate(Tensor& y, const Tensor& x, float factor) = 0;
  virtual void add(Tensor& out, const Tensor& a, const Tensor& b) = 0;
  virtual void add(Tensor& out, const Tensor& a, const Tensor& b, const Tensor& bias) = 0;
  virtual void scale(Tensor& x, float factor) = 0;
  /// Copies columns of `from` to columns of `to`: for columns_of and set_columns.
  virtual void copy_columns(Tensor& to, int64_t to_column, const Tensor& from, int64_t from_column,
                            int64_t columns) = 0;

  /// c ← a·b + beta·c in that part, for each matrix of a batch.
  virtual void matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) = 0;

  virtual void add_bias(Tensor& y, const Tensor& bias) = 0;
  virtual void add_column_sums(Tensor& sums, const Tensor& x) = 0;
  virtual void gelu(Tensor& y, const Tensor& x) = 0;
  virtual void gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) = 0;
  // linear.h. Here they are made of the operations above.
  virtual void linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias);
  virtual void linear_backward(Tensor& dx, Tensor* dbias, const Tensor& dy, const Tensor& weight);
  virtual void add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x,
                                    const Tensor& dy);
  virtual void gelu_matmul(Tensor& y, const Tensor& u, const Tensor& weight);
  virtual void linear_gelu_matmul(Tensor& u, Tensor& y, const Tensor& x, const Tensor& weight,
                                  const Tensor& bias, const Tensor& second);
  virtual void gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias, const Tensor& dy,
                                    const Tensor& weight, const Tensor& u);
  /// y, mean and inverse_deviation ← those of LayerNorm.
  virtual void layer_norm(Tensor& y, Tensor& mean, Tensor& inverse_deviation, const Tensor& x,
                          const Tensor& gain, const Tensor& bias, float epsilon) = 0;
  /// u ← x + z, or x + (z + *z_bias) unless that is nullptr; y, mean and inverse_deviation ← those
  /// of u's layer norm.
  virtual void add_layer_norm(Tensor& u, Tensor& y, Tensor& mean, Tensor& inverse_deviation,
                              const Tensor& x, const Tensor& z, const Tensor* z_bias,
                              const Tensor& gain, const Tensor& bias, float epsilon) = 0;
  /// dx ← the gradient of x, plus *dresidual unless that is nullptr; adds the gradients of gain and
  /// bias to dgain and dbias, and the sums of dx's columns to *dx_sums, unless that is nullptr.
  virtual void layer_norm_backward(Tensor& dx, Tensor& dgain, Tensor& dbias, Tensor* dx_sums,
                                   const Tensor& dy, const Tensor* dresidual, const Tensor& x,
                                   const Tensor& mean, const Tensor& inverse_deviation,
                                   const Tensor& gain) = 0;
  /// y ← x with zeros by the mask of `random` and `block`, the rest divided by 1 - probability.
  virtual void dropout(Tensor& y, const Tensor& x, float probability, RandomStream random,
                       Block block) = 0;

  /// heads ← the columns of x from first_column on, head by head.
  virtual void split_heads(Tensor& heads, const Tensor& x, int64_t first_column) = 0;
  /// Those columns of x ← heads.
  virtual void merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) = 0;
  virtual void causal_softmax(Tensor& scores, float scale) = 0;
  virtual void causal_softmax_backward(Tensor& dscores, const Tensor& probabilities,
                                       float scale) = 0;
  // attention.h: output and log-sum-exp; what merge does with those of two parts; and dq, dk, dv.
  virtual void attention(const Heads& output, Tensor& log_sum_exp, const Heads& q, const Heads& k,
                         const Heads& v, const AttentionSettings& settings) = 0;
  virtual void merge_attention(const Heads& output, Tensor& log_sum_exp, const Heads& part,
                               const Tensor& part_log_sum_exp) = 0;
  virtual void attention_backward(const Heads& dq, const Heads& dk, const Heads& dv,
                                  const Heads& dout, const Heads& q, const Heads& k, const Heads& v,
                                  const Heads& output, const Tensor& log_sum_exp,
                                  const AttentionSettings& settings) = 0;

  /// out ← the rows of table that ids name, zeros for ids of other parts.
  virtual void gather_rows(Tensor& out, const Tensor& table, const Tensor& ids,
                           int64_t first_row) = 0;
  /// Adds the rows of dy to the rows of dtable that ids name.
  virtual void add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy,
                           int64_t first_row) = 0;
  /// max ← the largest of the first valid_columns of each row.
  virtual void row_max(Tensor& max, const Tensor& x, int64_t valid_columns) = 0;
  /// sums ← those of the first valid_columns of each row.
  virtual void row_sum(Tensor& sums, const Tensor& x, int64_t valid_columns) = 0;
  /// x ← exp(x - max), zeros from valid_columns on; sums ← the rows' sums.
  virtual void exp_and_row_sum(Tensor& x, Tensor& sums, const Tensor& max,
                               int64_t valid_columns) = 0;
  /// picked ← one element of each row, or 0 where it is in another part.
  virtual void pick(Tensor& picked, const Tensor& x, const Tensor& columns,
                    int64_t first_column) = 0;
  /// 0 where targets, if there are any, are negative.
  virtual void cross_entropy(Tensor& losses, const Tensor& sums, const Tensor& max,
                             const Tensor& picked, const Tensor& targets) = 0;
  /// exps ← factor · (exps / sums - [column is the target]).
  virtual void cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets,
                                      int64_t first_column, float factor) = 0;
  /// result ← the maximum and Σ exp(x - max) of the first valid_columns of each row.
  virtual void exp_sums(ExpSums& result, const Tensor& x, int64_t valid_columns) = 0;
  /// sums ← part.sums · exp(part.max - max).
  virtual void rescale(Tensor& sums, const ExpSums& part, const Tensor& max) = 0;
  /// logits ← factor · (exp(logits - max) / sums - [column is the target]), zeros from
  /// valid_columns on and in rows with a negative target.
  virtual void softmax_minus_targets(Tensor& logits, const ExpSums& of, const Tensor& targets,
                                     int64_t first_column, int64_t valid_columns, float factor) = 0;

  // routing.h; bias, dprobabilities and sum_of_rows' weights may be empty handles.
  virtual void route(Routing& routing, const Tensor& logits, const Tensor& bias) = 0;
  virtual void route_backward(Tensor& dlogits, const Routing& routing, const Tensor& dweights,
                              const Tensor& dprobabilities) = 0;
  virtual void occurrences(Tensor& counts, const Tensor& ids) = 0;
  virtual void sum_of_rows(Tensor& y, const Tensor& rows, const Tensor& places,
                           const Tensor& weights) = 0;
  virtual void sum_of_rows_backward(SumOfRowsBackward& result, const Tensor& dy, const Tensor& rows,
                                    const Tensor& places, const Tensor& weights) = 0;

  virtual void add_sum(Tensor& total, const Tensor& x) = 0;
  /// Each of `all` in turn: total ← total + Σ x², rounded to f32.
  virtual void add_sum_of_squares(Tensor& total, std::span<const Tensor> all) = 0;
  virtual void clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) = 0;
  /// x ← 0, for each of `all`: f32.
  virtual void zero(std::span<const Tensor> all) = 0;
  virtual void adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor,
                     const AdamW& hyper) = 0;

 protected:
  friend class Tf32Products;
  friend class ProductEpilogues;
  /// For Tf32Products: products of f32 in TF32, where the device can; returns what was set before.
  virtual bool set_tf32(bool) { return false; }
  /// For ProductEpilogues; returns what was set before.
  virtual bool set_epilogues(bool) { return false; }
  virtual void* take_block(size_t bytes) = 0;  // from the system; throws Error when there is none
  virtual void give_back_block(void* block, size_t bytes) noexcept = 0;  // to the system
  virtual void fill_with_nan(void* block, size_t bytes) = 0;             // for poison
  void give_back_all() noexcept;  // for the destructors of implementations

 private:
  std::map<size_t, std::vector<void*>> free_blocks_;  // by size in bytes
  int64_t allocations_ = 0, bytes_in_use_ = 0, peak_bytes_in_use_ = 0;
  uint64_t flops_ = 0;
  bool poison_ = false;
};

/// During its lifetime, if `on`, a device that supports it rounds the factors of f32 products to
/// TF32 (10 bits of precision).
class Tf32Products {
 public:
  explicit Tf32Products(Backend& backend, bool on = true)
      : backend_(backend), before_(backend.set_tf32(on)) {}
  ~Tf32Products() { backend_.set_tf32(before_); }
  Tf32Products(const Tf32Products&) = delete;
  Tf32Products& operator=(const Tf32Products&) = delete;

 private:
  Backend& backend_;
  bool before_;
};

/// During its lifetime, if `on`, a device that supports it computes GeLU, its derivative and the
/// gradients of biases inside the products beside them (linear.h); if not, or elsewhere, kernels of
/// their own do. A GPU of compute capability 9.0 supports it, and does so from the start, unless
/// the environment has SHARD_EPILOGUES=0.
class ProductEpilogues {
 public:
  ProductEpilogues(Backend& backend, bool on)
      : backend_(backend), before_(backend.set_epilogues(on)) {}
  ~ProductEpilogues() { backend_.set_epilogues(before_); }
  ProductEpilogues(const ProductEpilogues&) = delete;
  ProductEpilogues& operator=(const ProductEpilogues&) = delete;

 private:
  Backend& backend_;
  bool before_;
};

/// The CPU with `threads` OpenMP threads. Defined in cpu/.
std::unique_ptr<Backend> make_cpu_backend(int threads);

}  // namespace shard
