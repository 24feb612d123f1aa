#include "chapters/08_vocab_parallel/picture.h"

#include <algorithm>

#include "common/base/counted.h"
#include "common/draw/matrix_picture.h"

namespace shard::chapter_08 {

/// "words 16 … 31", with what lies past the vocabulary as padding.
static std::string words_of(Range rows, int64_t vocabulary) {
  const Range words{rows.begin, std::min(rows.end, vocabulary)};
  if (words.size() <= 0) return "padding only";
  const std::string padding =
      words.end < rows.end ? text(", ", rows.end - words.end, " padding") : "";
  if (words.size() == 1) return text("word ", words.begin, padding);
  return text("words ", words.begin, " … ", words.end - 1, padding);
}

static std::vector<MatrixPicture::Label> labels_of(const std::vector<HeldPart>& parts,
                                                   int64_t vocabulary) {
  std::vector<MatrixPicture::Label> labels;
  for (const HeldPart& part : parts) {
    const Range rows = part.shard.rows.front();
    labels.push_back({rows, text("rank ", part.rank, ": ", words_of(rows, vocabulary))});
  }
  return labels;
}

/// The first tokens, each held by the rank that has its word's row.
static std::vector<HeldPart> owners_of(Communicator& world, const std::vector<int32_t>& ids,
                                       int64_t vocabulary) {
  const auto count = static_cast<int64_t>(ids.size());
  HeldPart mine{world.rank(), Shard::of_columns({1, count}, {}), {}};
  const Range words = vocabulary_part(vocabulary, world);
  for (int64_t i = 0; i < count; ++i) {
    const int32_t id = ids[static_cast<size_t>(i)];
    if (id < words.begin || id >= words.end) continue;
    mine.shard.columns.push_back({i, i + 1});
    mine.values.push_back(static_cast<float>(id));
  }
  return gather_parts(world, mine.shard, mine.values);
}

void draw_vocabulary_cut(Report& report, Trial& trial) {
  const auto [vocabulary, width, tokens] = trial.sizes;
  Communicator& world = trial.world;
  const VocabParallelEmbedding embedding(world, "wte", vocabulary, width, trial.init);
  const std::vector<HeldPart> table = gather_parts(world, embedding.weight.shard);
  const Shard columns = Shard::of_columns({tokens, vocabulary}, embedding.weight.shard.rows);
  std::vector<int32_t> ids = trial.words("ids", vocabulary);
  ids.resize(std::min<size_t>(ids.size(), 12));
  MatrixPicture picture(
      "The vocabulary cut over the ranks",
      text("A vocabulary of ", vocabulary, " words on ", counted(world.size(), "rank"),
           ". Each rank holds the rows of its words in the table E of the embedding, and "
           "computes the columns of its words in the logits. Every rank's share is of the same "
           "size; "
           "what reaches past the last word is padding."));
  picture.line(text("The table E: ", vocabulary, " words, ", width, " numbers each:"));
  picture.areas("E", table, 130, 200, {}, labels_of(table, vocabulary));
  picture.line(
      "The first tokens of the batch. The rank that holds a word looks up its row; the others add "
      "zeros:");
  picture.matrix("ids", owners_of(world, ids, vocabulary));
  picture.line(text("The logits X·Eᵀ of ", tokens, " tokens. No rank ever has a whole row:"));
  picture.areas("logits", gather_parts(world, columns), 460, 64);
  report.picture(picture.drawn());
}

}  // namespace shard::chapter_08
