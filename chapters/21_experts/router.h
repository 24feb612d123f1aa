// Router: which experts a token goes to, and how their results are weighted.
//     p = softmax(x·W), in f32;  the k experts of the largest p + b;  weights from p
// b is not trained by a gradient: it is moved after each step, so that experts which got few tokens
// get more (Wang et al., "Auxiliary-loss-free load balancing", arXiv:2408.15664, section 3).
#pragma once
#include "chapters/21_experts/dispatch_plan.h"
#include "common/comm/communicator.h"
#include "common/tensor/parameter.h"
#include "common/tensor/routing.h"

namespace shard {

struct RouterSettings {
  int64_t experts = 0, chosen = 0;  // E, and k of a token
  RouterWeights by = RouterWeights::of_chosen;
  /// α of the balance loss α·E·Σ_i f_i·P_i: f_i is the share of expert i in all choices, and P_i
  /// the mean of its probabilities, both over all tokens of all ranks (Fedus et al.,
  /// arXiv:2101.03961, section 2.2). It is a loss of each forward pass: with m micro-batches give
  /// α/m. 0: none.
  float balance = 0;
};

class Router {
 public:
  /// The parameter `name`.weight [width × experts], replicated. `data` are the ranks with other
  /// tokens; `counts` is true on one of the tensor-parallel ranks, which have the same tokens.
  Router(Communicator& data, const std::string& name, int64_t width, const RouterSettings& settings,
         const Init& init, bool counts);

  struct Kept {
    Tensor x;  // [tokens × width]
    Routing routing;
    ExpertCounts counts;  // of all data-parallel ranks' choices
    auto parts() const {
      return std::tie(x, routing.probabilities, routing.chosen, routing.weights);
    }
  };
  /// x: [tokens × width], any number of tokens. One all_gather of counts, i32 [experts].
  const Routing& forward(const Tensor& x, Kept& kept) const;
  /// From the gradient of the weights [tokens × k], and of the balance loss: dX [tokens × width] in
  /// x's type. Adds to the weight's gradient, and to assigned().
  Tensor backward(const Tensor& dweights, const Kept& kept);

  /// The balance loss of a forward pass, of all ranks' tokens. Collective over the data ranks.
  double balance_loss(const Kept& kept) const;
  /// b_i ← b_i + rate·sign(mean - n_i) with n_i = assigned(), which begins again from 0.
  void balance_bias(float rate);
  /// How many tokens of all ranks have chosen each expert, in all backward passes since the last
  /// balance_bias.
  const std::vector<int64_t>& assigned() const { return assigned_; }

  const RouterSettings& settings() const { return settings_; }
  Parameter weight;
  Tensor bias;  // b: f32 [experts], the same on all ranks; a part of the model's state

 private:
  std::vector<float> balance_gradient(const ExpertCounts& counts) const;

  Communicator& data_;
  RouterSettings settings_;
  std::vector<int64_t> assigned_;
};

}  // namespace shard
