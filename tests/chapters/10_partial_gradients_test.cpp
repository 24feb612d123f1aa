// What parameters state about their gradients is enough to reduce them and to take their norm, on
// any grid: a norm under sequence parallelism, experts with a group of their own.
#include <map>

#include "chapters/07_transformer_block/transformer_block.h"
#include "common/comm/partial_gradients.h"
#include "tests/chapters/block_support.h"

using namespace shard;
using reference::relative_error;

namespace {

/// A reduction that is independent of the layers: sums each gradient over the axes that it is
/// partial over. Axes that this grid does not have count as one rank.
void reduce(const Parameters& parameters, const std::map<std::string, Communicator*>& axes) {
  for (Parameter* parameter : parameters) {
    for (const std::string& axis : parameter->partial_over) {
      if (axes.contains(axis))
        parameter->gradient = axes.at(axis)->all_reduce(PartialSum(parameter->gradient));
    }
  }
}

Tensor counted_squares(Communicator& replica, const Parameters& parameters) {
  Tensor total = Tensor::zeros(backend(), {1});
  add_counted_squares(total, parameters);
  return replica.all_reduce(PartialSum(total));
}

Tensor squares_of(const Parameters& unsplit) {
  Tensor total = Tensor::zeros(backend(), {1});
  for (const Parameter* parameter : unsplit) add_sum_of_squares(total, parameter->gradient);
  return total;
}

}  // namespace

TEST_CASE("partial over tp: a norm that sees this rank's rows only, as sequence parallelism has") {
  const int64_t tokens = 13, width = 6;
  const Tensor x = tensor(random_matrix(tokens, width, "x")),
               dy = tensor(random_matrix(tokens, width, "dy"));
  NormLayer whole(backend(), "ln", width, block_init);
  NormLayer mine(backend(), "ln", width, block_init, world().rank() == 0);
  for (Parameter* parameter : mine.parameters()) parameter->partial_over = {"tp", "dp"};
  NormLayer::Kept kept, kept_whole;
  whole.forward(x, kept_whole);
  whole.backward(dy, kept_whole);
  mine.forward(x.slice(my_part(tokens)), kept);
  mine.backward(dy.slice(my_part(tokens)), kept);

  Grid grid(world(), {{"tp", world().size()}});
  PartialGradients(grid, mine.parameters(), {"dp"}).sum();
  check_gradients(mine.parameters(), whole.parameters());
  CHECK(relative_error(counted_squares(world(), mine.parameters()),
                       squares_of(whole.parameters())) < tolerance);
}

TEST_CASE("partial over an axis of its own: experts, each on some ranks only") {
  // a replica of the model is `experts` ranks in a row (the axis "ep"), and each has one expert
  const int experts = world().size() % 2 == 0 ? 2 : world().size();
  const int expert = world().rank() % experts, replica = world().rank() / experts;
  const std::unique_ptr<Communicator> ep = world().split(replica, "ep"),
                                      edp = world().split(expert, "edp");
  const auto gradient = [&](const std::string& of, int rank) {
    return tensor(random_matrix(5, 3, text(of, " on rank ", rank)));
  };
  Parameter router(backend(), "router", Shard::all({5, 3}), 1, 1.0f);  // on all ranks
  Parameter own(backend(), text("expert.", expert), Shard::all({5, 3}), 1, 1.0f);
  own.partial_over = {"edp"};
  router.counts = ep->rank() == 0;
  copy(router.gradient, gradient("router", world().rank()));
  copy(own.gradient, gradient("expert", world().rank()));
  reduce({&router, &own}, {{"dp", &world()}, {"edp", edp.get()}});

  Tensor total = Tensor::zeros(backend(), {1}), of_router = Tensor::zeros(backend(), {5, 3});
  for (int e = 0; e < experts; ++e) {
    Tensor sum = Tensor::zeros(backend(), {5, 3});
    for (int rank = e; rank < world().size(); rank += experts)
      accumulate(sum, gradient("expert", rank));
    if (e == expert) CHECK(relative_error(own.gradient, sum) < tolerance);
    add_sum_of_squares(total, sum);
  }
  for (int rank = 0; rank < world().size(); ++rank) accumulate(of_router, gradient("router", rank));
  CHECK(relative_error(router.gradient, of_router) < tolerance);
  add_sum_of_squares(total, of_router);
  CHECK(relative_error(counted_squares(*ep, {&router, &own}), total) < tolerance);
}
