// Gradients with respect to several matrices against finite differences of a loss in double
// precision.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/check/reference.h"
#include "common/program/report.h"
#include "common/tensor/parameter.h"

namespace shard {

/// A matrix on which a loss depends, and the gradient that a backward pass has computed there.
struct Variable {
  std::string name;         // of the gradient: "dX"
  reference::Matrix point;  // where the gradient was computed
  Tensor gradient;          // f32, of as many elements as the point
};
using Variables = std::vector<Variable>;

/// "dX", then "d " + name for every parameter with its value: of an unsplit layer.
Variables variables_of(const Tensor& x, const Tensor& dx, const Parameters& parameters);

/// The points of all variables, in their order.
using Points = std::vector<reference::Matrix>;
Points points_of(const Variables& variables);

/// A loss in double precision, as a function of all points.
using Loss = std::function<double(const Points& points)>;
/// Σ Y ∘ dY with Y = expected(points): the loss whose gradient with respect to Y is dY.
Loss loss_of(std::function<reference::Matrix(const Points& points)> expected, reference::Matrix dy);

/// For each variable, the error of its gradient against central differences of `loss` at `samples`
/// entries of its point, all other points staying as they are (reference::finite_difference_error).
std::vector<double> finite_difference_errors(const Loss& loss, const Variables& variables,
                                             RandomStream random, int samples = 8);

/// One check for each variable: its name + " against finite differences". Collective.
void check_finite_differences(Report& report, const Loss& loss, const Variables& variables,
                              RandomStream random, double tolerance, int samples = 8);

}  // namespace shard
