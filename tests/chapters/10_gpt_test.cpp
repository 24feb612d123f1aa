// Gpt: several passes under way at once, stages that make up the model, and the properties of its
// parameters' gradients.
#include <map>

#include "chapters/10_tensor_and_data_parallel/gpt.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using reference::relative_error;

namespace {

// heads for 1 to 4 ranks; a vocabulary that 2, 3 and 4 ranks do not divide
constexpr GptSizes sizes{.vocabulary = 13, .context = 7, .width = 24, .heads = 12, .layers = 4};
constexpr int64_t batch = 2, context = 5;  // shorter than the model's

Tensor tokens_of(const std::string& name) {
  std::vector<int32_t> ids;
  const RandomStream random{3, stream_of(name)};
  for (uint64_t i = 0; i < batch * context; ++i)
    ids.push_back(static_cast<int32_t>(random.below(13, i)));
  return indices(ids);
}

/// Pass `pass` has sequences of its own of the whole batch.
DropoutMoment moment_of(int64_t pass) {
  return {.probability = 0.2f, .seed = 9, .pass = 4, .first_sequence = batch * pass};
}

/// One pass through all stages, each with its own Kept, backward in the other direction.
struct Chain {
  std::vector<std::unique_ptr<Gpt>> stages;

  Chain(const std::vector<int64_t>& ends) {
    for (size_t i = 0; i < ends.size(); ++i) {
      const GptStage stage{.layers = {i == 0 ? 0 : ends[i - 1], ends[i]},
                           .embedding = i == 0,
                           .head = i + 1 == ends.size()};
      stages.push_back(std::make_unique<Gpt>(world(), sizes, block_init, stage));
    }
  }

  Tensor forward(int pass, std::vector<Gpt::Kept>& kept) const {
    Tensor x = tokens_of(text("tokens", pass));
    const Tensor targets = tokens_of(text("targets", pass));
    kept.resize(stages.size());
    for (size_t i = 0; i < stages.size(); ++i) {
      const bool last = i + 1 == stages.size();
      x = stages[i]->forward(x, last ? targets : Tensor(), batch, moment_of(pass), kept[i]);
    }
    return x;
  }

  void backward(std::vector<Gpt::Kept>& kept) {
    Tensor dx = stages.back()->backward(0.125f, kept.back());
    for (size_t i = stages.size() - 1; i-- > 0;) dx = stages[i]->backward(dx, kept[i]);
    CHECK_FALSE(bool(dx));  // there is no derivative for tokens
  }

  Parameters parameters() {
    Parameters all;
    for (auto& stage : stages) append(all, stage->parameters());
    return all;
  }
};

Tensor counted_squares(const Parameters& parameters) {
  Tensor total = Tensor::zeros(backend(), {1});
  add_counted_squares(total, parameters);
  return world().all_reduce(PartialSum(total));
}

}  // namespace

TEST_CASE("gpt: two passes at once with dropout, and weights that come and go") {
  check_passes<Gpt>({
      .make = [] { return std::make_unique<Gpt>(world(), sizes, block_init); },
      .forward =
          [](const auto& model, int pass, auto& kept) {
            return model.forward(tokens_of(text("tokens", pass)), tokens_of(text("targets", pass)),
                                 batch, moment_of(pass), kept);
          },
      .backward = [](auto& model, int, auto& kept) { return model.backward(0.125f, kept); },
  });
}

TEST_CASE("gpt: stages in a row give the loss and the gradients of the whole model") {
  Chain whole({4});
  std::vector<Gpt::Kept> kept, other_kept;
  const Tensor losses = whole.forward(0, kept), other_losses = whole.forward(1, other_kept);
  whole.backward(other_kept);
  whole.backward(kept);
  std::map<std::string, const Parameter*> expected;
  for (const Parameter* parameter : whole.parameters()) expected[parameter->name] = parameter;
  const Tensor squares = counted_squares(whole.parameters());

  for (const std::vector<int64_t>& ends :
       {std::vector<int64_t>{3, 4}, {1, 3, 4}, {0, 4, 4}}) {  // {0, 4, 4}: ends without blocks
    INFO(ends.size(), " stages, the first with ", ends[0], " layers");
    Chain chain(ends);
    std::vector<Gpt::Kept> first, second;
    CHECK(relative_error(chain.forward(0, first), losses) < tolerance);
    CHECK(relative_error(chain.forward(1, second), other_losses) < tolerance);
    chain.backward(first);
    chain.backward(second);

    // what a reduction over the axis "pp" does: both copies of the table get the sum
    const Parameters parameters = chain.parameters();
    std::map<std::string, Tensor> sums;
    for (const Parameter* parameter : parameters) {
      Tensor& sum = sums[parameter->name];
      sum = sum ? add(sum, parameter->gradient) : parameter->gradient.clone();
      const bool on_two = parameter->name == "wte.weight";
      CHECK((std::ranges::count(parameter->partial_over, "pp") == 1) == on_two);
      CHECK(std::ranges::count(parameter->partial_over, "dp") == 1);
    }
    CHECK(sums.size() == expected.size());
    CHECK(parameters.size() == expected.size() + 1);
    for (Parameter* parameter : parameters) {
      INFO("gradient of ", parameter->name);
      const Parameter& same = *expected.at(parameter->name);
      CHECK(parameter->value.to_host() == same.value.to_host());
      copy(parameter->gradient, sums.at(parameter->name));
      CHECK(relative_error(parameter->gradient, same.gradient) < tolerance);
    }
    CHECK(relative_error(counted_squares(parameters), squares) < tolerance);  // the table once
  }
}

