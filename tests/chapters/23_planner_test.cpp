// Ranks: 1. CPU only.
// The planner's layouts, memory and search. The search is compared with loops over everything.
#include <map>

#include "chapters/14_recompute/costs.h"
#include "chapters/18_pipeline/schedule.h"
#include "chapters/19_interleaved_pipeline/named_schedule.h"
#include "chapters/23_planner/explain.h"
#include "chapters/23_planner/search.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_23;

namespace {

const ModelShape dense{
    .name = "dense", .layers = 8, .width = 1536, .heads = 12, .context = 512, .vocabulary = 4000};

ModelShape with_experts(int64_t experts) {
  ModelShape model = dense;
  model.name = "with experts";
  model.experts = experts;
  return model;
}

/// Nodes of 4, and memory for about a third of the dense model's state.
Cluster small_cluster(double memory = 2e9) {
  Cluster cluster;
  cluster.name = "small";
  cluster.peak = 100e12;
  cluster.memory = memory;
  cluster.memory_bandwidth = 1e12;
  cluster.node = 4;
  cluster.inside = {.latency = 1e-5, .bandwidth = 100e9};
  cluster.between = {.latency = 2e-5, .bandwidth = 10e9};
  cluster.product_share = 0.8;
  cluster.product_edge = 100;
  cluster.memory_share = 0.7;
  cluster.pass_overhead = 1e-4;
  cluster.between_share = 0.6;
  return cluster;
}

Job job_of(const ModelShape& model, int64_t gpus, int64_t batch, const char* software,
           double memory = 2e9) {
  return {.model = model,
          .gpus = gpus,
          .batch = batch,
          .cluster = small_cluster(memory),
          .software = software_named(software)};
}

using Sizes = std::array<int64_t, 5>;
Sizes grid_of(const Layout& l) { return {l.tp, l.cp, l.pp, l.dp, l.ep}; }

/// All of these layouts with each of these values.
template <class Value>
std::vector<Layout> with_each(const std::vector<Layout>& layouts, Value Layout::*field,
                              const std::vector<Value>& values) {
  std::vector<Layout> all;
  for (const Layout& layout : layouts) {
    for (const Value& value : values) {
      all.push_back(layout);
      all.back().*field = value;
    }
  }
  return all;
}

std::vector<int64_t> up_to(int64_t most) {
  std::vector<int64_t> numbers;
  for (int64_t number = 1; number <= most; ++number) numbers.push_back(number);
  return numbers;
}

std::vector<Layout> all_grids(int64_t gpus) {
  std::vector<Layout> grids{{}};
  for (int64_t Layout::*size : {&Layout::tp, &Layout::cp, &Layout::pp, &Layout::dp, &Layout::ep}) {
    grids = with_each(grids, size, up_to(gpus));
    std::erase_if(grids, [&](const Layout& l) { return l.ranks() > gpus || l.ep > l.cp * l.dp; });
  }
  std::erase_if(grids, [&](const Layout& l) { return l.ranks() < gpus; });
  return grids;
}

/// All uses of a grid, GPipe and every recomputation included.
std::vector<Layout> all_uses(const Layout& grid, const Job& job) {
  std::vector<Layout> all = with_each({grid}, &Layout::micro_batch, up_to(job.batch));
  all = with_each(all, &Layout::schedule, schedule_names());
  all = with_each(all, &Layout::chunks, up_to(job.model.layers));
  std::erase_if(all, [&](const Layout& l) {
    return (l.chunks > 1 && job.model.layers % (l.pp * l.chunks) != 0) ||
           !problem_of(l, job.model, job.batch).empty();
  });
  all = with_each(all, &Layout::sequence_parallel, {false, true});
  all =
      with_each(all, &Layout::recompute, {Recompute::full, Recompute::selective, Recompute::none});
  all = with_each(all, &Layout::shard_optimizer, {0, 1, 2, 3});
  std::erase_if(all, [&](const Layout& l) {
    return !has(job.software, l) || !problem_of(l, job.model, job.batch).empty();
  });
  return all;
}

/// The fastest step of each grid on which something fits.
std::map<Sizes, double> by_brute_force(const Job& job) {
  std::map<Sizes, double> best;
  const ValueBytes bytes = value_bytes(job.cluster, job.software);
  for (const Layout& grid : all_grids(job.gpus)) {
    for (const Layout& layout : all_uses(grid, job)) {
      if (memory_of_fullest(job.model, layout, job.batch, bytes).total() > job.cluster.memory)
        continue;
      const double seconds =
          step_time(job.model, layout, job.batch, job.cluster, job.software).total();
      const auto [found, is_new] = best.emplace(grid_of(layout), seconds);
      if (!is_new) found->second = std::min(found->second, seconds);
    }
  }
  return best;
}

std::string problem(const std::string& layout, const ModelShape& model = dense,
                    int64_t batch = 48) {
  return problem_of(layout_from(layout), model, batch);
}

std::string refusal(const std::string& layout) {
  return message_of<UsageError>([&] { layout_from(layout); });
}

double total(const ModelShape& model, const Layout& layout, int64_t batch) {
  return memory_of_fullest(model, layout, batch).total();
}

}  // namespace

