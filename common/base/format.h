// Formatting of numbers and tables.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace shard {

/// Rows of text in aligned columns: the first is left-aligned, the others are right-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : rows_{std::move(heading)} {}
  /// At most as many cells as the heading.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// The number of characters, not bytes, of a UTF-8 text: its width when printed.
size_t width_of(const std::string& text);

std::string fixed(double value, int digits = 2);  // "3.14"
std::string short_number(double value);           // "28" or "-0.16": at most two decimals
std::string scientific(double value);             // "3.1e-06"
std::string bytes_text(double bytes);             // "1.5 MB", in powers of 1000
std::string seconds_text(double seconds);         // "1.50 ms"

}  // namespace shard
