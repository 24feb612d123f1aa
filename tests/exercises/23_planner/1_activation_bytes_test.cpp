// The answer is compared with the formula of Korthikanti et al., table 2, and this with the numbers
// that they publish.
#include "exercises/23_planner/1_activation_bytes.h"

#include "tests/exercises/23_planner/slips.h"

namespace shard {
namespace {

using Sizes = ActivationSizes;
using Bytes = Formula<Sizes>;

/// Bytes of a layer and a micro-batch, by kind, before anything is recomputed.
struct Kept {
  double norms, inputs, masks;  // between the sums
  double attention, mlp;        // inside
  double probabilities, score_masks, dropped;
};

double values_of(const Sizes& z) { return z.micro_batch * z.context * z.width; }  // b·s·h

Kept kept_of(const Sizes& z) {
  const double t = z.tp, inside = values_of(z) / t;
  const double between = z.sequence_parallel ? inside : values_of(z);
  const double scores = z.heads / t * z.context * z.context * z.micro_batch;
  return {4 * between, 4 * between, 2 * between, 8 * inside,
          16 * inside, 2 * scores,  scores,      2 * scores};
}

double layer_of(const Sizes& z, const Kept& kept) {
  if (z.recomputed == Recomputed::full) return kept.norms / 2;
  const double rest = kept.norms + kept.inputs + kept.masks + kept.attention + kept.mlp;
  if (z.recomputed == Recomputed::selective) return rest;
  return rest + kept.probabilities + kept.score_masks + kept.dropped;
}

/// Of all layers and one micro-batch, the share that the first stage keeps.
double share_in_flight(double p, double v, double m) {
  return v == 1 ? std::min(p, m) / p : std::min(p * v + p - 1, m * v) / (p * v);
}
double layers_in_flight(const Sizes& z) {
  return z.layers * share_in_flight(z.pp, z.chunks, z.micro_batches);
}

double right(const Sizes& z) { return layers_in_flight(z) * layer_of(z, kept_of(z)); }

using SizesSlip = Slip<Sizes>;

SizesSlip layer_slip(const std::string& diagnosis, const Bytes& layer) {
  return {diagnosis, [=](const Sizes& z) { return layers_in_flight(z) * layer(z); }};
}
/// `change` edits what a layer keeps.
SizesSlip kept_slip(const std::string& diagnosis,
                    const std::function<void(const Sizes&, Kept&)>& change) {
  return layer_slip(diagnosis, [=](const Sizes& z) {
    Kept kept = kept_of(z);
    change(z, kept);
    return layer_of(z, kept);
  });
}
SizesSlip flight_slip(const std::string& diagnosis,
                      const std::function<double(double p, double v, double m)>& share) {
  return {diagnosis, [=](const Sizes& z) {
            return z.layers * share(z.pp, z.chunks, z.micro_batches) * layer_of(z, kept_of(z));
          }};
}

std::vector<SizesSlip> slips_of_values() {
  const auto scaled = [](double factor) {
    return [=](const Sizes& z) { return factor * right(z); };
  };
  return {
      {"twice the right one: 34 and 5 are bytes, in which the 2 of a value are contained",
       scaled(2)},
      {"in GB: bytes are asked for", scaled(1e-9)},
      {"in GiB: bytes are asked for", scaled(1.0 / (1 << 30))},
      kept_slip("a number of elements: a value takes 2 bytes, and only a mask takes 1",
                [](const Sizes&, Kept& kept) {
                  for (double* values : {&kept.norms, &kept.inputs, &kept.attention, &kept.mlp,
                                         &kept.probabilities, &kept.dropped})
                    *values /= 2;
                }),
      kept_slip("without dropout's masks: two between the sums, and one of the scores",
                [](const Sizes&, Kept& kept) { kept.masks = kept.score_masks = 0; }),
      kept_slip("with masks of 2 bytes an element: a mask takes 1, only values take 2",
                [](const Sizes&, Kept& kept) { kept.masks *= 2, kept.score_masks *= 2; }),
      kept_slip("without GeLU's input: it is kept, and its output as well",
                [](const Sizes&, Kept& kept) { kept.mlp /= 2; }),
      kept_slip("with the probabilities only: their mask and what it leaves are kept, too",
                [](const Sizes&, Kept& kept) { kept.score_masks = kept.dropped = 0; }),
      layer_slip("made of quotients of whole numbers, such as 24 / tp, which are cut off: convert "
                 "to double first",
                 [](const Sizes& z) {
                   if (z.recomputed == Recomputed::full) return layer_of(z, kept_of(z));
                   const int64_t scores = z.recomputed == Recomputed::none
                                              ? 5 * z.heads * z.context / (z.width * z.tp)
                                              : 0;
                   const int64_t rest = z.sequence_parallel ? 34 / z.tp : 10 + 24 / z.tp;
                   return values_of(z) * (rest + scores);
                 })};
}

std::vector<SizesSlip> slips_of_factors() {
  const auto scores = [](const std::string& diagnosis, const Bytes& factor) {
    return kept_slip(diagnosis, [=](const Sizes& z, Kept& kept) {
      for (double* bytes : {&kept.probabilities, &kept.score_masks, &kept.dropped})
        *bytes *= factor(z);
    });
  };
  return {{"that of one sequence: a micro-batch has several",
           [](const Sizes& z) { return right(z) / z.micro_batch; }},
          scores("with half of the scores: the causal mask fills the other half with zeros, which "
                 "are kept, too",
                 [](const Sizes&) { return 0.5; }),
          scores("with scores of all pairs of tokens of the micro-batch: a token sees only its own "
                 "sequence",
                 [](const Sizes& z) { return z.micro_batch; }),
          scores("with one matrix of scores: every head has its own",
                 [](const Sizes& z) { return 1.0 / z.heads; }),
          scores("with the scores of all heads: a rank has a/t of them",
                 [](const Sizes& z) { return z.tp; })};
}

std::vector<SizesSlip> slips_of_tp() {
  const auto with = [](const std::string& diagnosis, const std::function<void(Sizes&)>& change) {
    return layer_slip(diagnosis, [=](Sizes z) {
      change(z);
      return layer_of(z, kept_of(z));
    });
  };
  return {
      with("not divided by tp at all: each rank has 1/t of what lies inside",
           [](Sizes& z) { z.tp = 1; }),
      with("divided by tp as a whole: without sequence parallelism every rank keeps all of what "
           "lies between the sums",
           [](Sizes& z) { z.sequence_parallel = true; }),
      with("the same with and without sequence parallelism, which divides what lies between the "
           "sums",
           [](Sizes& z) { z.sequence_parallel = false; }),
      kept_slip("with sequence parallelism in the wrong place: it divides what lies between the "
                "sums, and what lies inside is divided by tp already",
                [](const Sizes& z, Kept& kept) {
                  const double t = z.sequence_parallel ? z.tp : 1;
                  kept.norms *= t, kept.inputs *= t, kept.masks *= t;
                  kept.attention /= t, kept.mlp /= t;
                }),
      kept_slip("with the gathered inputs of two products: a rank keeps its own rows of them, and "
                "gathers them again",
                [](const Sizes& z, Kept& kept) { kept.inputs = 4 * values_of(z); })};
}

std::vector<SizesSlip> slips_of_recomputation() {
  const auto of = [](Recomputed which, const std::string& diagnosis,
                     const std::function<double(const Sizes&, const Kept&)>& layer) {
    return layer_slip(diagnosis, [=](const Sizes& z) {
      const Kept kept = kept_of(z);
      return z.recomputed == which ? layer(z, kept) : layer_of(z, kept);
    });
  };
  using enum Recomputed;
  return {
      of(selective, "with the scores' mask after selective recomputation: it is drawn again",
         [](const Sizes& z, const Kept& kept) { return layer_of(z, kept) + kept.score_masks; }),
      of(selective,
         "without Q, K and V after selective recomputation: the scores are computed again from "
         "them",
         [](const Sizes& z, const Kept& kept) {
           return layer_of(z, kept) - 0.75 * kept.attention;
         }),
      of(full,
         "that of two inputs with full recomputation: a layer keeps one, [b·s × h], and its second "
         "norm's input is computed again",
         [](const Sizes&, const Kept& kept) { return kept.norms; }),
      of(full, "with all rows of a layer's input: with sequence parallelism a rank has its own",
         [](const Sizes& z, const Kept&) { return 2 * values_of(z); }),
      of(full, "with 1/t of a layer's input: without sequence parallelism every rank has all of it",
         [](const Sizes& z, const Kept&) { return 2 * values_of(z) / z.tp; }),
      of(full, "with full recomputation that of one input a stage: every layer keeps its own",
         [](const Sizes& z, const Kept& kept) {
           return layer_of(z, kept) * z.pp * z.chunks / z.layers;
         })};
}

std::vector<SizesSlip> slips_of_flight() {
  const auto one_chunk = [](const std::string& diagnosis,
                            const std::function<double(double p, double m)>& share) {
    return flight_slip(diagnosis, [=](double p, double v, double m) {
      return v == 1 ? share(p, m) : share_in_flight(p, v, m);
    });
  };
  const auto chunks = [](const std::string& diagnosis,
                         const std::function<double(double p, double v, double m)>& share) {
    return flight_slip(diagnosis, [=](double p, double v, double m) {
      return v == 1 ? share_in_flight(p, v, m) : share(p, v, m);
    });
  };
  const std::string one_more = "when the first backward pass begins, one more has come in";
  return {
      flight_slip("that of one micro-batch: a stage keeps those of all that are in flight",
                  [](double p, double, double) { return 1 / p; }),
      flight_slip("that of all layers: a stage has 1/p of them",
                  [](double p, double v, double m) { return p * share_in_flight(p, v, m); }),
      flight_slip("with one pass too few: " + one_more,
                  [](double p, double v, double m) {
                    const double passes = v == 1 ? p - 1 : p * v + p - 2;
                    return std::min(passes, m * v) / (p * v);
                  }),
      one_chunk("that of p-1 micro-batches in flight: " + one_more,
                [](double p, double m) { return std::min(p - 1, m) / p; }),
      one_chunk("that of all micro-batches of a step, as in GPipe: 1F1B has p in flight",
                [](double p, double m) { return m / p; }),
      one_chunk("that of p micro-batches where a step has fewer", [](double, double) { return 1; }),
      one_chunk("right for several chunks, and with one chunk that of 2p-1 micro-batches: then the "
                "schedule is 1F1B",
                [](double p, double m) { return std::min(2 * p - 1, m) / p; }),
      chunks("more than that of all passes of a step: with as few micro-batches as stages there "
             "are m·v of them",
             [](double p, double v, double) { return (p * v + p - 1) / (p * v); }),
      chunks("right for one chunk, and the same for several: interleaved stages warm up longer. Is "
             "your (p-1)/(p·v) a quotient of whole numbers, which is 0?",
             [](double, double, double) { return 1; }),
      chunks("divided by p too often: 1 + (p-1)/(p·v) is the factor of all L layers",
             [](double p, double v, double m) { return share_in_flight(p, v, m) / p; }),
      chunks("with passes of whole stages: a chunk has L/(p·v) layers",
             [](double p, double v, double m) { return v * share_in_flight(p, v, m); })};
}

std::vector<SizesSlip> all_slips() {
  std::vector<SizesSlip> all;
  for (const auto& slips : {slips_of_values(), slips_of_factors(), slips_of_tp(),
                            slips_of_recomputation(), slips_of_flight()})
    all.insert(all.end(), slips.begin(), slips.end());
  return all;
}

/// Korthikanti et al., section 6: models on tp 8.
const Sizes model_22b{.context = 2048,
                      .width = 6144,
                      .heads = 64,
                      .layers = 48,
                      .micro_batch = 4,
                      .micro_batches = 1,
                      .tp = 8};
const Sizes model_175b{.context = 2048,
                       .width = 12288,
                       .heads = 96,
                       .layers = 96,
                       .micro_batch = 1,
                       .micro_batches = 64,
                       .tp = 8,
                       .pp = 8,
                       .chunks = 3};
const Sizes model_530b{.context = 2048,
                       .width = 20480,
                       .heads = 128,
                       .layers = 105,
                       .micro_batch = 1,
                       .micro_batches = 280,
                       .tp = 8,
                       .pp = 35,
                       .chunks = 3};
const Sizes model_1t{.context = 2048,
                     .width = 25600,
                     .heads = 160,
                     .layers = 128,
                     .micro_batch = 1,
                     .micro_batches = 512,
                     .tp = 8,
                     .pp = 64};

/// This test's formula gives the published GiB, without recomputation, and with both.
void require_published() {
  const auto require_gib = [](const char* name, Sizes z, double none, double both) {
    const double gib = 1 << 30;
    require(same_number(right(z), none * gib), name, ": ", right(z) / gib, " GiB, not ", none);
    z.sequence_parallel = true;
    z.recomputed = Recomputed::selective;
    require(same_number(right(z), both * gib), name, ": ", right(z) / gib, " GiB, not ", both);
  };
  require_gib("22B", model_22b, 59.25, 9.5625);
  require_gib("175B", model_175b, 66.84375, 12.3515625);
  require_gib("530B", model_530b, 114.0234375, 23.076171875);
  require_gib("1T", model_1t, 131.25, 26.5625);
}

/// A small and a published model, in steps that add one thing after the other.
struct CaseList {
  Sizes small, large;
  std::vector<NamedCase<Sizes>> cases{};

