// expect: your h.0.attn.c_proj.weight for t = 3 is cut into ⌈7/3⌉ rows for each rank but the last ones, like a vocabulary
// ranks: 1
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "exercises/11_checkpoints/1_reshard.h"

namespace shard {

/// The part of the tensor that rank `rank` of `ranks` holds.
static Shard shard_of(const SavedTensor& tensor, int ranks, int rank) {
  const int64_t rows = tensor.whole.rows(), columns = tensor.whole.columns();
  switch (tensor.cut) {
    case Cut::rows: {
      const Range mine = vocabulary_part(rows, ranks, rank);
      return Shard::of_rows(tensor.whole, {std::min(mine.begin, rows), std::min(mine.end, rows)});
    }
    case Cut::columns: return Shard::of_columns(tensor.whole, {part_of(columns, ranks, rank)});
    case Cut::qkv:
      return Shard::of_columns(tensor.whole, qkv_columns(columns / 3, tensor.heads, ranks, rank));
    case Cut::vocabulary: return Shard::of_rows(tensor.whole, vocabulary_part(rows, ranks, rank));
    case Cut::replicated: break;
  }
  return Shard::all(tensor.whole);
}

std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks) {
  std::vector<float> whole(static_cast<size_t>(tensor.whole.elements()));
  const int old_ranks = static_cast<int>(tensor.parts.size());
  for (int rank = 0; rank < old_ranks; ++rank) {
    shard_of(tensor, old_ranks, rank)
        .paste(tensor.parts[static_cast<size_t>(rank)], whole);  // drops padding
  }
  std::vector<std::vector<float>> parts;
  for (int rank = 0; rank < ranks; ++rank)
    parts.push_back(shard_of(tensor, ranks, rank).cut(whole));  // zero padding
  return parts;
}

}  // namespace shard
