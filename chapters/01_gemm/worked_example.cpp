#include "chapters/01_gemm/worked_example.h"

#include <algorithm>
#include <sstream>

#include "common/program/report.h"

namespace shard::chapter_01 {

WorkedExample worked_example() {
  WorkedExample example{reference::Matrix(4, 4), reference::Matrix(4, 4)};
  example.x.values = {1,  -2, 3,  0,  //
                      2,  1,  -1, 4,  //
                      -3, 0,  2,  1,  //
                      1,  5,  -2, 2};
  example.a.values = {2,  1,  -1, 3,   //
                      0,  -2, 4,  1,   //
                      1,  3,  2,  -1,  //
                      -1, 2,  0,  5};
  return example;
}

std::string dot_product(const WorkedExample& example, int64_t row, int64_t column) {
  std::string letters, numbers;
  double sum = 0;
  for (int64_t k = 0; k < example.x.columns; ++k) {
    const double x = example.x(row, k), a = example.a(k, column);
    const std::string plus = k == 0 ? "" : " + ";
    letters += text(plus, "X[", row, "][", k, "]·A[", k, "][", column, "]");
    numbers += text(plus, x < 0 && k > 0 ? text("(", x, ")") : text(x), "·",
                    a < 0 ? text("(", a, ")") : text(a));
    sum += x * a;
  }
  const std::string name = text("Y[", row, "][", column, "] = ");
  return "  " + name + letters + "\n" + std::string(name.size(), ' ') + "= " + numbers + " = " +
         text(sum);
}

std::string drawn(const reference::Matrix& matrix) {
  size_t width = 4;
  for (double value : matrix.values) width = std::max(width, short_number(value).size() + 1);
  std::string out;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    out += "[";
    for (int64_t column = 0; column < matrix.columns; ++column) {
      const std::string number = short_number(matrix(row, column));
      out += std::string(width - number.size(), ' ') + number;
    }
    out += " ]\n";
  }
  return out;
}

std::string side_by_side(const std::vector<Labelled>& blocks) {
  std::vector<std::vector<std::string>> columns;
  size_t height = 0;
  for (const Labelled& block : blocks) {
    std::vector<std::string> lines{block.name};
    std::istringstream stream(block.block);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    height = std::max(height, lines.size());
    columns.push_back(std::move(lines));
  }
  std::string out;
  for (size_t row = 0; row < height; ++row) {
    std::string line = "  ";
    for (const auto& lines : columns) {
      size_t width = 0;
      for (const std::string& text : lines) width = std::max(width, width_of(text));
      const std::string cell = row < lines.size() ? lines[row] : "";
      line += cell + std::string(width - width_of(cell) + 3, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

}  // namespace shard::chapter_01
