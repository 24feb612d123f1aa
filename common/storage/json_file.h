// The small JSON files of a checkpoint, read without trust: neither depth nor length of what they
// say harms anyone.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace shard {

/// The JSON in `file`. Throws UsageError, naming it, when it cannot be read, is no JSON, or is
/// nested more than 8 deep.
nlohmann::json read_json(const std::filesystem::path& file);

/// A value, or the text of an error, as it may stand in a sentence: cut off where it is long.
std::string shortened(const std::string& text);
std::string shortened(const nlohmann::json& value);

}  // namespace shard
