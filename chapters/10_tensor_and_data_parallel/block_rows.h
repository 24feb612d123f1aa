// BlockRows: which rows of x each tensor-parallel rank has in the blocks, and the collectives at
// the two ends of the model, where all rows meet the rank's part of the vocabulary.
#pragma once
#include "common/base/row_map.h"
#include "common/comm/communicator.h"

namespace shard {

/// Here: every rank has all of them.
class BlockRows {
 public:
  explicit BlockRows(Communicator& tp) : tp_(tp) {}
  virtual ~BlockRows() = default;
  /// This rank's, of those that the ranks of `tp` work on together.
  virtual RowMap own(const RowMap& all) const { return all; }
  /// This rank's rows of the sum of the ranks' terms [all rows × width]: after the embedding, and
  /// on the way back from the logits.
  virtual Pending start_sum(const PartialSum& term) const { return tp_.start_all_reduce(term); }
  /// All rows, from each rank's own ones, which `own` says: before the logits, and on the way back
  /// to the embedding.
  virtual Tensor all_rows(const Tensor& x, const RowMap& /*own*/) const { return x; }
  /// What the gradients of parameters that see these rows are partial over.
  virtual std::vector<std::string> partial_over() const { return {"dp"}; }

 protected:
  Communicator& tp_;
};

}  // namespace shard
