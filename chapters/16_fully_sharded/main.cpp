// Chapter 16: fully sharded weights (ZeRO-3, FSDP). No rank holds the model: each keeps a part of
// every unit, and gathers a whole unit only while its layers compute.
#include "chapters/15_sharded_optimizer/gradient_shards.h"
#include "chapters/16_fully_sharded/costs.h"
#include "chapters/16_fully_sharded/events.h"
#include "chapters/16_fully_sharded/failing_designs.h"
#include "chapters/16_fully_sharded/picture.h"
#include "chapters/16_fully_sharded/settings.h"
#include "chapters/16_fully_sharded/trial.h"
#include "common/base/counted.h"
#include "common/check/calls.h"
#include "common/check/reference.h"

using namespace shard;
using namespace shard::chapter_16;

void show_units(const Setup& setup) {
  Trial trial(setup, setup.sharding);
  setup.report.heading(text("The units, each cut in ", counted(setup.dp(), "part")));
  Table table({"unit", "first parameter", "last parameter", "elements", "in a part"});
  int64_t elements = 0, padded = 0;
  for (const auto& unit : trial.weights().units()) {
    const FlatBucket& flat = unit->flat();
    const int64_t in_part = flat.padded() / setup.dp();
    table.row({unit->name(), flat.parameters().front()->name, flat.parameters().back()->name,
               text(flat.elements()), text(in_part)});
    elements += flat.elements();
    padded += in_part;
  }
  table.row({"all", "", "", text(elements), text(padded)});
  setup.report.table(table);
}

void show_order(const Setup& setup, bool prefetch) {
  FullSharding sharding = setup.sharding;
  sharding.prefetch = prefetch;
  Trial trial(setup, sharding);
  const std::vector<std::string> units = trial.units();
  const std::vector<Event> events = events_of(setup.runtime.world(), units, [&] { trial.step(0); });
  setup.report.heading(
      text("One step ", prefetch ? "with" : "without", " prefetch, event by event"));
  const std::vector<std::string> lines = drawn(events, units);
  for (size_t i = 0; i < units.size(); ++i)
    setup.report.line(
        text("  ", units[i], std::string(8 - std::min<size_t>(7, units[i].size()), ' '), lines[i]));
  if (!prefetch) {
    setup.report.line(
        "  G gather starts, F forward, B backward, S scatter starts, x free; ─ the weights are "
        "there");
  }
  const std::string broken = broken_rule(events, units, prefetch);
  setup.report.check(prefetch ? "what a pass needs next is on its way when the pass begins"
                              : "every pass finds its weights, and those of one unit at a time",
                     broken.empty(), broken);
  const auto blocks = std::ssize(units) - 1;
  setup.report.check(
      text("2U - 1 gathers and U scatters for U = ", blocks, ", and one of each for the root"),
      count(events, "gather") - 1 == 2 * blocks - 1 && count(events, "scatter") - 1 == blocks &&
          count(events, "gather", "root") == 1 && count(events, "scatter", "root") == 1);
  if (prefetch) show_picture(setup, events, units);
}

void train_beside_chapter_15(const Setup& setup) {
  setup.report.heading("Training beside chapter 15, where only gradients and moments are sharded");
  Trial got(setup, setup.sharding), expected(setup, Sharding::gradients);
  Table table({"step", "loss", "loss, chapter 15", "gradient norm", "norm, chapter 15"});
  double of_losses = 0, of_norms = 0;
  for (int64_t step = 0; step < setup.settings.training.steps; ++step) {
    const Trainer::Step a = got.step(step), b = expected.step(step);
    table.row({text(step), fixed(a.loss, 6), fixed(b.loss, 6), fixed(a.gradient_norm, 6),
               fixed(b.gradient_norm, 6)});
    of_losses = reference::larger(of_losses, reference::relative_error(a.loss, b.loss));
    of_norms =
        reference::larger(of_norms, reference::relative_error(a.gradient_norm, b.gradient_norm));
  }
  setup.report.table(table);
  // On a CPU a part is summed in the order of the ranks, wherever it lies.
  const bool exact = setup.runtime.backend().device() == Device::cpu;
  setup.report.check("losses of all steps", of_losses, exact ? 0.0 : 1e-5);
  setup.report.check("gradient norms of all steps", of_norms, exact ? 1e-6 : 1e-4);
  setup.report.check("weights after the last step", weights_error(setup, got, expected),
                     exact ? 0.0 : 1e-4);
}

UnitSizes sizes_of(const FullySharded& weights) {
  UnitSizes padded;
  for (const auto& unit : weights.units()) padded.push_back(unit->flat().padded());
  return padded;
}

/// Whether the row has just these calls.
bool holds(const LedgerRow& row, const std::vector<Calls>& expected) {
  int64_t calls = 0, bytes = 0;
  for (const Calls& one : expected) calls += one.calls, bytes += one.bytes;
  return row.calls == calls && row.bytes == bytes;
}

