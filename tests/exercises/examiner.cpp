#include "tests/exercises/examiner.h"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <sstream>
#include <tuple>
#include <utility>

#include "common/base/counted.h"
#include "common/program/report.h"
#include "exercises/todo.h"
#include "tests/exercises/excluded_header.h"
#include "tests/exercises/meeting.h"
#include "tests/exercises/watched_backend.h"

namespace shard {
namespace {

double norm(const std::vector<double>& values) {
  double sum = 0;
  for (double value : values) sum += value * value;
  return std::sqrt(sum);
}

/// ‖a - b‖ within `tolerance` of the size of both. NaN and infinity are like nothing.
bool alike(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  std::vector<double> difference;
  for (size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
  const double gap = norm(difference);
  return std::isfinite(gap) && gap <= tolerance * std::max(norm(a), norm(b));
}

/// The c for which c·term comes nearest to `values` (least squares); 0 if the term is zero.
double coefficient(const std::vector<double>& values, const std::vector<double>& term) {
  double product = 0, square = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    product += values[i] * term[i];
    square += term[i] * term[i];
  }
  return square > 0 ? product / square : 0;
}

std::string number(double value) {
  const double rounded = std::round(value);
  return std::abs(value - rounded) < 1e-3 ? text(static_cast<int64_t>(rounded)) : fixed(value, 3);
}

struct Comparison {
  const std::string& name;
  const std::vector<double>& got;
  const Matrix& expected;
  double tolerance;

  std::string matches(const Suspect& suspect) const {
    if (got.empty() || suspect.matrix.values.size() != got.size()) return "";
    if (suspect.term_name.empty()) {
      std::vector<double> seen = got, wrong = suspect.matrix.values;
      for (size_t i = 0; i < seen.size(); ++i) {
        if (std::isnan(seen[i]) && std::isnan(wrong[i]))
          seen[i] = wrong[i] = 0;  // not written, as suspected
      }
      return alike(seen, wrong, tolerance) ? text("your ", name, " is ", suspect.diagnosis) : "";
    }
    if (got.size() != expected.values.size()) return "";
    std::vector<double> difference(got.size()), rest(got.size());
    for (size_t i = 0; i < got.size(); ++i) difference[i] = got[i] - expected.values[i];
    const double c = coefficient(difference, suspect.matrix.values);
    for (size_t i = 0; i < got.size(); ++i) rest[i] = c * suspect.matrix.values[i];
    if (c == 0 || !alike(difference, rest, std::sqrt(tolerance)) ||
        (suspect.when && !suspect.when(c)))
      return "";
    return text("your ", name, " is the right ", name, c > 0 ? " plus " : " minus ",
                number(std::abs(c)), " × ", suspect.term_name, ": ", suspect.diagnosis);
  }

  std::string factor() const {
    const double c = coefficient(got, expected.values);
    std::vector<double> scaled;
    for (double value : expected.values) scaled.push_back(c * value);
    if (c == 0 || std::abs(c - 1) < 1e-3 || got.size() < 2 || !alike(got, scaled, tolerance))
      return "";
    return text("your ", name, " is ", number(c), " times the right ", name);
  }

