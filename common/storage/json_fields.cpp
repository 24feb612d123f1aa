#include "common/storage/json_fields.h"

#include <algorithm>

#include "common/base/error.h"

namespace shard {

using nlohmann::json;

const json& JsonFields::at(const std::string& field) const {
  static const json missing;
  const json::json_pointer place(field);
  return content.contains(place) ? content.at(place) : missing;
}

void JsonFields::must_be(const std::string& field, std::initializer_list<json> allowed) const {
  const json& value = at(field);
  require_usage(std::find(allowed.begin(), allowed.end(), value) != allowed.end(), name, ": ",
                field, " is ", shortened(value), ", which is not supported");
}

void JsonFields::must_have_only(const json& object, const std::string& field,
                                const std::set<std::string>& known) const {
  require_usage(object.is_object(), name, ": ", field, " is not an object");
  for (const auto& [key, value] : object.items()) {
    require_usage(known.contains(key), name, ": ", field, "/", shortened(key), " is not supported");
  }
}

JsonFields read_fields(const std::filesystem::path& file) {
  JsonFields fields{file.string(), read_json(file)};
  require_usage(fields.content.is_object(), fields.name, " is not a JSON object");
  return fields;
}

}  // namespace shard
