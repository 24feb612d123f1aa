#include "chapters/23_planner/traffic.h"

#include "chapters/15_sharded_optimizer/costs.h"
#include "chapters/18_pipeline/message_plan.h"
#include "chapters/20_context_parallel/ring_traffic.h"
#include "chapters/20_context_parallel/sequence_cut.h"
#include "chapters/22_the_whole_grid/recomputed_rows.h"
#include "chapters/23_planner/gradient_buckets.h"

namespace shard::chapter_23 {
namespace {

int64_t layers_of(const RankWork& work) {
  int64_t layers = 0;
  for (const GptStage& part : work.parts()) layers += part.layers.size();
  return layers;
}

/// How many forward passes a block has in a micro-batch.
int64_t forwards(const RankWork& work) { return work.recomputes() ? 2 : 1; }

Calls sum_of(int64_t elements) { return {Collective::all_reduce, 1, 4 * elements}; }

// ---- In each micro-batch ------------------------------------------------------------------------

void add_tensor_parallel(PredictedLedger& ledger, const RankWork& work, const GptStage& part) {
  const RankGroup tp = group_along(work, "tp");
  const ModelWork model = work.work_of(part);
  const int64_t recomputed = work.recomputed_in(part), tokens = model.block.tokens(),
                times = work.micro_batches;
  if (!work.layout.sequence_parallel) {
    // an MLP's sum is not computed again, that of a mixture is
    const int64_t halves = work.model.experts > 0 ? 2 : 1;
    return ledger.add(tp, calls_of(model, halves * recomputed), times);
  }
  const RowCollectives rows =
      row_collectives(model.layers, (part.embedding ? 1 : 0) + (part.head ? 1 : 0));
  const auto& [gathers, scatters] = added_by_recomputing;
  ledger.gather_rows(tp, times * (rows.all_gathers + recomputed * gathers), tokens,
                     work.model.width);
  ledger.scatter_rows(tp, times * (rows.reduce_scatters + recomputed * scatters), tokens,
                      work.model.width);
  if (part.head) ledger.add(tp, calls_of_loss(tokens), times);
}

void add_ring(PredictedLedger& ledger, const RankWork& work) {
  const RankGroup cp = group_along(work, "cp");
  const SequenceCut cut(CutKind::zigzag, cp.ranks);
  std::vector<int64_t> kv_bytes;
  for (int owner = 0; owner < cp.ranks; ++owner) {
    const int64_t tokens = work.layout.micro_batch * cut.tokens(work.model.context, owner);
    kv_bytes.push_back(4 * tokens * 2 * work.model.width / work.layout.tp);
  }
  const int64_t layers = work.micro_batches * layers_of(work);
  const auto add = [&](const RingTraffic& ring, int64_t times) {
    ledger.add_messages(cp, {Collective::send, ring.messages * times, ring.sent * times});
    ledger.add_messages(cp, {Collective::receive, ring.messages * times, ring.received * times});
  };
  add(forward_ring_traffic(kv_bytes, cp.rank), forwards(work) * layers);
  add(backward_ring_traffic(kv_bytes, cp.rank), layers);
}

void add_experts(PredictedLedger& ledger, const RankWork& work) {
  const ExpertWork mixture = work.expert_work();
  const int64_t layers = work.micro_batches * layers_of(work);
  const RankGroup all{"cp-dp", work.data_ranks(), work.data_rank()};
  ledger.add(group_along(work, "tp"), {sums_over_tp(mixture, forwards(work)).back()}, layers);
  ledger.add(all, {gathers_of_counts(mixture, forwards(work))}, layers);
  ledger.add(group_along(work, "ep"), {exchanges_of(mixture, forwards(work))}, layers);
}

void add_messages(PredictedLedger& ledger, const RankWork& work) {
  const RankGroup pp = group_along(work, "pp");
  const int64_t messages = messages_of_stage(
                    pp.rank, pp.ranks, static_cast<int>(work.layout.chunks), work.micro_batches),
                bytes = messages * input_bytes(work.work_of({}).block);
  ledger.add_messages(pp, {Collective::send, messages, bytes});
  ledger.add_messages(pp, {Collective::receive, messages, bytes});
  ledger.broadcast(pp, 1, pp.ranks - 1);  // the loss, which the last stage has
}

// ---- Once a step --------------------------------------------------------------------------------

void add_partial_sums(PredictedLedger& ledger, const RankWork& work,
                      const PartialElements& elements, int64_t times = 1) {
  if (elements.tp > 0) ledger.add(group_along(work, "tp"), {sum_of(elements.tp)}, times);
  if (elements.pp > 0) {  // by the two stages at the ends
    const int place = work.at("pp") == 0 ? 0 : 1;
    ledger.add(RankGroup{"pp", 2, place}, sum_of(elements.pp));
  }
}

void add_gradients(PredictedLedger& ledger, const RankWork& work) {
  const int64_t zero = work.layout.shard_optimizer;
  add_partial_sums(ledger, work, partial_elements(work, work.parameters()));
  for (const GradientBucket& bucket : gradient_buckets(work)) {
    if (zero == 0) {
      ledger.add(bucket.group, sum_of(bucket.elements));
      continue;
    }
    const int64_t reductions = zero == 2 && !bucket.at_end ? work.micro_batches : 1;
    ledger.add(bucket.group, scatters_of_bucket(bucket.padded, reductions));
    ledger.add(bucket.group, gather_of_bucket(bucket.padded, bucket.group.ranks, 4));
  }
}

void add_units(PredictedLedger& ledger, const RankWork& work) {
  const UnitElements units = units_of(work);
  const RankGroup data = data_group(work);
  ledger.add(data, gathers_of_units(units.padded, data.ranks, work.micro_batches));
  ledger.add(data, scatters_of_units(units.padded, work.micro_batches));
  for (size_t unit = 0; unit < units.partial.size(); ++unit)
    add_partial_sums(ledger, work, units.partial[unit], unit == 0 ? 1 : work.micro_batches);
}

}  // namespace

Ledger traffic_of(const RankWork& work) {
  PredictedLedger ledger;
  for (const GptStage& part : work.parts()) add_tensor_parallel(ledger, work, part);
  if (work.layout.cp > 1) add_ring(ledger, work);
  if (work.model.experts > 0) add_experts(ledger, work);
  if (work.layout.pp > 1) add_messages(ledger, work);
  work.layout.shard_optimizer == 3 ? add_units(ledger, work) : add_gradients(ledger, work);
  ledger.add(data_group(work), sum_of(1));  // the loss
  ledger.add(RankGroup{"world", static_cast<int>(work.layout.ranks()), work.rank}, sum_of(1));
  return ledger.ledger();
}

}  // namespace shard::chapter_23
