// ChunkedRing: an all-gather and a reduce-scatter in chunks, with products between them, against
// the whole ones; OverlappedMlp: the MLP of chapter 05 on cut rows. And the model of their times.
#include "chapters/13_sequence_parallel/sequence_parallel.h"
#include "chapters/17_overlap/chunked_ring.h"
#include "chapters/17_overlap/emulated_link.h"
#include "chapters/17_overlap/overlap_model.h"
#include "chapters/17_overlap/overlapped_mlp.h"
#include "common/check/calls.h"
#include "tests/chapters/block_support.h"
#include "tests/chapters/passes_support.h"

using namespace shard;
using namespace shard::chapter_17;
using reference::relative_error;

namespace {

int size() { return world().size(); }
int rank() { return world().rank(); }

/// Whole numbers, whose products and sums are exact in any order.
Tensor numbers(int64_t rows, int64_t columns, int64_t which) {
  const Tensor x(backend(), {rows, columns});
  std::vector<float> values;
  for (int64_t i = 0; i < x.elements(); ++i) values.push_back(element(which, i) / 4.0f);
  Tensor result = x;
  result.assign(std::span<const float>(values));
  return result;
}

RowMap my_rows(int64_t rows) { return RowMap::of_sequences({0, 1}, rows).part(size(), rank()); }

std::vector<Calls> exchanges(int chunks, int64_t bytes) {
  return {{.op = Collective::send_receive, .calls = chunks * (size() - 1), .bytes = bytes}};
}

}  // namespace

// ---- The two products ---------------------------------------------------------------------------

TEST_CASE("gather_matmul: the bits of a whole gather and product, and its bytes") {
  for (const auto& [rows, chunks] :
       {std::pair{13, 1}, {13, 2}, {40, 3}, {3, 2}, {1, 1}, {64, 64}}) {
    INFO(rows, " rows in ", chunks, " chunks per rank");
    const Tensor x = numbers(rows, 7, 5), w = numbers(7, 9, rank()), mine = x.slice(my_part(rows));
    Ledger before = ledger();
    const Tensor gathered = world().all_gather(mine, part_sizes(rows, size()));
    const int64_t sent = ledger().since(before).sent();
    before = ledger();
    const GatheredProduct product = gather_matmul({world(), chunks}, mine, rows, w);
    CHECK(holds_just(ledger().since(before), exchanges(chunks, sent)));
    CHECK(ledger().since(before).sent() == sent);
    CHECK(product.x.to_host() == gathered.to_host());
    CHECK(product.y.to_host() == matmul(x, w).to_host());
  }
}

TEST_CASE("matmul_scatter: the bits of a whole product and its reduce-scatter, and its bytes") {
  for (const auto& [rows, chunks] :
       {std::pair{13, 1}, {13, 2}, {40, 3}, {3, 2}, {1, 1}, {64, 64}}) {
    INFO(rows, " rows in ", chunks, " chunks per rank");
    const Tensor x = numbers(rows, 7, rank()), w = numbers(9, 7, 20 + rank());
    Ledger before = ledger();
    const Tensor whole = world().reduce_scatter(PartialSum(matmul(x, transposed(w))));
    const int64_t sent = ledger().since(before).sent();
    before = ledger();
    const Tensor part = matmul_scatter({world(), chunks}, x, transposed(w));
    CHECK(holds_just(ledger().since(before), exchanges(chunks, sent)));
    CHECK(ledger().since(before).sent() == sent);
    CHECK(part.to_host() == whole.to_host());
  }
}

TEST_CASE("chunked products of bf16 are those of whole ones, where the device computes in it") {
  if (!backend().computes_in(DataType::bf16)) return;
  const Tensor x = cast(numbers(24, 8, 5), DataType::bf16);
  const Tensor w = cast(numbers(8, 16, rank()), DataType::bf16);
  const GatheredProduct product = gather_matmul({world(), 2}, x.slice(my_part(24)), 24, w);
  CHECK(product.y.to_host() == matmul(x, w).to_host());
  const Tensor part = matmul_scatter({world(), 2}, x, w);
  const Tensor whole = world().reduce_scatter(PartialSum(cast(matmul(x, w), DataType::f32)));
  CHECK(relative_error(cast(part, DataType::f32), whole) < 0.01);
}

