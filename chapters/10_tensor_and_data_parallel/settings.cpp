#include "chapters/10_tensor_and_data_parallel/settings.h"

#include <algorithm>

#include "common/base/folders.h"

namespace shard {

void add_options(Options& options, Settings& s) {
  options.group("Grid");
  options.size("--tp", s.tp, "tensor-parallel ranks; 0: as many as --dp leaves", 0, 1 << 20);
  options.size("--dp", s.dp, "data-parallel ranks; 0: as many as --tp leaves", 0, 1 << 20);
  options.text("--reduce-in", s.reduce_in,
               "what gradients travel in between dp ranks: f32, or on a GPU bf16");
  options.flag("--layouts", s.layouts,
               "train a few steps in every layout that fits, and compare the losses");
  options.group("Model");
  options.size("--layers", s.sizes.layers, "transformer blocks", 1, 1000);
  options.size("--heads", s.sizes.heads, "attention heads", 1, 1 << 16);
  options.size("--width", s.sizes.width, "width of the model", 1, 1 << 20);
  options.size("--context", s.sizes.context, "tokens that the model sees at once", 1, 1 << 20);
  options.text("--precision", s.precision,
               "f32, or on a GPU tf32 (products only) or bf16 (weights and activations)");
  options.group("Training");
  options.size("--steps", s.training.steps, "training steps", 1, int64_t{1} << 40);
  options.size("--batch", s.training.batch, "sequences a step, of all ranks together", 1, 1 << 20);
  options.size("--accumulate", s.training.accumulate, "micro-batches a step", 1, 1 << 20);
  options.number("--learning-rate", s.training.learning_rate, "its maximum");
  options.number("--min-learning-rate", s.training.min_learning_rate, "what the cosine ends at");
  options.size("--warmup", s.training.warmup, "steps of linear warm-up", 0);
  options.number("--beta2", s.training.beta2, "AdamW's second decay", 0, 0.999999);
  options.number("--weight-decay", s.training.weight_decay, "of matrices only");
  options.number("--clip", s.training.clip, "limit of the gradient norm; 0: none");
  options.number("--dropout", s.training.dropout, "probability", 0, 0.99);
  options.size("--check-steps", s.check_steps,
               "steps compared with an unsplit model before training; 0: none", 0, 1000);
  options.group("Data");
  options.text("--data", s.data,
               "a text file in UTF-8; without it the text of this repository is learnt");
  options.size("--vocabulary", s.vocabulary,
               "tokens to learn from the text, as byte pairs; 0: its characters", 0, 1 << 20);
  options.number("--validation-fraction", s.training.validation_fraction,
                 "part of the text kept for validation", 0, 0.9);
  options.size("--eval-every", s.eval_every, "steps between validations; 0: only at the end", 0);
  options.group("Checkpoints");
  options.text(
      "--save", s.save,
      "directory for checkpoints: at the end, on SIGINT and SIGTERM, and as --save-every says");
  options.size("--save-every", s.save_every, "steps between checkpoints; 0: only at the end", 0,
               int64_t{1} << 40);
  options.size("--keep", s.keep, "checkpoints to keep, the newest");
  options.text("--start-from", s.start_from,
               "begin with the weights, sizes and tokenizer of this GPT-2: its folder, or its "
               "safetensors file");
  options.text("--resume", s.resume,
               "checkpoint to go on from: its folder, a directory of them, \"latest\" in --save, "
               "or \"auto\": the "
               "latest in --save where there is one, else start");
  options.flag("--allow-nan", s.allow_nan, "take NaN and infinity in a file's weights");
  options.group("Writing text instead of training");
  options.text("--weights", s.weights,
               "the GPT-2 that writes: its folder, or its safetensors file");
  options.size("--generate", s.generate, "tokens to write with --weights", 0, 1 << 20);
  options.text("--prompt", s.prompt, "what the text begins with");
  options.number("--temperature", s.temperature,
                 "of what is written; 0: always the most probable token");
  options.group("Output");
  options.text("--curve", s.curve,
               "file for the loss curve (SVG); without it, loss.svg in the build folder");
  options.size("--sample", s.sample, "tokens to write at the end", 0, 1 << 20);
  options.size("--sample-every", s.sample_every,
               "steps between samples on the way; 0: only at the end", 0, int64_t{1} << 40);
}

/// `mine` becomes what `whose` has; another number is refused where the command line has said it.
static void must_be(const Options& options, const std::string& option, int64_t& mine,
                    const char* whose, int64_t theirs) {
  require_usage(!options.given(option) || mine == theirs, option, " ", mine, ": ", whose, " has ",
                theirs);
  mine = theirs;
}

void take_sizes(Settings& s, const GptSizes& model, const Options& options) {
  require_usage(!s.layouts,
                "--layouts compares the first steps of new models: it takes no --start-from");
  const char* whose = "the model of --start-from";
  must_be(options, "--layers", s.sizes.layers, whose, model.layers);
  must_be(options, "--heads", s.sizes.heads, whose, model.heads);
  must_be(options, "--width", s.sizes.width, whose, model.width);
  if (!options.given("--context")) s.sizes.context = model.context;
  require_usage(s.sizes.context <= model.context, "--context ", s.sizes.context, ": ", whose,
                " has ", model.context);
  s.sizes.vocabulary = model.vocabulary;
  if (!options.given("--check-steps")) s.check_steps = 0;  // they compare new models
}

void take_over(Settings& s, const CheckpointInfo& checkpoint, const Options& options) {
  must_be(options, "--layers", s.sizes.layers, "the checkpoint", checkpoint.sizes.layers);
  must_be(options, "--heads", s.sizes.heads, "the checkpoint", checkpoint.sizes.heads);
  must_be(options, "--width", s.sizes.width, "the checkpoint", checkpoint.sizes.width);
  must_be(options, "--context", s.sizes.context, "the checkpoint", checkpoint.sizes.context);
  s.sizes.vocabulary = checkpoint.sizes.vocabulary;
  require_usage(!options.given("--seed") || options.seed == checkpoint.settings.seed, "--seed ",
                options.seed, ": the checkpoint has ", checkpoint.settings.seed);
  for_each_setting([&](const std::string& name, auto member, auto...) {
    if (!options.given("--" + name)) s.training.*member = checkpoint.settings.*member;
  });
  s.training.seed = checkpoint.settings.seed;
  if (!options.given("--precision")) s.precision = checkpoint.precision;
  if (!options.given("--reduce-in")) s.reduce_in = checkpoint.reduce_in;
  if (!options.given("--check-steps")) s.check_steps = 0;  // they were made when the run began
  require_usage(checkpoint.step < s.training.steps || s.resume == "auto", "--steps ",
                s.training.steps, ": the checkpoint has taken ", checkpoint.step, " already");
}

void complete_grid(Settings& s, int ranks) {
  if (s.tp == 0 && s.dp == 0) s.dp = 1;
  if (s.tp == 0) s.tp = std::max<int64_t>(1, ranks / s.dp);
  if (s.dp == 0) s.dp = std::max<int64_t>(1, ranks / s.tp);
  require_usage(s.tp * s.dp == ranks, "--tp ", s.tp, " × --dp ", s.dp, " is a grid of ",
                s.tp * s.dp, " ranks, but the program runs on ", ranks);
}

/// Sets the types of the training from their names.
static void choose_precision(Settings& s, const Backend& backend) {
  const auto is_one_of = [](const std::string& name, std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  require_usage(is_one_of(s.precision, {"f32", "tf32", "bf16"}),
                "--precision is f32, tf32 or bf16, not ", s.precision);
  require_usage(is_one_of(s.reduce_in, {"f32", "bf16"}), "--reduce-in is f32 or bf16, not ",
                s.reduce_in);
  const bool only_f32 = s.precision == "f32" && s.reduce_in == "f32";
  require_usage(only_f32 || backend.device() == Device::cuda, "--precision ", s.precision,
                " with --reduce-in ", s.reduce_in, " needs a GPU: the CPU computes in f32");
  if (s.precision == "bf16") s.training.precision = DataType::bf16;
  if (s.reduce_in == "bf16") s.training.reduce_in = DataType::bf16;
}

static void require_memory_for(const Settings& s) {
  const auto width = static_cast<double>(s.sizes.width),
             layers = static_cast<double>(s.sizes.layers);
  const auto tokens =
      static_cast<double>(s.training.batch * s.sizes.context) / static_cast<double>(s.dp);
  const double models = (s.check_steps > 0 ? 1.0 : 0.0) +
                        1.0 / static_cast<double>(s.tp);  // an unsplit one, and a part
  const double weights = 16.0 * 12.0 * layers * width * width * models;
  const double activations =
      4.0 * tokens * layers *
      (16 * width + 3.0 * static_cast<double>(s.sizes.heads * s.sizes.context));
  require_memory(weights + activations,
                 text("--layers ", s.sizes.layers, " × --width ", s.sizes.width, " × --batch ",
                      s.training.batch, " × --context ", s.sizes.context));
}

void complete(Settings& s, Runtime& runtime) {
  constexpr int64_t most_steps_of_layouts = 1000;
  if (s.curve.empty()) s.curve = build_folder() + "/loss.svg";
  complete_grid(s, runtime.world().size());
  require_usage(s.generate == 0 && s.prompt.empty(), "--generate and --prompt need --weights");
  require_usage(
      !s.layouts || (s.save.empty() && s.resume.empty()),
      "--layouts compares the first steps of new models: it takes no --save and no --resume");
  require_usage(!s.layouts || s.training.steps <= most_steps_of_layouts,
                "--layouts prints a column for each step: ", "--steps ", s.training.steps,
                " is more than ", most_steps_of_layouts);
  require_usage(s.vocabulary == 0 || s.vocabulary > 256, "--vocabulary ", s.vocabulary,
                " is too small: the 256 bytes and <|endoftext|> are tokens, so at least 257, or 0 "
                "for characters");
  require_usage(s.sample_every == 0 || s.sample > 0, "--sample-every ", s.sample_every,
                " needs --sample above 0");
  require_usage(s.save_every == 0 || !s.save.empty(), "--save-every ", s.save_every,
                " needs --save");
  require_usage(s.sizes.width % s.sizes.heads == 0, "--width ", s.sizes.width,
                " is not divisible by --heads ", s.sizes.heads);
  require_usage(s.sizes.heads % s.tp == 0, "--heads ", s.sizes.heads, " is not divisible by --tp ",
                s.tp);
  require_usage(s.training.batch >= s.dp * s.training.accumulate, "--batch ", s.training.batch,
                " has too few sequences for --dp ", s.dp, " × --accumulate ",
                s.training.accumulate);
  choose_precision(s, runtime.backend());
  if (runtime.backend().device() == Device::cpu) require_memory_for(s);
}

}  // namespace shard
