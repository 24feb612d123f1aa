#include "chapters/15_sharded_optimizer/range_state.h"

#include <map>

namespace shard {

//! [15-state]
std::vector<StateTensor> state_of(Backend& backend, const Parameters& parameters,
                                  const std::vector<RangeTensor>& ranges, const std::string& suffix,
                                  bool writes) {
  struct Own {
    Tensor part;
    Range elements = {0, 0};
  };
  std::map<const Parameter*, Own> own;
  for (const auto& [pieces, values] : ranges)
    for (const FlatPiece& piece : pieces)
      own[piece.parameter] = {values.slice(piece.place), piece.elements};
  std::vector<StateTensor> state;
  for (const Parameter* parameter : parameters) {
    const auto& [part, elements] = own[parameter];
    state.push_back({.name = parameter->name + suffix,
                     .shard = parameter->shard,
                     .part = part ? part : Tensor(backend, {0}),
                     .writes = part && writes && parameter->counts,
                     .held = elements});
  }
  return state;
}
//! [15-state]

}  // namespace shard
