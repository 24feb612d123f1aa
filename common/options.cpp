#include "common/options.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>

namespace shard {

/// What is wrong with the text of a whole number from `least` to `most`: nothing is "".
static std::function<std::string(const std::string&)> whole_number(int64_t least, int64_t most) {
  return [=](const std::string& given) {
    char* end = nullptr;
    errno = 0;
    const long long number = std::strtoll(given.c_str(), &end, 10);
    if (end == given.c_str() || *end != '\0') return text("\"", given, "\" is not a whole number");
    // CLI11 would read it as octal.
    const size_t digit = given.find_first_not_of("+-");
    if (given[digit] == '0' && given.size() > digit + 1) return text("\"", given, "\" begins with a 0");
    if (number >= least && number <= most && errno != ERANGE) return std::string();
    return text("must be from ", least, " to ", most, ", not ", given);
  };
}

Options::Options(std::string name, const std::string& description)
    : name_(std::move(name)), app_(std::make_unique<CLI::App>(description, name_)) {
  app_->add_option("--device", device, "where to compute: auto, cpu or cuda")
      ->envname("SHARD_DEVICE")
      ->capture_default_str();
  app_->add_option("--seed", seed, "the seed of all random numbers")
      ->capture_default_str()
      ->check(whole_number(0, std::numeric_limits<int64_t>::max()));
  text("--json", json, "write checks, ledger and results to this file");
  text("--trace", trace,
       "write a timeline of all ranks to this file (for ui.perfetto.dev); FILE.svg draws its last step");
  flag("--check-collectives", check_collectives, "compare every collective across its group before it runs");
  number("--timeout", timeout, "seconds that a rank waits for the others before it gives up", 0.001);
}

Options::~Options() = default;

bool Options::given(const std::string& option) const {
  const CLI::Option* found = app_->get_option_no_throw(option);
  return found != nullptr && found->count() > 0;
}

std::string Options::help() const { return app_->help(); }

void Options::size(const std::string& option, int64_t& value, const std::string& help, int64_t least, int64_t most) {
  app_->add_option(option, value, help)->capture_default_str()->check(whole_number(least, most));
}

void Options::number(const std::string& option, double& value, const std::string& help, double least, double most) {
  app_->add_option(option, value, help)->capture_default_str()->check([=](const std::string& given) {
    char* end = nullptr;
    const double number = std::strtod(given.c_str(), &end);
    if (end == given.c_str() || *end != '\0') return shard::text("\"", given, "\" is not a number");
    if (!std::isfinite(number)) return shard::text("\"", given, "\" is not a finite number");
    if (number >= least && number <= most) return std::string();
    return std::isinf(most) ? shard::text("must be at least ", least, ", not ", given)
                            : shard::text("must be from ", least, " to ", most, ", not ", given);
  });
}

void Options::text(const std::string& option, std::string& value, const std::string& help) {
  app_->add_option(option, value, help)->capture_default_str();
}

void Options::flag(const std::string& option, bool& value, const std::string& help) {
  app_->add_flag(option, value, help);
}

void Options::offer_picture(const std::string& what) {
  text("--picture", picture, "draw into this file (SVG): " + what);
}

bool Options::parse(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ExtrasError&) {
    throw UsageError(shard::text("unknown option ", app_->remaining(true).front(), "; --help lists the options"));
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
  require_usage(device == "auto" || device == "cpu" || device == "cuda", "--device is auto, cpu or cuda, not ", device);
  return true;
}

}  // namespace shard
