#include "common/report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/files.h"
#include "common/runtime.h"
#include "common/svg.h"

namespace shard {
namespace {

constexpr const char* over_the_line = "\r\033[K";  // to its beginning, and all of it deleted

std::string printed(const char* format, double value, int digits = 0) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, digits, value);
  return buffer;
}

}  // namespace

size_t width_of(const std::string& text) {
  size_t width = 0;
  for (unsigned char byte : text) width += (byte & 0xC0) != 0x80;  // continuation bytes do not count
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

struct Report::Json {
  nlohmann::json ledger = nlohmann::json::array();
  nlohmann::json results = nlohmann::json::object();
};

Report::Report(Runtime& runtime) : runtime_(runtime), json_(std::make_unique<Json>()) {}

Report::~Report() {
  if (moving_) std::cout << std::endl;  // an error ends the run: its message gets a line of its own
}

void Report::result(const std::string& name, double value) { json_->results[name] = value; }

void Report::result(const std::string& name, const std::vector<double>& values) { json_->results[name] = values; }

void Report::heading(const std::string& title) { line("\n" + title); }

void Report::print(const std::string& text) {
  if (runtime_.world().rank() == 0) std::cout << (moving_ ? over_the_line : "") << text << std::flush;
  moving_ = false;
}

void Report::line(const std::string& line) { print(line + "\n"); }

void Report::update(const std::string& line) {
  if (runtime_.world().rank() == 0) std::cout << over_the_line << line << std::flush;
  moving_ = runtime_.world().rank() == 0;
}

void Report::table(const Table& table) { print(table.str()); }

void Report::ledger(const Ledger& ledger) {
  Table rows({"collective", "group", "calls", "bytes", "time"});
  std::vector<LedgerRow> travelled;
  std::ranges::copy_if(ledger.rows(), std::back_inserter(travelled), &LedgerRow::travels);
  for (const LedgerRow& row : travelled) {
    rows.row({to_string(row.op), row.group, std::to_string(row.calls), bytes_text(static_cast<double>(row.bytes)),
              seconds_text(row.seconds)});
    json_->ledger.push_back({{"op", to_string(row.op)},
                             {"group", row.group},
                             {"calls", row.calls},
                             {"bytes", row.bytes},
                             {"seconds", row.seconds}});
  }
  if (travelled.empty()) {
    line("  no communication");
  } else {
    table(rows);
  }
}

void Report::picture(const Svg& picture) {
  if (runtime_.world().rank() == 0) picture.write("--picture", runtime_.options().picture);
  line("\n  the picture: " + runtime_.options().picture);
}

void Report::check(const std::string& name, double error, double tolerance) {
  const double largest = runtime_.world().max_of(error);
  const bool pass = largest <= tolerance;  // false for NaN
  checks_.push_back({name, largest, tolerance, pass});
  const std::string numbers =
      tolerance == 0 && largest <= 1 ? "" : text(": error ", scientific(largest), ", allowed ", scientific(tolerance));
  line(text(pass ? "  ok    " : "  WRONG ", name, numbers));
}

int Report::finish() {
  size_t held = 0;
  const Check* worst = nullptr;
  const auto badness = [](const Check& check) {
    if (!check.pass) return std::isnan(check.error) ? INFINITY : 1e30 + check.error;
    return check.tolerance > 0 ? check.error / check.tolerance : -1.0;
  };
  for (const Check& check : checks_) {
    held += check.pass;
    if (worst == nullptr || badness(check) > badness(*worst)) worst = &check;
  }
  if (worst == nullptr) {
    line("\nno checks were made");
  } else {
    line(text("\n", held, " of ", checks_.size(), " checks hold; nearest to its limit: ", scientific(worst->error),
              " of ", scientific(worst->tolerance), " allowed (", worst->name, ")"));
  }
  if (!runtime_.options().json.empty() && runtime_.world().rank() == 0) write_json();
  return held == checks_.size() ? 0 : 1;
}

void Report::write_json() const {
  nlohmann::json checks = nlohmann::json::array();
  for (const Check& check : checks_) {
    checks.push_back(
        {{"name", check.name}, {"error", check.error}, {"tolerance", check.tolerance}, {"pass", check.pass}});
  }
  const nlohmann::json all{{"chapter", runtime_.options().name()},
                           {"device", runtime_.backend().description()},
                           {"ranks", runtime_.world().size()},
                           {"tp", tp_},
                           {"dp", dp_},
                           {"checks", checks},
                           {"ledger", json_->ledger},
                           {"results", json_->results}};
  write_file("--json", runtime_.options().json, all.dump(2) + "\n");
}

}  // namespace shard
