#include "exercises/07_transformer_block/1_dropout_masks.h"

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t tokens = 13, hidden = 22, width = 9, first_token = 26;
constexpr float probability = 0.3f;

RandomStream stream() { return {11, stream_of("h.0.mlp.hidden", 4)}; }

/// What dropout multiplies the elements at `block` by: 0, or 1/(1 - probability).
Matrix mask_of(int64_t rows, int64_t columns, RandomStream random, Block block) {
  Matrix mask(rows, columns);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < columns; ++column) {
      const int64_t index =
          (block.first_row + row) * block.whole_columns + block.first_column + column;
      const bool drop = random.uniform(static_cast<uint64_t>(index)) < probability;
      mask(row, column) = drop ? 0 : 1 / (1 - double{probability});
    }
  }
  return mask;
}

struct Mistake {
  std::string diagnosis;
  Block block;
};

/// `values` under each wrong mask. The first mistakes may also draw from a stream of this rank's
/// own.
std::vector<Suspect> wrong_masks(const Matrix& values, Block right,
                                 const std::vector<Mistake>& mistakes, int rank) {
  const auto under = [&](RandomStream random, Block block) {
    return product_of_elements(values, mask_of(values.rows, values.columns, random, block));
  };
  std::vector<Suspect> suspects;
  for (const Mistake& mistake : mistakes) {
    suspects.push_back(Suspect::result(mistake.diagnosis, under(stream(), mistake.block)));
  }
  std::vector<Block> blocks{right};
  for (const Mistake& mistake : mistakes) blocks.push_back(mistake.block);
  const auto r = static_cast<uint64_t>(rank);
  for (const Block& block : blocks) {
    for (const RandomStream own : {RandomStream{stream().seed + r, stream().stream},
                                   RandomStream{stream().seed, stream().stream + r}}) {
      suspects.push_back(
          Suspect::result("masked by random numbers of this rank's own: seed and stream are the "
                          "same for all ranks, the block differs",
                          under(own, block)));
    }
  }
  const Matrix masked = under(stream(), right);
  suspects.push_back(Suspect::result("not masked: no element is dropped", values));
  suspects.push_back(Suspect::result(
      "dropped in the right places, but what is kept is not divided by 1 - probability",
      scaled(masked, 1 - double{probability})));
  suspects.push_back(
      Suspect::result("divided by 1 - probability twice: dropout already does it once",
                      scaled(masked, 1 / (1 - double{probability}))));
  return suspects;
}

std::vector<Mistake> mistakes_in_columns(Range mine, int rank) {
  return {
      {"masked as if this rank's part were a whole matrix: the block must give its place in [all "
       "tokens × hidden]",
       {0, 0, mine.size()}},
      {"masked as if its rows were hidden/t long: an index counts whole rows, so whole_columns is "
       "hidden",
       {first_token, 0, mine.size()}},
      {"masked as columns 0, 1, … on every rank: first_column is where this rank's columns begin",
       {first_token, 0, hidden}},
      {"masked as if its columns began at rank × its number of columns: parts differ in size, "
       "part_of gives the begin",
       {first_token, rank * mine.size(), hidden}},
      {"masked as the first tokens of the global batch: first_row is plan.first_token",
       {0, mine.begin, hidden}},
      {"masked as the first tokens and the first columns of the global batch: the block has "
       "neither first_row nor first_column",
       {0, 0, hidden}}};
}

std::vector<Mistake> mistakes_in_rows(Range mine, int rank) {
  return {{"masked as the first rows of the global batch: first_row counts all tokens before this "
           "rank's, plan.first_token and more",
           {0, 0, width}},
          {"masked as this group's first tokens on every rank: first_row must also count the "
           "tokens of the ranks before",
           {first_token, 0, width}},
          {"masked as if its rows began at rank × its number of rows: parts differ in size, "
           "part_of gives the begin",
           {first_token + rank * mine.size(), 0, width}},
          {"masked as if the global batch began with this group's tokens: first_row must also "
           "count plan.first_token",
           {mine.begin, 0, width}}};
}

void check_columns(Examiner& examiner, const DropoutPlan& plan) {
  Communicator& world = examiner.world();
  const Range mine = part_of(hidden, world.size(), world.rank());
  const Block block{first_token, mine.begin, hidden};
  const Matrix h = columns_of(examiner.random(tokens, hidden, "h"), mine);
  const Matrix dy = columns_of(examiner.random(tokens, hidden, "dy"), mine);
  const Matrix mask = mask_of(tokens, mine.size(), stream(), block), slope = gelu_derivative(h);
  const std::vector<Mistake> mistakes = mistakes_in_columns(mine, world.rank());

  const Tensor y = gelu_dropout(world, examiner.tensor(h, "h"), hidden, plan);
  std::vector<Suspect> suspects = wrong_masks(gelu(h), block, mistakes, world.rank());
  suspects.push_back(Suspect::result("GeLU(dropout(H)): the dropout comes after the GeLU",
                                     gelu(product_of_elements(h, mask))));
  suspects.push_back(
      Suspect::result("dropout(H): the GeLU is missing", product_of_elements(h, mask)));
  examiner.expect("dropout(GeLU(H))", y, product_of_elements(gelu(h), mask), suspects);

  const Tensor dh = gelu_dropout_backward(world, examiner.tensor(h, "h"), examiner.tensor(dy, "dy"),
                                          hidden, plan);
  const Matrix dgelu = product_of_elements(dy, slope), masked_dy = product_of_elements(dy, mask);
  suspects = wrong_masks(dgelu, block, mistakes, world.rank());
  suspects.push_back(
      Suspect::result("dY under the mask: the derivative of GeLU is missing", masked_dy));
  suspects.push_back(
      Suspect::result(gelu_backward_exchanged, exchanged_gelu_backward(h, masked_dy)));
  suspects.push_back(Suspect::result(gelu_backward_exchanged,
                                     product_of_elements(exchanged_gelu_backward(h, dy), mask)));
  suspects.push_back(Suspect::result(
      "computed with GeLU's derivative at dropout(H): it is taken at H",
      product_of_elements(masked_dy, gelu_derivative(product_of_elements(h, mask)))));
  examiner.expect("dH", dh, product_of_elements(dgelu, mask), suspects);
}

void check_rows(Examiner& examiner, const DropoutPlan& plan) {
  Communicator& world = examiner.world();
  const Range mine = part_of(tokens, world.size(), world.rank());
  const Block block{first_token + mine.begin, 0, width};
  const Matrix x = rows_of(examiner.random(tokens, width, "x"), mine);
  const Tensor y = sequence_dropout(world, examiner.tensor(x, "x"), tokens, plan);
  examiner.expect("dropout(X)", y,
                  product_of_elements(x, mask_of(mine.size(), width, stream(), block)),
                  wrong_masks(x, block, mistakes_in_rows(mine, world.rank()), world.rank()));
}

}  // namespace

void examine(Examiner& examiner) {
  const DropoutPlan plan{probability, stream(), first_token};
  const Ledger before = examiner.ledger();
  examiner.attempt("columns of H", [&] { check_columns(examiner, plan); });
  examiner.attempt("rows of X", [&] { check_rows(examiner, plan); });
  examiner.expect_ledger("no communication", before, {});
}

}  // namespace shard
