// Exercise 23.3: choose a layout.
//
// A planner has two functions, the bytes and the seconds of a layout, and chooses among all layouts
// that are possible:
//
//     tp · pp · dp       is the number of devices
//     tp                 divides a node's devices, so that no tp group reaches over two nodes; and
//                        the heads
//     pp                 divides the layers
//     dp · micro_batch   divides the batch; the quotient is the number of micro-batches of a step,
//                        which may be smaller than pp
//
// No rule of thumb, such as "as little tp and pp as the memory allows", finds the fastest of those
// that fit: more micro-batches hide a bubble, larger ones make larger products, and both cost
// memory. So all are tried. For 16,384 devices there are about a hundred. They are found at once
// if what follows from other sizes is computed, not searched.
//
// Write: fastest_layout. About 20 lines.
// Shapes: numbers only. Exactly the device's memory is enough.
// Ledger: nothing.
#include "exercises/23_planner/3_choose_a_layout.h"

#include "common/base/error.h"
#include "exercises/todo.h"

namespace shard {

Layout fastest_layout(const Training& training, const BytesOf& bytes_of,
                      const SecondsOf& seconds_of) {
  todo("fastest_layout");
}

}  // namespace shard
