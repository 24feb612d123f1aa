#include "common/storage/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/bfloat16.h"
#include "common/storage/file_format.h"

namespace shard {
namespace {

using nlohmann::json;
using namespace safetensors;

static_assert(std::endian::native == std::endian::little,
              "values are read and written in the byte order of memory");

/// A name from the file for use in a message: in quotes, with control characters escaped, and
/// truncated if it is long.
std::string printable(const std::string& name) {
  const std::string start = name.size() <= 80 ? name : name.substr(0, 80) + "…";
  return json(start).dump(-1, ' ', false, json::error_handler_t::replace);
}

// ---- The header. These functions throw Error; the reader's constructor adds the file's name.

/// 0 for an unknown type: its tensors are ignored unless they are needed.
int64_t bytes_of_type(const std::string& type) {
  static const std::map<std::string, int64_t> bytes = {{"BOOL", 1},    {"U8", 1},      {"I8", 1},
                                                       {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"U16", 2},
                                                       {"I16", 2},     {"F16", 2},     {"BF16", 2},
                                                       {"U32", 4},     {"I32", 4},     {"F32", 4},
                                                       {"U64", 8},     {"I64", 8},     {"F64", 8}};
  const auto found = bytes.find(type);
  return found == bytes.end() ? 0 : found->second;
}

const json& member(const json& object, const char* key, json::value_t kind) {
  const auto found = object.find(key);
  require(found != object.end() && found->type() == kind, "its ", key, " is missing or not ",
          kind == json::value_t::array ? "an array" : "a string");
  return *found;
}

std::vector<int64_t> whole_numbers(const json& object, const char* key) {
  constexpr uint64_t largest = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> numbers;
  for (const json& value : member(object, key, json::value_t::array)) {
    require(value.is_number_unsigned() && value.get<uint64_t>() <= largest, "its ", key, " holds ",
            value.is_number() ? value.dump() : text("a ", value.type_name()),
            ", which is not a whole number from 0 to ", largest);
    numbers.push_back(value.get<int64_t>());
  }
  return numbers;
}

Shape shape_of(const std::vector<int64_t>& sizes) {
  switch (sizes.size()) {
    case 0: return {};
    case 1: return {sizes[0]};
    case 2: return {sizes[0], sizes[1]};
    case 3: return {sizes[0], sizes[1], sizes[2]};
    case 4: return {sizes[0], sizes[1], sizes[2], sizes[3]};
  }
  throw Error(text("a shape of ", sizes.size(), " sizes"));
}

std::string why_unusable(const std::string& type, int64_t sizes) {
  if (bytes_of_type(type) == 0) return text("its dtype ", printable(type), " is unknown");
  if (sizes <= Shape::max_rank) return "";
  return text("its shape has ", sizes, " sizes, more than the ", Shape::max_rank, " supported");
}

/// `object` is {"dtype", "shape", "data_offsets"}; the data begins at byte `data_begin` of the
/// file.
SafetensorsEntry entry_of(const json& object, int64_t data_begin, int64_t data_bytes) {
  const std::string type = member(object, "dtype", json::value_t::string);
  const std::vector<int64_t> sizes = whole_numbers(object, "shape");
  const std::vector<int64_t> offsets = whole_numbers(object, "data_offsets");
  require(offsets.size() == 2, "its data_offsets are ", offsets.size(), " numbers, not two");
  const int64_t begin = offsets[0], end = offsets[1];
  require(begin <= end, "its data_offsets begin at ", begin, " after their end ", end);
  require(end <= data_bytes, "its data end at byte ", end, " of the ", data_bytes,
          " in the file (truncated?)");
  SafetensorsEntry entry{
      type, {}, data_begin + begin, data_begin + end, why_unusable(type, std::ssize(sizes))};
  if (!entry.unusable.empty()) return entry;
  entry.shape = shape_of(sizes);
  int64_t bytes = 0;
  require(!__builtin_mul_overflow(entry.shape.elements(), bytes_of_type(type), &bytes) &&
              bytes == end - begin,
          "its ", end - begin, " bytes of data do not fit its shape ", entry.shape, " of ", type);
  return entry;
}

/// Converts the header to entries during parsing: nlohmann's parser alone would silently keep the
/// last of two equal keys, and would build a tree of any depth. A tensor's object is dropped once
/// it has been converted to an entry.
struct HeaderParser {
  using Event = json::parse_event_t;

