#include "exercises/17_overlap/1_gather_and_multiply.h"

#include "tests/exercises/overlap_steps.h"

namespace shard {
namespace {

constexpr int64_t in = 5, out = 7;

/// The matrices one below the other.
Matrix stacked(const std::vector<Matrix>& parts) {
  Matrix all(0, parts[0].columns);
  for (const Matrix& part : parts) {
    all.rows += part.rows;
    all.values.insert(all.values.end(), part.values.begin(), part.values.end());
  }
  return all;
}

/// Common mistakes, `products` being those of the ranks' rows with this rank's W.
std::vector<Suspect> suspects(const std::vector<Matrix>& products, int rank) {
  const int t = static_cast<int>(products.size());
  const auto product = [&](int owner) { return products[static_cast<size_t>((owner + t) % t)]; };
  const auto changed = [&](const auto& product_at) {  // the whole, made of product_at(owner)
    std::vector<Matrix> all;
    for (int owner = 0; owner < t; ++owner) all.push_back(product_at(owner));
    return stacked(all);
  };
  const auto without = [&](const auto& is_missing) {
    return changed([&](int owner) {
      Matrix part = product(owner);
      if (is_missing(owner)) std::ranges::fill(part.values, NAN);
      return part;
    });
  };
  std::vector<Suspect> all{
      Suspect::result(
          "in the order in which the rows arrive: the rows of rank r - s belong to that "
          "rank's place, in whatever step they come",
          changed([&](int place) { return product(rank - place); })),
      Suspect::result("only that of your own rows: the others were never written, or multiplied "
                      "before they had arrived",
                      without([&](int owner) { return owner != rank; })),
      Suspect::result("without the rows of rank r + 1, which arrive last: one step too few",
                      without([&](int owner) { return owner == (rank + 1) % t; })),
      Suspect::result("without your own rows", without([&](int owner) { return owner == rank; }))};
  const bool alike = std::ranges::all_of(products, [&](const Matrix& part) {
    return part.rows == products[0].rows;
  });
  if (!alike) return all;
  all.push_back(Suspect::result(
      "that of rank r - 1's rows at every other rank's place: pass on what has arrived, not your "
      "own rows again",
      changed([&](int owner) { return owner == rank ? product(rank) : product(rank - 1); })));
  all.push_back(Suspect::result(
      "that of rank r - s's rows at the place of rank r + s: what comes from rank r - 1 are the "
      "rows of r - 1, then those of r - 2",
      changed([&](int owner) { return product(2 * rank - owner); })));
  return all;
}

void examine_rows(Examiner& examiner, int64_t rows) {
  Communicator& world = examiner.world();
  const int t = world.size(), rank = world.rank();
  const std::string name = text(" of ", rows, " rows");
  const Matrix x = examiner.random(rows, in, "x" + name),
               w = examiner.random(in, out, text("w of rank ", rank));
  std::vector<Matrix> products;
  for (int owner = 0; owner < t; ++owner)
    products.push_back(matmul(rows_of(x, part_of(rows, t, owner)), w));

  const Tensor mine = examiner.tensor(rows_of(x, part_of(rows, t, rank)), "mine"),
               weight = examiner.tensor(w, "w");
  const Ledger before = examiner.ledger();
  OverlapSteps steps(examiner, products);
  const Tensor y = with_explanation(
      [&] { return gather_and_multiply(world, mine, rows, weight); },
      "the receive buffer must have the shape of the part that arrives: part_of(rows, t, owner)");
  examiner.expect("Y" + name, y, matmul(x, w), suspects(products, rank));
  const std::string wrong = steps.diagnosis(rank, true);
  examiner.expect("the order of steps" + name, wrong.empty(), wrong);
  // Around the ring in either direction: the last that arrives is not passed on.
  const auto sent = [&](int last) { return (rows - part_of(rows, t, last % t).size()) * in * 4; };
  const int64_t other_way = sent(rank + t - 1);
  const bool goes_other_way = examiner.ledger().since(before).bytes() == other_way;
  examiner.expect_ledger(
      "t-1 exchanges, of all parts but the last to arrive" + name, before,
      {{Collective::send_receive, t - 1, goes_other_way ? other_way : sent(rank + 1)}});
  examiner.expect_products("one product for each row" + name, rows * in * out,
                           "multiply each part once");
}

}  // namespace

void examine(Examiner& examiner) {
  for (const int64_t rows : {12, 11}) {  // alike on all ranks, and not
    examiner.attempt(text(rows, " rows"), [&] { examine_rows(examiner, rows); });
    if (!examiner.verdict()) return;
  }
}

}  // namespace shard
