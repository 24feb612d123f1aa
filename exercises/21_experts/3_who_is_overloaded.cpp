// Exercise 21.3: who is overloaded?
//
// The balance loss is small when all experts get the same share of the choices. An expert that gets
// too many is made less probable. "Too many" is a question about all tokens of the step: the
// experts that one rank's tokens prefer, another rank's may leave alone, and the mean of the ranks'
// own losses would push against a balance that is there already. So f is global, P too, and every
// token's probabilities get the same gradient, whichever rank has the token.
//
// Write: the loss and its gradient. About 22 lines.
// Shapes: probabilities [tokens × experts], chosen i32 [tokens × k]; a rank may have no tokens.
// Useful: to_host(), to_host_int() and Tensor::from: loops on the host are good enough here.
// Ledger: one all_reduce of 2·experts numbers.
#include "exercises/21_experts/3_who_is_overloaded.h"

#include "exercises/todo.h"

namespace shard {

Balance balance_of(Communicator& data, const RoutedTokens& tokens, double alpha) {
  todo("balance_of");
}

}  // namespace shard
