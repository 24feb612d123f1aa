// expect: your reshard divides 12 heads among 5 ranks: heads would be split
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
    case Cut::qkv: {
      const int64_t width = columns / 3;
      const Range part = part_of(width, ranks, rank);
      return Shard::of_columns(tensor.whole, {part,
                                              {width + part.begin, width + part.end},
                                              {2 * width + part.begin, 2 * width + part.end}});
    }
    case Cut::vocabulary: return Shard::of_rows(tensor.whole, vocabulary_part(rows, ranks, rank));
    case Cut::replicated: break;
  }
  return Shard::all(tensor.whole);
}

std::vector<std::vector<float>> reshard(const SavedTensor& tensor, int ranks) {
  std::vector<float> whole(static_cast<size_t>(tensor.whole.elements()));
  const int old_ranks = static_cast<int>(tensor.parts.size());
  for (int rank = 0; rank < old_ranks; ++rank) {
    shard_of(tensor, old_ranks, rank).paste(tensor.parts[static_cast<size_t>(rank)], whole);
  }
  std::vector<std::vector<float>> parts;
  for (int rank = 0; rank < ranks; ++rank)
    parts.push_back(shard_of(tensor, ranks, rank).cut(whole));
  return parts;
}

}  // namespace shard
