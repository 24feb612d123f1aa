#include "common/tensor/backend.h"

#include <algorithm>

namespace shard {

Backend::~Backend() = default;

void* Backend::allocate(size_t bytes) {
  void* block = nullptr;
  auto& same_size = free_blocks_[bytes];
  if (same_size.empty()) {
    block = take_block(bytes);
    ++allocations_;
  } else {
    block = same_size.back();
    same_size.pop_back();
  }
  if (poison_) fill_with_nan(block, bytes);
  bytes_in_use_ += static_cast<int64_t>(bytes);
  peak_bytes_in_use_ = std::max(peak_bytes_in_use_, bytes_in_use_);
  return block;
}

void Backend::release(void* block, size_t bytes) noexcept {
  free_blocks_[bytes].push_back(block);
  bytes_in_use_ -= static_cast<int64_t>(bytes);
}

void Backend::give_back_all() noexcept {
  for (auto& [bytes, blocks] : free_blocks_) {
    for (void* block : blocks) give_back_block(block, bytes);
  }
  free_blocks_.clear();
}

void Backend::linear(Tensor& y, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  matmul(y, x, weight, 0.0f, ProductPart::whole(x, weight));
  add_bias(y, bias);
}

void Backend::linear_backward(Tensor& dx, Tensor* dbias, const Tensor& dy, const Tensor& weight) {
  const Operand factor(weight, true);
  matmul(dx, dy, factor, 0.0f, ProductPart::whole(dy, factor));
  if (dbias != nullptr) add_column_sums(*dbias, dy);
}

void Backend::add_linear_gradients(Tensor& dweight, Tensor& dbias, const Tensor& x,
                                   const Tensor& dy) {
  const Operand factor(x, true);
  matmul(dweight, factor, dy, 1.0f, ProductPart::whole(factor, dy));
  add_column_sums(dbias, dy);
}

void Backend::linear_gelu_matmul(Tensor& u, Tensor& y, const Tensor& x, const Tensor& weight,
                                 const Tensor& bias, const Tensor& second) {
  linear(u, x, weight, bias);
  gelu_matmul(y, u, second);
}

void Backend::gelu_matmul(Tensor& y, const Tensor& u, const Tensor& weight) {
  Tensor activated(*this, u.shape(), u.type());
  gelu(activated, u);
  matmul(y, activated, weight, 0.0f, ProductPart::whole(activated, weight));
}

void Backend::gelu_matmul_backward(Tensor& activated, Tensor& du, Tensor& dbias, const Tensor& dy,
                                   const Tensor& weight, const Tensor& u) {
  const Operand factor(weight, true);
  gelu(activated, u);
  matmul(du, dy, factor, 0.0f, ProductPart::whole(dy, factor));
  gelu_backward(du, u, du);
  add_column_sums(dbias, du);
}

}  // namespace shard
