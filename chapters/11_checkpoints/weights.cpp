#include "chapters/11_checkpoints/weights.h"

#include <algorithm>
#include <cmath>

namespace shard {

std::vector<float> read_part(const SafetensorsReader& file, const std::string& name,
                             const Shard& shard, bool allow_nan) {
  const Shape& shape = file.entry(name).shape;
  require_usage(shape == shard.whole, file.path(), ": ", name, " has shape ", shape, " instead of ",
                shard.whole);
  const std::vector<float> whole = file.floats(name);
  for (size_t i = 0; i < whole.size() && !allow_nan; ++i) {
    require_usage(std::isfinite(whole[i]), file.path(), ": element ", i, " of ", name, " is ",
                  whole[i], " (--allow-nan accepts it)");
  }
  return shard.cut(whole);
}

WeightsFile::WeightsFile(const std::filesystem::path& path) : files_(path) {
  prefix_ = files_.has("transformer.wte.weight") ? "transformer." : "";
  find_sizes();
}

/// A model is made from these sizes: each layer must be there, of the right shape, before memory is
/// taken for it.
void WeightsFile::find_sizes() {
  const Shape words = shape_of(prefix_ + "wte.weight"), places = shape_of(prefix_ + "wpe.weight");
  require_usage(words.rank() == 2 && words.elements() > 0 && places.rank() == 2 &&
                    places.elements() > 0 && places.columns() == words.columns(),
                path().string(), ": ", prefix_,
                "wte.weight and wpe.weight are not matrices of the same width");
  const int64_t width = words.columns();
  const auto layer = [&](int64_t number) {
    return text(prefix_, "h.", number, ".attn.c_attn.weight");
  };
  sizes_ = {words.rows(), places.rows(), width, 0, 0};
  while (files_.has(layer(sizes_.layers))) {
    const Shape& shape = shape_of(layer(sizes_.layers++));
    require_usage(shape == Shape{width, 3 * width}, path().string(), ": ", layer(sizes_.layers - 1),
                  " has shape ", shape, " instead of ", Shape{width, 3 * width});
  }
  require_usage(sizes_.layers > 0, path().string(), ": there is no ", layer(0));
}

std::vector<float> WeightsFile::part(const std::string& name, const Shard& shard,
                                     bool allow_nan) const {
  Shard of_file = shard;
  if (name == "wpe.weight")
    of_file.whole = {std::max(shard.whole.rows(), sizes_.context), shard.whole.columns()};
  return read_part(files_.file_of(prefix_ + name), prefix_ + name, of_file, allow_nan);
}

void WeightsFile::require_tied_head() const {
  const std::string head = "lm_head.weight", table = prefix_ + "wte.weight";
  const SafetensorsReader &file = files_.file_of(head), &table_file = files_.file_of(table);
  require_usage(file.entry(head).shape == table_file.entry(table).shape &&
                    file.floats(head) == table_file.floats(table),
                file.path(), ": ", head, " differs from ", table,
                ", but this model uses one table for both");
}

void WeightsFile::load(const Parameters& parameters, bool allow_nan) const {
  if (has_head()) require_tied_head();
  for (const Parameter* parameter : parameters) {
    Tensor value = parameter->value;
    value.assign(std::span<const float>(part(parameter->name, parameter->shard, allow_nan)));
  }
}

}  // namespace shard
