#include "chapters/23_planner/software.h"

#include "common/base/error.h"

namespace shard::chapter_23 {

namespace {

/// Megatron-LM with PyTorch's DistributedDataParallel: f16 gradients in buckets, summed during the
/// backward pass; added by an operation of their own.
Software with_buckets(const std::string& name) {
  return {.name = name,
          .fused_accumulation = false,
          .overlapped_dp = true,
          .dp_hidden_share = 0.85,  // [A]
          .gradient_bytes = 2,
          .buckets = true};
}

std::vector<Software> all_software() {
  return {
      with_buckets("megatron-2019"),
      with_buckets("megatron-2020"),
      with_buckets("megatron-2021-buckets"),
      // Its own data parallelism: one buffer, summed after the last backward pass.
      {.name = "megatron-2021", .fused_accumulation = false, .gradient_bytes = 2},
      // arXiv:2205.05198, section 6.2: all-reduces beside the weight gradients' products.
      {.name = "megatron-2022",
       .overlapped_tp = true,
       .hidden_share = 0.7,  // [A]
       .sequence_parallel = true,
       .most_sharding = 1},
      // README of Megatron-Core r0.8: --tp-comm-overlap, --overlap-grad-reduce,
      // --overlap-param-gather; bf16 gradients [A].
      {.name = "megatron-core",
       .fused_attention = true,
       .overlapped_tp = true,
       .overlapped_forward = true,
       .hidden_share = 1,
       .overlapped_dp = true,
       .overlapped_gather = true,
       .dp_hidden_share = 0.85,  // [A]
       .gradient_bytes = 2,
       .sequence_parallel = true,
       .context_parallel = true,
       .most_sharding = 1},
      // Chapter 22: f32 gradients; nothing beside something else.
      {.name = "shard",
       .fused_attention = true,
       .sequence_parallel = true,
       .context_parallel = true,
       .zero_bubble = true,
       .most_sharding = 3},
  };
}

}  // namespace

Software software_named(const std::string& name) {
  std::string names;
  for (const Software& software : all_software()) {
    if (software.name == name) return software;
    names += (names.empty() ? "" : ", ") + software.name;
  }
  throw UsageError(text("there is no software \"", name, "\"; known are ", names));
}

std::vector<std::string> known_software() {
  std::vector<std::string> names;
  for (const Software& software : all_software()) names.push_back(software.name);
  return names;
}

std::vector<std::string> assumptions_of(const Software& software) {
  const auto hidden = [](double share) { return text(", ", 100 * share, " % hidden"); };
  std::vector<std::string> all;
  all.push_back(software.fused_attention
                    ? text("fused causal attention at ", 100 * software.fused_share, " % of peak")
                    : "attention's scores in memory, of all keys");
  if (software.overlapped_tp) {
    all.push_back(text("tp's collectives beside products",
                       software.overlapped_forward ? "" : " in the backward pass",
                       hidden(software.hidden_share)));
  }
  all.push_back(text("gradients of ", software.gradient_bytes, " bytes summed",
                     software.buckets ? " in buckets" : "",
                     software.overlapped_dp ? " beside the last backward pass" : "",
                     software.overlapped_gather ? ", weights gathered beside the next step" : "",
                     software.overlapped_dp ? hidden(software.dp_hidden_share) : ""));
  if (!software.fused_accumulation)
    all.emplace_back("micro-batches' gradients added by an operation of its own");
  return all;
}

}  // namespace shard::chapter_23