  using Change = std::function<void(Sizes&)>;
  void add(
      int step, const std::string& name, Sizes z, const Change& change = [](Sizes&) {}) {
    change(z);
    cases.push_back({name, z, step});
  }
  void add_both(int step, const std::string& name, const Change& change) {
    add(step, "the small model" + name, small, change);
    add(step, "the 22B model" + name, large, change);
  }
};

std::string shown(Recomputed recomputed) {
  if (recomputed == Recomputed::none) return "";
  return recomputed == Recomputed::full ? " and full recomputation"
                                        : " and selective recomputation";
}

/// One GPU, tp, sequence parallelism, recomputation.
void add_layers(CaseList& list) {
  list.add_both(0, " on one GPU", [](Sizes&) {});
  for (const int64_t tp : {2, 4})
    list.add_both(1, text(" with tp ", tp), [=](Sizes& z) { z.tp = tp; });
  list.add(1, "the small model with tp 3", list.small, [](Sizes& z) { z.tp = 3; });
  for (const int64_t tp : {1, 4}) {
    list.add_both(2, text(" with tp ", tp, " and sequence parallelism"),
                  [=](Sizes& z) { z.tp = tp, z.sequence_parallel = true; });
  }
  for (const auto recomputed : {Recomputed::selective, Recomputed::full}) {
    for (const bool sp : {false, true}) {
      list.add_both(3, text(" with tp 4", sp ? ", sequence parallelism" : "") + shown(recomputed),
                    [=](Sizes& z) {
                      z.tp = 4, z.sequence_parallel = sp, z.recomputed = recomputed;
                    });
    }
  }
}

/// 1F1B, fewer micro-batches than stages, chunks.
void add_stages(CaseList& list) {
  const auto stages = [&](int step, int64_t p, int64_t v, int64_t m) {
    list.add_both(step, text(" with pp ", p, ", chunks ", v, " and ", m, " micro-batches"),
                  [=](Sizes& z) { z.pp = p, z.chunks = v, z.micro_batches = m; });
  };
  for (const int64_t p : {2, 3, 8}) stages(4, p, 1, 16);
  list.add(4, "the 1T model", model_1t);
  for (const int64_t m : {1, 3, 4}) stages(5, 4, 1, m);
  for (const int64_t m : {4, 8, 16}) stages(6, 4, 3, m);
  for (const auto recomputed : {Recomputed::none, Recomputed::selective, Recomputed::full}) {
    list.add(6, "the 175B model with tp 8" + shown(recomputed), model_175b,
             [=](Sizes& z) { z.recomputed = recomputed; });
    list.add(6, "the 530B model with tp 8, sequence parallelism" + shown(recomputed), model_530b,
             [=](Sizes& z) { z.recomputed = recomputed, z.sequence_parallel = true; });
  }
}

std::vector<NamedCase<Sizes>> all_cases(const Examiner& examiner) {
  const auto random = [&](const char* name, int64_t least) {
    return least + 3 + static_cast<int64_t>(examiner.random_integers(1, 1, name, 3).values[0]);
  };
  CaseList list{.small = {.context = 12 * random("context", 1),
                          .width = 60 * random("width", 1),
                          .heads = 12,
                          .layers = 24 * random("layers", 1),
                          .micro_batch = random("micro_batch", 2)},
                .large = model_22b};
  list.large.tp = 1;
  add_layers(list);
  add_stages(list);
  return list.cases;
}

}  // namespace

void examine(Examiner& examiner) {
  require_published();
  examiner.attempt("activation_bytes", [&] {
    const auto cases = all_cases(examiner);
    const std::string wrong =
        diagnose_numbers<Sizes>("activation_bytes", cases, activation_bytes, right, all_slips());
    examiner.expect(text("activation_bytes of ", cases.size(), " layouts"), wrong.empty(), wrong);
  });
}

}  // namespace shard
