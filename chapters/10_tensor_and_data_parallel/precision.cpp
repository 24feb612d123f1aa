#include "chapters/10_tensor_and_data_parallel/precision.h"

#include "common/base/error.h"

namespace shard {

std::string to_string(Precision precision) {
  switch (precision) {
    case Precision::tf32: return "tf32";
    case Precision::bf16: return "bf16";
    default: return "f32";
  }
}

Precision precision_named(const std::string& name, const std::string& option) {
  for (const Precision precision : {Precision::f32, Precision::tf32, Precision::bf16}) {
    if (name == to_string(precision)) return precision;
  }
  throw UsageError(text(option, " is f32, tf32 or bf16, not ", name));
}

Precision reduction_named(const std::string& name, const std::string& option) {
  require_usage(name == "f32" || name == "bf16", option, " is f32 or bf16, not ", name);
  return precision_named(name, option);
}

}  // namespace shard
