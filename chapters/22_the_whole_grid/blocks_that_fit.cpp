#include "chapters/22_the_whole_grid/blocks_that_fit.h"

namespace shard::chapter_22 {

Batch largest_micro_batch(Grid& grid, const GptSizes& sizes, const TrainingSettings& settings) {
  const int64_t of_rank = part_of(settings.batch, grid.dp().size(), 0).size();
  const int64_t sequences = part_of(of_rank, static_cast<int>(settings.accumulate), 0).size();
  const std::vector<int32_t> zeros(static_cast<size_t>(sequences * sizes.context), 0);
  const Shape shape{std::ssize(zeros)};
  Backend& backend = grid.world().backend();
  return {Tensor::from(backend, shape, std::span(zeros)),
          Tensor::from(backend, shape, std::span(zeros)), sequences};
}

ModelBytes largest_of(Communicator& all, const ModelBytes& bytes) {
  const auto largest = [&](int64_t number) {
    return static_cast<int64_t>(all.max_of(static_cast<double>(number)));
  };
  return {.layers = bytes.layers,
          .block = largest(bytes.block),
          .input = largest(bytes.input),
          .again = largest(bytes.again),
          .begin = largest(bytes.begin),
          .end = largest(bytes.end)};
}

}  // namespace shard::chapter_22
