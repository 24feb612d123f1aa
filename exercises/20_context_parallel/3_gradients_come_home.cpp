// Exercise 20.3: dk and dv come home.
//
// In the backward pass, keys and values travel around the ring once more. Each rank adds its
// queries' part to their gradients, so these must travel with them: one step behind, because a rank
// can pass them on only when it has added its part. After the last step the gradients of the keys
// of rank r + 1 are here on rank r. One more hop brings them home.
//
// Write: a loop over the c steps. In step s the keys of rank r - s are here, around the ring.
//        Compute this rank's part with attention_backward (common/tensor/attention.h), add what
//        arrives from rank r - 1 for these keys, and pass the sum on to rank r + 1. About 25 lines.
//        attention_backward takes the positions of queries and keys from its settings.
// Shapes: all [heads × n × head_width].
// Ledger: send_receive only: c-1 of k and of v, c of dk and of dv, each of its own, and none on one
//         rank.
#include "exercises/20_context_parallel/3_gradients_come_home.h"

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

RingGradients ring_backward(Communicator& group, const Tensor& q, const Tensor& k, const Tensor& v,
                            const Tensor& dout, const AttentionResult& whole, float scale) {
  todo("ring_backward");
}

}  // namespace shard
