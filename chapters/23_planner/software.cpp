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
      {.name = "megatron-2022", .overlapped_tp = true, .hidden_share = 0.7},  // [A]
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
       .gradient_bytes = 2},
      // Chapter 22: f32 gradients; nothing beside something else.
      {.name = "shard", .fused_attention = true},
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

}  // namespace shard::chapter_23
