#include "chapters/12_generation/settings.h"

namespace shard::chapter_12 {

void add_options(Options& options, Settings& s) {
  options.group("Text");
  options.text("--weights", s.weights,
               "the GPT-2 that writes: its folder, or its safetensors file; without it, a small "
               "one that is trained first");
  options.text("--prompt", s.prompt, "what the text begins with");
  options.size("--generate", s.generate, "tokens to write", 0, 1 << 20);
  options.number("--temperature", s.temperature,
                 "of what is written; 0: always the most probable token");
  options.flag("--allow-nan", s.allow_nan, "accept NaN and infinity in a file's weights");
  options.group("The small model");
  options.text("--data", s.data,
               "a text file in UTF-8; without it data/text.txt of this repository");
  options.size("--steps", s.steps, "training steps", 1, int64_t{1} << 40);
}

}  // namespace shard::chapter_12
