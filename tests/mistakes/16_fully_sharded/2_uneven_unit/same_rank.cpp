// expect: your recut is for each rank what the same rank has saved: with another number of ranks all borders move
// ranks: 1
#include "exercises/16_fully_sharded/2_uneven_unit.h"

namespace shard {

static std::vector<float> joined(const Parts& parts) {
  std::vector<float> flat;
  for (const std::vector<float>& part : parts) flat.insert(flat.end(), part.begin(), part.end());
  return flat;
}

Parts cut(const std::vector<float>& flat, int ranks) {
  const size_t n = static_cast<size_t>(ranks), length = (flat.size() + n - 1) / n;
  Parts parts(n, std::vector<float>(length, 0.0f));
  for (size_t i = 0; i < flat.size(); ++i) parts[i / length][i % length] = flat[i];
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
  Parts parts = cut(std::vector<float>(static_cast<size_t>(elements)), ranks);
  for (size_t rank = 0; rank < parts.size() && rank < saved.size(); ++rank) {
    for (size_t i = 0; i < parts[rank].size() && i < saved[rank].size(); ++i)
      parts[rank][i] = saved[rank][i];
  }
  return parts;
}

}  // namespace shard
