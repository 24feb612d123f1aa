#pragma once
#include "common/tensor/tensor.h"

namespace shard {

/// The results of a token's k experts have come home: `returned` [rows × width], in the order in
/// which the tokens were sent. places i32 [tokens × k]: the row of each of a token's choices, or -1
/// where the choice was dropped. weights [tokens × k]: the router's. Returns y [tokens × width],
/// the weighted sums; a dropped choice adds nothing.
Tensor home_weighted(const Tensor& returned, const Tensor& places, const Tensor& weights);

struct HomeGradients {
  Tensor returned;  // [rows × width]: of what the experts have returned
  Tensor weights;   // [tokens × k]: of the router's weights, 0 for dropped choices
};

/// For dy [tokens × width]. Every row of `returned` is one choice's.
HomeGradients home_weighted_backward(const Tensor& dy, const Tensor& returned, const Tensor& places,
                                     const Tensor& weights);

}  // namespace shard
