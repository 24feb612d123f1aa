#include "common/check/finite_differences.h"

namespace shard {

using reference::Matrix;

Variables variables_of(const Tensor& x, const Tensor& dx, const Parameters& parameters) {
  Variables variables{{"dX", Matrix(x), dx}};
  for (const Parameter* parameter : parameters) {
    variables.push_back({"d " + parameter->name, Matrix(parameter->value), parameter->gradient});
  }
  return variables;
}

Loss loss_of(std::function<Matrix(const Points& points)> expected, Matrix dy) {
  return [expected = std::move(expected), dy = std::move(dy)](const Points& points) {
    return reference::dot(expected(points), dy);
  };
}

Points points_of(const Variables& variables) {
  Points points;
  for (const Variable& variable : variables) points.push_back(variable.point);
  return points;
}

std::vector<double> finite_difference_errors(const Loss& loss, const Variables& variables,
                                             RandomStream random, int samples) {
  Points points = points_of(variables);
  std::vector<double> errors;
  for (size_t i = 0; i < variables.size(); ++i) {
    const auto loss_of_one = [&](const Matrix& moved) {
      points[i] = moved;
      return loss(points);
    };
    errors.push_back(reference::finite_difference_error(
        loss_of_one, variables[i].point, variables[i].gradient.to_host(), random, samples));
    points[i] = variables[i].point;
  }
  return errors;
}

void check_finite_differences(Report& report, const Loss& loss, const Variables& variables,
                              RandomStream random, double tolerance, int samples) {
  const std::vector<double> errors = finite_difference_errors(loss, variables, random, samples);
  for (size_t i = 0; i < variables.size(); ++i)
    report.check(variables[i].name + " against finite differences", errors[i], tolerance);
}

}  // namespace shard
