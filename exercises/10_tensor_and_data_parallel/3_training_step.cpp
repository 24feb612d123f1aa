// Exercise 10.3: the whole training step. The last of part I: take an hour.
//
// Everything that you have built comes together: a GPT cut over tp ranks, replicated over dp ranks,
// trained on one batch. Chapter 10 makes the step of four objects that can be replaced; here it is
// one function, and it is yours. It must give the same numbers on every grid: after your own test
// come PyTorch's, computed on one machine in double precision, and every layout must agree with
// them. Almost every mistake here leaves a loss that falls nicely.
//
// The model is chapter 10's, but one thing is new: the norms of its blocks see this rank's tokens
// only, as in exercise 07.2. What a gradient still lacks after the backward pass, and where it
// counts, each Parameter says (common/tensor/parameter.h).
//
// Write: training_step, without chapter 10's Trainer and its four parts. Blocks of earlier chapters
//        and all of common/ are yours. About 31 lines.
// Shapes: a batch of settings.batch sequences × model.sizes().context tokens; micro-batches of
//         different sizes, where batch / (d · accumulate) is not whole.
// Ledger: what the model's passes communicate; besides, only all_reduces: each gradient once a
//         step, and only over those axes where it lacks something; one number for the norm and one
//         for the loss. In how many calls is up to you.
#include "exercises/10_tensor_and_data_parallel/3_training_step.h"

#include <cmath>

#include "common/tensor/ops.h"
#include "exercises/todo.h"

namespace shard {

StepResult training_step(Grid& grid, OwnTokensGpt& model, Moments& moments, int64_t step,
                         const BatchOf& batch_of, const TrainingSettings& settings) {
  todo("training_step");
}

}  // namespace shard
