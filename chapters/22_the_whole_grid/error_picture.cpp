#include "chapters/22_the_whole_grid/error_picture.h"

#include "common/base/counted.h"
#include "common/draw/plot.h"

namespace shard::chapter_22 {

/// The combinations of a table follow each other: a curve of dots for each table.
static std::vector<Curve> curves_of(const std::vector<GradientErrorOf>& errors) {
  std::vector<Curve> curves;
  for (size_t i = 0; i < errors.size(); ++i) {
    const std::string& name = errors[i].table;
    if (curves.empty() || curves.back().name != name)
      curves.push_back({.name = name, .points = {}, .dots = true});
    curves.back().points.push_back({static_cast<double>(i + 1), errors[i].error});
  }
  return curves;
}

void draw_errors(Report& report, const std::vector<GradientErrorOf>& errors, double tolerance) {
  PicturePage page(
      text("Gradients of ", errors.size(), " combinations, beside one rank's"),
      text("A dot for each of ", counted(std::ssize(errors), "combination"),
           " of grid and switches, in the order of the table: the largest relative error of a "
           "parameter's gradient, on a logarithmic axis. All dots are far below the dashed line of "
           "the allowed ",
           scientific(tolerance), ", and those of one rank at 0."));
  page.sentence(
      "A dot is a row of the table: of all parameters the largest error of a gradient, put "
      "together "
      "again from what the ranks have of it. A sum that is missing, or taken twice, would be near "
      "1; the order of sums is near 1e-7.");
  Plot plot{.x_name = "row of the tables",
            .y_name = "relative error",
            .curves = curves_of(errors),
            .logarithmic = true,
            .limit = tolerance,
            .limit_name = "allowed"};
  plot.add_to(page);
  report.picture(page.drawn());
}

}  // namespace shard::chapter_22
