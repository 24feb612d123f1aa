#include "chapters/23_planner/gradient_buckets.h"

#include "chapters/10_tensor_and_data_parallel/bucketed_reduction.h"
#include "chapters/15_sharded_optimizer/flat_bucket.h"
#include "chapters/15_sharded_optimizer/gradient_shards.h"

namespace shard::chapter_23 {
namespace {

/// Those of the parameters that `is_in` says.
template <class IsIn>
void add_buckets(std::vector<GradientBucket>& all, const RankWork& work, const RankGroup& group,
                 bool at_end, const IsIn& is_in) {
  const bool shards = work.layout.shard_optimizer > 0;
  std::vector<int64_t> elements;
  for (const ParameterSize& parameter : work.parameters())
    if (is_in(parameter)) elements.push_back(parameter.elements);
  const int64_t bytes =
      shards ? GradientShards::default_bucket_bytes : BucketedReduction::bucket_bytes;
  for (const Range& range : bucket_ranges(elements, bytes)) {
    int64_t sum = 0;
    for (int64_t i = range.begin; i < range.end; ++i) sum += elements[static_cast<size_t>(i)];
    const int64_t padded = shards ? group.ranks * in_each_range(sum, group.ranks) : sum;
    all.push_back({group, sum, padded, at_end});
  }
}

}  // namespace

RankGroup data_group(const RankWork& work) {
  return {work.ranks("cp") == 1 ? "dp" : "cp-dp", work.data_ranks(), work.data_rank()};
}

RankGroup group_along(const RankWork& work, const char* axis) {
  return {axis, work.ranks(axis), work.at(axis)};
}

std::vector<GradientBucket> gradient_buckets(const RankWork& work) {
  std::vector<GradientBucket> all;
  const bool sorted = work.layout.shard_optimizer > 0;  // chapter 09 has all in one row
  const auto is_expert = [](const ParameterSize& one) { return one.kind == Kind::expert; };
  for (const bool at_end : {false, true}) {
    if (at_end && !sorted) continue;
    add_buckets(all, work, data_group(work), at_end, [&](const ParameterSize& one) {
      return !is_expert(one) && (!sorted || work.is_partial(one) == at_end);
    });
  }
  if (work.model.experts > 0) add_buckets(all, work, group_along(work, "edp"), false, is_expert);
  return all;
}

PartialElements partial_elements(const RankWork& work, const ParameterSizes& parameters) {
  PartialElements sums;
  for (const ParameterSize& one : parameters) {
    if (!work.is_partial(one)) continue;
    (one.kind == Kind::tied ? sums.pp : sums.tp) += one.elements;
    sums.parameters += one.kind == Kind::tied ? 0 : 1;
  }
  return sums;
}

UnitElements units_of(const RankWork& work) {
  UnitElements units;
  const auto add = [&](const ParameterSizes& parameters) {
    const int64_t ranks = work.data_ranks();
    units.padded.push_back(ranks * in_each_range(elements_of(parameters), ranks));
    units.partial.push_back(partial_elements(work, parameters));
  };
  add(parameters_of_part(work.model, {.layers = {}}, work.place()));
  for (int64_t layer = 0; layer < work.model.layers; ++layer)
    add(parameters_of_block(work.model, work.place()));
  return units;
}

}  // namespace shard::chapter_23
