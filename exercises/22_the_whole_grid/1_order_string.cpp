// Exercise 22.1: the groups of a grid, from its order string.
//
// Megatron-LM describes a grid by sizes and an order: "tp-cp-pp-dp" says that neighbours in tp have
// neighbouring numbers, and that dp is the slowest axis. Every group follows from it: the ranks
// that differ on some axes only, be it one ("tp") or several ("cp" and "dp", which sum gradients).
// A program and a checkpoint that disagree about the order exchange parts without any error.
//
// Experts need no new ranks. Those of cp and dp hold the same of everything else; among them, e
// neighbours hold different experts (ep), and e divides cp · dp. With another axis between cp and
// dp in the order, these neighbours do not have neighbouring numbers.
//
// Write: the three functions of 1_order_string.h, without common/comm/grid.h, which has them. About
//        19 lines in all.
// Shapes: grids of up to 36 ranks as plain numbers, in all orders.
// Ledger: nothing.
#include "exercises/22_the_whole_grid/1_order_string.h"

#include "exercises/todo.h"

namespace shard {

Place place_of(int rank, const Sizes& sizes, const std::string& order) { todo("place_of"); }

std::vector<int> group_of(int rank, const std::vector<std::string>& axes, const Sizes& sizes,
                          const std::string& order) {
  todo("group_of");
}

std::vector<int> expert_group_of(int rank, int experts, const Sizes& sizes,
                                 const std::string& order) {
  todo("expert_group_of");
}

}  // namespace shard