void check_ledger(const Setup& setup, const Ledger& ledger, const FullySharded& weights) {
  const UnitSizes units = sizes_of(weights);
  const LedgerRow sums = row_of(ledger, Collective::all_reduce, "dp");
  setup.report.check("2U all-gathers of parts: 2Ψ/d but for the root and the last unit",
                     holds(row_of(ledger, Collective::all_gather, "dp"),
                           gathers_of_units(units, setup.dp(), 1)));
  setup.report.check("U + 1 reduce-scatters of whole gradients: Ψ",
                     holds(row_of(ledger, Collective::reduce_scatter, "dp"),
                           scatters_of_units(units, 1)));
  setup.report.check("one all-reduce, of the loss", sums.calls == 1 && sums.bytes == 4);
}

void show_ledger(const Setup& setup) {
  setup.report.heading("What a step sends between data-parallel ranks");
  Trial plain(setup, std::nullopt), zero(setup, Sharding::gradients), full(setup, setup.sharding);
  const Ledger of_plain = plain.ledger_of_step(), of_zero = zero.ledger_of_step(),
               of_full = full.ledger_of_step();
  const auto all = static_cast<double>(sent_in(of_plain, "dp"));
  Table table(
      {"", "all-reduces", "reduce-scatters", "all-gathers", "sent by a rank", "of the first"});
  const auto row = [&](const std::string& name, const Ledger& ledger) {
    const auto calls = [&](Collective op) { return text(row_of(ledger, op, "dp").calls); };
    const auto sent = static_cast<double>(sent_in(ledger, "dp"));
    table.row({name, calls(Collective::all_reduce), calls(Collective::reduce_scatter),
               calls(Collective::all_gather), bytes_text(sent),
               all == 0 ? "" : fixed(sent / all, 3)});
  };
  row("data parallel, chapter 10", of_plain);
  row("gradients and moments sharded, 15", of_zero);
  row("fully sharded", of_full);
  setup.report.table(table);
  check_ledger(setup, of_full, full.weights());
}

void show_memory(const Setup& setup) {
  setup.report.heading("Weights on a rank: the most bytes in a step");
  Table table({"", "most at one time", "between steps"});
  const auto trial = [&](const std::string& name, const FullSharding& sharding) {
    auto made = std::make_unique<Trial>(setup, sharding);
    made->step(0);
    const FullySharded& weights = made->weights();
    table.row({name, bytes_text(static_cast<double>(weights.peak_weight_bytes())),
               bytes_text(static_cast<double>(weights.weight_bytes()))});
    return made;
  };
  FullSharding sharding = setup.sharding;
  sharding.prefetch = true;
  const auto with = trial("prefetch: the root and two units", sharding);
  sharding.prefetch = false;
  const auto without = trial("no prefetch: the root and one unit", sharding);
  sharding.unit_blocks = setup.settings.sizes.layers;
  const auto one = trial("all blocks in one unit", sharding);
  const UnitSizes units = sizes_of(with->weights());
  const int64_t whole = own_weight_bytes(units, 1), part = own_weight_bytes(units, setup.dp());
  table.row({"data parallel: all weights", bytes_text(static_cast<double>(whole)),
             bytes_text(static_cast<double>(whole))});
  setup.report.table(table);
  setup.report.check("with prefetch Ψ/d + root + two units, to the byte",
                     with->weights().peak_weight_bytes() ==
                         peak_weight_bytes(units, setup.dp(), true));
  setup.report.check("without Ψ/d + root + one unit, to the byte",
                     without->weights().peak_weight_bytes() ==
                         peak_weight_bytes(units, setup.dp(), false));
  setup.report.check("between steps Ψ/d", with->weights().weight_bytes() == part &&
                                              without->weights().weight_bytes() == part);
  setup.report.check("in one unit nothing is saved: Ψ/d + Ψ at the most",
                     one->weights().peak_weight_bytes() >= part + whole);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("16_fully_sharded",
                  "weights that are gathered before their use, and freed after");
  add_options(options, settings);
  options.offer_picture("which weights a rank has, event by event");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    settings.training.seed = options.seed;
    complete(settings, runtime);
    report.layout(static_cast<int>(settings.tp), static_cast<int>(settings.dp));
    const chapter_10::Corpus corpus(chapter_10::source_of(settings), settings);
    Grid grid(runtime.world(),
              {{"tp", static_cast<int>(settings.tp)}, {"dp", static_cast<int>(settings.dp)}});
    const Setup setup{runtime,  report,      grid,
                      settings, corpus.data, {.unit_blocks = settings.unit_blocks}};
    show_units(setup);
    show_order(setup, false);
    show_order(setup, true);
    train_beside_chapter_15(setup);
    show_ledger(setup);
    show_memory(setup);
    show_accumulation(setup);
    show_failing_designs(setup);
  });
}
