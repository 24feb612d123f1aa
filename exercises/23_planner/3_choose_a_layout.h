#pragma once
#include <cstdint>
#include <functional>

namespace shard {

/// A model, a batch, and the machine that trains it.
struct Training {
  int64_t layers = 1, heads = 1;
  int64_t batch = 1;      // sequences of a step
  int64_t devices = 1;    // all of them take part
  int64_t node = 1;       // devices of a node
  int64_t memory_gb = 1;  // of a device, in GB as in data sheets: 10⁹ bytes
};

struct Layout {
  int64_t tp = 1, pp = 1, dp = 1;
  int64_t micro_batch = 1;  // sequences
  bool operator==(const Layout&) const = default;
};

/// Bytes that the fullest device needs, and seconds of a step. Both are defined for possible
/// layouts only, and must not be asked about others.
using BytesOf = std::function<int64_t(const Layout&)>;
using SecondsOf = std::function<double(const Layout&)>;

/// The fastest possible layout that fits into the memory. Of several with the same time that with
/// the fewest bytes; of these that with the smallest tp, then the smallest pp, then the smallest
/// micro-batch. Throws UsageError (require_usage) if none is possible, naming `devices`; and if
/// none of the possible ones fits, naming `memory_gb` and the fewest bytes that one of them needs.
/// To name a field is to have its name and its value in the message, the bytes as a whole number.
Layout fastest_layout(const Training& training, const BytesOf& bytes_of,
                      const SecondsOf& seconds_of);

}  // namespace shard
