// Comparing designs of the MLP: their errors at a small size, their communication and time at a
// large one. A design is a class with the constructor, forward, backward and parameters of
// ParallelMlp.
#pragma once
#include "common/check/compare.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/program/runtime.h"
#include "common/tensor/kept.h"

namespace shard::chapter_05 {

struct MlpSizes {
  int64_t tokens, width, hidden;
};
std::string to_string(const MlpSizes& sizes);

/// Throws UsageError for sizes that cannot be cut, or that do not fit into memory.
void check_usage(const MlpSizes& timing_sizes, const MlpSizes& check_sizes, int ranks);

/// One MLP with random X and dZ, which are the same for every design and every group.
template <class Mlp>
struct Trial {
  Communicator& group;
  Mlp mlp;
  Tensor x, dz;              // [tokens × width]
  Tensor z, dx;              // of the last pass
  Ledger forward, backward;  // of the last pass
  int64_t bytes_kept = 0;    // for its backward pass

  Trial(Communicator& the_group, uint64_t seed, const MlpSizes& s)
      : group(the_group),
        mlp(group, "mlp", s.width, s.hidden, {.seed = seed, .weight = 0.3f, .vector = 0.5f}, 0.2f),
        x(random_tensor(seed, "x", s)),
        dz(random_tensor(seed, "dz", s)) {}

  void pass() {
    const Ledger before = group.ledger();
    typename Mlp::Kept kept;
    z = mlp.forward(x, kept);
    bytes_kept = bytes_of(kept);
    const Ledger middle = group.ledger();
    dx = mlp.backward(dz, kept);
    forward = middle.since(before);
    backward = group.ledger().since(middle);
  }

 private:
  Tensor random_tensor(uint64_t seed, const char* name, const MlpSizes& s) const {
    return to_tensor(group.backend(),
                     reference::random_matrix(s.tokens, s.width, {seed, stream_of(name)}));
  }
};

struct Outcome {
  std::string name;
  double z_error = 0, dx_error = 0,
         gradient_error = 0;   // against the unsplit MLP: the largest of all ranks
  Tensor z;                    // at the timing sizes, like all that follows
  Ledger forward, backward;    // of one pass
  int64_t bytes_kept = 0;      // for its backward pass, by this rank
  double bytes_sent = 0;       // in one pass, by this rank, in the rings of chapter 02
  std::function<void()> pass;  // forward and backward
  Timing timing;               // of a pass

  double largest_error() const {
    return reference::larger(z_error, reference::larger(dx_error, gradient_error));
  }
};

/// "2 all_gather"
std::string collectives_of(const Ledger& ledger);

/// Compares the design with `unsplit`, at its sizes, and makes one pass at `timing_sizes`.
template <class Mlp, class UnsplitMlp>
Outcome try_design(Runtime& runtime, const std::string& name, Trial<UnsplitMlp>& unsplit,
                   const MlpSizes& check_sizes, const MlpSizes& timing_sizes) {
  Communicator& world = runtime.world();
  Trial<Mlp> small(world, runtime.options().seed, check_sizes);
  small.pass();
  Outcome outcome;
  outcome.name = name;
  outcome.z_error = world.max_of(reference::relative_error(small.z, unsplit.z));
  outcome.dx_error = world.max_of(reference::relative_error(small.dx, unsplit.dx));
  outcome.gradient_error =
      world.max_of(largest_gradient_error(small.mlp.parameters(), unsplit.mlp.parameters()));
  const auto large = std::make_shared<Trial<Mlp>>(world, runtime.options().seed, timing_sizes);
  large->pass();
  outcome.z = large->z;
  outcome.forward = large->forward;
  outcome.backward = large->backward;
  outcome.bytes_kept = large->bytes_kept;
  outcome.bytes_sent = static_cast<double>(large->forward.sent() + large->backward.sent());
  outcome.pass = [large] { large->pass(); };
  return outcome;
}

}  // namespace shard::chapter_05
