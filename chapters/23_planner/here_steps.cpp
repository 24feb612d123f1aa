#include "chapters/23_planner/here_steps.h"

#include <memory>

#include "chapters/13_sequence_parallel/batches.h"
#include "chapters/22_the_whole_grid/grid_recipe.h"
#include "common/base/clock.h"

namespace shard::chapter_23 {

std::vector<HereModel> models_here() {
  const auto model = [](int64_t layers, int64_t width, int64_t heads, int64_t batch) {
    return HereModel{{.name = text(layers, " × ", width),
                      .layers = layers,
                      .width = width,
                      .heads = heads,
                      .context = 128,
                      .vocabulary = 2048},
                     batch};
  };
  return {model(4, 256, 4, 8), model(6, 384, 6, 4), model(4, 512, 8, 4)};
}

std::vector<Layout> layouts_here(int64_t ranks) {
  std::vector<Layout> all;
  if (ranks == 1) {
    for (const Recompute recompute : {Recompute::none, Recompute::full}) {
      for (const int64_t micro_batch : {1, 2, 4})
        all.push_back({.micro_batch = micro_batch, .recompute = recompute});
    }
    return all;
  }
  const Layout tp{.tp = ranks, .micro_batch = 4}, dp{.dp = ranks, .micro_batch = 1},
      pp{.pp = ranks};
  const auto with = [&](Layout layout, const auto& change) {
    change(layout);
    all.push_back(layout);
  };
  all = {tp, {.cp = ranks, .micro_batch = 4}, dp, pp};
  with(tp, [](Layout& l) { l.sequence_parallel = true; });
  with(tp, [](Layout& l) { l.sequence_parallel = true, l.recompute = Recompute::full; });
  with(dp, [](Layout& l) { l.shard_optimizer = 1, l.micro_batch = 2; });
  with(dp, [](Layout& l) { l.shard_optimizer = 2; });
  with(dp, [](Layout& l) { l.shard_optimizer = 3; });
  with(pp, [](Layout& l) { l.schedule = "interleaved", l.chunks = 2; });
  return all;
}

namespace {

/// Chapter 22's training of a model in a layout.
class Training {
 public:
  Training(Runtime& runtime, const HereModel& model, const Layout& layout)
      : sizes_{.vocabulary = model.shape.vocabulary,
               .context = model.shape.context,
               .width = model.shape.width,
               .heads = model.shape.heads,
               .layers = model.shape.layers} {
    settings_.batch = model.batch;
    settings_.accumulate = layout.micro_batches(model.batch);
    settings_.seed = runtime.options().seed;
    const chapter_22::Switches switches{.sequence_parallel = layout.sequence_parallel,
                                        .recompute = layout.recompute,
                                        .shard_optimizer = layout.shard_optimizer,
                                        .cp = layout.cp,
                                        .pp = layout.pp,
                                        .schedule = layout.schedule,
                                        .chunks = layout.chunks};
    const Recipe recipe = chapter_22::recipe_of(switches, settings_);
    grid_ = recipe.grid(runtime.world(), static_cast<int>(layout.tp), static_cast<int>(layout.dp));
    model_ = recipe.model(*grid_, sizes_, {settings_.seed, 0.02f, 0.0f});
    trainer_.emplace(grid_->data(), recipe.parts(*grid_, *model_, settings_), settings_);
  }

  void step(Backend& backend) {
    trainer_->step(step_, [&](Range range) {
      return chapter_13::random_batch(backend, sizes_, settings_.seed, step_, range);
    });
    ++step_;
  }

 private:
  GptSizes sizes_;
  TrainingSettings settings_;
  std::unique_ptr<Grid> grid_;
  std::unique_ptr<LanguageModel> model_;
  std::optional<Trainer> trainer_;
  int64_t step_ = 0;
};

}  // namespace

std::vector<std::vector<double>> measured_steps(Runtime& runtime, const HereModel& model,
                                                const std::vector<Layout>& layouts,
                                                int64_t rounds) {
  constexpr int64_t warm_up = 2;  // what is allocated or connected only once
  std::vector<std::unique_ptr<Training>> trainings;
  for (const Layout& layout : layouts)
    trainings.push_back(std::make_unique<Training>(runtime, model, layout));
  std::vector<std::vector<double>> seconds(trainings.size());
  for (int64_t round = 0; round < warm_up + rounds; ++round) {
    for (size_t i = 0; i < trainings.size(); ++i) {
      runtime.world().barrier();
      const double start = now();
      trainings[i]->step(runtime.backend());
      const double slowest = runtime.world().max_of(now() - start);
      if (round >= warm_up) seconds[i].push_back(slowest);
    }
  }
  return seconds;
}

}  // namespace shard::chapter_23
