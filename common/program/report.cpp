#include "common/program/report.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/comm/communicator.h"
#include "common/draw/svg.h"
#include "common/program/options.h"
#include "common/tensor/backend.h"

namespace shard {
namespace {

constexpr const char* over_the_line = "\r\033[K";  // to the line's beginning, and clear it

}  // namespace

struct Report::Json {
  nlohmann::json ledger = nlohmann::json::array();
  nlohmann::json results = nlohmann::json::object();
};

Report::Report(Communicator& world, const Options& options)
    : world_(world), options_(options), json_(std::make_unique<Json>()) {}

Report::~Report() {
  if (moving_) std::cout << std::endl;  // an error ends the run: its message is on a separate line
}

void Report::result(const std::string& name, double value) { json_->results[name] = value; }

void Report::result(const std::string& name, const std::vector<double>& values) {
  json_->results[name] = values;
}

void Report::heading(const std::string& title) { line("\n" + title); }

void Report::print(const std::string& text) {
  if (world_.rank() == 0) std::cout << (moving_ ? over_the_line : "") << text << std::flush;
  moving_ = false;
}

void Report::line(const std::string& line) { print(line + "\n"); }

void Report::update(const std::string& line) {
  if (world_.rank() == 0) std::cout << over_the_line << line << std::flush;
  moving_ = world_.rank() == 0;
}

void Report::table(const Table& table) { print(table.str()); }

void Report::ledger(const Ledger& ledger) {
  Table rows({"collective", "group", "calls", "given", "sent", "time"});
  std::vector<LedgerRow> travelled;
  std::ranges::copy_if(ledger.rows(), std::back_inserter(travelled), &LedgerRow::travels);
  for (const LedgerRow& row : travelled) {
    rows.row({to_string(row.op), row.group, std::to_string(row.calls),
              bytes_text(static_cast<double>(row.bytes)), bytes_text(static_cast<double>(row.sent)),
              seconds_text(row.seconds)});
    json_->ledger.push_back({{"op", to_string(row.op)},
                             {"group", row.group},
                             {"calls", row.calls},
                             {"bytes", row.bytes},
                             {"sent", row.sent},
                             {"seconds", row.seconds}});
  }
  if (travelled.empty()) {
    line("  no communication");
  } else {
    table(rows);
  }
}

void Report::picture(const Svg& picture) {
  if (world_.rank() == 0) picture.write("--picture", options_.picture);
  line("\n  the picture: " + options_.picture);
}

void Report::check(const std::string& name, double error, double tolerance) {
  const double largest = world_.max_of(error);
  const bool pass = largest <= tolerance;  // false for NaN
  checks_.push_back({name, largest, tolerance, pass});
  const std::string numbers =
      tolerance == 0 && largest <= 1
          ? ""
          : text(": error ", scientific(largest), ", allowed ", scientific(tolerance));
  line(text(pass ? "  ok    " : "  WRONG ", name, numbers));
}

void Report::check(const std::string& name, bool holds, const std::string& found) {
  check(name, holds);
  if (checks_.back().pass) return;
  const std::string mine = holds ? "" : text("        rank ", world_.rank(), ": ", found);
  for (const std::string& ranks_line : world_.gather_text(mine)) {
    if (!ranks_line.empty()) return line(ranks_line);
  }
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
    line(text("\n", held, " of ", checks_.size(),
              " checks hold; closest to its limit: ", scientific(worst->error), " of ",
              scientific(worst->tolerance), " allowed (", worst->name, ")"));
  }
  if (!options_.json.empty() && world_.rank() == 0) write_json();
  return held == checks_.size() ? 0 : 1;
}

void Report::write_json() const {
  nlohmann::json checks = nlohmann::json::array();
  for (const Check& check : checks_) {
    checks.push_back({{"name", check.name},
                      {"error", check.error},
                      {"tolerance", check.tolerance},
                      {"pass", check.pass}});
  }
  const nlohmann::json all{{"chapter", options_.name()},
                           {"device", world_.backend().description()},
                           {"ranks", world_.size()},
                           {"tp", tp_},
                           {"dp", dp_},
                           {"checks", checks},
                           {"ledger", json_->ledger},
                           {"results", json_->results}};
  write_file("--json", options_.json, all.dump(2) + "\n");
}

}  // namespace shard