TEST_CASE("gpt: a stage listens to its own parameters, each ready once in a backward pass") {
  for (const std::vector<int64_t>& ends : {std::vector<int64_t>{4}, {2, 4}}) {
    Chain chain(ends);
    std::map<const Parameter*, int> ready;
    std::vector<Listener> listeners;
    for (Parameter* parameter : chain.parameters()) {
      listeners.push_back(
          parameter->on_gradient_ready([&ready, parameter] { ++ready[parameter]; }));
    }
    std::vector<Gpt::Kept> kept;
    chain.forward(0, kept);
    chain.backward(kept);
    CHECK(ready.size() == chain.parameters().size());
    for (const auto& [parameter, times] : ready) CHECK(times == 1);
  }
}

TEST_CASE("gpt: a stage that cannot be, and a backward pass of the wrong kind, are refused") {
  const auto make = [](Range layers) {
    Gpt(alone(), sizes, block_init, {.layers = layers, .embedding = false, .head = false});
  };
  CHECK(message_of([&] { make({3, 5}); }) == "a stage of layers 3 to 5 of a model of 4");
  CHECK(message_of([&] { make({2, 1}); }) == "a stage of layers 2 to 1 of a model of 4");
  Gpt middle(alone(), sizes, block_init, {.layers = {1, 2}, .embedding = false, .head = false});
  Gpt whole(alone(), sizes, block_init);
  Gpt::Kept kept;
  CHECK(contains(message_of([&] { middle.backward(1.0f, kept); }), "a stage without a head"));
  CHECK(contains(message_of([&] { whole.backward(Tensor(), kept); }), "a stage with a head"));
  kept.for_backward = false;
  CHECK(contains(message_of([&] { whole.backward(1.0f, kept); }), "kept nothing for it"));
  CHECK(contains(message_of([&] { middle.backward(Tensor(), kept); }), "kept nothing for it"));
  CHECK(contains(message_of([&] {
                   middle.forward(tensor(random_matrix(9, sizes.width, "x")), {}, 2, {}, kept);
                 }),
                 "9 tokens are not 2 sequences of at most 7"));
}

TEST_CASE("gpt: blocks of another making take the place of the usual ones") {
  std::vector<std::string> made;
  const Gpt::MakeBlock make = [&](const std::string& name, float projection) {
    made.push_back(name);
    return std::make_unique<TransformerBlock>(
        world(), name, sizes.width, block_init,
        [&](const std::string& place) {
          return FusedAttention(world(), place, sizes.width, sizes.heads, block_init, projection);
        },
        [&](const std::string& place) {
          return FusedMlp(world(), place, sizes.width, 4 * sizes.width, block_init, projection);
        });
  };
  const Gpt usual(world(), sizes, block_init);
  const Gpt same(world(), sizes, block_init, {.layers = {0, 4}}, make);
  CHECK(made == std::vector<std::string>{"h.0", "h.1", "h.2", "h.3"});
  Gpt::Kept kept;
  const Tensor tokens = tokens_of("tokens"), targets = tokens_of("targets");
  const Tensor expected = usual.forward(tokens, targets, batch, {}, kept);
  CHECK(same.forward(tokens, targets, batch, {}, kept).to_host() == expected.to_host());
}

TEST_CASE("gpt: a layer's activations are let go when its backward pass is over") {
  Gpt model(world(), sizes, block_init);
  Gpt::Kept kept;
  model.forward(tokens_of("tokens"), tokens_of("targets"), batch, {}, kept);
  const int64_t after_forward = backend().bytes_in_use();
  const int64_t of_blocks = bytes_of(kept.blocks), of_norm = bytes_of(kept.final_norm);
  std::vector<int64_t> in_use;  // at the end of the backward passes of block 3 and of block 0
  const auto note = [&] { in_use.push_back(backend().bytes_in_use()); };
  const Listener last = model.blocks[3]->norm_1.bias.on_gradient_ready(note),
                 first = model.blocks[0]->norm_1.bias.on_gradient_ready(note);
  model.backward(0.125f, kept);
  REQUIRE(in_use.size() == 2);
  CHECK(in_use[0] - in_use[1] == of_blocks * 3 / 4);
  CHECK(after_forward - backend().bytes_in_use() >= of_blocks + of_norm);
}

TEST_CASE("gpt: what it keeps is what its parts keep, each tensor once") {
  const Gpt model(world(), sizes, block_init);
  Gpt::Kept kept;
  model.forward(tokens_of("tokens"), tokens_of("targets"), batch, {}, kept);
  const int64_t tokens = batch * context, width = sizes.width, ranks = world().size();
  const int64_t attention = (4 * width + sizes.heads) / ranks;
  // chapter 07's block, whose hidden width 4·width the ranks may not divide
  const int64_t hidden = my_part(4 * width).size();
  const int64_t block = tokens * (4 * width + 4 + attention + hidden);
  const int64_t norm = tokens * (2 * width + 2);
  const int64_t loss = tokens * (vocabulary_part(sizes.vocabulary, world()).size() + 3);
  const int64_t ids = 2 * tokens;  // and positions
  CHECK(bytes_of(kept) == 4 * (sizes.layers * block + norm + loss + ids));

  Gpt::Kept without_blocks;
  without_blocks.for_backward = false;
  model.forward(tokens_of("tokens"), tokens_of("targets"), batch, {}, without_blocks);
  CHECK(bytes_of(without_blocks) == 4 * (norm + loss + ids));
}
