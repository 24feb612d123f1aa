// Reads the small JSON files of a checkpoint. They are not trusted: neither their depth nor their
// length can do harm.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace shard {

/// The JSON in `file`. Throws UsageError, naming it, if it cannot be read, is not valid JSON, or is
/// nested more than 8 deep.
nlohmann::json read_json(const std::filesystem::path& file);

/// A value, or the text of an error, for use in a message: truncated if it is long.
std::string shortened(const std::string& text);
std::string shortened(const nlohmann::json& value);

}  // namespace shard
