// How numbers and tables are written, wherever they are printed.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace shard {

/// Rows of text, printed in aligned columns: the first column to the left, the others to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heading)
      : rows_{std::move(heading)} {}  // the names of the columns
  void row(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
  }                         // as many cells as the heading
  std::string str() const;  // lines, as they are printed

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Characters of a UTF-8 text, not bytes: its width when it is printed.
size_t width_of(const std::string& text);

// How numbers are written.
std::string fixed(double value, int digits = 2);  // as in "3.14"
std::string short_number(
    double value);                     // as in "28" or "-0.16": at most two digits after the point
std::string scientific(double value);  // as in "3.1e-06"
std::string bytes_text(double bytes);  // as in "1.5 MB", in powers of 1000
std::string seconds_text(double seconds);  // as in "1.50 ms"

}  // namespace shard