// ---- The order ----------------------------------------------------------------------------------

TEST_CASE(
    "gather: own rows first, and an exchange is started before the rows are used that it sends") {
  const int64_t rows = 12;
  for (int chunks : {1, 3}) {
    std::vector<Range> order;
    const Ledger before = ledger();
    ChunkedRing(world(), chunks)
        .gather(numbers(my_part(rows).size(), 2, rank()), rows, [&](const Tensor&, Range here) {
          order.push_back(here);
          const int64_t all = chunks * (size() - 1);
          CHECK(ledger().since(before).calls() == std::min(all, std::ssize(order)));
        });
    REQUIRE(std::ssize(order) == chunks * size());
    for (int step = 0; step < size(); ++step) {
      const Range part = part_of(rows, size(), (rank() + size() - step) % size());
      for (int chunk = 0; chunk < chunks; ++chunk) {
        const Range within = part_of(part.size(), chunks, chunk);
        CHECK(order[static_cast<size_t>(step * chunks + chunk)] ==
              Range{part.begin + within.begin, part.begin + within.end});
      }
    }
  }
}

TEST_CASE("scatter: own rows last, and a sum leaves as soon as it is complete") {
  const int64_t rows = 12;
  for (int chunks : {1, 3}) {
    std::vector<Range> order;
    const Ledger before = ledger();
    ChunkedRing(world(), chunks)
        .scatter({rows, 2}, DataType::f32, [&](const Tensor& to, Range here) {
          const int64_t all = chunks * (size() - 1);
          CHECK(ledger().since(before).calls() == std::min(all, std::ssize(order)));
          order.push_back(here);
          Tensor term = to;
          fill(term, 1.0f);
        });
    REQUIRE(std::ssize(order) == chunks * size());
    for (int step = 0; step < size(); ++step) {
      const Range part = part_of(rows, size(), (rank() + 2 * size() - 1 - step) % size());
      CHECK(order[static_cast<size_t>(step * chunks)].begin == part.begin);
      CHECK(order[static_cast<size_t>(step * chunks + chunks - 1)].end == part.end);
    }
  }
}

/// A group that counts how often the exchanges under way are polled.
class PolledGroup : public ForwardingGroup {
 public:
  using ForwardingGroup::ForwardingGroup;
  int64_t polls = 0;

 protected:
  Started start_exchange(const Call& call, const Tensor& out, int to, const Tensor& in,
                         int from) override {
    struct Polled : DoneWork {
      int64_t* polls = nullptr;
      bool poll() override { return ++*polls > 0; }
    };
    ForwardingGroup::start_exchange(call, out, to, in, from);
    auto work = std::make_unique<Polled>();
    work->polls = &polls;
    return work;
  }
};

TEST_CASE("chunked ring: what is under way is polled after each product") {
  for (int chunks : {1, 3}) {
    PolledGroup group(world());
    int64_t products = 0, polled = 0, last = 0;
    const auto count = [&] {
      polled += group.polls > last, last = group.polls;
      ++products;
    };
    const ChunkedRing ring(group, chunks);
    ring.gather(numbers(my_part(12).size(), 2, 1), 12, [&](const Tensor&, Range) { count(); });
    ring.scatter({12, 2}, DataType::f32, [&](const Tensor& to, Range) {
      Tensor term = to;
      fill(term, 1.0f);
      count();
    });
    CHECK(products == 2 * chunks * size());
    // not before the first product of a ring, and not where nothing is under way any more
    CHECK(polled >= (size() == 1 ? 0 : products - 4));
    CHECK(group.polls >= polled);
  }
}

