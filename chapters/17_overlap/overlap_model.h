// OverlapModel: how long a product takes whose input is gathered in chunks, and how many chunks are
// best.
//     whole: p(B) + (t-1)·e(B/t)            B bytes of X on t ranks, gathered, then multiplied
//     n chunks a rank of b = B/(t·n) bytes: products t·n·p(b), exchanges (t-1)·n·e(b),
//         max(products + busy · exchanges, exchanges + p(b))
// The core multiplies, and is busy with its share of the exchanges; or the link is never idle, and
// the product of what arrives last follows.
#pragma once
#include <span>
#include <vector>

#include "chapters/02_collectives/speed.h"

namespace shard::chapter_17 {

using chapter_02::Line;

struct OverlapModel {
  int ranks = 1;    // t
  Line product;     // p: seconds of a product with so many bytes of X
  Line exchange;    // e: seconds in which so many bytes leave, and as many arrive
  double busy = 0;  // share of an exchange in which a core is busy with it: 0 … 1

  double whole(double bytes) const;
  double chunked(double bytes, int chunks) const;
  /// The number of chunks per rank for which the model's time is least, of these; 0 stands for
  /// whole, the smallest number comes first if several are equal.
  int best_chunks(double bytes, std::span<const int> choices) const;
};

/// What was measured for a product: `bytes` of X in `chunks` per rank, 0 for whole.
struct MeasuredProduct {
  double bytes;
  int chunks;
  double seconds;
};
double modelled(const OverlapModel& model, const MeasuredProduct& measured);
/// Root mean square of (modelled - measured) / measured.
double relative_error(const OverlapModel& model, std::span<const MeasuredProduct> all);
/// The same model with the share `busy`, in steps of a hundredth, for which that error is least.
OverlapModel fit_busy(OverlapModel model, std::span<const MeasuredProduct> all);

}  // namespace shard::chapter_17
