#include "common/base/format.h"

#include <algorithm>
#include <cstdio>

namespace shard {

static std::string printed(const char* format, double value, int digits = 0) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, digits, value);
  return buffer;
}

size_t width_of(const std::string& text) {
  size_t width = 0;
  for (unsigned char byte : text) width += (byte & 0xC0) != 0x80;  // not a continuation byte
  return width;
}

std::string Table::str() const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - width_of(row[i]), ' ');
      line += " " + (i == 0 ? row[i] + padding : " " + padding + row[i]);
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

std::string fixed(double value, int digits) { return printed("%.*f", value, digits); }

std::string short_number(double value) {
  std::string number = fixed(value, 2);
  if (number.ends_with(".00")) number.resize(number.size() - 3);
  return number == "-0" ? "0" : number;
}

std::string scientific(double value) { return printed("%.*e", value, 1); }

std::string bytes_text(double bytes) {
  if (bytes < 1e3) return fixed(bytes, 0) + " B";
  if (bytes < 1e6) return fixed(bytes / 1e3, 1) + " KB";
  return fixed(bytes / 1e6, 1) + " MB";
}

std::string seconds_text(double seconds) {
  if (seconds < 1e-3) return fixed(seconds * 1e6, 1) + " µs";
  if (seconds < 1) return fixed(seconds * 1e3, 2) + " ms";
  return fixed(seconds, 2) + " s";
}

}  // namespace shard
