// Access to the fields of a JSON file by JSON pointers. Unknown fields and values are refused; the
// message names file and field.
#pragma once
#include <initializer_list>
#include <set>

#include "common/storage/json_file.h"

namespace shard {

struct JsonFields {
  std::string name;  // the file's name
  nlohmann::json content = nlohmann::json::object();

  /// The field's value; null if it is missing.
  const nlohmann::json& at(const std::string& field) const;
  /// Throws UsageError unless the field is one of these.
  void must_be(const std::string& field, std::initializer_list<nlohmann::json> allowed) const;
  /// Throws UsageError if `object`, the value of `field`, is not an object or has other fields than
  /// these.
  void must_have_only(const nlohmann::json& object, const std::string& field,
                      const std::set<std::string>& known) const;
};

/// The fields of `file`. Throws UsageError, naming it, if it cannot be read or is not an object.
JsonFields read_fields(const std::filesystem::path& file);

}  // namespace shard
