#include "chapters/10_tensor_and_data_parallel/settings.h"

#include <algorithm>

#include "chapters/10_tensor_and_data_parallel/setting_table.h"
#include "common/base/counted.h"
#include "common/base/folders.h"

namespace shard::chapter_10 {
namespace {

/// An option for each row of the table: `add` says of which kind.
struct FromTable {
  Options& options;
  Settings& settings;

  void operator()(const std::string& name, int64_t GptSizes::*member, const std::string& help,
                  int64_t least, int64_t most) const {
    options.size("--" + name, settings.sizes.*member, help, least, most);
  }
  void operator()(const std::string& name, int64_t TrainingSettings::*member,
                  const std::string& help, int64_t least, int64_t most) const {
    options.size("--" + name, settings.training.*member, help, least, most);
  }
  void operator()(const std::string& name, double TrainingSettings::*member,
                  const std::string& help, double least, double most) const {
    options.number("--" + name, settings.training.*member, help, least, most);
  }
  void operator()(const std::string& name, Precision TrainingSettings::*member,
                  const std::string& help,
                  Precision (*named)(const std::string&, const std::string&)) const {
    const std::string option = "--" + name;
    Precision& value = settings.training.*member;
    options.named(option, to_string(value), help,
                  [=, &value](const std::string& given) { value = named(given, option); });
  }
  void operator()(const std::string&, uint64_t TrainingSettings::*, const std::string&, int64_t,
                  int64_t) const {}  // the seed
};

}  // namespace

void add_options(Options& options, Settings& s) {
  const FromTable add{options, s};
  options.group("Grid");
  options.size("--tp", s.tp, "tensor-parallel ranks; 0: as many as --dp leaves", 0, 1 << 20);
  options.size("--dp", s.dp, "data-parallel ranks; 0: as many as --tp leaves", 0, 1 << 20);
  options.group("Model");
  for_each_size(add);
  options.group("Training");
  for_each_setting(add);
  for_each_precision(add);
  options.size("--check-steps", s.check_steps,
               "steps compared with an unsplit model before training; 0: none", 0, 1000);
  options.group("Data");
  options.text("--data", s.data,
               "a text file in UTF-8; without it data/text.txt of this repository is learnt");
  options.size("--vocabulary", s.vocabulary,
               "tokens to learn from the text, as byte pairs; 0: its characters", 0, 1 << 20);
  options.size("--eval-every", s.eval_every, "steps between validations; 0: only at the end", 0);
  options.group("Output");
  options.text("--curve", s.curve,
               "file for the loss curve (SVG); without it, loss.svg in the build folder");
  options.size("--sample", s.sample, "tokens to write at the end", 0, 1 << 20);
  options.size("--sample-every", s.sample_every,
               "steps between samples on the way; 0: only at the end", 0, int64_t{1} << 40);
}

void add_option_layouts(Options& options, Settings& s) {
  options.group("Grid");
  options.flag("--layouts", s.layouts,
               "train a few steps in every layout that fits, and compare the losses");
}

void complete_grid(Settings& s, int ranks) {
  const int64_t here = ranks / s.other_ranks;
  if (s.tp == 0 && s.dp == 0) s.dp = 1;
  if (s.tp == 0) s.tp = std::max<int64_t>(1, here / s.dp);
  if (s.dp == 0) s.dp = std::max<int64_t>(1, here / s.tp);
  const std::string others =
      s.other_ranks > 1 ? text(" × ", s.other_ranks, " along other axes") : "";
  require_usage(s.tp * s.dp * s.other_ranks == ranks, "--tp ", s.tp, " × --dp ", s.dp, others,
                " is a grid of ", counted(s.tp * s.dp * s.other_ranks, "rank"),
                ", but the program runs on ", counted(ranks, "rank"));
}

static void require_device_for(const TrainingSettings& s, const Backend& backend) {
  const bool only_f32 = s.precision == Precision::f32 && s.reduce_in == Precision::f32;
  require_usage(only_f32 || backend.device() == Device::cuda, "--precision ", s.precision,
                " with --reduce-in ", s.reduce_in, " needs a GPU: the CPU computes in f32");
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
  require_usage(!s.layouts || s.training.steps <= most_steps_of_layouts,
                "--layouts prints a column for each step: ", "--steps ", s.training.steps,
                " is more than ", most_steps_of_layouts);
  require_usage(s.vocabulary == 0 || s.vocabulary > 256, "--vocabulary ", s.vocabulary,
                " is too small: the 256 bytes and <|endoftext|> are tokens, so at least 257, or 0 "
                "for characters");
  require_usage(s.sample_every == 0 || s.sample > 0, "--sample-every ", s.sample_every,
                " needs --sample above 0");
  require_usage(s.sizes.width % s.sizes.heads == 0, "--width ", s.sizes.width,
                " is not divisible by --heads ", s.sizes.heads);
  require_usage(s.sizes.heads % s.tp == 0, "--heads ", s.sizes.heads, " is not divisible by --tp ",
                s.tp);
  require_usage(s.training.batch >= s.dp * s.training.accumulate, "--batch ", s.training.batch,
                " has too few sequences for --dp ", s.dp, " × --accumulate ",
                s.training.accumulate);
  require_device_for(s.training, runtime.backend());
  if (runtime.backend().device() == Device::cpu) require_memory_for(s);
}

}  // namespace shard::chapter_10
