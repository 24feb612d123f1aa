// expect: your cut is dealt out one by one: a part holds elements that follow each other
// ranks: 1
#include "exercises/16_fully_sharded/2_uneven_unit.h"

namespace shard {

static std::vector<float> joined(const Parts& parts) {
  std::vector<float> flat;
  for (const std::vector<float>& part : parts) flat.insert(flat.end(), part.begin(), part.end());
  return flat;
}

static Parts right_cut(const std::vector<float>& flat, int ranks) {
  const size_t n = static_cast<size_t>(ranks), length = (flat.size() + n - 1) / n;
  Parts parts(n, std::vector<float>(length, 0.0f));
  for (size_t i = 0; i < flat.size(); ++i) parts[i / length][i % length] = flat[i];
  return parts;
}

Parts cut(const std::vector<float>& flat, int ranks) {
  const size_t n = static_cast<size_t>(ranks), length = (flat.size() + n - 1) / n;
  Parts parts(n, std::vector<float>(length, 0.0f));
  for (size_t i = 0; i < flat.size(); ++i) parts[i % n][i / n] = flat[i];
  return parts;
}

std::vector<float> parameter_of(const Parts& parts, const std::vector<int64_t>& elements,
                                int parameter) {
  const std::vector<float> flat = joined(parts);
  int64_t begin = 0;
  for (int i = 0; i < parameter; ++i) begin += elements[static_cast<size_t>(i)];
  return {flat.begin() + begin, flat.begin() + begin + elements[static_cast<size_t>(parameter)]};
}

Parts recut(const Parts& saved, int64_t elements, int ranks) {
  std::vector<float> flat = joined(saved);
  flat.resize(static_cast<size_t>(elements));
  return right_cut(flat, ranks);
}

}  // namespace shard
