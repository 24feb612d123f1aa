// PipelinedModel: a language model whose parts are on the stages of a pipeline. Every rank has its
// own parts only, and with all other stages' ranks it is the whole model.
#pragma once
#include "chapters/18_pipeline/pipeline_part.h"
#include "common/comm/grid.h"

namespace shard {

class PipelinedModel : public LanguageModel {
 public:
  /// The ranks of `pp` are the stages, in their order. `chunks` are this stage's parts: chunk c of
  /// stage j of p is part c·p + j of the model. Throws Error for several chunks of one stage, which
  /// would both have the table. Collective over the stages.
  PipelinedModel(Communicator& pp, const GptSizes& sizes,
                 std::vector<std::unique_ptr<PipelinePart>> chunks);

  // As LanguageModel says, on every rank. Collective over the stages: one after the other, each
  // waiting for the one before.
  Tensor losses(const Batch& batch) const override;
  Tensor logits(const Tensor& tokens) const override;
  Tensor forward_backward(const Batch& batch, const DropoutMoment& moment, float factor) override;

  Parameters parameters() override;  // this rank's
  const GptSizes& sizes() const override { return sizes_; }
  int64_t parameter_count() override { return parameter_count_; }  // of all stages

  Communicator& stages() const { return pp_; }
  PipelinePart& part(int chunk) const { return *chunks_[static_cast<size_t>(chunk)]; }
  int chunks() const { return static_cast<int>(chunks_.size()); }  // of each stage
  /// An unwritten tensor for what a chunk's neighbour sends of these rows [rows × width].
  Tensor place_for(int chunk, const RowMap& all) const;

  DataType computes_in = DataType::f32;  // the type of what stages send each other

 private:
  using OfPart = std::function<Tensor(PipelinePart&, const Tensor& input)>;
  Tensor through_all(bool forward, const RowMap& rows, const OfPart& compute) const;
  Tensor on_all_stages(Tensor result, const Shape& shape, DataType type) const;
  int last_stage() const { return pp_.size() - 1; }

  Communicator& pp_;
  GptSizes sizes_;
  std::vector<std::unique_ptr<PipelinePart>> chunks_;
  int64_t parameter_count_ = 0;
};

/// A Gpt in a pipeline over the axis "pp" of the grid, whose parts are `parts`: v·p of them, in the
/// model's order. `make_block` and `rows` as BasicGpt has them.
template <class Block>
std::unique_ptr<PipelinedModel> pipelined_gpt(
    Grid& grid, const GptSizes& sizes, const Init& init, const std::vector<GptStage>& parts,
    const typename BasicGpt<Block>::MakeBlock& make_block,
    const std::shared_ptr<const BlockRows>& rows = nullptr) {
  Communicator& pp = grid.group({"pp"});
  require(!parts.empty() && std::ssize(parts) % pp.size() == 0, "a model in ", parts.size(),
          " parts for ", pp.size(), " stages");
  std::vector<std::unique_ptr<PipelinePart>> chunks;
  for (size_t part = static_cast<size_t>(pp.rank()); part < parts.size();
       part += static_cast<size_t>(pp.size()))
    chunks.push_back(
        std::make_unique<GptPart<Block>>(grid.tp(), sizes, init, parts[part], make_block, rows));
  return std::make_unique<PipelinedModel>(pp, sizes, std::move(chunks));
}
/// The same with the usual block.
std::unique_ptr<PipelinedModel> pipelined_gpt(Grid& grid, const GptSizes& sizes, const Init& init,
                                              const std::vector<GptStage>& parts);

}  // namespace shard
