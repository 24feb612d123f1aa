// expect: is no empty Tensor: at the model's end there is none
#include "exercises/18_pipeline/2_without_deadlock.h"

namespace shard {

void run_stage(Communicator& pp, const Steps& steps, const Shape& shape,
               const ComputeStep& compute) {
  std::vector<Pending> sends;  // until the end: nobody waits for them here
  for (const Step& step : steps) {
    const int onward = step.pass == Pass::forward ? -1 : 1;
    const int from = pp.rank() - onward, to = pp.rank() + onward;
    Tensor input;
    if (from >= 0 && from < pp.size()) {
      input = Tensor(pp.backend(), shape);
      pp.receive(input, from);
    }
    const Tensor result = compute(step, input);
    if (to >= 0 && to < pp.size()) sends.push_back(pp.start_send(result, to));
  }
  for (Pending& send : sends) send.wait();
}

}  // namespace shard