TEST_CASE("a layout as text, and back") {
  for (const std::string text : {"tp=1", "tp=8,pp=4,dp=3,chunks=2,sp,recompute=selective,shard=1",
                                 "cp=2,dp=6,ep=4,micro=3", "pp=4,recompute=full,schedule=zb-h1",
                                 "tp=2,pp=3,shard=2,schedule=gpipe", "pp=2,schedule=interleaved"})
    CHECK(to_string(layout_from(text)) == text);
  CHECK(to_string(layout_from("pp=4,full,zb-h1")) == "pp=4,recompute=full,schedule=zb-h1");
  const Layout layout = layout_from("pp=2,chunks=3,sp=1,micro=4");
  CHECK(layout.schedule == "interleaved");
  CHECK(layout.sequence_parallel);
  CHECK(layout.micro_batches(24) == 6);
  CHECK_FALSE(layout_from("tp=2,sp=0").sequence_parallel);
}

TEST_CASE("what is no layout is refused in one sentence") {
  CHECK(contains(refusal("tp=x"), "tp=x is not a whole number"));
  CHECK(contains(refusal("tp=0"), "tp=0 is not a whole number from 1"));
  CHECK(contains(refusal("dp=99999999999999999999"), "dp=99999999999999999999 is not a whole"));
  CHECK(contains(refusal("tp"), "tp= is not a whole number"));
  CHECK(contains(refusal("tp=2,tp=4"), "tp is there twice"));
  CHECK(contains(refusal("fsdp=2"), "there is no \"fsdp\""));
  CHECK(contains(refusal(""), "there is no \"\""));
  CHECK(contains(refusal("tp=2,"), "there is no \"\""));
  CHECK(contains(refusal("recompute=some"), "it is none, selective or full"));
  CHECK(contains(refusal("schedule=2f2b"), "it is gpipe, 1f1b, interleaved or zb-h1"));
  CHECK(contains(refusal("shard=4"), "shard=4"));
  CHECK(contains(refusal("tp=1048576,dp=1048576"), "more than 1048576 ranks"));
}

