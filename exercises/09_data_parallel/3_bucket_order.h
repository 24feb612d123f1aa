#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace shard {

/// For each bucket, the numbers of its parameters, in the order in which they were added to it.
using Buckets = std::vector<std::vector<int>>;

/// bytes[i]: the size of parameter i, in the order of the forward pass. Assigns the parameters to
/// buckets, from the last parameter to the first. A bucket holds as many as fit into `limit` bytes
/// (exactly `limit` still fits); a parameter that is larger than the limit has a separate bucket.
/// Parameters are never added to a bucket before the current one.
Buckets assign_buckets(const std::vector<int64_t>& bytes, int64_t limit);

/// ready: all parameters, in the order in which their gradients become ready on this rank. Returns
/// for each of them the buckets whose all-reduce starts at that moment (often none), in the order
/// in which they start. A bucket starts as soon as all its gradients are ready and all buckets
/// before it have started.
std::vector<std::vector<int>> buckets_started(const Buckets& buckets,
                                              const std::vector<int>& ready);

}  // namespace shard