  std::string first_difference() const {
    double largest = 0;
    for (double value : expected.values) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < got.size(); ++i) {
      const double gap = std::abs(got[i] - expected.values[i]);
      if (gap <= tolerance * std::max(largest, 1e-30)) continue;  // false for NaN
      const auto row = static_cast<int64_t>(i) / expected.columns,
                 column = static_cast<int64_t>(i) % expected.columns;
      const std::string place = text("row ", row, ", column ", column);
      if (std::isnan(got[i]))
        return text("your ", name, " is NaN at ", place,
                    ": not written, or computed from values that were not written");
      return text("your ", name, " first differs at ", place, ": got ", got[i], ", expected ",
                  expected.values[i]);
    }
    return text("your ", name, " differs slightly in many elements");
  }
};

/// The suspects that are found in `got`.
std::vector<std::string> known_mistakes(const std::string& name, const std::vector<double>& got,
                                        const Matrix& expected,
                                        const std::vector<Suspect>& suspects, double tolerance) {
  std::vector<std::string> all;
  for (const Suspect& suspect : suspects) {
    std::string found = Comparison{name, got, expected, tolerance}.matches(suspect);
    if (!found.empty()) all.push_back(std::move(found));
  }
  return all;
}

struct Diagnoses {
  std::vector<std::string> texts;  // those that fit; none: right
  Tells tells = Tells::cause;
};

/// `is_defined`: otherwise nothing is to be concluded from the numbers.
Diagnoses diagnose(const std::string& name, const std::vector<double>& got, const Matrix& expected,
                   const std::vector<Suspect>& suspects, double tolerance, bool is_defined) {
  const Comparison comparison{name, got, expected, tolerance};
  if (alike(got, expected.values, tolerance)) return {};
  if (!is_defined) return {{comparison.first_difference()}, Tells::difference};
  std::vector<std::string> known = known_mistakes(name, got, expected, suspects, tolerance);
  if (!known.empty()) return {known};
  if (got.size() > 1 && norm(got) == 0)
    return {{text("your ", name,
                  " is 0 everywhere: was it computed, and is no factor of it a quotient "
                  "of whole numbers, such as 1 / ranks, which is 0?")}};
  if (std::string found = comparison.factor(); !found.empty()) return {{found}};
  return {{comparison.first_difference()}, Tells::difference};
}

/// "a, b and c"
std::string listed(const std::vector<std::string>& items) {
  std::string all;
  for (size_t i = 0; i < items.size(); ++i)
    all += (i == 0 ? "" : i + 1 == items.size() ? " and " : ", ") + items[i];
  return all;
}

/// How the ranks tell each other their diagnoses: one a line, after the number of what it tells.
std::string joined(const std::vector<std::string>& diagnoses, Tells tells) {
  std::string lines;
  for (const std::string& diagnosis : diagnoses)
    lines += text(static_cast<int>(tells), diagnosis, "\n");
  return lines;
}

/// From the lines of each rank, what to report of it: a diagnosis that fits on all wrong ranks,
/// where there is one, or its first; "" of a rank where it holds.
std::vector<std::string> settled(const std::vector<std::string>& lines_of_ranks) {
  const auto fits_everywhere = [&](const std::string& line) {
    return std::ranges::all_of(lines_of_ranks, [&](const std::string& lines) {
      return lines.empty() || ("\n" + lines).find("\n" + line + "\n") != std::string::npos;
    });
  };
  std::string common;
  for (const std::string& lines : lines_of_ranks) {
    std::istringstream stream(lines);
    for (std::string line; common.empty() && std::getline(stream, line);) {
      if (fits_everywhere(line)) common = line;
    }
  }
  std::vector<std::string> settled;
  for (const std::string& lines : lines_of_ranks) {
    const std::string first = lines.substr(0, lines.find('\n'));
    settled.push_back(first.empty() || common.empty() ? first : common);
  }
  return settled;
}

/// By what a sentence tells, then in the order of the findings: the ranks that it is about.
using Sentences = std::map<std::tuple<Tells, size_t, std::string>, std::vector<int>>;

void show(const Sentences& wrong, int ranks) {
  for (const auto& [sentence, about] : wrong) {
    const auto& [tells, number, diagnosis] = sentence;
    const bool has_cause = std::get<Tells>(wrong.begin()->first) == Tells::cause;
    if (tells == Tells::bytes && has_cause) continue;
    std::string who = about.size() == 1 ? "rank " : "ranks ";
    for (size_t i = 0; i < about.size(); ++i) who += text(i == 0 ? "" : ", ", about[i]);
    std::cout << "  WRONG " << (ranks == 1 ? "" : who + ": ") << diagnosis << "\n";
  }
}

/// "2 all_reduces", "0 calls of all_reduce_max".
std::string calls_text(int64_t calls, Collective op) {
  const std::string name = to_string(op);
  const bool is_noun = op != Collective::all_reduce_max && op != Collective::all_to_all;
  if (!is_noun) return text(calls, calls == 1 ? " call of " : " calls of ", name);
  return text(calls, " ", name, calls == 1 ? "" : "s");
}

constexpr std::string_view different_calls = "call different collectives: rank ";

/// "rank 1 has returned from your function; rank 0 waits in all_reduce of 45 f32", of an error that
/// lists different calls of which one is gather_text, the examiner's own first call.
std::string explained(const std::string& message) {
  constexpr std::string_view introduction = different_calls, own_call = ": gather_text (#",
                             separator = ", rank ";
  const size_t list = message.find(introduction);
  if (list == std::string::npos || message.find(own_call) == std::string::npos) return message;
  std::string returned, waiting;
  std::string_view calls = std::string_view(message).substr(list + introduction.size());
  while (!calls.empty()) {
    const size_t end = std::min(calls.find(separator), calls.size());
    const std::string_view call = calls.substr(0, end), rank = call.substr(0, call.find(':'));
    if (call.find(own_call) != std::string_view::npos) {
      returned += text(returned.empty() ? "" : ", ", "rank ", rank);
    } else {
      const std::string_view what = call.substr(rank.size() + 2);
      waiting += text(waiting.empty() ? "" : ", ", "rank ", rank, " waits in ",
                      what.substr(0, what.find(" (#")));
    }
    calls.remove_prefix(std::min(end + separator.size(), calls.size()));
  }
  return text(returned, returned.find(',') == std::string::npos ? " has" : " have",
              " returned from your function; ", waiting);
}

}  // namespace