TEST_CASE("chunks on a link that moves data as late as it may: no buffer is reused too early") {
  EmulatedLink link(world(), {.latency = 1e-3, .bytes_per_second = 1e9});
  const Tensor x = numbers(26, 7, 5), w = numbers(7, 9, rank());
  for (int chunks : {1, 4}) {
    const GatheredProduct product = gather_matmul({link, chunks}, x.slice(my_part(26)), 26, w);
    CHECK(product.y.to_host() == matmul(x, w).to_host());
    CHECK(matmul_scatter({link, chunks}, x, w).to_host() ==
          world().reduce_scatter(PartialSum(matmul(x, w))).to_host());
  }
  CHECK(link.all_gather(x.slice(my_part(26)), part_sizes(26, size())).to_host() == x.to_host());
  CHECK(link.reduce_scatter(PartialSum(x)).to_host() ==
        world().reduce_scatter(PartialSum(x)).to_host());
}

TEST_CASE(
    "chunked ring: less than one chunk, and rows that are not this rank's part, are refused") {
  CHECK(message_of([] { ChunkedRing(world(), 0); }) ==
        "a ring of 0 chunks: at least one is needed");
  const Tensor mine(backend(), {my_part(13).size() + 1, 2});
  CHECK(message_of([&] {
          ChunkedRing(world(), 1).gather(mine, 13, [](const Tensor&, Range) {});
        }) == text("gather: rank ", rank(), " has ", my_part(13).size(), " of 13 rows, not ",
                   my_part(13).size() + 1));
}

// ---- The MLP ------------------------------------------------------------------------------------

static Matrix mlp(const Matrix& x, const std::vector<Matrix>& p) {
  using namespace reference;
  return add_bias(matmul(gelu(add_bias(matmul(x, p[0]), p[1])), p[2]), p[3]);
}

TEST_CASE("overlapped MLP: forward and backward on cut rows, for sizes that ranks do not divide") {
  for (const auto& [rows, width, hidden] :
       {std::array<int64_t, 3>{13, 10, 37}, {70, 6, 11}, {3, 5, 3}}) {
    INFO(rows, " rows, ", width, " → ", hidden, " → ", width);
    OverlappedMlp split(world(), "mlp", width, hidden, block_init, 0.2f, 2);
    FusedMlp unsplit(alone(), "mlp", width, hidden, block_init, 0.2f);
    const Matrix x = random_matrix(rows, width, "x"), dz = random_matrix(rows, width, "dz");
    OverlappedMlp::Kept kept;
    FusedMlp::Kept kept_unsplit;
    const Ledger before = ledger();
    const Tensor z = split.forward(tensor(x).slice(my_part(rows)).clone(), my_rows(rows), kept);
    CHECK(ledger().since(before).calls() == 2 * 2 * (size() - 1));
    const Tensor dx = split.backward(tensor(dz).slice(my_part(rows)), kept);
    CHECK(ledger().since(before).calls() == 5 * 2 * (size() - 1));
    const Tensor z_unsplit = unsplit.forward(tensor(x), kept_unsplit),
                 dx_unsplit = unsplit.backward(tensor(dz), kept_unsplit);
    CHECK(relative_error(z_unsplit, mlp(x, values_of(unsplit.parameters()))) < tolerance);
    if (z.elements() > 0) {
      CHECK(relative_error(z, z_unsplit.slice(my_part(rows))) < tolerance);
      CHECK(relative_error(dx, dx_unsplit.slice(my_part(rows))) < tolerance);
    }
    check_gradients(split.parameters(), unsplit.parameters());
    check_replicated_gradients(split.parameters());
    CHECK(bytes_of(kept) == 4 * (my_part(rows).size() * width + rows * my_part(hidden).size()));
  }
}

TEST_CASE("overlapped MLP: two passes at once, and weights that come and go") {
  const auto part = [](const char* name, int pass) {
    return tensor(random_matrix(13, 10, text(name, pass))).slice(my_part(13));
  };
  check_passes<OverlappedMlp>({
      .make =
          [] {
            return std::make_unique<OverlappedMlp>(world(), "mlp", 10, 37, block_init, 0.2f, 2);
          },
      .forward = [&](const auto& layer, int pass,
                     auto& kept) { return layer.forward(part("x", pass), my_rows(13), kept); },
      .backward = [&](auto& layer, int pass,
                      auto& kept) { return layer.backward(part("dz", pass), kept); },
  });
}

