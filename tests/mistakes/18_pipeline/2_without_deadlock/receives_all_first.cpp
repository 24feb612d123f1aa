// expect: waits for the gradient of micro-batch
#include "exercises/18_pipeline/2_without_deadlock.h"

namespace shard {

void run_stage(Communicator& pp, const Steps& steps, const Shape& shape,
               const ComputeStep& compute) {
  std::vector<Pending> sends;  // until the end: nobody waits for them here
  std::vector<Tensor> inputs;
  for (const Step& step : steps) {
    const int from = pp.rank() - (step.pass == Pass::forward ? 1 : -1);
    inputs.emplace_back();
    if (from < 0 || from >= pp.size()) continue;
    inputs.back() = Tensor(pp.backend(), shape);
    pp.receive(inputs.back(), from);
  }
  size_t next = 0;
  for (const Step& step : steps) {
    const int onward = step.pass == Pass::forward ? 1 : -1;
    const int to = pp.rank() + onward;
    const Tensor input = inputs[next++];
    const Tensor result = compute(step, input);
    if (to >= 0 && to < pp.size()) sends.push_back(pp.start_send(result, to));
  }
  for (Pending& send : sends) send.wait();
}

}  // namespace shard
