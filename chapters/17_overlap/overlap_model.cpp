#include "chapters/17_overlap/overlap_model.h"

#include <algorithm>
#include <cmath>

namespace shard::chapter_17 {

//! [17-model]
double OverlapModel::whole(double bytes) const {
  return product.seconds(bytes) + (ranks - 1) * exchange.seconds(bytes / ranks);
}

double OverlapModel::chunked(double bytes, int chunks) const {
  const double chunk = bytes / (ranks * chunks), last = product.seconds(chunk);
  const double products = ranks * chunks * last,
               exchanges = (ranks - 1) * chunks * exchange.seconds(chunk);
  return std::max(products + busy * exchanges, exchanges + last);
}

int OverlapModel::best_chunks(double bytes, std::span<const int> choices) const {
  return *std::ranges::min_element(choices, {}, [&](int chunks) {
    return chunks == 0 ? whole(bytes) : chunked(bytes, chunks);
  });
}
//! [17-model]

double modelled(const OverlapModel& model, const MeasuredProduct& measured) {
  return measured.chunks == 0 ? model.whole(measured.bytes)
                              : model.chunked(measured.bytes, measured.chunks);
}

double relative_error(const OverlapModel& model, std::span<const MeasuredProduct> all) {
  double squares = 0;
  for (const MeasuredProduct& one : all)
    squares += std::pow(modelled(model, one) / one.seconds - 1, 2);
  return std::sqrt(squares / static_cast<double>(all.size()));
}

OverlapModel fit_busy(OverlapModel model, std::span<const MeasuredProduct> all) {
  OverlapModel best = model;
  best.busy = 0;
  for (int hundredths = 1; hundredths <= 100; ++hundredths) {
    model.busy = hundredths / 100.0;
    if (relative_error(model, all) < relative_error(best, all)) best = model;
  }
  return best;
}

}  // namespace shard::chapter_17
