#include "common/program/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

namespace shard {

/// A check that a text is a whole number from `least` to `most`: returns the error, or "".
static std::function<std::string(const std::string&)> whole_number(int64_t least, int64_t most) {
  return [=](const std::string& given) {
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(given.c_str(), &end, 10);
    if (end == given.c_str() || *end != '\0') return text("\"", given, "\" is not a whole number");
    // CLI11 would read it as octal.
    const size_t digit = given.find_first_not_of("+-");
    if (given[digit] == '0' && given.size() > digit + 1)
      return text("\"", given, "\" begins with a 0");
    if (number >= least && number <= most && errno != ERANGE) return std::string();
    return text("must be from ", least, " to ", most, ", not ", given);
  };
}

/// The number of typing errors: letters left out, added, changed or exchanged with an adjacent one
/// (the optimal string alignment distance).
static size_t mistakes_between(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> least(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        least[i][j] = i + j;
        continue;
      }
      least[i][j] = std::min(
          {least[i - 1][j] + 1, least[i][j - 1] + 1, least[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) least[i][j] = std::min(least[i][j], least[i - 2][j - 2] + 1);
    }
  }
  return least[a.size()][b.size()];
}

/// The option that was probably meant: one with few differences, or with the same beginning. Empty
/// if there is none.
static std::string nearest_option(const CLI::App& app, const std::string& given) {
  constexpr size_t dashes = 2, letters_in_common = 4, longest = 40;
  std::string nearest;
  if (given.size() > longest) return nearest;
  size_t least = std::max<size_t>(1, (given.size() - dashes) / 3) + 1;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    const bool begins = (name.starts_with(given) || given.starts_with(name)) &&
                        std::min(name.size(), given.size()) >= dashes + letters_in_common;
    const size_t mistakes = begins ? 1 : mistakes_between(name, given);
    if (mistakes < least) least = mistakes, nearest = name;
  }
  return nearest;
}

Options::Options(std::string name, const std::string& description)
    : name_(std::move(name)), app_(std::make_unique<CLI::App>(description, name_)) {
  group("Run");
  app_->get_help_ptr()->group(group_);
  app_->add_option("--device", device, "where to compute: auto, cpu or cuda")
      ->envname("SHARD_DEVICE")
      ->capture_default_str()
      ->group(group_);
  app_->add_option("--seed", seed, "the seed of all random numbers")
      ->capture_default_str()
      ->check(whole_number(0, std::numeric_limits<int64_t>::max()))
      ->group(group_);
  flag("--check-collectives", check_collectives,
       "compare every collective across its group before it runs");
  flag("--synchronous-sends", synchronous_sends,
       "send no message before its receiver is ready: finds deadlocks that MPI's buffers hide");
  number("--timeout", timeout, "seconds that a rank waits for the others before the run fails",
         0.001);
  group("Output");
  text("--json", json, "write checks, ledger and results to this file");
  text("--trace", trace,
       "write a timeline of all ranks to this file (for ui.perfetto.dev); FILE.svg draws its last "
       "step");
  group("Options");
}

Options::~Options() = default;

bool Options::given(const std::string& option) const {
  const CLI::Option* found = app_->get_option_no_throw(option);
  return found != nullptr && found->count() > 0;
}

void Options::group(const std::string& heading) { group_ = heading; }

std::string Options::help() const { return app_->help(); }

void Options::size(const std::string& option, int64_t& value, const std::string& help,
                   int64_t least, int64_t most) {
  app_->add_option(option, value, help)
      ->capture_default_str()
      ->check(whole_number(least, most))
      ->group(group_);
}

void Options::number(const std::string& option, double& value, const std::string& help,
                     double least, double most) {
  app_->add_option(option, value, help)
      ->capture_default_str()
      ->group(group_)
      ->check([=](const std::string& given) {
        char* end = nullptr;
        const double number = std::strtod(given.c_str(), &end);
        if (end == given.c_str() || *end != '\0')
          return shard::text("\"", given, "\" is not a number");
        if (!std::isfinite(number)) return shard::text("\"", given, "\" is not a finite number");
        if (number >= least && number <= most) return std::string();
        return std::isinf(most)
                   ? shard::text("must be at least ", least, ", not ", given)
                   : shard::text("must be from ", least, " to ", most, ", not ", given);
      });
}

void Options::text(const std::string& option, std::string& value, const std::string& help) {
  app_->add_option(option, value, help)->capture_default_str()->group(group_);
}

void Options::named(const std::string& option, const std::string& usual, const std::string& help,
                    const std::function<void(const std::string&)>& take) {
  app_->add_option_function(option, take, help)->default_str(usual)->group(group_);
}

void Options::flag(const std::string& option, bool& value, const std::string& help) {
  app_->add_flag(option, value, help)->group(group_);
}

void Options::offer_picture(const std::string& what) {
  const std::string after = std::exchange(group_, "Output");
  text("--picture", picture, "draw into this file (SVG): " + what);
  group_ = after;
}

bool Options::parse(int argc, char** argv) {
  if (argc > 1) arguments_.assign(argv + 1, argv + argc);
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ExtrasError&) {
    const std::string given = app_->remaining(true).front(),
                      option = given.substr(0, given.find('='));
    require_usage(given.starts_with("--"), "\"", given,
                  "\" is not an option; --help lists the options");
    const std::string meant = nearest_option(*app_, option);
    throw UsageError(
        shard::text("unknown option ", option, meant.empty() ? "" : "; did you mean " + meant + "?",
                    meant.empty() ? "; --help lists the options" : " --help lists the options"));
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  for (const CLI::Option* option : app_->get_options()) {
    for (const std::string& value : option->results()) {
      require_usage(!value.empty(), option->get_name(), " is empty");
    }
  }
  require_usage(picture.empty() || picture.ends_with(".svg"), "--picture ", picture,
                ": a picture is written as SVG, so the name must end in .svg");
  require_usage(device == "auto" || device == "cpu" || device == "cuda",
                "--device is auto, cpu or cuda, not ", device);
  return true;
}

}  // namespace shard
