// Exercise 16.2: a unit that does not divide.
//
// A unit's parameters are cut as one flat tensor, because a bias of 7 elements cannot be shared out
// among 4 ranks by itself. The number of elements is hardly ever a multiple of the number of ranks:
// the parts are padded at the end. Padding belongs to no parameter, and a run that goes on with
// another number of ranks has other padding elsewhere. A wrong offset here gives weights of the
// right number and shape.
//
// Write: the cut, a parameter from all parts, and the parts for another number of ranks. About 20
//        lines in all.
// Shapes: a flat unit of n elements ↔ `ranks` parts of equal length. A parameter may lie in one
//         part or in several, and a part may be padding only.
// Ledger: nothing: host vectors in, host vectors out.
#include "exercises/16_fully_sharded/2_uneven_unit.h"

#include "exercises/todo.h"

namespace shard {

Parts cut(const std::vector<float>& flat, int ranks) { todo("cut"); }

std::vector<float> parameter_of(const Parts& parts, const std::vector<int64_t>& elements,
                                int parameter) {
  todo("parameter_of");
}

Parts recut(const Parts& saved, int64_t elements, int ranks) { todo("recut"); }

}  // namespace shard
