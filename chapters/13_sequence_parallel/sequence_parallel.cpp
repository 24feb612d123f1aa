#include "chapters/13_sequence_parallel/sequence_parallel.h"

#include "chapters/10_tensor_and_data_parallel/basic_gpt.h"

namespace shard {

template class BasicGpt<SequenceParallelBlock<FusedAttention, FusedMlp>>;

SequenceParallelGpt::SequenceParallelGpt(Communicator& tp, GptSizes sizes, const Init& init,
                                         const GptStage& stage, Gathered gathered)
    : BasicGpt(
          tp, sizes, init, stage,
          [&](const std::string& name, float projection) {
            const BlockSizes block{sizes.width, sizes.heads, 4 * sizes.width};
            return std::make_unique<Block>(tp, name, block, init, projection, gathered);
          },
          std::make_shared<const CutRows>(tp)) {}

}  // namespace shard
