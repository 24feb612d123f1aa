// The table of settings: each with its name, its place, one line for --help, and its limits. The
// options of the command line, the files of checkpoints and what a resumed run reports all read it.
#pragma once
#include <limits>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "chapters/10_tensor_and_data_parallel/training_settings.h"

namespace shard::chapter_10 {

/// Calls visit(name, member, help, least, most) for every size of a model that can be chosen; the
/// option is "--" and the name.
template <class Visit>
void for_each_size(const Visit& visit) {
  visit("layers", &GptSizes::layers, "transformer blocks", 1, 1000);
  visit("heads", &GptSizes::heads, "attention heads", 1, 1 << 16);
  visit("width", &GptSizes::width, "width of the model", 1, 1 << 20);
  visit("context", &GptSizes::context, "tokens that the model sees at once", 1, 1 << 20);
}

/// The same for every number of a training. The seed is an option of all programs.
template <class Visit>
void for_each_setting(const Visit& visit) {
  using S = TrainingSettings;
  constexpr int64_t many = 1 << 20, most_steps = int64_t{1} << 40;
  constexpr double any = std::numeric_limits<double>::infinity(), below_1 = 0.999999;
  visit("seed", &S::seed, "", 0, std::numeric_limits<int64_t>::max());
  visit("steps", &S::steps, "training steps", 1, most_steps);
  visit("batch", &S::batch, "sequences a step, of all ranks together", 1, many);
  visit("accumulate", &S::accumulate, "micro-batches a step", 1, many);
  visit("learning-rate", &S::learning_rate, "its maximum", 0, any);
  visit("min-learning-rate", &S::min_learning_rate, "the final value of the cosine", 0, any);
  visit("warmup", &S::warmup, "steps of linear warm-up", 0, most_steps);
  visit("beta1", &S::beta1, "AdamW's first decay", 0, below_1);
  visit("beta2", &S::beta2, "AdamW's second decay", 0, below_1);
  visit("epsilon", &S::epsilon, "what AdamW adds to its denominator", 0, 1);
  visit("weight-decay", &S::weight_decay, "of matrices only", 0, any);
  visit("clip", &S::clip, "limit of the gradient norm; 0: none", 0, any);
  visit("dropout", &S::dropout, "probability", 0, 0.99);
  visit("validation-fraction", &S::validation_fraction, "part of the text kept for validation", 0,
        0.9);
}

/// Calls visit(name, member, help, named) for the precisions; named(text, option) reads one.
template <class Visit>
void for_each_precision(const Visit& visit) {
  visit("precision", &TrainingSettings::precision,
        "f32, or on a GPU tf32 (products only) or bf16 (weights and activations)", precision_named);
  visit("reduce-in", &TrainingSettings::reduce_in,
        "type of the gradients that dp ranks exchange: f32, or on a GPU bf16", reduction_named);
}

}  // namespace shard::chapter_10