  int64_t data_begin = 0, data_bytes = 0;
  std::map<std::string, std::string> metadata = {};
  std::map<std::string, SafetensorsEntry> entries = {};
  std::string name = {};            // of the tensor being parsed
  std::set<std::string> keys = {};  // of its object so far
  bool has_metadata = false;

  void parse(const std::string& header) {
    require(header.starts_with('{'), "its header is not a JSON object");
    // The parser treats a zero byte as the end of its input.
    require(header.find('\0') == std::string::npos,
            "its header is not valid JSON: it holds a zero byte");
    try {
      const auto callback = [this](int depth, Event event, json& parsed) {
        return keep(depth, event, parsed);
      };
      [[maybe_unused]] const json rest = json::parse(header, callback);
    } catch (const json::parse_error& error) {
      // The parser's own message is not used: it may quote the whole file.
      throw Error(text("its header is not valid JSON at byte ", error.byte, " of ", header.size()));
    } catch (const json::out_of_range&) {
      throw Error("its header holds a number that is out of range");
    }
  }

  /// Called after each key, value, object and array, and also before each object and array. Returns
  /// whether to keep it.
  bool keep(int depth, Event event, const json& parsed) {
    if (event == Event::key) check_key(depth, parsed);
    if (depth == 1 && (event == Event::value || event == Event::array_start)) {
      throw Error(printable(name) + " is not a JSON object");
    }
    if ((depth >= 2 && event == Event::object_start) ||
        (depth >= 3 && event == Event::array_start)) {
      throw Error(printable(name) + " is nested too deeply");
    }
    if (depth != 1 || event != Event::object_end) return true;
    name == metadata_key ? add_metadata(parsed) : add_entry(parsed);
    return false;
  }

  void check_key(int depth, const std::string& key) {
    if (depth == 1) {
      require(key == metadata_key ? !has_metadata : !entries.contains(key), printable(key),
              " occurs twice");
      name = key;
      keys.clear();
    } else {
      require(keys.insert(key).second, "the key ", printable(key), " of ", printable(name),
              " occurs twice");
    }
  }

  void add_metadata(const json& object) {
    has_metadata = true;
    for (const auto& [key, value] : object.items()) {
      require(value.is_string(), "its ", metadata_key, " ", printable(key), " is not a string");
      metadata.emplace(key, value);
    }
  }

  void add_entry(const json& object) try {
    entries.emplace(name, entry_of(object, data_begin, data_bytes));
  } catch (const Error& error) {
    throw Error(text("tensor ", printable(name), ": ", error.what()));
  }

  void check_that_data_is_covered() const {
    std::vector<std::pair<std::pair<int64_t, int64_t>, const std::string*>> ranges;
    for (const auto& [entry_name, entry] : entries)
      ranges.push_back({{entry.begin, entry.end}, &entry_name});
    std::ranges::stable_sort(ranges, {}, [](const auto& entry) {
      return entry.first;
    });  // entries with equal offsets stay in name order
    int64_t covered = data_begin;
    for (const auto& [range, range_name] : ranges) {
      require(range.first >= covered, "the data of tensor ", printable(*range_name),
              " overlap another tensor's");
      require(range.first <= covered, "there is a gap before the data of tensor ",
              printable(*range_name));
      covered = range.second;
    }
    const int64_t left = data_begin + data_bytes - covered;
    require(left == 0, "its last ", left, " bytes belong to no tensor");
  }
};

// ---- Values and files

float from_float16(uint16_t value) {  // sign: 1 bit, exponent: 5, fraction: 10
  const int exponent = (value >> 10) & 31, fraction = value & 1023;
  float magnitude = std::ldexp(fraction + (exponent ? 1024.0f : 0.0f), std::max(exponent, 1) - 25);
  if (exponent == 31) magnitude = fraction ? std::nanf("") : INFINITY;
  return value >> 15 ? -magnitude : magnitude;
}

template <class To, class From, class Convert>
std::vector<To> converted(const std::vector<From>& values, Convert convert) {
  std::vector<To> result(values.size());
  std::transform(values.begin(), values.end(), result.begin(), convert);
  return result;
}

/// Throws Error with the system's reason. (require would evaluate errno too early.)
void check_call(bool succeeded) {
  if (!succeeded) throw Error(std::strerror(errno));
}

/// Returns whether all bytes could be read. Does not move the file position, so that threads can
/// read concurrently.
bool read_bytes(std::FILE* file, int64_t begin, void* to, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const ssize_t count =
        pread(fileno(file), static_cast<char*>(to) + done, bytes - done, begin + done);
    if (count == 0 || (count < 0 && errno != EINTR)) return false;
    if (count > 0) done += count;
  }
  return true;
}

std::shared_ptr<std::FILE> open_file(const std::string& path, const char* mode) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  require_usage(file != nullptr, "cannot open ", path, ": ", std::strerror(errno));
  return {file, std::fclose};
}

}  // namespace

