#include "chapters/21_experts/router.h"

#include "common/tensor/ops.h"

namespace shard {

Router::Router(Communicator& data, const std::string& name, int64_t width,
               const RouterSettings& settings, const Init& init, bool counts)
    : weight(data.backend(), name + ".weight", Shard::all({width, settings.experts}), init.seed,
             init.weight),
      bias(Tensor::zeros(data.backend(), {settings.experts})),
      data_(data),
      settings_(settings),
      assigned_(static_cast<size_t>(settings.experts)) {
  weight.counts = counts;
}

/// Routers compute in f32: a rounded probability would choose another expert (Fedus et al.,
/// arXiv:2101.03961, section 2.4).
static Tensor in_f32(const Tensor& x) {
  return x.type() == DataType::f32 ? x : cast(x, DataType::f32);
}

//! [21-router]
const Routing& Router::forward(const Tensor& x, Kept& kept) const {
  kept.x = x;
  const Tensor logits = matmul(in_f32(x), in_f32(*weight.use()));  // [tokens × experts]
  kept.routing = route(logits, bias, settings_.chosen, settings_.by);
  const Tensor counts = occurrences(kept.routing.chosen, settings_.experts);
  // The host needs the counts, to know how much to send: the only place where it waits.
  const Tensor of_all = data_.all_gather(counts, {}, "counts of the experts' tokens");
  kept.counts = ExpertCounts(settings_.experts, of_all.to_host_int());
  return kept.routing;
}

Tensor Router::backward(const Tensor& dweights, const Kept& kept) {
  for (int64_t i = 0; i < settings_.experts; ++i)
    assigned_[static_cast<size_t>(i)] += kept.counts.of_expert(i);
  const bool balanced = settings_.balance != 0 && kept.counts.total() > 0;
  const Tensor dprobabilities =
      balanced ? Tensor::from(bias.backend(), bias.shape(),
                              std::span<const float>(balance_gradient(kept.counts)))
               : Tensor();
  const Tensor dlogits = route_backward(kept.routing, dweights, dprobabilities);
  add_matmul(weight.open_gradient(), transposed(in_f32(kept.x)), dlogits);
  weight.gradient_is_ready();
  const Tensor dx = matmul(dlogits, transposed(in_f32(*weight.use())));
  return dx.type() == kept.x.type() ? dx : cast(dx, kept.x.type());
}

/// The gradient of α·E·Σ_i f_i·P_i for each probability of expert i, the same for all T tokens:
/// α·E·n_i/(k·T²). The counts n_i do not depend on the weights, as far as a derivative sees.
std::vector<float> Router::balance_gradient(const ExpertCounts& counts) const {
  const auto choices = static_cast<double>(counts.total());  // k·T
  const double tokens = choices / static_cast<double>(settings_.chosen);
  std::vector<float> gradient;
  for (int64_t i = 0; i < settings_.experts; ++i) {
    gradient.push_back(static_cast<float>(
        static_cast<double>(settings_.balance) * static_cast<double>(settings_.experts) *
        static_cast<double>(counts.of_expert(i)) / (choices * tokens)));
  }
  return gradient;
}
//! [21-router]

double Router::balance_loss(const Kept& kept) const {
  if (kept.counts.total() == 0) return 0;
  Tensor sums = Tensor::zeros(bias.backend(), bias.shape());  // of this rank's tokens: T·P_i
  add_column_sums(sums, kept.routing.probabilities);
  const std::vector<float> of_all = data_.all_reduce(PartialSum(sums)).to_host(),
                           gradient = balance_gradient(kept.counts);
  double loss = 0;
  for (size_t i = 0; i < of_all.size(); ++i)
    loss += static_cast<double>(gradient[i]) * static_cast<double>(of_all[i]);
  return loss;
}

void Router::balance_bias(float rate) {
  int64_t sum = 0;
  for (int64_t count : assigned_) sum += count;
  std::vector<float> values = bias.to_host();
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t less = sum - assigned_[i] * settings_.experts;  // than the mean, times E
    values[i] += rate * static_cast<float>((less > 0) - (less < 0));
    assigned_[i] = 0;
  }
  bias.assign(std::span<const float>(values));
}

}  // namespace shard
