#include "chapters/21_experts/expert_mlp.h"

#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard {

static ExpertPlace place_in(const ExpertGroups& groups) {
  return {groups.data.rank(), groups.ep.size()};
}

ExpertMlp::ExpertMlp(const ExpertGroups& groups, const std::string& name, int64_t width,
                     int64_t hidden, const ExpertSettings& settings, const Init& init,
                     float projection)
    : router(groups.data, name + ".router", width, settings.router, init, groups.tp.rank() == 0),
      experts(groups.tp, name + ".experts", {width, hidden, settings.router.experts},
              part_of(settings.router.experts, groups.ep.size(), groups.ep.rank()), init,
              projection),
      groups_(groups),
      capacity_(settings.capacity),
      place_(place_in(groups)) {
  require(place_.ep_rank() == groups.ep.rank(), "experts ", name, ": data-parallel rank ",
          place_.rank, " is rank ", groups.ep.rank(), " of ", groups.ep.size(),
          " of its group, which is not one of consecutive ranks");
}

static Tensor on_device(Backend& backend, Shape shape, const std::vector<int32_t>& values) {
  return Tensor::from(backend, shape, std::span<const int32_t>(values));
}

//! [21-mlp]
Tensor ExpertMlp::forward(const Tensor& x, Kept& kept) const {
  TraceRange range(TraceRow::compute, "experts forward");
  const Routing& routing = router.forward(x, kept.router);  // waits for the counts of all ranks
  const ExpertCounts& counts = kept.router.counts;
  const DispatchPlan plan(routing.chosen.to_host_int(), routing.chosen.columns(), counts,
                          expert_capacity(capacity_, counts.total(), counts.experts), place_);
  kept.rows_to = plan.rows_to, kept.rows_from = plan.rows_from;
  kept.places = on_device(x.backend(), routing.chosen.shape(), plan.places);
  kept.sorted = on_device(x.backend(), {std::ssize(plan.sorted)}, plan.sorted);
  kept.unsorted = on_device(x.backend(), {std::ssize(plan.unsorted)}, plan.unsorted);

  const Tensor tokens = on_device(x.backend(), {std::ssize(plan.tokens)}, plan.tokens);
  const Tensor arrived = groups_.ep.all_to_all(gather_rows(x, tokens, 0), plan.rows_to,
                                               plan.rows_from, "tokens to their experts");
  const Tensor results =
      experts.forward(gather_rows(arrived, kept.sorted, 0), plan.rows_of, kept.experts);
  kept.returned = groups_.ep.all_to_all(gather_rows(results, kept.unsorted, 0), plan.rows_from,
                                        plan.rows_to, "experts' results to their tokens");
  const Tensor term = sum_of_rows(kept.returned, kept.places, routing.weights);
  return groups_.tp.all_reduce(PartialSum(term));  // [tokens × width]: k rows are one by now
}

Tensor ExpertMlp::backward(const Tensor& dy, const Kept& kept) {
  TraceRange range(TraceRow::compute, "experts backward");
  const auto [dreturned, dweights_term] =
      sum_of_rows_backward(dy, kept.returned, kept.places, kept.router.routing.weights);
  Pending dweights = groups_.tp.start_all_reduce(PartialSum(dweights_term));  // [tokens × k]
  const Tensor dresults = groups_.ep.all_to_all(dreturned, kept.rows_to, kept.rows_from,
                                                "gradients of results to their experts");
  const Tensor darrived = experts.backward(gather_rows(dresults, kept.sorted, 0), kept.experts);
  const Tensor dsent =
      groups_.ep.all_to_all(gather_rows(darrived, kept.unsorted, 0), kept.rows_from, kept.rows_to,
                            "gradients of tokens back to them");
  // The gradient of a copy is the sum over the copies.
  Pending dx = groups_.tp.start_all_reduce(PartialSum(sum_of_rows(dsent, kept.places, {})));
  const Tensor through_router = router.backward(dweights.wait(), kept.router);
  return add(dx.wait(), through_router);  // [tokens × width]
}
//! [21-mlp]

Parameters ExpertMlp::parameters() {
  Parameters all{&router.weight};
  append(all, experts.parameters());
  return all;
}

}  // namespace shard
