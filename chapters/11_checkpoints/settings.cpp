#include "chapters/11_checkpoints/settings.h"

#include "chapters/10_tensor_and_data_parallel/setting_table.h"

namespace shard::chapter_11 {

void add_options(Options& options, Settings& s) {
  chapter_10::add_options(options, s);
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
               "or \"auto\": the latest in --save where there is one, else start");
  options.flag("--allow-nan", s.allow_nan, "accept NaN and infinity in a file's weights");
}

bool uses_checkpoints(const Settings& s) {
  return !s.save.empty() || !s.resume.empty() || !s.start_from.empty();
}

void require_consistent(const Settings& s) {
  require_usage(s.start_from.empty() || s.resume.empty() || s.resume == "auto",
                "--start-from begins a run and --resume continues one: give only one of them");
  require_usage(s.save_every == 0 || !s.save.empty(), "--save-every ", s.save_every,
                " needs --save");
}

/// `mine` becomes what `whose` has; another number is refused where the command line has said it.
static void must_be(const Options& options, const std::string& option, int64_t& mine,
                    const char* whose, int64_t theirs) {
  require_usage(!options.given(option) || mine == theirs, option, " ", mine, ": ", whose, " has ",
                theirs);
  mine = theirs;
}

void take_sizes(Settings& s, const GptSizes& model, const Options& options) {
  const char* whose = "the model of --start-from";
  must_be(options, "--layers", s.sizes.layers, whose, model.layers);
  must_be(options, "--heads", s.sizes.heads, whose, model.heads);
  must_be(options, "--width", s.sizes.width, whose, model.width);
  if (!options.given("--context")) s.sizes.context = model.context;
  require_usage(s.sizes.context <= model.context, "--context ", s.sizes.context, ": ", whose,
                " has ", model.context);
  s.sizes.vocabulary = model.vocabulary;
  s.new_model = false;
  if (!options.given("--check-steps")) s.check_steps = 0;  // they compare new models
}

void take_over(Settings& s, const CheckpointInfo& checkpoint, const Options& options) {
  chapter_10::for_each_size([&](const std::string& name, auto member, auto...) {
    must_be(options, "--" + name, s.sizes.*member, "the checkpoint", checkpoint.sizes.*member);
  });
  s.sizes.vocabulary = checkpoint.sizes.vocabulary;
  require_usage(!options.given("--seed") || options.seed == checkpoint.settings.seed, "--seed ",
                options.seed, ": the checkpoint has ", checkpoint.settings.seed);
  const auto take = [&](const std::string& name, auto member, auto...) {
    if (!options.given("--" + name)) s.training.*member = checkpoint.settings.*member;
  };
  chapter_10::for_each_setting(take);
  chapter_10::for_each_precision(take);
  if (!options.given("--check-steps")) s.check_steps = 0;  // they were made when the run began
  require_usage(checkpoint.step < s.training.steps || s.resume == "auto", "--steps ",
                s.training.steps, ": the checkpoint has taken ", checkpoint.step, " already");
}

}  // namespace shard::chapter_11
