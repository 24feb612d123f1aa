#include "grid.h"

#include <array>
#include <bit>
#include <cstring>
#include <deque>
#include <vector>

#include "async_copies.h"
#include "fault.h"
#include "fibers.h"
#include "order.h"
#include "shared_memory.h"

namespace emulated_gpu {

Position here{};

namespace {

constexpr unsigned threads_of_warp = 32;
constexpr unsigned all_threads = threads_of_block_at_most,
                   all_warps = all_threads / threads_of_warp;

inline bool same(const Location& a, const Location& b) {
  if (std::memcmp(&a, &b, sizeof a) == 0) return true;
  return a.line() == b.line() && std::string(a.file_name()) == b.file_name();
}

/// What a thread waits for.
struct Reason {
  const char* operation;
  unsigned mask = 0;  // of an exchange; 0 for a barrier
  Location where{};
};

/// The values that the threads of a warp exchange. Two buffers, because the first thread that goes
/// on may come to the next exchange before the last one has read what was brought to this one; it
/// cannot get any further.
struct Exchange {
  Reason reason;
  unsigned arrived = 0;  // lanes
  unsigned buffer = 0;
  std::array<std::array<uint64_t, threads_of_warp>, 2> values{};
};

/// Threads that may go on: lanes of a warp.
struct Released {
  unsigned first_thread, lanes;
};

/// The next one of three dimensions, x first; false after the last.
bool advance(uint3& index, const dim3& size) {
  if (++index.x < size.x) return true;
  index.x = 0;
  if (++index.y < size.y) return true;
  index.y = 0;
  return ++index.z < size.z;
}

uint3 mirrored(const uint3& index, const dim3& size) {
  return {size.x - 1 - index.x, size.y - 1 - index.y, size.z - 1 - index.z};
}

/// The index with this number, x fastest.
uint3 index_of(unsigned number, const dim3& size) {
  return {number % size.x, number / size.x % size.y, number / size.x / size.y};
}

/// What the last thread to come to an exchange does with the values of all lanes.
using Completion = void (*)(void* const* operands);

/// "__syncthreads (kernels.cuh:7)"
std::string place(const Reason& reason) {
  return text(reason.operation, " (", file_name(reason.where.file_name()), ":", reason.where.line(),
              ")");
}

/// A bit for each of the `threads` from a warp's first one on.
unsigned lanes_of_warp(unsigned threads) {
  return threads < threads_of_warp ? (1u << threads) - 1 : ~0u;
}

/// A thread runs as a plain call of a fiber that serves one thread after the other. A thread that
/// must wait keeps the fiber, and another one serves the threads that follow. So a kernel without
/// barriers is a loop.
class Block {
 public:
  void run(const Launch& launch);
  void barrier(Location where);
  const uint64_t* exchange(const Reason& reason, uint64_t value, Completion complete = nullptr);
  void* shared_memory() const { return shared_.begin(); }
  const Launch* launch() const { return launch_; }
  unsigned phase() const { return phase_; }
  std::string explain(const char* address) const;

 private:
  static void serve_threads();
  void begin_block();
  void run_next_thread();
  [[noreturn]] void serve();
  void wait(const Reason& reason);
  int next_lane(unsigned lanes) const;
  void release(unsigned first_thread, unsigned lanes);
  Context next_fiber();
  Context idle_fiber();
  Exchange& exchange_of(unsigned warp, unsigned mask);
  [[noreturn]] void fail_at_mask(const Reason& reason, unsigned lanes) const;
  [[noreturn]] void fail_for_ever_waiting() const;

  Order order_ = Order::forward;
  Shuffled blocks_, threads_;  // their numbers, in a random order
  unsigned blocks_begun_ = 0;
  const Launch* launch_ = nullptr;
  unsigned size_ = 0, started_ = 0, ended_ = 0;  // threads of the block
  uint3 next_thread_{}, block_{};                // counted forward
  std::array<Context, all_threads> waiting_{};   // where each waiting thread continues
  std::array<const Reason*, all_threads>
      reasons_{};  // nullptr while a thread runs, and when it has ended
  std::vector<Released> released_;

  Reason barrier_{"__syncthreads"};
  unsigned at_barrier_ = 0, phase_ = 0;
  std::array<std::deque<Exchange>, all_warps> exchanges_;
  std::array<Exchange*, all_warps> last_exchange_{};

