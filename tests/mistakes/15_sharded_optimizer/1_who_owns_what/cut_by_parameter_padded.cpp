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
    const int64_t size = (elements + ranks - 1) / ranks;
    const int64_t begin = std::min(elements, rank * size), end = std::min(elements, begin + size);
    if (begin < end) pieces.push_back({i, {begin, end}, place, is_matrix});
    place += end - begin;
  }
  return pieces;
}

}  // namespace shard
