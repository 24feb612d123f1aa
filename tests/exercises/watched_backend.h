// WatchedBackend: the CPU, which reports each matrix product when it is computed.
#pragma once
#include <functional>

#include "common/cpu/cpu_backend.h"

namespace shard {

class WatchedBackend : public CpuBackend {
 public:
  using Listener = std::function<void(const Tensor& c)>;

  explicit WatchedBackend(Listener listener) : CpuBackend(1), listener_(std::move(listener)) {
    poison(true);
  }

  void matmul(Tensor& c, Operand a, Operand b, float beta, const ProductPart& part) override {
    CpuBackend::matmul(c, a, b, beta, part);
    listener_(c);
  }

 private:
  Listener listener_;
};

}  // namespace shard