std::vector<std::string>& excluded_headers() {
  static std::vector<std::string> headers;
  return headers;
}

void Results::remember() {
  for (Kept& kept : kept_) kept.values = kept.result.to_host();
}

std::string Results::changed() const {
  for (const Kept& kept : kept_) {
    if (!kept.values.empty() && kept.result.to_host() != kept.values) return kept.name;
  }
  return "";
}

Examiner::Examiner(const Equipment& equipment, uint64_t round)
    : backend_(equipment.backend),
      world_(equipment.world),
      watched_(equipment.world),
      alone_(equipment.alone),
      meeting_(equipment.meeting),
      results_(equipment.results),
      exercise_(equipment.exercise),
      round_(round),
      calls_before_(world_.ledger().calls()),
      multiplications_(backend_.multiplications()) {
  world_.ledger().listen([this](Collective op, int64_t bytes) {
    ++calls_told_;
    if (op == Collective::gather_text)
      ++host_numbers_;
    else
      done_.push_back({op, bytes});
  });
}

Examiner::~Examiner() {
  world_.ledger().listen(nullptr);
  backend_.listen(nullptr);
}

double Examiner::max_of(double value) {
  --host_numbers_;
  return world_.max_of(value);
}

double Examiner::sum_of(double value) {
  --host_numbers_;
  return world_.sum_of(value);
}

std::vector<std::string> Examiner::gather_text(Communicator& group, const std::string& mine) {
  --host_numbers_;
  return group.gather_text(mine);
}

void Examiner::watch_products(std::function<void(const Tensor& c)> listener) {
  backend_.listen(std::move(listener));
}

Matrix Examiner::random(int64_t rows, int64_t columns, std::string_view name,
                        double deviation) const {
  return reference::random_matrix(rows, columns, {20 + round_, stream_of(name)}, deviation);
}

Matrix Examiner::random_integers(int64_t rows, int64_t columns, std::string_view name,
                                 int64_t largest) const {
  Matrix matrix(rows, columns);
  const RandomStream random{20 + round_, stream_of(name)};
  for (size_t i = 0; i < matrix.values.size(); ++i) {
    matrix.values[i] =
        static_cast<double>(random.below(static_cast<uint64_t>(2 * largest + 1), i)) -
        static_cast<double>(largest);
  }
  return matrix;
}

Tensor Examiner::variable(const Matrix& matrix) { return reference::to_tensor(backend(), matrix); }

Tensor Examiner::variable_vector(const Matrix& row) { return variable(row).reshape({row.columns}); }

std::string Examiner::Argument::text() const {
  return (name.empty() ? "" : name + " ") + to_string(tensor.shape());
}

Tensor Examiner::add_argument(Argument argument) {
  const auto is_before = [](const Argument& a, const Argument& b) {
    return std::pair(a.place.line(), a.place.column()) <
           std::pair(b.place.line(), b.place.column());
  };
  const auto of_this_call = arguments_.begin() + static_cast<ptrdiff_t>(compared_);
  return arguments_
      .insert(std::upper_bound(of_this_call, arguments_.end(), argument, is_before), argument)
      ->tensor;
}

Tensor Examiner::tensor(const Matrix& matrix, const std::string& name, std::source_location place) {
  return add_argument({variable(matrix), matrix.floats(), name, place});
}

Tensor Examiner::vector(const Matrix& row, const std::string& name, std::source_location place) {
  return add_argument({variable_vector(row), row.floats(), name, place});
}

/// " (called with x [5 × 6], a [6 × 20] and bias [20])": the arguments of the call under way.
std::string Examiner::arguments_text() const {
  std::vector<std::string> texts;
  for (size_t i = compared_; i < arguments_.size(); ++i) texts.push_back(arguments_[i].text());
  return texts.empty() ? "" : " (called with " + listed(texts) + ")";
}

void Examiner::find(const std::string& name, std::vector<std::string> diagnoses, Tells tells) {
  compared_ = arguments_.size();
  findings_.push_back({name, std::move(diagnoses), tells});
}