TEST_CASE("a problem names both numbers") {
  CHECK(problem("tp=4,pp=4,dp=3,sp,chunks=2").empty());
  CHECK(contains(problem("tp=5"), "12 heads cannot be divided evenly among tp=5"));
  CHECK(contains(problem("cp=1024"), "512 tokens cannot be cut among cp=1024"));
  CHECK(contains(problem("tp=4,cp=512,sp"), "1 rows are fewer than tp=4"));
  CHECK(contains(problem("pp=3,chunks=3"), "8 layers are too few for pp=3 × chunks=3"));
  CHECK(contains(problem("dp=5"), "48 sequences cannot be divided into dp=5 × micro-batches of 1"));
  CHECK(contains(problem("dp=4,micro=5"), "dp=4 × micro-batches of 5"));
  CHECK(contains(problem("pp=2,schedule=interleaved"), "chunks of 2 or more, not 1"));
  CHECK(contains(problem("pp=2,chunks=2,schedule=gpipe"), "chunks=2 needs schedule=interleaved"));
  CHECK(contains(problem("chunks=2"), "chunks=2 needs pp above 1"));
  CHECK(contains(problem("pp=2,dp=2,shard=3"), "shard=3 with pp=2"));
  CHECK(contains(problem("pp=2,dp=2,chunks=2,shard=2"), "shard=2 with schedule=interleaved"));
  CHECK(contains(problem("ep=2,dp=2"), "ep=2 needs a model with experts"));
  CHECK(problem("dp=4,ep=2", with_experts(6)).empty());
  CHECK(contains(problem("dp=3,ep=2", with_experts(6)), "ep=2 does not divide the 3 ranks"));
  CHECK(contains(problem("dp=8,ep=8", with_experts(6)), "ep=8 ranks for 6 experts"));
  CHECK(contains(problem("dp=2", with_experts(1)), "top-k 2 of 1 expert cannot"));
  CHECK(contains(problem("dp=2,shard=3", with_experts(6)), "shard=3 with 6 experts"));
  ModelShape odd = dense;
  odd.width = 1000;
  CHECK(contains(problem("tp=1", odd), "width 1000 is not divisible by 12 heads"));
}

TEST_CASE("micro-batches that a stage keeps are those of the schedules' lists") {
  std::vector<Layout> layouts = with_each({Layout{}}, &Layout::pp, up_to(5));
  layouts = with_each(layouts, &Layout::schedule, schedule_names());
  layouts = with_each(layouts, &Layout::chunks, up_to(3));
  std::erase_if(layouts, [](const Layout& l) {
    return (l.schedule == "interleaved") != (l.chunks > 1) || (l.chunks > 1 && l.pp == 1);
  });
  for (const Layout& layout : layouts) {
    const auto pp = static_cast<int>(layout.pp), chunks = static_cast<int>(layout.chunks);
    for (int64_t m = 1; m <= 12; ++m) {
      const Schedule lists = named_schedule(layout.schedule, pp, m, chunks);
      for (size_t stage = 0; stage < lists.size(); ++stage) {
        CAPTURE(to_string(layout));
        CAPTURE(m);
        CAPTURE(stage);
        CHECK(micro_batches_kept(layout, m, static_cast<int64_t>(stage)) * chunks ==
              doctest::Approx(static_cast<double>(most_in_flight(lists[stage]))));
      }
    }
  }
}

TEST_CASE("bytes of a layer: table 2 of arXiv:2205.05198") {
  const ModelShape gpt3{.name = "gpt3-175b",
                        .layers = 96,
                        .width = 12288,
                        .heads = 96,
                        .context = 2048,
                        .vocabulary = 51200};
  const double unit = 2048.0 * 12288, scores = 5.0 * 96 * 2048 / 12288;  // of one sequence
  const auto kept = [&](const char* layout) {
    return kept_of_layer(gpt3, layout_from(layout)) / unit;
  };
  CHECK(kept("tp=1") == doctest::Approx(34 + scores));
  CHECK(kept("tp=8") == doctest::Approx(10 + 24.0 / 8 + scores / 8));
  CHECK(kept("tp=8,sp") == doctest::Approx((34 + scores) / 8));
  CHECK(kept("tp=8,recompute=selective") == doctest::Approx(10 + 24.0 / 8));
  CHECK(kept("tp=8,sp,recompute=selective") == doctest::Approx(34.0 / 8));
  CHECK(kept("tp=8,recompute=full") == doctest::Approx(2));
  CHECK(kept("tp=8,micro=3") == doctest::Approx(3 * kept("tp=8")));
  CHECK(kept("cp=4") == doctest::Approx(kept("tp=1") / 4));
}

