// Ranks: 1. CPU only.
// The planner's memory in f32, which follows a paper, beside what chapter 22's ranks keep and hold
// to the byte.
#include "chapters/23_planner/kept.h"
#include "chapters/23_planner/memory.h"
#include "chapters/23_planner/state.h"
#include "tests/test_support.h"

using namespace shard;
using namespace shard::chapter_23;

TEST_CASE("memory in f32 is that of chapter 22's ranks, but for what is small") {
  ModelShape model;
  model.layers = 6, model.width = 384, model.heads = 12, model.context = 128;
  model.vocabulary = 2048;
  Cluster cpu;
  cpu.bytes_per_value = 4;
  const ValueBytes bytes = value_bytes(cpu, software_named("shard"));
  constexpr int64_t batch = 24;
  for (const char* text :
       {"tp=1", "tp=2,dp=3", "tp=3,sp", "pp=2", "pp=3,dp=2", "tp=2,pp=2,sp,recompute=full",
        "recompute=full", "dp=2,shard=1", "dp=4,shard=2", "dp=2,shard=3", "pp=2,chunks=3", "cp=2",
        "cp=4,dp=2,shard=1", "pp=3,schedule=gpipe"}) {
    Layout layout = layout_from(text);
    layout.micro_batch = 2;
    for (int64_t stage = 0; stage < layout.pp; ++stage) {
      CAPTURE(text);
      CAPTURE(stage);
      const RankWork work(model, layout, batch, static_cast<int>(stage * layout.tp * layout.cp));
      const Memory memory = memory_of(model, layout, batch, stage, bytes);
      const StateBytes state = state_of(work).between_steps;
      // a range ends at a whole number of values; a loss keeps a few numbers of a token
      CHECK(memory.weights == doctest::Approx(static_cast<double>(state.weights)).epsilon(1e-3));
      CHECK(memory.gradients ==
            doctest::Approx(static_cast<double>(state.gradients)).epsilon(1e-3));
      CHECK(memory.optimizer ==
            doctest::Approx(static_cast<double>(state.optimizer)).epsilon(1e-3));
      // with cut rows, chapter 13 keeps all rows of the head's input
      const double kept = static_cast<double>(kept_in_step(work).between_passes),
                   head = layout.sequence_parallel && stage + 1 == layout.pp
                              ? 4.0 * 2 * 128 * 384 * (1 - 1.0 / static_cast<double>(layout.tp))
                              : 0;
      CHECK(memory.activations + head == doctest::Approx(kept).epsilon(4e-3));
    }
  }
}
