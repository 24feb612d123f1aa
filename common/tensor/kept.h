// Kept: what a layer's forward pass keeps for its backward pass. A layer holds parameters only; its
// struct Layer::Kept belongs to the caller, so that several passes can be under way at once.
//     struct Kept {
//       Tensor x;               // tensors,
//       OtherLayer::Kept other; // the Kepts of the layers inside, and vectors of either
//       auto parts() const { return std::tie(x, other); }
//     };
#pragma once
#include <map>
#include <tuple>
#include <vector>

#include "common/tensor/tensor.h"

namespace shard {

/// Calls visit(tensor) for the tensor, unless it is empty.
template <class Visit>
void for_each_tensor(const Tensor& tensor, const Visit& visit) {
  if (tensor) visit(tensor);
}

template <class Part, class Visit>
void for_each_tensor(const std::vector<Part>& parts, const Visit& visit);

/// Calls visit(tensor) for each tensor in `kept`, those in its parts included.
template <class Kept, class Visit>
void for_each_tensor(const Kept& kept, const Visit& visit) {
  std::apply([&](const auto&... part) { (for_each_tensor(part, visit), ...); }, kept.parts());
}

template <class Part, class Visit>
void for_each_tensor(const std::vector<Part>& parts, const Visit& visit) {
  for (const Part& part : parts) for_each_tensor(part, visit);
}

/// Bytes of device memory that `kept` keeps alive. Memory behind several tensors (the same one kept
/// twice, views) counts once, and a view counts all of the memory that it is in.
template <class Kept>
int64_t bytes_of(const Kept& kept) {
  std::map<const void*, int64_t> blocks;
  for_each_tensor(kept, [&](const Tensor& x) { blocks[x.memory()] = x.memory_bytes(); });
  int64_t bytes = 0;
  for (const auto& [block, size] : blocks) bytes += size;
  return bytes;
}

}  // namespace shard
