#include "chapters/12_generation/settings.h"

#include <sstream>

#include "common/base/files.h"
#include "common/text/utf8.h"

namespace shard::chapter_12 {

void add_options(Options& options, Settings& s) {
  options.group("Text");
  options.text("--weights", s.weights,
               "the GPT-2 that writes: its folder, or its safetensors file; without it, a small "
               "one that is trained first");
  options.text("--prompt", s.prompt, "what the text begins with");
  options.text("--prompts", s.prompts, "a file instead, with a prompt in each line");
  options.size("--sequences", s.sequences, "texts to write from each prompt", 1, 1024);
  options.size("--generate", s.generate, "tokens to write", 0, 1 << 20);
  options.number("--temperature", s.temperature,
                 "of what is written; 0: always the most probable token");
  options.flag("--allow-nan", s.allow_nan, "accept NaN and infinity in a file's weights");
  options.group("The small model");
  options.text("--data", s.data,
               "a text file in UTF-8; without it data/text.txt of this repository");
  options.size("--steps", s.steps, "training steps", 1, int64_t{1} << 40);
}

std::vector<std::string> prompts_of(const Settings& s) {
  if (s.prompts.empty()) {
    require_usage(!s.prompt.empty(), "--prompt is empty: there is nothing to go on from");
    return {s.prompt};
  }
  require_usage(s.prompt.empty(), "--prompt and --prompts both say what texts begin with");
  constexpr int64_t most_bytes = 1 << 26, most_lines = 1024;
  const std::string problem = problem_with(s.prompts);
  require_usage(problem.empty(), "--prompts ", s.prompts, ": ", problem);
  std::istringstream lines(read_file(s.prompts, most_bytes));
  std::vector<std::string> prompts;
  for (std::string line; std::getline(lines, line);) {
    const std::string where = text("--prompts ", s.prompts, ", line ", prompts.size() + 1);
    require_usage(!line.empty(), where, ", is empty: there is nothing to go on from");
    code_points(line, where);
    prompts.push_back(line);
  }
  require_usage(!prompts.empty(), "--prompts ", s.prompts, ": the file is empty");
  require_usage(std::ssize(prompts) <= most_lines, "--prompts ", s.prompts, " has ", prompts.size(),
                " lines; at most ", most_lines, " are allowed");
  return prompts;
}

}  // namespace shard::chapter_12
