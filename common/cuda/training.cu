// Sums over whole tensors and the optimizer's step on the GPU: a few launches for all parameters of
// a model. Nothing waits for the host.
#include <cmath>

#include "common/cuda/kernels/training.cuh"
#include "common/cuda/transform.h"

namespace shard {
namespace {

/// Calls body(list, first) with the tensors of `all`, most_tensors at a time, of which `first` is
/// the first. make(x) says what a launch must know of x: a tensor of no elements has no blocks, and
/// is left out.
template <class Item, class Element, class Make, class Body>
void for_lists(std::span<const Element> all, int multiprocessors, const Make& make,
               const Body& body) {
  kernels::TensorList<Item> list{};
  for (const Element& element : all) {
    const Item item = make(element);
    if (item.count == 0) continue;
    const auto blocks = static_cast<int>(blocks_for(ceil_div(item.count, 4), multiprocessors).x);
    list.at[list.count] = item;
    list.first_block[list.count + 1] = list.first_block[list.count] + blocks;
    if (++list.count < kernels::most_tensors) continue;
    body(list);
    list.count = 0;
  }
  if (list.count > 0) body(list);
}

dim3 grid_of(int blocks) { return dim3(dimension(blocks)); }

kernels::Summed summed(const Tensor& x) { return {x.data<float>(), x.elements(), is_wide(x)}; }

/// Each of `all` in turn: total[0] += Σ term(x[i]). A sum in double for each block, one for each
/// tensor, rounded, and the sum of those.
template <class Term>
void add_sums(CudaBackend& gpu, Tensor& total, std::span<const Tensor> all, Term term) {
  const Scratch of_tensors(gpu, std::ssize(all) * int64_t{sizeof(float)});
  int64_t done = 0;
  for_lists<kernels::Summed>(all, gpu.multiprocessors(), summed, [&](const auto& list) {
    const int blocks = list.first_block[list.count];
    const Scratch parts(gpu, blocks * int64_t{sizeof(double)});
    launch(kernels::sum_by_blocks<Term>, grid_of(blocks), block_threads, 0, gpu.compute_stream(),
           parts.data<double>(), list, term);
    const bool is_one = all.size() == 1;
    launch(kernels::sum_of_blocks, grid_of(list.count), block_threads, 0, gpu.compute_stream(),
           is_one ? total.data<float>() : of_tensors.data<float>() + done, parts.data<double>(),
           list, is_one);
    if (!is_one) done += list.count;
  });
  if (done == 0) return;
  launch(kernels::add_in_order, 1, 1, 0, gpu.compute_stream(), total.data<float>(),
         of_tensors.data<float>(), done);
}

}  // namespace

void CudaBackend::add_sum(Tensor& total, const Tensor& x) {
  add_sums(*this, total, std::span(&x, 1), kernels::Identity{});
}

void CudaBackend::add_sum_of_squares(Tensor& total, std::span<const Tensor> all) {
  add_sums(*this, total, all, kernels::Square{});
}

void CudaBackend::clip_factor(Tensor& factor, const Tensor& sum_of_squares, float limit) {
  start_transform<1>(*this, 1, kernels::ClipFactor{limit}, factor.data<float>(),
                     sum_of_squares.data<float>());
}

void CudaBackend::zero(std::span<const Tensor> all) {
  const auto zeroed = [](const Tensor& x) {
    return kernels::Zeroed{x.data<float>(), x.elements(), is_wide(x)};
  };
  for_lists<kernels::Zeroed>(all, multiprocessors_, zeroed, [&](const auto& list) {
    launch(kernels::zero, grid_of(list.first_block[list.count]), block_threads, 0, compute_, list);
  });
}

static kernels::Trained trained(const TrainedWeight& of) {
  const bool wide = is_wide(of.weight, of.first_moment, of.second_moment, of.gradient);
  // elements of bf16 are half as long
  const bool rounded_wide = !of.rounded || unit_of({address_of(of.rounded)}) >= 8;
  return {of.weight.data<float>(),
          of.first_moment.data<float>(),
          of.second_moment.data<float>(),
          of.gradient.data<float>(),
          of.rounded ? of.rounded.data<BFloat16>() : nullptr,
          of.weight.elements(),
          wide && rounded_wide,
          of.decays};
}

void CudaBackend::adamw(std::span<const TrainedWeight> all, const Tensor& gradient_factor,
                        const AdamW& hyper) {
  const auto step = static_cast<double>(hyper.step);
  const auto c1 = static_cast<float>(1.0 - std::pow(double{hyper.beta1}, step));
  const auto c2 = static_cast<float>(1.0 - std::pow(double{hyper.beta2}, step));
  for_lists<kernels::Trained>(all, multiprocessors_, trained, [&](const auto& list) {
    launch(kernels::adamw, grid_of(list.first_block[list.count]), block_threads, 0, compute_, list,
           gradient_factor.data<float>(), hyper, c1, c2);
  });
}

}  // namespace shard
