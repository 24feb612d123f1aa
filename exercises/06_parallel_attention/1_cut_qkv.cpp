// Exercise 06.1: cut a fused QKV matrix that another program stored.
//
// The columns of chapter 06's matrix are [Q K V]. Checkpoints of Megatron-LM (from version 2.0 on)
// and GPT-NeoX hold the same columns head by head, [q₀ k₀ v₀ q₁ k₁ v₁ …], so that one range of
// columns holds whole heads. All shapes agree, so a matrix cut in the wrong order loads without an
// error, and the model generates nonsense.
//
//     checkpoint, 4 heads       q₀ k₀ v₀ q₁ k₁ v₁ q₂ k₂ v₂ q₃ k₃ v₃
//     rank 1 of 2, to return    q₂ q₃ k₂ k₃ v₂ v₃
//
// Write: rank `rank`'s part of the matrix and of the bias, in the order Q_i K_i V_i. About 11
//        lines.
// Shapes: weight [width × 3·width] → [width × 3·width/t], bias [3·width] → [3·width/t]; q₀ is
//         [width × width/heads].
// Ledger: nothing. Every rank reads the checkpoint and takes its own part.
#include "exercises/06_parallel_attention/1_cut_qkv.h"

#include "exercises/todo.h"

namespace shard {

QkvPart cut_qkv(std::span<const float> weight, std::span<const float> bias, int64_t width,
                int64_t heads, int ranks, int rank) {
  todo("cut_qkv");
}

}  // namespace shard
