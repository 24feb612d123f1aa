// The operations of a mixture of experts: a router chooses for each token the experts that it goes
// to, and the results, which are rows somewhere, are weighted and added. Shazeer et al.,
// "Outrageously large neural networks", arXiv:1701.06538; Fedus et al., "Switch transformers",
// arXiv:2101.03961.
#pragma once
#include "common/base/routing_formulas.h"
#include "common/tensor/tensor.h"

namespace shard {

/// What a router has decided.
struct Routing {
  Tensor probabilities;  // f32 [tokens × experts]: softmax of the logits
  Tensor chosen;         // i32 [tokens × k]: experts, the most probable first
  Tensor weights;        // f32 [tokens × k]: of their outputs
  RouterWeights by = RouterWeights::of_all;
};

/// logits f32 [tokens × experts]. The k experts with the largest probability + bias are chosen, of
/// equal ones the first; `bias` [experts] changes the choice only, and may be an empty handle.
/// Throws Error unless 1 ≤ k ≤ experts.
Routing route(const Tensor& logits, const Tensor& bias, int64_t k, RouterWeights by);
/// The gradient of the logits [tokens × experts], from those of the weights [tokens × k] and of the
/// probabilities, which are the same for all tokens: [experts], or an empty handle. The choice has
/// none.
Tensor route_backward(const Routing& routing, const Tensor& dweights, const Tensor& dprobabilities);

/// How often each of 0 … values-1 occurs in ids, i32 of any shape: i32 [values]. Others are not
/// counted.
Tensor occurrences(const Tensor& ids, int64_t values);

/// y[i] = Σ over slots of weights[i][slot] · rows[places[i][slot]], added in the order of slots in
/// f32. places i32 [tokens × k]: rows, or negative ones where nothing is added. weights f32 [tokens
/// × k]; an empty handle: all are 1. rows [n × width], f32 or bf16 → [tokens × width].
Tensor sum_of_rows(const Tensor& rows, const Tensor& places, const Tensor& weights);

/// What sum_of_rows_backward returns.
struct SumOfRowsBackward {
  Tensor drows;     // [n × width]: weights[i][slot] · dy[i]
  Tensor dweights;  // f32 [tokens × k]: dy[i] · rows[places[i][slot]], 0 where nothing was added
};
/// For dy [tokens × width]. Every row must be one token's, once: `places` names each exactly once.
SumOfRowsBackward sum_of_rows_backward(const Tensor& dy, const Tensor& rows, const Tensor& places,
                                       const Tensor& weights);

}  // namespace shard