void Examiner::find(const std::string& name, const std::string& diagnosis, Tells tells) {
  find(name, diagnosis.empty() ? std::vector<std::string>{} : std::vector{diagnosis}, tells);
}

void Examiner::expect_unchanged_arguments() {
  std::vector<std::string> changed;
  for (const Argument& argument : arguments_) {
    if (argument.tensor.to_host() != argument.values) changed.push_back(argument.text());
  }
  find("", changed.empty()
               ? ""
               : text("your function changed its argument ", listed(changed),
                      ", which must stay as it is: a Tensor is a handle, and a copy or a slice of "
                      "it means the same numbers; clone() makes new ones"));
  arguments_.clear();
  compared_ = 0;
  find("", watched_.take_touched()
               ? "you change the tensor of a collective between start and wait: while it is under "
                 "way it belongs to the collective, and the result is undefined"
               : "");
}

void Examiner::expect(const std::string& name, const Tensor& got, const Matrix& expected,
                      const std::vector<Suspect>& suspects, double tolerance) {
  if (!got || got.elements() != std::ssize(expected.values)) {
    std::vector<std::string> known;
    if (got) {
      const std::vector<float> values = got.to_host();
      known = known_mistakes(name, {values.begin(), values.end()}, expected, suspects, tolerance);
    }
    const std::string shape = got ? "has shape " + to_string(got.shape()) : "is an empty tensor";
    const std::string wanted = text("[", expected.rows, " × ", expected.columns, "]");
    if (known.empty()) known = {text("your ", name, " ", shape, " instead of ", wanted)};
    find(name, known);
    return;
  }
  results_.keep(name, got);
  const std::vector<float> values = got.to_host();
  auto [texts, tells] = diagnose(name, {values.begin(), values.end()}, expected, suspects,
                                 tolerance, !watched_.touched());
  find(name, std::move(texts), tells);
}

void Examiner::expect(const std::string& name, double got, double expected,
                      const std::vector<Suspect>& suspects, double tolerance) {
  Matrix wanted(1, 1);
  wanted(0, 0) = expected;
  auto [texts, tells] = diagnose(name, {got}, wanted, suspects, tolerance, !watched_.touched());
  for (std::string& diagnosis : texts) {
    if (diagnosis.find("first differs") != std::string::npos)
      diagnosis = text("your ", name, " is ", got, ", expected ", expected);
  }
  find(name, std::move(texts), tells);
}

void Examiner::expect_new(const std::string& name, const Tensor& got) {
  std::string diagnosis;
  for (const Argument& argument : arguments_) {
    if (!got || got.memory() != argument.tensor.memory()) continue;
    if (argument.tensor.to_host() != argument.values) continue;  // then this is told
    diagnosis = text("your ", name, " is in the memory of your argument ", argument.text(),
                     ": a slice is a view of the same numbers, so that who changes one changes "
                     "both; clone() makes new ones");
  }
  find("", diagnosis);
}

/// " (of 360 and 4 bytes)": the calls of `op` after the ledger's `first` calls; "" for one or none.
std::string Examiner::sizes_of(Collective op, int64_t first) const {
  std::vector<std::string> sizes;
  int64_t number = calls_before_;
  for (const Done& done : done_) {
    if (number++ >= first && done.op == op) sizes.push_back(text(done.bytes));
  }
  if (sizes.size() < 2) return "";
  std::string all = sizes[0];
  for (size_t i = 1; i < sizes.size(); ++i)
    all += (i + 1 == sizes.size() ? " and " : ", ") + sizes[i];
  return " (of " + all + " bytes)";
}

void Examiner::expect_ledger(const std::string& name, const Ledger& before,
                             const std::vector<Wanted>& wanted, const std::string& of) {
  const Ledger since = world_.ledger().since(before);
  std::string diagnosis;
  Tells tells = Tells::bytes;
  const auto add = [&](const std::string& sentence, Tells of = Tells::calls) {
    diagnosis += (diagnosis.empty() ? "" : "; ") + sentence;
    tells = std::min(tells, of);
  };
  for (const LedgerRow& row : since.rows()) {
    const bool asked =
        std::any_of(wanted.begin(), wanted.end(), [&](const Wanted& w) { return w.op == row.op; });
    if (!asked)
      add(text(calls_text(row.calls, row.op), " on ", row.group, " where none is allowed"));
  }
  for (const Wanted& want : wanted) {
    int64_t bytes = 0;
    for (const LedgerRow& row : since.rows()) bytes += row.op == want.op ? row.bytes : 0;
    const int64_t calls = since.calls(want.op);
    if (calls != want.calls) {
      add(text(calls_text(calls, want.op), " instead of ", want.calls,
               sizes_of(want.op, before.calls())));
    } else if (want.bytes >= 0 && bytes != want.bytes) {
      add(text(calls_text(calls, want.op), " of ", bytes, " bytes instead of ", want.bytes),
          want.op == Collective::send_receive ? Tells::bytes : Tells::calls);
    }
  }
  if (const std::string sentence = about_host_numbers(); !sentence.empty()) add(sentence);
  if (!of.empty()) diagnosis += diagnosis.empty() ? "" : " (" + of + ")";
  find(name, diagnosis.empty() ? "" : "your communication differs from the task: " + diagnosis,
       tells);
}

