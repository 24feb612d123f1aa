// What the wrong answers of 13.1 do right: gradients in one tensor, one after the other.
#pragma once
#include <vector>

#include "common/tensor/ops.h"
#include "exercises/13_sequence_parallel/1_which_sums.h"

namespace shard {

struct Packed {
  std::vector<Tensor*> gradients;
  Tensor flat;
  std::vector<Tensor> places;  // of the gradients, in `flat`

  Packed(Backend& backend, std::vector<Tensor*> some) : gradients(std::move(some)) {
    int64_t elements = 0;
    for (const Tensor* gradient : gradients) elements += gradient->elements();
    flat = Tensor(backend, {elements});
    int64_t begin = 0;
    for (const Tensor* gradient : gradients) {
      const int64_t end = begin + gradient->elements();
      places.push_back(flat.slice({begin, end}).reshape(gradient->shape()));
      copy(places.back(), *gradient);
      begin = end;
    }
  }
  void unpack() {
    for (size_t i = 0; i < places.size(); ++i) copy(*gradients[i], places[i]);
  }
};

inline void sum_packed(Communicator& tp, std::vector<Tensor*> gradients) {
  Packed all(tp.backend(), std::move(gradients));
  tp.all_reduce(PartialSum(all.flat));
  all.unpack();
}

}  // namespace shard
