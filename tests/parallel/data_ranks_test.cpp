// Which ranks add up a gradient from different tokens: cp × dp, and of an expert edp. With whole
// gradients and with ranges of them, the sums, the norm and who writes what are right on every
// grid.
#include "common/comm/data_ranks.h"

#include "chapters/10_tensor_and_data_parallel/adamw_optimizer.h"
#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/15_sharded_optimizer/shard_norm.h"
#include "tests/test_support.h"

using namespace shard;
using reference::relative_error;

namespace {

Parameter made(const std::string& name, const Shape& shape) {
  return {backend(), name, Shard::all(shape), 1, 1.0f};
}

/// Two matrices that every rank has, and the expert of this rank's place on "ep" between them.
struct Layer {
  Grid grid;
  Parameter first = made("first", {5, 3}), last = made("last", {2, 7}), expert;
  Parameters all{&first, &expert, &last};

  Layer(int cp, int ep)
      : grid(world(), {{"cp", cp}, {"dp", world().size() / cp}}), expert(made(fold(ep), {4, 3})) {
    first.partial_over = last.partial_over = {"dp", "cp"};
    expert.partial_over = {"edp"};
  }
  /// Gives the grid its experts, and names this rank's.
  std::string fold(int ep) {
    grid.fold({"cp", "dp"}, "ep", ep, "edp");
    return text("expert.", grid.coordinate("ep"));
  }

  Tensor term(const Parameter& parameter, int rank) const {
    const Shape& shape = parameter.shard.whole;
    return tensor(random_matrix(shape[0], shape[1], text(parameter.name, " on rank ", rank)));
  }
  /// By definition, of this rank's cp × dp ranks or edp ranks.
  Tensor sum(const Parameter& parameter) const {
    const Axes axes = &parameter == &expert ? Axes{"edp"} : Axes{"cp", "dp"};
    Tensor sum = Tensor::zeros(backend(), parameter.shard.whole);
    for (int rank : grid.layout().group_of(world().rank(), axes))
      accumulate(sum, term(parameter, rank));
    return sum;
  }
  void backward(GradientReduction& reduction) {
    reduction.zero_gradients();
    reduction.reduce_in_next_backward();
    for (Parameter* parameter : {&last, &expert, &first}) {
      accumulate(parameter->open_gradient(), term(*parameter, world().rank()));
      parameter->gradient_is_ready();
    }
    reduction.wait();
  }
  /// Σ g² of one of each: all experts, and the matrices once.
  double squares() {
    const auto of = [](const Tensor& gradient) {
      Tensor total = Tensor::zeros(backend(), {1});
      add_sum_of_squares(total, gradient);
      return static_cast<double>(total.to_host()[0]);
    };
    const double experts = grid.coordinate("edp") == 0 ? of(sum(expert)) : 0;
    return of(sum(first)) + of(sum(last)) + world().sum_of(experts);
  }
};

/// Every element of every parameter is written by one rank; an expert by one that holds it.
void check_written_once(Layer& layer, const std::vector<StateTensor>& state) {
  double elements = 0;
  for (const StateTensor& tensor : state)
    elements += tensor.writes ? static_cast<double>(tensor.part.elements()) : 0;
  CHECK(world().sum_of(elements) == 5 * 3 + 2 * 7 + layer.grid.size("ep") * 4 * 3);
}

void for_each_grid(const std::function<void(int cp, int ep)>& check) {
  for (int cp = 1; cp <= world().size(); ++cp) {
    for (int ep = 1; ep <= world().size(); ++ep) {
      if (world().size() % cp != 0 || world().size() % ep != 0) continue;
      INFO("cp ", cp, ", ep ", ep);
      check(cp, ep);
    }
  }
}

}  // namespace

TEST_CASE("data ranks: whole gradients, in buckets of the ranks that add them up") {
  for_each_grid([](int cp, int ep) {
    Layer layer(cp, ep);
    BucketedReduction reduction(layer.grid, layer.all, DataType::f32);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Ledger before = ledger();
      layer.backward(reduction);
      const Ledger done = ledger().since(before);
      CHECK(done.calls() == 2);
      CHECK(done.calls(Collective::all_reduce, "edp") == 1);
      CHECK(done.calls(Collective::all_reduce, cp == 1 ? "dp" : "cp-dp") == 1);
      for (const Parameter* parameter : layer.all)
        CHECK(relative_error(parameter->gradient, layer.sum(*parameter)) < 1e-6);
    }
    check_written_once(layer, reduction.gradients());
    AdamWOptimizer optimizer(layer.grid, layer.all, {});
    check_written_once(layer, optimizer.state().weights);
  });
}

TEST_CASE("data ranks: ranges of gradients, experts' over edp and the others' over cp × dp") {
  for (const Sharding sharding :
       {Sharding::moments, Sharding::gradients, Sharding::gradients_in_last_pass}) {
    for_each_grid([sharding](int cp, int ep) {
      Layer layer(cp, ep);
      GradientShards reduction(layer.grid, layer.all, sharding);
      ShardNorm norm(world(), reduction);
      for (int repeat = 0; repeat < 2; ++repeat) layer.backward(reduction);
      const std::vector<StateTensor> gradients = reduction.gradients();
      for (size_t i = 0; i < gradients.size(); ++i) {
        const std::vector<float> right = layer.sum(*layer.all[i]).to_host(),
                                 got = gradients[i].part.to_host();
        const int64_t begin = gradients[i].held->begin;
        for (size_t at = 0; at < got.size(); ++at)
          CHECK(got[at] == doctest::Approx(right[static_cast<size_t>(begin) + at]).epsilon(1e-5));
      }
      check_written_once(layer, gradients);
      CHECK(norm.sum_of_squares().to_host()[0] == doctest::Approx(layer.squares()).epsilon(1e-5));
      ShardedAdamW optimizer(reduction, layer.all, {});
      optimizer.update(0, 0.1, Tensor::full(backend(), {1}, 1.0f));
      check_written_once(layer, optimizer.state().weights);
      // an update moves every weight: what others have updated has arrived
      const Parameter before = made(layer.expert.name, {4, 3});
      const std::vector<float> now = layer.expert.value.to_host(), then = before.value.to_host();
      for (size_t at = 0; at < now.size(); ++at) CHECK(now[at] != then[at]);
    });
  }
}

TEST_CASE("data ranks: a parameter that cannot say who adds it up is named") {
  const int size = world().size();
  Grid grid(world(), {{"cp", size}});
  Parameter gain = made("gain", {1, 3});
  const auto refusal = [&](std::vector<std::string> axes) {
    gain.partial_over = std::move(axes);
    return message_of([&] { data_ranks_of(grid, gain); });
  };
  CHECK(contains(refusal({"tp"}), "gain is not partial over dp"));
  CHECK(refusal({"edp"}) == "the grid has no axis edp");
  grid.fold({"cp", "dp"}, "ep", size, "edp");
  CHECK(refusal({"edp", "tp"}) == "(nothing was thrown)");
  if (size > 1)
    CHECK(contains(refusal({"edp", "cp"}), "gain is partial over edp and cp, which have the same"));
  if (size == 4) {
    Grid both(world(), {{"cp", 2}, {"dp", 2}});
    gain.partial_over = {"dp"};
    CHECK(message_of([&] { data_ranks_of(both, gain); }) ==
          "gain is partial over dp but not over cp, and both are reduced together");
  }
}
