#include "chapters/05_parallel_mlp/design_trial.h"

namespace shard::chapter_05 {

std::string to_string(const MlpSizes& s) {
  return text(s.tokens, " tokens, ", s.width, " → ", s.hidden, " → ", s.width);
}

void check_usage(const MlpSizes& s, const MlpSizes& check_sizes, int ranks) {
  require_usage(check_sizes.width >= ranks, "the checks cut a width of ", check_sizes.width,
                ", too little for ", ranks, " ranks");
  require_usage(s.width >= ranks, "--width ", s.width, " cannot be cut into ", ranks,
                " parts: one for each rank");
  require_usage(s.hidden >= ranks, "--hidden ", s.hidden, " cannot be cut into ", ranks,
                " parts: one for each rank");
  // Of three designs: two matrices with their gradients over all ranks; and on each rank the
  // activations, some whole.
  const double weights = 3.0 * 2 * 2 * 4 * s.width * s.hidden,
               activations = 3.0 * 4 * 6 * ranks * s.tokens * (s.width + s.hidden);
  require_memory(weights + activations,
                 text("--tokens ", s.tokens, " × --width ", s.width, " × --hidden ", s.hidden));
}

std::string collectives_of(const Ledger& ledger) {
  std::string list;
  for (const LedgerRow& row : ledger.rows())
    list += text(list.empty() ? "" : ", ", row.calls, " ", row.op);
  return list;
}

}  // namespace shard::chapter_05
