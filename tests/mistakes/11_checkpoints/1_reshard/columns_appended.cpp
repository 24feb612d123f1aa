// expect: your h.0.mlp.c_fc.weight for t = 2 is the old parts one after the other
// ranks: 1
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "exercises/11_checkpoints/1_reshard.h"

namespace shard {

static Shard shard_of(const SavedTensor& tensor, int ranks, int rank) {
  const int64_t rows = tensor.whole.rows(), columns = tensor.whole.columns();
  switch (tensor.cut) {
    case Cut::rows: return Shard::of_rows(tensor.whole, part_of(rows, ranks, rank));
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
  std::vector<float> all;
  for (int rank = 0; rank < old_ranks; ++rank) {
    const std::vector<float>& part = tensor.parts[static_cast<size_t>(rank)];
    shard_of(tensor, old_ranks, rank).paste(part, whole);
    all.insert(all.end(), part.begin(), part.end());
  }
  std::vector<std::vector<float>> parts;
  for (int rank = 0; rank < ranks; ++rank) {
    parts.push_back(shard_of(tensor, ranks, rank).cut(whole));
    if (tensor.cut != Cut::columns) continue;
    std::copy_n(all.begin(), parts.back().size(), parts.back().begin());
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(parts.back().size()));
  }
  return parts;
}

}  // namespace shard
