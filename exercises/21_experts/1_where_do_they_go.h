#pragma once
#include <cstdint>
#include <vector>

#include "common/base/partition.h"

namespace shard {

/// counts[rank][expert]: how many choices of that rank's tokens are that expert. The experts are
/// cut among the ranks by part_of.
using ChoiceCounts = std::vector<std::vector<int64_t>>;

/// What one rank must know for an all-to-all of rows, as MPI_Alltoallv wants it: counts and
/// displacements in elements, for each rank.
struct Exchange {
  std::vector<int64_t> send_counts, send_begins;        // of what it sends, by receiver
  std::vector<int64_t> receive_counts, receive_begins;  // of what comes, by sender
  bool operator==(const Exchange&) const = default;
};

/// For rank `rank` and rows of `width` elements.
Exchange exchange_of(const ChoiceCounts& counts, int rank, int64_t width);

/// chosen[i]: the expert of choice i of this rank's tokens. Returns, for each row that is sent, its
/// choice: rows are ordered by expert, and of one expert in the order of the choices.
std::vector<int64_t> rows_to_send(const std::vector<int64_t>& chosen, int64_t experts);

/// The rows that come to `rank` are ordered by sender, and those of one sender by expert. Returns,
/// for each row in the order of the rank's own experts, and of one expert by sender, which of the
/// rows that have come it is.
std::vector<int64_t> rows_by_expert(const ChoiceCounts& counts, int rank);

}  // namespace shard
