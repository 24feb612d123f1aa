// Comparing the gradients of a layer that is split over ranks with those of the unsplit layer.
#pragma once
#include "common/program/report.h"
#include "common/tensor/parameter.h"

namespace shard {

/// Checks that every parameter's gradient is this rank's part of the unsplit one: one check for
/// each parameter, called "d " + its name. Both lists hold the same parameters in the same order.
/// Collective.
void check_gradients(Report& report, const Parameters& split, const Parameters& unsplit,
                     double tolerance);

/// The relative error of a split parameter's gradient against that of the unsplit parameter.
double gradient_error(const Parameter& split, const Parameter& unsplit);

}  // namespace shard
