// Backend: what a device must be able to do. cpu/ implements it with oneDNN and OpenMP, cuda/ with cuBLAS and kernels.
// Layers do not call it: they call ops.h, which checks shapes once and then comes here.
#pragma once
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/formulas.h"
#include "common/random.h"
#include "common/tensor.h"

namespace shard {

enum class Device { cpu, cuda };

/// A matrix as a factor of a product: as it is stored, or transposed.
struct Operand {
  const Tensor& matrix;
  bool transposed = false;
  Operand(const Tensor& stored, bool as_transposed = false) : matrix(stored), transposed(as_transposed) {}
  /// Rows and columns of the factor, after the transposition: of one matrix of a batch, if it is a batch.
  int64_t rows() const { return transposed ? matrix.columns() : matrix.shape()[matrix.shape().rank() - 2]; }
  int64_t columns() const { return transposed ? matrix.shape()[matrix.shape().rank() - 2] : matrix.columns(); }
};

/// Where a local block [rows × columns] lies in the whole matrix that all ranks hold together.
struct Block {
  int64_t first_row = 0, first_column = 0;
  int64_t whole_columns = 0;
};

/// The most that a device was seen to do: f32 operations a second, by as many cores (a CPU's threads in use, a GPU's
/// multiprocessors). A multiplication and an addition in one instruction count as two operations.
struct Peak {
  double flops = 0;
  int cores = 1;
};

class Backend {
 public:
  virtual ~Backend();
  virtual Device device() const = 0;
  virtual std::string description() const = 0;  // "CPU (…, 2 threads, oneDNN 2.6.3)"
  virtual void synchronize() = 0;               // waits until all work given so far is done
  virtual Peak measure_peak() = 0;              // takes a fraction of a second

  // Memory. Blocks that are released are kept and given out again, so that a training step in its steady state
  // allocates nothing: allocations() counts the times when a new block had to be taken from the system.
  void* allocate(size_t bytes);
  void release(void* block, size_t bytes) noexcept;
  int64_t allocations() const { return allocations_; }
  /// Fills every block with NaN when it is given out, so that a result that was never written shows.
  void poison(bool on) { poison_ = on; }
  virtual void copy_to_host(void* host, const void* device, size_t bytes) = 0;
  virtual void copy_from_host(void* device, const void* host, size_t bytes) = 0;

  // All below write to tensors that exist, of shapes that ops.h has checked. Formulas and shapes: see ops.h.
  virtual void copy(Tensor& to, const Tensor& from) = 0;
  virtual void fill(Tensor& x, float value) = 0;
  virtual void accumulate(Tensor& y, const Tensor& x, float factor) = 0;
  virtual void add(Tensor& out, const Tensor& a, const Tensor& b) = 0;
  virtual void scale(Tensor& x, float factor) = 0;
  virtual void copy_columns(Tensor& to, int64_t to_column, const Tensor& from, int64_t from_column,
                            int64_t columns) = 0;

  virtual void matmul(Tensor& c, Operand a, Operand b, float beta) = 0;

  virtual void add_bias(Tensor& y, const Tensor& bias) = 0;
  virtual void add_column_sums(Tensor& sums, const Tensor& x) = 0;
  virtual void gelu(Tensor& y, const Tensor& x) = 0;
  virtual void gelu_backward(Tensor& dx, const Tensor& x, const Tensor& dy) = 0;
  virtual void layer_norm(Tensor& y, Tensor& mean, Tensor& inverse_deviation, const Tensor& x, const Tensor& gain,
                          const Tensor& bias, float epsilon) = 0;
  virtual void layer_norm_backward(Tensor& dx, Tensor& dgain, Tensor& dbias, const Tensor& dy, const Tensor& x,
                                   const Tensor& mean, const Tensor& inverse_deviation, const Tensor& gain) = 0;
  virtual void dropout(Tensor& y, const Tensor& x, float probability, RandomStream random, Block block) = 0;

  virtual void split_heads(Tensor& heads, const Tensor& x, int64_t first_column) = 0;
  virtual void merge_heads(Tensor& x, int64_t first_column, const Tensor& heads) = 0;
  virtual void causal_softmax(Tensor& scores, float scale) = 0;
  virtual void causal_softmax_backward(Tensor& dscores, const Tensor& probabilities, float scale) = 0;

  virtual void gather_rows(Tensor& out, const Tensor& table, const Tensor& ids, int64_t first_row) = 0;
  virtual void add_to_rows(Tensor& dtable, const Tensor& ids, const Tensor& dy, int64_t first_row) = 0;
  virtual void row_max(Tensor& max, const Tensor& x, int64_t valid_columns) = 0;
  virtual void exp_and_row_sum(Tensor& x, Tensor& sums, const Tensor& max, int64_t valid_columns) = 0;
  virtual void pick(Tensor& picked, const Tensor& x, const Tensor& columns, int64_t first_column) = 0;
  virtual void cross_entropy(Tensor& losses, const Tensor& sums, const Tensor& max, const Tensor& picked) = 0;
  virtual void cross_entropy_backward(Tensor& exps, const Tensor& sums, const Tensor& targets, int64_t first_column,
                                      float factor) = 0;

  virtual void add_sum(Tensor& total, const Tensor& x) = 0;
  virtual void add_sum_of_squares(Tensor& total, const Tensor& x) = 0;
  virtual void clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) = 0;
  virtual void adamw(Tensor& weight, Tensor& m, Tensor& v, const Tensor& gradient, const Tensor& gradient_factor,
                     const AdamW& hyper) = 0;

 protected:
  virtual void* take_block(size_t bytes) = 0;  // from the system; throws Error when there is none
  virtual void give_back_block(void* block, size_t bytes) noexcept = 0;
  virtual void fill_with_nan(void* block, size_t bytes) = 0;
  void give_back_all() noexcept;  // for the destructors of implementations

 private:
  std::map<size_t, std::vector<void*>> free_blocks_;  // by size in bytes
  int64_t allocations_ = 0;
  bool poison_ = false;
};

/// The CPU with `threads` OpenMP threads. Defined in cpu/.
std::unique_ptr<Backend> make_cpu_backend(int threads);

}  // namespace shard