std::string Examiner::about_host_numbers() {
  const int64_t calls = std::exchange(host_numbers_, 0);
  return calls == 0 ? ""
                    : text(counted(calls, "call"),
                           " of gather_text, max_of or sum_of, which are for reports: the ledger "
                           "does not count them");
}

void Examiner::expect_products(const std::string& name, int64_t multiplications,
                               const std::string& advice) {
  const int64_t before = std::exchange(multiplications_, backend_.multiplications()),
                got = multiplications_ - before;
  find(name, got <= multiplications ? ""
                                    : text("this rank multiplies ", got, " times where ",
                                           multiplications, " are enough: ", advice));
}

void Examiner::expect(const std::string& name, bool holds, const std::string& diagnosis) {
  find(name, holds ? "" : diagnosis);
}

/// The causes found on this rank since the last verdict, where there will be none because of an
/// exception: one line each. The rest may follow from it.
std::string Examiner::wrong_so_far() const {
  std::string lines;
  for (const Finding& finding : findings_) {
    if (!finding.diagnoses.empty() && finding.tells == Tells::cause)
      lines += text("  WRONG rank ", world_.rank(), ": ", finding.diagnoses[0], "\n");
  }
  return lines;
}

bool Examiner::verdict() {
  expect_unchanged_arguments();
  Sentences wrong;
  for (size_t i = 0; i < findings_.size(); ++i) {
    const auto& [name, diagnoses, tells, is_thrown] = findings_[i];
    const std::vector<std::string> all = settled(gather_text(world_, joined(diagnoses, tells)));
    bool holds = true;
    for (size_t rank = 0; rank < all.size(); ++rank) {
      if (all[rank].empty()) continue;
      holds = false;
      wrong[{static_cast<Tells>(all[rank][0] - '0'), i, all[rank].substr(1)}].push_back(
          static_cast<int>(rank));
    }
    has_thrown_ = has_thrown_ || is_thrown;
    all_hold_ = all_hold_ && (holds || is_thrown);
    if (holds && !name.empty() && round_ == 0 && world_.rank() == 0 && holding_.insert(name).second)
      std::cout << "  ok    " << name << "\n";
  }
  if (world_.rank() == 0) show(wrong, world_.size());
  std::cout << std::flush;
  findings_.clear();
  return all_hold_;
}

/// "exercise 02.1, 13 rows, t = 3: …": what was thrown there.
std::string Examiner::told(const std::string& name, const std::exception& error) const {
  const std::string message = error.what();
  const bool is_of_a_call = dynamic_cast<const Unfinished*>(&error) != nullptr ||
                            message.find(different_calls) != std::string::npos;
  return text("exercise ", exercise_, name.empty() ? "" : ", ", name, ", t = ", world_.size(), ": ",
              is_of_a_call ? "" : "an exception where none is asked for: ", explained(message),
              arguments_text());
}

/// Whether all ranks have thrown an exception, at the same point: then they are in step.
bool Examiner::all_have_thrown() {
  return meeting_.all_say(
      text(findings_.size(), " findings, ", ledger().calls(), " and ", calls_told_, " calls"));
}

void Examiner::attempt(const std::string& name, const std::function<void()>& checks) {
  try {
    checks();
    // Else a call of one rank could meet a call of the next case.
    gather_text(world_, "");
  } catch (const NotWritten&) {
    throw;
  } catch (const CannotGoOn&) {
    throw;
  } catch (const std::exception& error) {
    const std::string diagnosis = told(name, error);
    const bool is_unfinished = dynamic_cast<const Unfinished*>(&error) != nullptr;
    if (is_unfinished || !all_have_thrown()) {
      std::cout << wrong_so_far() << std::flush;
      throw CannotGoOn(diagnosis);
    }
    findings_.push_back({"", {diagnosis}, Tells::cause, true});
    verdict();
  }
}

}  // namespace shard
