#include "common/storage/safetensors_files.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/storage/json_file.h"

namespace shard {
namespace {

namespace fs = std::filesystem;
constexpr const char *single = "model.safetensors", *index = "model.safetensors.index.json";

/// The file or index that `path` refers to.
fs::path find_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  for (const char* name : {single, index}) {
    if (fs::exists(path / name)) return path / name;
  }
  for (const char* name :
       {"pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "flax_model.msgpack"}) {
    require_usage(
        !fs::exists(path / name), "there is no ", single, " in ", path.string(), ", only ", name,
        ": convert it with save_pretrained(folder, safe_serialization=True) of transformers");
  }
  throw UsageError(text("there is no ", single, " in ", path.string()));
}

/// Whether an index may name such a file: one in the same folder, with a printable name.
bool is_plain(const std::string& name) {
  return !name.empty() && fs::path(name).filename() == name &&
         std::ranges::none_of(name, [](unsigned char letter) { return std::iscntrl(letter); });
}

}  // namespace

SafetensorsFiles::SafetensorsFiles(const fs::path& path) : path_(find_file(path)) {
  const std::string name = path_.filename();
  if (name.ends_with(".index.json")) {
    read_index();
    return;
  }
  require_usage(name.find("-of-") == std::string::npos || !fs::exists(path_.parent_path() / index),
                path_.string(), " is one part of a model: give its folder or its index, ", index);
  files_.emplace(name, SafetensorsReader(path_));
}

void SafetensorsFiles::read_index() {
  const nlohmann::json content = read_json(path_);
  const auto map = content.is_object() ? content.find("weight_map") : content.end();
  require_usage(map != content.end() && map->is_object() && !map->empty(), path_.string(),
                " is not an index: its weight_map is missing, empty or not an object");
  for (const auto& [tensor, file] : map->items()) {
    require_usage(file.is_string() && is_plain(file), path_.string(), ": weight_map has ",
                  shortened(file), " for ", shortened(nlohmann::json(tensor)),
                  " instead of the name of a file in the same folder");
    const std::string& name = places_[tensor] = file;
    if (files_.contains(name)) continue;
    require_usage(fs::exists(path_.parent_path() / name), path_.string(), " names ", name,
                  ", which is missing");
    files_.emplace(name, SafetensorsReader(path_.parent_path() / name));
  }
}

bool SafetensorsFiles::has(const std::string& name) const {
  return places_.empty() ? files_.begin()->second.has(name) : places_.contains(name);
}

const SafetensorsReader& SafetensorsFiles::file_of(const std::string& name) const {
  if (places_.empty()) return files_.begin()->second;
  const auto place = places_.find(name);
  require_usage(place != places_.end(), "there is no tensor \"", name, "\" in ", path_.string());
  return files_.at(place->second);
}

}  // namespace shard
