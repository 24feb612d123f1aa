#pragma once
#include <vector>

#include "common/comm/communicator.h"
#include "common/tensor/tensor.h"

namespace shard {

/// This rank's part of the parameters of Z = (GeLU(X·G) ∘ (X·U))·D, or of their gradients. n is the
/// number of its columns of the hidden layer: part_of(hidden, t, rank).size().
struct GatedMlpPart {
  Tensor gate_up;  // [width × 2n]: its columns of G, then the same columns of U
  Tensor down;     // [n × width]: its rows of D
};

/// a ∘ b, element by element, of the same shape. Slow: ops.h has no such operation, and this
/// exercise needs no fast one.
inline Tensor multiply(const Tensor& a, const Tensor& b) {
  require(a.shape() == b.shape(), "multiply: shapes ", to_string(a.shape()), " and ",
          to_string(b.shape()), " differ");
  std::vector<float> product = a.to_host();
  const std::vector<float> factors = b.to_host();
  for (size_t i = 0; i < product.size(); ++i) product[i] *= factors[i];
  return Tensor::from(a.backend(), a.shape(), std::span<const float>(product));
}

/// The columns of the fused matrix [G U], 2·hidden wide, that rank `rank` of `ranks` holds, in the
/// order of GatedMlpPart::gate_up.
std::vector<Range> gate_up_columns(int64_t hidden, int ranks, int rank);

/// x [tokens × width], the same on every rank → Z, the same on every rank. Sets gate to X·G_i and
/// up to X·U_i, each [tokens × n].
Tensor gated_mlp_forward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                         Tensor& gate, Tensor& up);

/// x, gate and up: those of the forward pass. dz [tokens × width], the same on every rank → dX, the
/// same on every rank. Adds the gradients of this rank's parameters to `gradients`.
Tensor gated_mlp_backward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                          const Tensor& gate, const Tensor& up, const Tensor& dz,
                          GatedMlpPart& gradients);

}  // namespace shard