TEST_CASE("bytes of a layer in f32: chapter 14's") {
  Cluster cpu = small_cluster();
  cpu.bytes_per_value = 4;
  const ValueBytes bytes = value_bytes(cpu, software_named("shard"));
  CHECK(bytes.weight + bytes.gradient + bytes.optimizer == 16);
  for (const int tp : {1, 4})
    CHECK(kept_of_layer(dense, {.tp = tp, .micro_batch = 3}, bytes) ==
          static_cast<double>(kept_bytes(Design::fused, {.batch = 3,
                                                         .context = dense.context,
                                                         .width = dense.width,
                                                         .heads = dense.heads,
                                                         .hidden = dense.mlp_width(),
                                                         .ranks = tp})));
}

TEST_CASE("what changes memory, and which way") {
  std::vector<Layout> layouts;
  for (const char* text : {"tp=4,dp=2", "tp=3,pp=4,dp=2", "tp=2,pp=2,chunks=2,cp=2,dp=3",
                           "tp=2,pp=4,dp=2,schedule=zb-h1", "tp=2,pp=2,dp=2,schedule=gpipe"})
    layouts.push_back(layout_from(text));
  layouts = with_each(layouts, &Layout::recompute,
                      {Recompute::none, Recompute::selective, Recompute::full});
  for (const ModelShape& model : {dense, with_experts(6)}) {
    for (const Layout& layout : layouts) {
      CAPTURE(to_string(layout));
      const auto with = [&](auto field, auto value) {
        Layout changed = layout;
        changed.*field = value;
        return total(model, changed, 48);
      };
      const double usual = total(model, layout, 48);
      CHECK(with(&Layout::sequence_parallel, true) < usual);
      CHECK(with(&Layout::micro_batch, 2) > usual);
      CHECK(with(&Layout::shard_optimizer, 1) < usual);
    }
  }
}

TEST_CASE("the more is recomputed, the less is kept") {
  for (const char* base : {"tp=4", "pp=4", "tp=2,sp,pp=2,chunks=2,cp=2"}) {
    std::vector<double> bytes;
    for (const Recompute kind : {Recompute::none, Recompute::selective, Recompute::full}) {
      Layout layout = layout_from(base);
      layout.recompute = kind;
      bytes.push_back(total(dense, layout, 48));
    }
    CHECK(bytes[0] > bytes[1]);
    CHECK(bytes[1] > bytes[2]);
  }
}

TEST_CASE("sharding shares out its kind among cp × dp, experts' among the ranks that have them") {
  const ModelShape model = with_experts(6);
  Layout layout = layout_from("tp=2,cp=2,dp=6,ep=3");
  const Memory whole = memory_of(model, layout, 48, 0);
  layout.shard_optimizer = 2;
  const Memory sharded = memory_of(model, layout, 48, 0);
  const HeldParameters held = held_by(model, layout, 0);
  CHECK(held.experts > 0);
  const double part = (held.all - held.experts) / 12 + held.experts / 4;
  CHECK(whole.weights == doctest::Approx(2 * held.all));
  CHECK(sharded.weights == whole.weights);
  CHECK(sharded.gradients == doctest::Approx(4 * part));
  CHECK(sharded.optimizer == doctest::Approx(12 * part));
}

TEST_CASE("the fullest of all stages is the first or the last") {
  for (const std::string base : {"pp=3", "pp=8", "pp=4,schedule=zb-h1", "pp=3,schedule=gpipe",
                                 "pp=2,chunks=3", "pp=3,chunks=2"}) {
    const Layout layout = layout_from(base);
    double most = 0;
    for (int64_t stage = 0; stage < layout.pp; ++stage)
      most = std::max(most, memory_of(dense, layout, 48, stage).total());
    CAPTURE(base);
    CHECK(total(dense, layout, 48) == most);
  }
}

