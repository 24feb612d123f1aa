// Exercise 01.1: a product in tiles, of any size, inside larger matrices.
//
// The blocked variant of chapter 01 first copies X and A into the order in which its tiles read
// them. Without the copies it is half as long: a tile of sums stays in registers, so that Y is read
// and written once for each block of the sum instead of once for each term. It is also more
// accurate: the bound on the rounding error grows with the depth of a block plus the number of
// blocks, not with their product (Higham, Accuracy and Stability of Numerical Algorithms, 2nd
// edition, section 3.1). The tests use this to find out whether your sums are formed in blocks.
//
// Write: the loops over tiles of Y and over blocks of the sum, and inside them the product of one
//        tile. Sizes need not be multiples of the tile's. About 14 lines.
// Shapes: x [tokens × in], a [in × out] → y [tokens × out]; element (i, j) of y is y[i * y_stride +
//         j], and likewise for x and a. y begins with arbitrary values.
// Ledger: nothing is communicated. (The ledger is the record of all communication: operation,
//         group, calls and bytes. In every task this line says what an answer may communicate, and
//         the test compares.)
#include "exercises/01_gemm/1_blocked_gemm.h"

#include "exercises/todo.h"

namespace shard {

void tiled_gemm(int64_t tokens, int64_t in, int64_t out, const float* x, int64_t x_stride,
                const float* a, int64_t a_stride, float* y, int64_t y_stride) {
  todo("tiled_gemm");
}

}  // namespace shard