/// dX of one pass, with y at the front, and the bytes that were sent.
template <class Block>
static std::pair<std::vector<Tensor>, int64_t> pass_of(Block& block) {
  constexpr int64_t batch = 2, context = 7, width = 24;
  DropoutMoment moment{.probability = 0.2f, .seed = 9, .pass = 4};
  moment.rows = moment.rows_of(batch, batch * context).part(size(), rank());
  const auto mine = [](const char* name) {
    return tensor(random_matrix(batch * context, width, name)).slice(my_part(batch * context));
  };
  const Ledger before = ledger();
  typename Block::Kept kept;
  const Tensor y = block.forward(mine("x"), batch, moment, kept);
  const Tensor dx = block.backward(mine("dy"), kept);
  return {{y, dx}, ledger().since(before).sent()};
}

TEST_CASE("overlapped MLP: a block of chapter 07 takes it in the place of chapter 13's MLP") {
  BasicBlock<SequenceParallel<FusedAttention>, OverlappedMlp> in_chunks(
      world(), "h.0", 24, block_init,
      [](const std::string& place) {
        return SequenceParallel<FusedAttention>(Gathered::again, world(), place, 24, 12, block_init,
                                                0.2f);
      },
      [](const std::string& place) {
        return OverlappedMlp(world(), place, 24, 37, block_init, 0.2f, 2);
      });
  SequenceParallelBlock<FusedAttention, FusedMlp> whole(world(), "h.0", {24, 12, 37}, block_init,
                                                        0.2f);
  const auto [got, sent] = pass_of(in_chunks);
  const auto [expected, sent_whole] = pass_of(whole);
  CHECK(relative_error(got[0], expected[0]) < tolerance);
  CHECK(relative_error(got[1], expected[1]) < tolerance);
  CHECK(sent == sent_whole);
}

// ---- The model ----------------------------------------------------------------------------------

TEST_CASE("overlap model: by hand") {
  // 2 ranks; products of 1 s and 1 byte/s, exchanges of 2 s and 4 bytes/s
  OverlapModel model{.ranks = 2,
                     .product = {.latency = 1, .seconds_per_byte = 1},
                     .exchange = {.latency = 2, .seconds_per_byte = 0.25},
                     .busy = 0};
  CHECK(model.whole(16) == 17 + 4);
  CHECK(model.chunked(16, 1) == 18);      // products 2·9 > exchange 4 + last product 9
  CHECK(model.chunked(16, 8) == 16 * 2);  // products 16·2 > exchanges 8·2.25 + 2
  model.busy = 0.5;
  CHECK(model.chunked(16, 1) == 18 + 2);
  model.exchange.latency = 20;
  CHECK(model.chunked(16, 1) == 22 + 9);  // the link is never idle
  const std::vector<int> choices = {0, 1, 2, 4};
  // 1: 41 s until the last product; 2: 37 s; 4: the core needs 40 s
  model.exchange = {.latency = 0, .seconds_per_byte = 4};
  CHECK(model.best_chunks(16, choices) == 2);
  model.exchange = {.latency = 20, .seconds_per_byte = 0.25};
  model.busy = 1;
  CHECK(model.best_chunks(1, choices) == 0);  // so few rows that chunks are slower
  model.product.latency = model.exchange.latency = 0;
  CHECK(model.best_chunks(16, choices) == 0);  // nothing overlaps, so all take the same time
}

TEST_CASE("overlap model: the share is found that the measured times were made with") {
  OverlapModel model{.ranks = 2,
                     .product = {.latency = 1e-6, .seconds_per_byte = 1e-9},
                     .exchange = {.latency = 2e-6, .seconds_per_byte = 0.6e-9},
                     .busy = 0.35};
  std::vector<MeasuredProduct> measured;
  for (double bytes : {1e4, 1e5, 1e6}) {
    for (int chunks : {0, 1, 2, 4}) {
      measured.push_back({bytes, chunks, 0});
      measured.back().seconds = modelled(model, measured.back());
    }
  }
  model.busy = 0;
  CHECK(relative_error(model, measured) > 0.01);
  const OverlapModel fitted = fit_busy(model, measured);
  CHECK(fitted.busy == doctest::Approx(0.35));
  CHECK(relative_error(fitted, measured) < 1e-6);
}