TEST_CASE("the search finds what loops over everything find") {
  struct Case {
    ModelShape model;
    int64_t gpus, batch;
    const char* software;
    double memory;
  };
  for (const auto& [model, gpus, batch, software, memory] :
       {Case{dense, 12, 24, "megatron-2022", 2e9}, Case{dense, 12, 24, "shard", 2e9},
        Case{dense, 8, 16, "megatron-core", 1.5e9}, Case{dense, 16, 12, "megatron-2021", 40e9},
        Case{with_experts(4), 12, 6, "shard", 3e9}}) {
    const Job job = job_of(model, gpus, batch, software, memory);
    const std::map<Sizes, double> expected = by_brute_force(job);
    const SearchResult found = search(job);
    CHECK(found.best.size() == expected.size());
    CHECK(found.best.size() > 3);
    double before = 0;
    for (const Candidate& one : found.best) {
      CAPTURE(to_string(one.layout));
      CHECK(expected.contains(grid_of(one.layout)));
      CHECK(one.time.total() == expected.at(grid_of(one.layout)));
      CHECK(one.time.total() >= before);
      before = one.time.total();
      CHECK(one.memory.total() <= memory);
      CHECK(one.memory.total() == candidate_of(job, one.layout).memory.total());
    }
  }
}

TEST_CASE("the fewest GPUs are named, and one node fewer does not do") {
  Job job = job_of(dense, 1, 48, "megatron-2022", 0.5e9);
  const std::optional<Layout> fewest = fewest_gpus(job);
  REQUIRE(fewest.has_value());
  const std::string sentence = message_of<UsageError>([&] { require_found(search(job), job); });
  CHECK(contains(sentence, text("needs at least ", fewest->ranks(), " GPUs of 0.5 GB: with ")));
  for (job.gpus = 1; job.gpus < fewest->ranks(); ++job.gpus) {
    if (job.gpus <= job.cluster.node || job.gpus % job.cluster.node == 0)
      CHECK(search(job).best.empty());
  }
  job.gpus = fewest->ranks();
  CHECK_FALSE(search(job).best.empty());
  job.cluster.memory = 1e6;
  CHECK(contains(message_of<UsageError>([&] { require_found(search(job), job); }),
                 "fits on no number of GPUs of 0.001 GB up to 65536"));
  job.gpus = 1031;  // a prime number, more than the tokens of a sequence
  CHECK(contains(message_of<UsageError>([&] { require_found(search(job), job); }),
                 "cannot be spread over 1031 GPUs"));
}

TEST_CASE("16384 GPUs are searched") {
  ModelShape gpt3{.name = "gpt3-175b",
                  .layers = 96,
                  .width = 12288,
                  .heads = 96,
                  .context = 2048,
                  .vocabulary = 51200};
  const SearchResult found = search(job_of(gpt3, 16384, 16384, "shard", 80e9));
  CHECK(found.layouts > 100000);
  CHECK(found.best.size() > 100);
  CHECK(found.best.front().layout.ranks() == 16384);
}

TEST_CASE("the parts of a prediction are its sum, and its speed") {
  const Job job = job_of(dense, 8, 48, "megatron-2022");
  const Candidate candidate = candidate_of(job, layout_from("tp=2,pp=2,dp=2,sp,shard=1"));
  double seconds = 0, bytes = 0;
  for (const CostPart& part : parts_of(candidate.time)) seconds += part.value;
  for (const CostPart& part : parts_of(candidate.memory)) bytes += part.value;
  CHECK(seconds == doctest::Approx(candidate.time.total()));
  CHECK(bytes == doctest::Approx(candidate.memory.total()));
  const Speed speed = speed_of(job, candidate);
  CHECK(speed.tokens * candidate.time.total() == doctest::Approx(48 * 512));
  CHECK(speed.mfu == speed.hfu);
  CHECK(speed.hardware == doctest::Approx(speed.hfu * 100e12));
  CHECK(speed.mfu > 0.01);
  CHECK(speed.mfu < 0.8);
}
