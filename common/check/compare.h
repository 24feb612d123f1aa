// Comparing a layer that is split over ranks with the unsplit layer.
#pragma once
#include "common/program/report.h"
#include "common/tensor/parameter.h"

namespace shard {

/// What one forward and one backward pass have computed.
struct Computed {
  Tensor y, dx;           // empty if they are not to be compared
  Parameters parameters;  // with their gradients
};

/// Checks Y, dX and the gradient of every parameter of a split layer against those of the unsplit
/// one, `whole` in the checks' names: "Y against the unsplit layer", "dX against the unsplit
/// layer", then check_gradients. The unsplit y and dx are this rank's parts. Collective.
void check_split(Report& report, const std::string& whole, const Computed& split,
                 const Computed& unsplit, double tolerance);

/// Checks that every parameter's gradient is this rank's part of the unsplit one: one check for
/// each parameter, called "d " + its name. Both lists hold the same parameters in the same order.
/// Collective.
void check_gradients(Report& report, const Parameters& split, const Parameters& unsplit,
                     double tolerance);

/// Whether x and y, both f32, hold the same numbers, bit for bit; NaN is not the same as anything.
bool same_bits(const Tensor& x, const Tensor& y);

/// The relative error of a split parameter's gradient against that of the unsplit parameter.
double gradient_error(const Parameter& split, const Parameter& unsplit);

/// The largest gradient_error of all parameters on this rank, NaN if one is. Throws Error if the
/// lists do not hold the same parameters in the same order.
double largest_gradient_error(const Parameters& split, const Parameters& unsplit);

}  // namespace shard
