// Call: one collective or one message, as messages, the status board and --check-collectives name
// it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "common/comm/ledger.h"
#include "common/tensor/tensor.h"

namespace shard {

/// What a message is about, in the caller's words, as in "micro-batch 3, gradient"; of a longer
/// text the beginning. Ranks send it to each other, so it has a fixed size.
class Label {
 public:
  Label() = default;
  explicit Label(std::string_view words);
  const char* words() const { return words_; }
  bool operator==(const Label& other) const {
    return std::string_view(words_) == std::string_view(other.words_);
  }

 private:
  char words_[64] = "";
};

/// One call of a collective, as the other ranks of the group should see it too, or one message.
struct Call {
  Collective op;                  // which collective
  int64_t count = 0;              // elements of the tensor given to it, on this rank
  DataType type = DataType::f32;  // of these elements
  int64_t number = 0;   // of the collectives on this communicator, or of the messages from its
                        // sender to its receiver, from 1
  bool uneven = false;  // the count may differ between ranks
  int partner = -1;     // of a message: the rank to which it goes or from which it comes
  Label label = {};     // of a message, and where a collective has been given one
};
bool is_message(Collective op);           // send or receive
std::string to_string(const Call& call);  // as in "all_reduce of 128 f32 (#37)"
/// As in "is waiting in all_reduce of 128 f32 (#37) on tp", or "is waiting to receive 128 f32 from
/// rank 0 (#3, micro-batch 3, gradient) on pp".
std::string waiting_in(const Call& call, std::string_view group);

/// What `op` demands of data from rank `from` to rank `to`. Throws Error otherwise.
void require_fit(Collective op, int from, int64_t sent, int to, int64_t expected);

}  // namespace shard
