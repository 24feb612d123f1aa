// WatchedBackend: the CPU, which counts what its matrix products multiply, and reports each of them
// when it is computed.
#pragma once
#include <functional>

#include "common/cpu/cpu_backend.h"

namespace shard {

class WatchedBackend : public CpuBackend {
 public:
  using Listener = std::function<void(const Tensor& c)>;

  WatchedBackend() : CpuBackend(1) { poison(true); }

  void listen(Listener listener) { listener_ = std::move(listener); }
  int64_t multiplications() const { return multiplications_; }  // of elements, so far

  void matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) override {
    CpuBackend::matmul(c, a, b, beta, part);
    const int64_t batch = a.size() == 0 ? 0 : a.matrix.elements() / a.size();
    multiplications_ += batch * part.rows.size() * part.inner.size() * part.columns.size();
    if (listener_) listener_(c);
  }
  void linear_backward(Tensor& dx, Tensor* dbias, const Tensor& dy, const Tensor& weight) override {
    CpuBackend::linear_backward(dx, dbias, dy, weight);
    if (listener_) listener_(dx);
  }

 private:
  Listener listener_;
  int64_t multiplications_ = 0;
};

}  // namespace shard
