#include "exercises/02_collectives/3_all_gather_uneven.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/exercises/ring_group.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

/// The matrices one below the other.
Matrix stacked(const std::vector<Matrix>& pieces) {
  Matrix all(0, pieces.front().columns);
  for (const Matrix& piece : pieces) {
    all.rows += piece.rows;
    all.values.insert(all.values.end(), piece.values.begin(), piece.values.end());
  }
  return all;
}

/// `pieces` with piece `index` not written.
Matrix stacked_without(std::vector<Matrix> pieces, int index) {
  std::ranges::fill(pieces[static_cast<size_t>(index)].values, NAN);
  return stacked(pieces);
}

/// Common mistakes with the stacked pieces.
std::vector<Suspect> suspects(const std::vector<Matrix>& pieces, int rank) {
  const int t = static_cast<int>(pieces.size());
  std::vector<Matrix> upwards, downwards,
      lefts(pieces.size(), pieces[static_cast<size_t>((rank + t - 1) % t)]);
  for (int i = 0; i < t; ++i) {
    upwards.push_back(pieces[static_cast<size_t>((rank + i) % t)]);
    downwards.push_back(pieces[static_cast<size_t>((rank + t - i) % t)]);
  }
  lefts[static_cast<size_t>(rank)] = pieces[static_cast<size_t>(rank)];
  std::vector<Suspect> all{
      Suspect::result("the pieces in the order in which they arrived, this rank's own first: rank "
                      "0's must come first on every rank",
                      stacked(downwards)),
      Suspect::result(
          "the pieces with this rank's own first: rank 0's must come first on every rank",
          stacked(upwards)),
      Suspect::result("right except for this rank's own piece, which was never written: the ring "
                      "brings only the others'",
                      stacked_without(pieces, rank)),
      Suspect::result("the left neighbour's piece in every place except this rank's own: each rank "
                      "sent its own piece in every step instead of passing on what arrived last",
                      stacked(lefts))};
  for (int distance = 1; distance < t; ++distance) {
    all.push_back(Suspect::result(text("without the piece of rank r + ", distance,
                                       ", on each rank r: it never arrived",
                                       distance == 1 ? ", one step too few" : ""),
                                  stacked_without(pieces, (rank + distance) % t)));
  }
  return all;
}

/// The known way of sending more than a ring does, or not what a ring sends; nothing if it is none.
/// `sent` by this rank and by all ranks, in rows.
std::string waste(const std::vector<int64_t>& rows, int rank, int64_t sent, int64_t sent_by_all) {
  const int64_t t = std::ssize(rows), steps = t - 1,
                total = std::accumulate(rows.begin(), rows.end(), int64_t{0});
  const int64_t own = rows[static_cast<size_t>(rank)],
                right = rows[static_cast<size_t>((rank + 1) % t)];
  if (sent == total - right) return "";
  if (sent_by_all == t * steps * total)
    return "every message carries the whole result, not one piece";
  if (sent_by_all == t * steps * std::ranges::max(rows)) {
    return "every piece was padded to the longest: the padding is sent, too";
  }
  if (sent_by_all == steps * total && sent == steps * own) {
    return "this rank sent its own piece in every step, but a ring passes on what arrived last";
  }
  return "";
}

void examine_rows(Examiner& examiner, std::vector<int64_t> rows, int64_t columns) {
  Communicator& world = examiner.world();
  const int t = world.size(), rank = world.rank();
  rows.resize(static_cast<size_t>(t));
  std::vector<Matrix> pieces;
  std::string lengths;
  for (int other = 0; other < t; ++other) {
    const int64_t length = rows[static_cast<size_t>(other)];
    pieces.push_back(examiner.random(length, columns, text("piece ", other, " of ", length)));
    lengths += text(other == 0 ? "" : " + ", length);
  }
  const Matrix whole = stacked(pieces);

  RingGroup ring(world);
  const Ledger before = examiner.ledger();
  const Tensor piece = examiner.tensor(pieces[static_cast<size_t>(rank)], "piece");
  const Tensor got = with_explanation([&] { return ring_all_gather(ring, piece, rows); },
                                      "piece i has rows[i] rows all the way around, and every rank "
                                      "takes part in every step, even with an empty piece");
  examiner.expect("result of " + lengths + " rows", got, whole, suspects(pieces, rank));

  const Ledger since = examiner.ledger().since(before);
  const int64_t bytes_of_row = 4 * columns,
                rows_to_send = whole.rows - rows[static_cast<size_t>((rank + 1) % t)];
  const int64_t sent = since.bytes() / bytes_of_row,
                sent_by_all = static_cast<int64_t>(examiner.sum_of(static_cast<double>(sent)));
  const bool only_messages =
      since.calls() == t - 1 && since.calls(Collective::send_receive) == t - 1;
  const std::string wasted = only_messages ? waste(rows, rank, sent, sent_by_all) : "";
  const std::string name =
      text("the messages of ", lengths, " rows: t-1, every piece but that of rank + 1");
  if (!wasted.empty()) return examiner.expect(name, false, wasted);
  examiner.expect_ledger(name, before,
                         {{Collective::send_receive, t - 1, rows_to_send * bytes_of_row}});
}

}  // namespace

void examine(Examiner& examiner) {
  const auto examine_case = [&](const std::string& name, const std::vector<int64_t>& rows) {
    examiner.attempt(name, [&] { examine_rows(examiner, rows, 7); });
    return examiner.verdict();
  };
  if (!examine_case("as many rows on every rank", {3, 3, 3, 3})) return;
  if (!examine_case("different numbers of rows", {4, 1, 3, 2})) return;
  if (!examine_case("a rank without rows", {3, 0, 5, 2})) return;
  examine_case("two neighbours without rows", {3, 0, 0, 2});
}

}  // namespace shard
