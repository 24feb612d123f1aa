#include "common/tensor/backend.h"

namespace shard {

Backend::~Backend() = default;

void* Backend::allocate(size_t bytes) {
  void* block = nullptr;
  auto& same_size = free_blocks_[bytes];
  if (same_size.empty()) {
    block = take_block(bytes);
    ++allocations_;
  } else {
    block = same_size.back();
    same_size.pop_back();
  }
  if (poison_) fill_with_nan(block, bytes);
  return block;
}

void Backend::release(void* block, size_t bytes) noexcept { free_blocks_[bytes].push_back(block); }

void Backend::give_back_all() noexcept {
  for (auto& [bytes, blocks] : free_blocks_) {
    for (void* block : blocks) give_back_block(block, bytes);
  }
  free_blocks_.clear();
}

}  // namespace shard
