// Precision: the types of numbers that a training computes in.
#pragma once
#include <string>

#include "common/tensor/tensor.h"

namespace shard {

/// f32   everything in 32 bits
/// tf32  the same, but products round their factors to 10 bits behind the point (on a GPU)
/// bf16  weights, activations and their gradients in bf16 (on a GPU). Statistics of rows, losses,
///       gradients of weights and the weights that the optimizer updates stay f32.
enum class Precision { f32, tf32, bf16 };

/// "f32", "tf32" or "bf16".
std::string to_string(Precision precision);
/// The type of weights, activations and their gradients; and, of what is reduced, the type in which
/// it is sent.
constexpr DataType type_of(Precision precision) {
  return precision == Precision::bf16 ? DataType::bf16 : DataType::f32;
}

/// The precision that is called `name`. Throws UsageError, naming `option`, for another name.
Precision precision_named(const std::string& name, const std::string& option);
/// The same for what gradients are reduced in: f32 or bf16.
Precision reduction_named(const std::string& name, const std::string& option);

}  // namespace shard
