// Exercise 09.3: buckets in reverse order, and when each may start.
//
// Chapter 09 closes a bucket once it has reached its size, so a large parameter can make a bucket
// far larger than the limit. And it starts a bucket when it is full, which is right as long as
// gradients become ready in the same order on every rank. If they do not (branches, layers that one
// rank skips), two ranks start two buckets in different orders, and their collectives do not match.
// PyTorch therefore never starts bucket i + 1 before bucket i (Li et al., arXiv:2006.15704, section
// 3.2.3).
//
// Write: assign_buckets, with a strict limit, and buckets_started. About 20 lines in all.
// Shapes: lists of parameter numbers 0 … n-1 and of bucket numbers 0 … buckets-1.
// Ledger: nothing: both functions only plan.
#include "exercises/09_data_parallel/3_bucket_order.h"

#include "exercises/todo.h"

namespace shard {

Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit) { todo("assign_buckets"); }

std::vector<std::vector<int>> buckets_started(const Buckets& buckets,
                                              const std::vector<int>& ready) {
  todo("buckets_started");
}

}  // namespace shard
