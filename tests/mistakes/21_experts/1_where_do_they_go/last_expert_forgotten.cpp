// expect: your rows_to_send is right, but the last expert's rows are missing
#include "exercises/21_experts/1_where_do_they_go.h"

namespace shard {

static int64_t rows_between(const ChoiceCounts& counts, size_t from, size_t to) {
  const auto experts = std::ssize(counts[from]);
  const Range theirs = part_of(experts, static_cast<int>(counts.size()), static_cast<int>(to));
  int64_t rows = 0;
  for (int64_t expert = theirs.begin; expert < theirs.end; ++expert)
    rows += counts[from][static_cast<size_t>(expert)];
  return rows;
}

Exchange exchange_of(const ChoiceCounts& counts, int rank, int64_t width) {
  const auto me = static_cast<size_t>(rank);
  Exchange exchange;
  int64_t sent = 0, received = 0;
  for (size_t other = 0; other < counts.size(); ++other) {
    exchange.send_begins.push_back(sent);
    exchange.receive_begins.push_back(received);
    exchange.send_counts.push_back(rows_between(counts, me, other) * width);
    exchange.receive_counts.push_back(rows_between(counts, other, me) * width);
    sent += exchange.send_counts.back();
    received += exchange.receive_counts.back();
  }
  return exchange;
}

std::vector<int64_t> rows_to_send(const std::vector<int64_t>& chosen, int64_t experts) {
  std::vector<int64_t> rows;
  for (int64_t expert = 0; expert < experts - 1; ++expert) {
    for (int64_t choice = 0; choice < std::ssize(chosen); ++choice)
      if (chosen[static_cast<size_t>(choice)] == expert) rows.push_back(choice);
  }
  return rows;
}

std::vector<int64_t> rows_by_expert(const ChoiceCounts& counts, int rank) {
  const Range own = part_of(std::ssize(counts[0]), static_cast<int>(counts.size()), rank);
  std::vector<std::vector<Range>> blocks(static_cast<size_t>(own.size()));  // by expert, by sender
  int64_t begin = 0;
  for (const auto& of_sender : counts) {
    for (int64_t i = 0; i < own.size(); ++i) {
      const int64_t end = begin + of_sender[static_cast<size_t>(own.begin + i)];
      blocks[static_cast<size_t>(i)].push_back({begin, end});
      begin = end;
    }
  }
  std::vector<int64_t> rows;
  for (const auto& of_expert : blocks) {
    for (const Range& block : of_expert)
      for (int64_t row = block.begin; row < block.end; ++row) rows.push_back(row);
  }
  return rows;
}

}  // namespace shard
