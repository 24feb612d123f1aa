// expect: is each parameter cut on its own
#include <algorithm>

#include "exercises/15_sharded_optimizer/1_who_owns_what.h"

namespace shard {

std::vector<OwnedPiece> owned_pieces(const std::vector<FlatParameter>& parameters, int ranks,
                                     int rank) {
  std::vector<OwnedPiece> pieces;
  int64_t place = 0;
  for (int i = 0; i < std::ssize(parameters); ++i) {
    const auto [elements, is_matrix] = parameters[static_cast<size_t>(i)];
    const Range part = part_of(elements, ranks, rank);
    if (part.size() > 0) pieces.push_back({i, part, place, is_matrix});
    place += part.size();
  }
  return pieces;
}

}  // namespace shard
