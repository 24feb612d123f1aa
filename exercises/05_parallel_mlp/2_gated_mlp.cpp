// Exercise 05.2: the gated MLP, gate and up cut together.
//
// Shazeer (arXiv:2002.05202, section 2) replaces GeLU(X·A) by a product of two factors, GeLU(X·G) ∘
// (X·U): the gate and up projections. With SiLU instead of GeLU it is the MLP of Llama (Touvron et
// al., arXiv:2302.13971, section 2.2) and of many later models. G and U are stored in one matrix [G
// U], so that one large product computes both. There are no biases.
//
// Write: which columns of [G U] a rank holds, so that its columns of the product match its rows of
//        D; then the forward and the backward pass. About 17 lines.
// Shapes: x, z, dz, dx [tokens × width]; gate_up [width × 2n], gate and up [tokens × n], down [n ×
//         width]. n is this rank's share of hidden, and differs between ranks if t does not divide
//         hidden.
// Ledger: forward one all_reduce of tokens × width, backward one of the same size, nothing else.
#include "exercises/05_parallel_mlp/2_gated_mlp.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

std::vector<Range> gate_up_columns(int64_t hidden, int ranks, int rank) { todo("gate_up_columns"); }

Tensor gated_mlp_forward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                         Tensor& gate, Tensor& up) {
  todo("gated_mlp_forward");
}

Tensor gated_mlp_backward(Communicator& group, const Tensor& x, const GatedMlpPart& mlp,
                          const Tensor& gate, const Tensor& up, const Tensor& dz,
                          GatedMlpPart& gradients) {
  todo("gated_mlp_backward");
}

}  // namespace shard
