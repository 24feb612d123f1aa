// expect: with empty pieces of parameters that end where the range begins
#include <algorithm>

#include "exercises/15_sharded_optimizer/1_who_owns_what.h"

namespace shard {

std::vector<OwnedPiece> owned_pieces(const std::vector<FlatParameter>& parameters, int ranks,
                                     int rank) {
  int64_t total = 0;
  for (const FlatParameter& parameter : parameters) total += parameter.elements;
  const int64_t per_rank = (total + ranks - 1) / ranks, mine = rank * per_rank,
                past = mine + per_rank;
  std::vector<OwnedPiece> pieces;
  int64_t first = 0;
  for (int i = 0; i < std::ssize(parameters); ++i) {
    const auto [elements, is_matrix] = parameters[static_cast<size_t>(i)];
    const int64_t begin = std::clamp(mine, first, first + elements),
                  end = std::clamp(past, first, first + elements);
    if (mine <= first + elements && first <= past)
      pieces.push_back({i, {begin - first, end - first}, begin - mine, is_matrix});
    first += elements;
  }
  return pieces;
}

}  // namespace shard
