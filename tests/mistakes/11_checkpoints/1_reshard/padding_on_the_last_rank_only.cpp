// expect: your tiny.wte.weight for t = 2 is right except for the padding: rows of the old padding are in the new one
// ranks: 1
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "exercises/11_checkpoints/1_reshard.h"

namespace shard {

/// The part of the tensor that rank `rank` of `ranks` holds.
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

/// Whole rows of every rank but the last.
static std::vector<std::vector<float>> reshard_vocabulary(const SavedTensor& tensor, int ranks) {
  const int64_t rows = tensor.whole.rows(), columns = tensor.whole.columns();
  const int old_ranks = static_cast<int>(tensor.parts.size());
  const int64_t old_rows = vocabulary_part(rows, old_ranks, 0).size(),
                new_rows = vocabulary_part(rows, ranks, 0).size();
  std::vector<float> whole;
  for (int rank = 0; rank < old_ranks; ++rank) {
    const std::vector<float>& part = tensor.parts[static_cast<size_t>(rank)];
    const int64_t words =
        rank + 1 < old_ranks ? old_rows : std::max<int64_t>(0, rows - rank * old_rows);
    whole.insert(whole.end(), part.begin(), part.begin() + words * columns);
  }
  whole.resize(static_cast<size_t>(ranks * new_rows * columns));
  std::vector<std::vector<float>> parts;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto begin = whole.begin() + rank * new_rows * columns;
    parts.emplace_back(begin, begin + new_rows * columns);
  }
  return parts;
}

std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks) {
  if (tensor.cut == Cut::vocabulary) return reshard_vocabulary(tensor, ranks);
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
