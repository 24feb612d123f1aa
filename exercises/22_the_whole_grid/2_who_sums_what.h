#pragma once
#include <string>
#include <vector>

namespace shard {

/// What is known of a parameter.
struct ParameterFacts {
  /// The tp ranks hold different columns, rows or heads of it. Otherwise all hold all of it.
  bool is_cut = false;
  /// It is used between the places where activations are summed: with sequence parallelism, on a
  /// rank's own rows only. Norms, positions, the bias after the sum, a router that sees own rows.
  bool is_between_sums = false;
  /// The table of tokens, used by the first stage, and as the output projection by the last one.
  bool is_tied_table = false;
  /// Of the ranks of cp and dp, those of one place on ep hold it.
  bool is_expert = false;
};

/// The axes, of "tp", "cp", "pp", "dp" and "edp", over which its gradient must be summed after the
/// backward pass: each once, in any order. Every rank has the terms of its own tokens.
std::vector<std::string> summed_over(const ParameterFacts& parameter, bool sequence_parallel);

}  // namespace shard