SafetensorsReader::SafetensorsReader(const std::filesystem::path& file) : path_(file.string()) {
  // Opening a pipe could wait for ever. For a file that does not exist, open_file gives the reason.
  std::error_code ignored;
  require_usage(!std::filesystem::exists(file, ignored) ||
                    std::filesystem::is_regular_file(file, ignored),
                "cannot open ", path_, ": it is not a regular file");
  file_ = open_file(path_, "rb");
  try {
    read_header();
  } catch (const std::exception& reason) {
    std::string start(format_bytes, '\0');
    start.resize(static_cast<size_t>(
        std::max<ssize_t>(0, pread(fileno(file_.get()), start.data(), start.size(), 0))));
    const std::string format = recognized_format(start);
    throw UsageError(
        text("cannot read ", path_, ": ", format.empty() ? reason.what() : "it is " + format));
  }
}

void SafetensorsReader::read_header() {
  struct stat status {};
  check_call(fstat(fileno(file_.get()), &status) == 0);
  const int64_t bytes = status.st_size;
  uint64_t length = 0;
  require(bytes >= length_bytes, "it has ", bytes, " bytes, too few for the length of a header");
  require(read_bytes(file_.get(), 0, &length, length_bytes), "its bytes cannot be read");
  require(length <= max_header_bytes, "it is not a safetensors file: its first bytes, ",
          printable({reinterpret_cast<const char*>(&length), sizeof length}),
          ", are not the length of a header, at most ", max_header_bytes);
  const int64_t data_begin = length_bytes + static_cast<int64_t>(length);
  require(data_begin <= bytes, "its header ends at byte ", data_begin, " of ", bytes,
          " (truncated?)");
  std::string header(length, ' ');
  require(read_bytes(file_.get(), length_bytes, header.data(), std::ssize(header)),
          "its bytes cannot be read");
  HeaderParser parser{data_begin, bytes - data_begin};
  parser.parse(header);
  parser.check_that_data_is_covered();
  metadata_ = std::move(parser.metadata);
  entries_ = std::move(parser.entries);
}

std::vector<std::string> SafetensorsReader::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const SafetensorsEntry& SafetensorsReader::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  require_usage(found != entries_.end(), "there is no tensor ", printable(name), " in ", path_);
  const std::string& problem = found->second.unusable;
  require_usage(problem.empty(), "tensor ", printable(name), " in ", path_,
                " cannot be read: ", problem);
  return found->second;
}

template <class Value>
std::vector<Value> SafetensorsReader::read(const SafetensorsEntry& entry) const {
  std::vector<Value> values(entry.shape.elements());
  require_usage(read_bytes(file_.get(), entry.begin, values.data(), entry.end - entry.begin),
                "cannot read ", path_, ": it is now shorter than its ", entry.end,
                " bytes, or the disk has failed");
  return values;
}

std::vector<float> SafetensorsReader::floats(const std::string& name) const {
  const SafetensorsEntry& found = entry(name);
  if (found.type == "F32") return read<float>(found);
  if (found.type == "BF16")
    return converted<float>(read<BFloat16>(found), [](BFloat16 value) { return float{value}; });
  if (found.type == "F16") return converted<float>(read<uint16_t>(found), from_float16);
  require_usage(found.type == "F64", "tensor ", printable(name), " in ", path_, " has type ",
                found.type, " instead of F32, F64, F16 or BF16");
  return converted<float>(read<double>(found),
                          [](double value) { return static_cast<float>(value); });
}

std::vector<int32_t> SafetensorsReader::integers(const std::string& name) const {
  const SafetensorsEntry& found = entry(name);
  if (found.type == "I32") return read<int32_t>(found);
  require_usage(found.type == "I64", "tensor ", printable(name), " in ", path_, " has type ",
                found.type, " instead of I32 or I64");
  return converted<int32_t>(read<int64_t>(found), [&](int64_t value) {
    require_usage(value == static_cast<int32_t>(value), "tensor ", printable(name), " in ", path_,
                  " holds ", value, ", which does not fit in 32 bits");
    return static_cast<int32_t>(value);
  });
}

}  // namespace shard
