#include "grid.h"

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

#include "fault.h"
#include "fibers.h"
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

/// Threads, and blocks, run from the first to the last, or the other way round with
/// SHARD_EMULATED_GPU_ORDER=backward. Of two accesses to memory that no barrier orders, another one
/// comes first then.
bool order_is_backward() {
  const char* order = std::getenv("SHARD_EMULATED_GPU_ORDER");
  if (order == nullptr || std::string(order) == "forward") return false;
  if (std::string(order) == "backward") return true;
  fail(text("SHARD_EMULATED_GPU_ORDER=", order, ": forward or backward was expected"));
}

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
  const uint64_t* exchange(const char* operation, unsigned mask, uint64_t value, Location where);
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
  void release(unsigned first_thread, unsigned lanes);
  Context next_fiber();
  Context idle_fiber();
  Exchange& exchange_of(unsigned warp, unsigned mask);
  [[noreturn]] void fail_at_mask(const Reason& reason, unsigned lanes) const;
  [[noreturn]] void fail_for_ever_waiting() const;
  uint3 index_of(unsigned thread) const;

  bool backward_ = false;
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
  static const bool backward = order_is_backward();
  backward_ = backward;
  launch_ = &launch;
  size_ = launch.block.x * launch.block.y * launch.block.z;
  shared_.resize(launch.shared_bytes);
  here = {{0, 0, 0}, {0, 0, 0}, launch.block, launch.grid, 0};
  idle_.reserve(all_threads + 1);
  block_ = {0, 0, 0};
  phase_ = 0;
  begin_block();
  jump(idle_fiber(), host_);
  launch_ = nullptr;
}

void Block::begin_block() {
  here.block = backward_ ? mirrored(block_, here.grid_size) : block_;
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
  here.number = backward_ ? size_ - 1 - started_ : started_;
  here.thread = backward_ ? mirrored(next_thread_, here.block_size) : next_thread_;
  ++started_;
  advance(next_thread_, here.block_size);
  launch_->thread();
  ++ended_;
}

/// Where the host's thread continues now: with a thread of the block that can run, or with one that
/// has not started.
Context Block::next_fiber() {
  if (!released_.empty()) {
    Released& next = released_.back();
    const int lane = backward_ ? std::bit_width(next.lanes) - 1 : std::countr_zero(next.lanes);
    const unsigned thread = next.first_thread + static_cast<unsigned>(lane);
    next.lanes &= ~(1u << lane);
    if (next.lanes == 0) released_.pop_back();
    return waiting_[thread];
  }
  if (started_ < size_) return idle_fiber();
  fail_for_ever_waiting();
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
    const unsigned first = (backward_ ? i : warps - 1 - i) * threads_of_warp;
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

const uint64_t* Block::exchange(const char* operation, unsigned mask, uint64_t value,
                                Location where) {
  const unsigned warp = here.number / threads_of_warp, lane = here.number % threads_of_warp;
  const unsigned first = here.number - lane, lanes = lanes_of_warp(size_ - first);
  if ((mask >> lane & 1u) == 0 || (mask & ~lanes) != 0)
    fail_at_mask({operation, mask, where}, lanes);
  Exchange& now = exchange_of(warp, mask);
  if (now.arrived == 0) now.reason = {operation, mask, where};
  if (!same(where, now.reason.where)) wait(*new Reason{operation, mask, where});  // for ever
  uint64_t* values = now.values[now.buffer].data();
  values[lane] = value;
  now.arrived |= 1u << lane;
  if (now.arrived != mask) {
    wait(now.reason);
  } else {
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

uint3 Block::index_of(unsigned thread) const {
  const dim3& size = here.block_size;
  return {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
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
  here.thread = index_of(missing);
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
  return block.exchange(operation, mask, value, where);
}

void fail_at_lane(const char* operation, unsigned lane, unsigned mask, Location where) {
  fail(text(place({operation, mask, where}), " reads from lane ", lane, ", which its mask ",
            std::hex, std::showbase, mask, " does not name"));
}

void* dynamic_shared_memory() { return block.shared_memory(); }

}  // namespace emulated_gpu
