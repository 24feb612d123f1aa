// ChunkedRing: rows that travel around the ring of a group in chunks, while those that are here are
// computed with. The bytes are those of one all-gather or reduce-scatter.
//     gather:  this rank's rows first, then those of rank - 1, rank - 2, … as they arrive.
//     scatter: the rows of rank - 1 first, whose sum travels on; this rank's rows last.
// Wang et al., "Overlap communication with dependent computation via decomposition in large deep
// learning models", ASPLOS 2023, section 5.1.
#pragma once
#include <functional>

#include "common/comm/communicator.h"

namespace shard {

class ChunkedRing {
 public:
  /// Each rank's rows are cut in `chunks` parts. Throws Error for less than one.
  ChunkedRing(Communicator& group, int chunks);
  Communicator& group() const { return group_; }
  int chunks() const { return chunks_; }

  /// Rank `owner`'s part of `rows` rows, and one chunk of it.
  Range part(int64_t rows, int owner) const { return part_of(rows, group_.size(), owner); }
  Range chunk(int64_t rows, int owner, int index) const;

  /// Computes with rows `rows` of `all`, which have arrived; those that are not listed yet may not
  /// be read.
  using Use = std::function<void(const Tensor& all, Range rows)>;
  /// All ranks' rows, as all_gather returns them: mine [part of `rows` × columns] → [rows ×
  /// columns]. `use` is called for each chunk as soon as it is here, while others travel.
  Tensor gather(const Tensor& mine, int64_t rows, const Use& use) const;

  /// Writes rows `rows` of this rank's term to `to`.
  using Compute = std::function<void(const Tensor& to, Range rows)>;
  /// This rank's part of the rows of Σ terms, as reduce_scatter returns it: [part of rows ×
  /// columns] of [rows × columns]. `term` is called for each chunk; its sum with what has arrived
  /// travels on while the next one is computed.
  Tensor scatter(const Shape& shape, DataType type, const Compute& term) const;

 private:
  Communicator& group_;
  int chunks_;
};

/// What gather_matmul returns.
struct GatheredProduct {
  Tensor y;  // [rows × out]
  Tensor x;  // [rows × in]: all ranks' rows, for the backward pass
};
/// X·W for all ranks' rows: mine [part of `rows` × in], w [in × out].
GatheredProduct gather_matmul(const ChunkedRing& ring, const Tensor& mine, int64_t rows,
                              const Operand& w);
/// This rank's part of the rows of Σ X_i·W_i: x [rows × in/t], w [in/t × out] → [part of rows ×
/// out].
Tensor matmul_scatter(const ChunkedRing& ring, const Tensor& x, const Operand& w);

}  // namespace shard