  Context host_;
  std::vector<Context> idle_;  // fibers that will serve threads
  Fibers fibers_{all_threads + 1, serve_threads};
  SharedMemory shared_;
};

Block& block = *new Block;

void Block::serve_threads() { block.serve(); }

void Block::run(const Launch& launch) {
  static const Order order = order_of_environment();
  order_ = order;
  launch_ = &launch;
  size_ = launch.block.x * launch.block.y * launch.block.z;
  shared_.resize(launch.shared_bytes);
  here = {{0, 0, 0}, {0, 0, 0}, launch.block, launch.grid, 0};
  idle_.reserve(all_threads + 1);
  block_ = {0, 0, 0};
  blocks_begun_ = phase_ = 0;
  if (order_ == Order::random) blocks_.shuffle(launch.grid.x * launch.grid.y * launch.grid.z);
  begin_block();
  jump(idle_fiber(), host_);
  launch_ = nullptr;
}

void Block::begin_block() {
  here.block = order_ == Order::backward ? mirrored(block_, here.grid_size) : block_;
  if (order_ == Order::random) {
    here.block = index_of(blocks_[blocks_begun_++], here.grid_size);
    threads_.shuffle(size_);
  }
  started_ = ended_ = 0;
  next_thread_ = {0, 0, 0};
  ++phase_;
  shared_.poison();
}

void Block::serve() {
  for (;;) {
    while (started_ < size_) run_next_thread();
    const bool block_ends = ended_ == size_;
    if (block_ends) shared_.check();
    if (block_ends && advance(block_, here.grid_size)) {
      begin_block();
      continue;
    }
    const Context next = block_ends ? host_ : next_fiber();
    idle_.push_back({});
    jump(next, idle_.back());
  }
}

void Block::run_next_thread() {
  here.number = started_;
  here.thread = next_thread_;
  if (order_ == Order::backward) {
    here.number = size_ - 1 - started_;
    here.thread = mirrored(next_thread_, here.block_size);
  } else if (order_ == Order::random) {
    here.number = threads_[started_];
    here.thread = index_of(here.number, here.block_size);
  }
  ++started_;
  advance(next_thread_, here.block_size);
  launch_->thread();
  check_that_copies_have_ended();
  ++ended_;
}

/// Where the host's thread continues now: with a thread of the block that can run, or with one that
/// has not started.
Context Block::next_fiber() {
  const bool can_start = started_ < size_;
  if (order_ == Order::random && !released_.empty()) {
    const size_t choice = random_below(released_.size() + (can_start ? 1 : 0));
    if (choice == released_.size()) return idle_fiber();
    std::swap(released_[choice], released_.back());
  }
  if (!released_.empty()) {
    Released& next = released_.back();
    const int lane = next_lane(next.lanes);
    const unsigned thread = next.first_thread + static_cast<unsigned>(lane);
    next.lanes &= ~(1u << lane);
    if (next.lanes == 0) released_.pop_back();
    return waiting_[thread];
  }
  if (can_start) return idle_fiber();
  fail_for_ever_waiting();
}

int Block::next_lane(unsigned lanes) const {
  if (order_ == Order::backward) return std::bit_width(lanes) - 1;
  size_t before = order_ == Order::random ? random_below(std::popcount(lanes)) : 0;
  for (; before > 0; --before) lanes &= lanes - 1;
  return std::countr_zero(lanes);
}

Context Block::idle_fiber() {
  if (idle_.empty()) return fibers_.make();
  const Context fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

void Block::wait(const Reason& reason) {
  const unsigned number = here.number;
  const uint3 thread = here.thread;
  reasons_[number] = &reason;
  jump(next_fiber(), waiting_[number]);
  reasons_[number] = nullptr;
  here.number = number;
  here.thread = thread;
}

/// The last thread to be released runs first: so a warp gets as far as it can, from shuffle to
/// shuffle, before the next one.
void Block::release(unsigned first_thread, unsigned lanes) {
  if (lanes != 0) released_.push_back({first_thread, lanes});
}

/// A thread at a different barrier is not counted: then all wait forever, which is reported.
void Block::barrier(Location where) {
  if (at_barrier_ == 0) barrier_.where = where;
  if (!same(where, barrier_.where)) wait(*new Reason{barrier_.operation, 0, where});
  if (++at_barrier_ < size_) return wait(barrier_);
  at_barrier_ = 0;
  ++phase_;
  const unsigned warps = (size_ + threads_of_warp - 1) / threads_of_warp;
  for (unsigned i = 0; i < warps; ++i) {
    const unsigned first = (order_ == Order::backward ? i : warps - 1 - i) * threads_of_warp;
    unsigned lanes = lanes_of_warp(size_ - first);
    if (here.number - first < threads_of_warp) lanes &= ~(1u << (here.number - first));
    release(first, lanes);
  }
}

Exchange& Block::exchange_of(unsigned warp, unsigned mask) {
  Exchange*& last = last_exchange_[warp];
  if (last != nullptr && last->reason.mask == mask) return *last;
  for (Exchange& known : exchanges_[warp]) {
    if (known.reason.mask == mask) return *(last = &known);
  }
  return *(last = &exchanges_[warp].emplace_back(Exchange{.reason = {nullptr, mask}}));
}

/// With `complete`, the values are addresses, and no thread continues before it has returned.
const uint64_t* Block::exchange(const Reason& reason, uint64_t value, Completion complete) {
  const unsigned mask = reason.mask;
  const unsigned warp = here.number / threads_of_warp, lane = here.number % threads_of_warp;
  const unsigned first = here.number - lane, lanes = lanes_of_warp(size_ - first);
  if ((mask >> lane & 1u) == 0 || (mask & ~lanes) != 0) fail_at_mask(reason, lanes);
  Exchange& now = exchange_of(warp, mask);
  if (now.arrived == 0) now.reason = reason;
  if (!same(reason.where, now.reason.where)) wait(*new Reason{reason});  // for ever
  uint64_t* values = now.values[now.buffer].data();
  values[lane] = value;
  now.arrived |= 1u << lane;
  if (now.arrived != mask) {
    wait(now.reason);
  } else {
    if (complete != nullptr) {
      void* operands[threads_of_warp];
      for (unsigned i = 0; i < threads_of_warp; ++i)
        operands[i] = reinterpret_cast<void*>(values[i]);
      complete(operands);
    }
    now.arrived = 0;
    now.buffer ^= 1;
    release(first, mask & ~(1u << lane));
  }
  return values;
}

void Block::fail_at_mask(const Reason& reason, unsigned lanes) const {
  const std::string mask = text(place(reason), ": its mask ", std::hex, std::showbase, reason.mask);
  if ((reason.mask & ~lanes) == 0) fail(mask + " does not name the thread itself");
  fail(text(mask, " names threads that are not there: the warp has ", std::popcount(lanes)));
}

/// All threads that have not ended wait: for one that waits elsewhere, or that has ended.
void Block::fail_for_ever_waiting() const {
  unsigned waiting = 0;
  while (reasons_[waiting] == nullptr) ++waiting;
  const Reason& reason = *reasons_[waiting];
  const unsigned first = reason.mask == 0 ? 0 : waiting / threads_of_warp * threads_of_warp;
  const unsigned last = reason.mask == 0 ? size_ : std::min(first + threads_of_warp, size_);
  unsigned expected = 0, came = 0, missing = size_;
  for (unsigned t = first; t < last; ++t) {
    if (reason.mask != 0 && (reason.mask >> (t - first) & 1u) == 0) continue;
    ++expected;
    const Reason* other = reasons_[t];
    const bool here_too =
        other != nullptr && other->mask == reason.mask && same(other->where, reason.where);
    if (here_too) ++came;
    if (!here_too && (missing == size_ || reasons_[missing] == nullptr)) missing = t;
  }
  here.number = missing;
  here.thread = index_of(missing, here.block_size);
  const Reason* other = reasons_[missing];
  fail(text(other == nullptr ? "has ended" : "waits at " + place(*other), ", but ", came,
            " of the ", expected, " threads that must come to ", place(reason),
            " wait there for it"));
}

std::string Block::explain(const char* address) const {
  if (fibers_.is_guard(address)) {
    return text("a thread needs more than the ", Fibers::stack_bytes,
                " bytes of stack that it has here");
  }
  return shared_.explain(address);
}

}  // namespace

void run_grid(const Launch& launch) { block.run(launch); }
const Launch* running_launch() { return block.launch(); }
unsigned phase() { return block.phase(); }
std::string explain_block_memory(const char* address) { return block.explain(address); }

void barrier(Location where) { block.barrier(where); }

const uint64_t* exchange(const char* operation, unsigned mask, uint64_t value, Location where) {
  return block.exchange({operation, mask, where}, value);
}

void collective(const char* operation, void* operands, void (*complete)(void* const* lanes),
                Location where) {
  block.exchange({operation, ~0u, where}, reinterpret_cast<uint64_t>(operands), complete);
}

void fail_at(const char* operation, Location where, const std::string& what) {
  fail(text(place({operation, 0, where}), ": ", what));
}

void fail_at_lane(const char* operation, unsigned lane, unsigned mask, Location where) {
  fail(text(place({operation, mask, where}), " reads from lane ", lane, ", which its mask ",
            std::hex, std::showbase, mask, " does not name"));
}

void* dynamic_shared_memory() { return block.shared_memory(); }

}  // namespace emulated_gpu
