#include "common/storage/json_file.h"

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/storage/file_format.h"

namespace shard {

using nlohmann::json;

json read_json(const std::filesystem::path& file) {
  constexpr int64_t most_bytes = int64_t{1} << 30;
  constexpr int most_depth = 8;
  const auto check_depth = [&](int depth, json::parse_event_t, json&) {
    require_usage(depth <= most_depth, file.string(), " is nested too deeply");
    return true;
  };
  const std::string content = read_file(file, most_bytes);
  try {
    return json::parse(content, check_depth);
  } catch (const json::exception& error) {
    const std::string format = recognized_format(content.substr(0, format_bytes));
    require_usage(format.empty(), "cannot read ", file.string(), ": it is ", format);
    throw UsageError(
        text(file.string(), " is not valid JSON: ", shortened(std::string(error.what()))));
  }
}

std::string shortened(const std::string& text) {
  constexpr size_t most = 160;
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;  // do not cut within a character
  return text.substr(0, end) + "…";
}

std::string shortened(const json& value) { return shortened(value.dump()); }

}  // namespace shard
