// Exercise 23.1: activation bytes of a layout.
//
// In half precision a value takes 2 bytes, and an element of a dropout mask 1 byte. For a
// micro-batch of b sequences, each of s tokens, a layer keeps (Korthikanti et al.,
// arXiv:2205.05198, section 4):
//
//     between the sums   inputs of two norms, of QKV's product and of the MLP's first product, and
//                        two masks, each [b·s × h]; whole on every tp rank. With sequence
//                        parallelism a rank keeps only its own 1/t of the tokens of all of these,
//                        and gathers again what it needs whole
//     inside             Q, K, V and the projection's input, each [b·s × h/t]; GeLU's input and its
//                        output, each [b·s × 4h/t]
//     scores             probabilities, their mask, and their values after dropout: each [s × s]
//                        for every sequence and every one of the a/t heads of a rank
//
// The first stage is the fullest. It keeps all this for every micro-batch in flight. In 1F1B of p
// stages it does p-1 forward passes, then one forward and one backward pass in turn. Interleaved,
// with v chunks, it does 2(p-1) + (v-1)p forward passes of one micro-batch through one chunk, then
// one forward and one backward pass of a chunk in turn. A step has m micro-batches, which may be
// fewer passes than that. Most is kept just before the first backward pass.
//
// Write: activation_bytes. About 12 lines.
// Shapes: numbers only. C++ cuts the quotient of two whole numbers to a whole number.
// Ledger: nothing.
#include "exercises/23_planner/1_activation_bytes.h"

#include "exercises/todo.h"

namespace shard {

double activation_bytes(const ActivationSizes& sizes) { todo("activation_bytes"); }

}  // namespace shard
