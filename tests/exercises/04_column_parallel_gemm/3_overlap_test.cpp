#include "exercises/04_column_parallel_gemm/3_overlap.h"

#include <algorithm>
#include <cmath>

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t in = 9, out = 14;

Matrix stacked(Matrix top, const Matrix& bottom) {
  top.rows += bottom.rows;
  top.values.insert(top.values.end(), bottom.values.begin(), bottom.values.end());
  return top;
}

/// One micro-batch, and what it adds to this rank's gradients.
struct Batch {
  std::string name;
  Range first, second;  // the halves
  Matrix x, dy, own_dy;
  Matrix da, db;

  Batch(const Examiner& examiner, const std::string& the_name, int64_t tokens, Range columns)
      : name(the_name),
        first(part_of(tokens, 2, 0)),
        second(part_of(tokens, 2, 1)),
        x(examiner.random(tokens, in, "x" + name)),
        dy(examiner.random(tokens, out, "dy" + name)),
        own_dy(columns_of(dy, columns)),
        da(matmul(transpose(x), own_dy)),
        db(column_sums(own_dy)) {}

  Matrix da_of(Range half) const {
    return matmul(transpose(rows_of(x, half)), rows_of(own_dy, half));
  }
  Matrix db_of(Range half) const { return column_sums(rows_of(own_dy, half)); }
};

/// The learner's gradients, and what they held when a sum was started or waited for.
struct Gradients {
  struct Moment {
    WatchedGroup::Event event;
    std::vector<float> values;
    int64_t dx_rows;  // of all products so far that belong to dX
  };
  Tensor da, db;
  std::vector<Moment> moments = {};
  int64_t dx_rows = 0;

  std::vector<float> values() const {
    std::vector<float> all = da.to_host();
    const std::vector<float> more = db.to_host();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  void watch(const WatchedGroup::Event& event) { moments.push_back({event, values(), dx_rows}); }
  void watch(const Tensor& product) { dx_rows += product.columns() == in ? product.rows() : 0; }
};

/// What is wrong with the order of steps; empty if nothing is. `before` and `after`: the gradients
/// around the call.
std::string order_diagnosis(const std::vector<Gradients::Moment>& moments,
                            const std::vector<float>& before, const std::vector<float>& after) {
  if (before == after) return "";  // nothing was computed, which is said elsewhere
  for (const auto& [event, values, dx_rows] : moments) {
    const std::string verb =
        text(event.is_start ? "you start" : "you wait for", " sum ", event.number);
    if (event.is_start && event.number == 1 && dx_rows > event.elements / in) {
      return verb +
             " when the other half of dX is computed as well: that product could have "
             "run while this sum was under way";
    }
    if (event.is_start && values == after) {
      return verb +
             " when da and db are complete: nothing is left to compute while it is under way";
    }
    if (event.is_start && values != before)
      return verb + " when da or db has been added to: start both sums first";
    if (!event.is_start && values == before)
      return verb + " before da and db are computed: nothing overlaps with it";
    if (!event.is_start && values != after) {
      return verb +
             " before da and db are complete: what is computed after the wait does not overlap "
             "with it";
    }
  }
  return "";
}

/// Two sums of half the tokens each. `own`: this rank's term of dX.
void examine_sums(Examiner& examiner, const Batch& batch, const Matrix& own,
                  const std::vector<Gradients::Moment>& moments) {
  std::vector<int64_t> sizes;
  bool rounded_down = false;  // 11 tokens are 6 and 5, not 5 and 6
  for (const auto& [event, values, dx_rows] : moments) {
    if (!event.is_start) continue;
    sizes.push_back(event.elements / in);
    if (event.elements == in * batch.first.size() && batch.first.size() != batch.second.size())
      rounded_down = std::abs(event.values[0] - own(batch.second.size(), 0)) < 1e-4;
  }
  const std::vector<int64_t> halves{batch.first.size(), batch.second.size()};
  if (sizes.size() != 2) return;  // the ledger says so
  if (rounded_down) sizes = {halves[1], halves[0]};
  // either half may be the first
  examiner.expect(batch.name + ": two sums of half the tokens each",
                  !rounded_down && std::ranges::is_permutation(sizes, halves),
                  text("your sums are of ", sizes[0], " and ", sizes[1], " tokens: the halves of ",
                       batch.x.rows, " are ", halves[0], " and ", halves[1]));
}

/// One call of the learner's function: dX, the sums, the order of steps, and the ledger.
void examine_call(Examiner& examiner, const Batch& batch, const Matrix& a, Range columns,
                  Gradients& gradients) {
  Communicator& world = examiner.world();
  gradients.moments.clear();
  gradients.dx_rows = 0;
  const std::vector<float> values_before = gradients.values();
  const Ledger before = examiner.ledger();
  const Tensor dx =
      backward_in_halves(world, examiner.tensor(batch.x, "x"), examiner.tensor(batch.own_dy, "dy"),
                         examiner.tensor(columns_of(a, columns), "a"), gradients.da, gradients.db);

  const Matrix right = matmul(batch.dy, transpose(a)),
               own = matmul(batch.own_dy, transpose(columns_of(a, columns)));
  const Matrix top = rows_of(right, batch.first), bottom = rows_of(right, batch.second);
  examiner.expect(
      "dX of " + batch.name, dx, right,
      std::vector{
          Suspect::result(
              "this rank's own term: read before its sums were waited for, or never summed", own),
          Suspect::result(
              "summed in the first half of the tokens, and this rank's own term in the second",
              stacked(top, rows_of(own, batch.second))),
          Suspect::result(
              "summed in the second half of the tokens, and this rank's own term in the first",
              stacked(rows_of(own, batch.first), bottom)),
          Suspect::result("right except for the order of its halves", stacked(bottom, top))} +
          wrongly_summed("dX", right, own, world.size()));
  examine_sums(examiner, batch, own, gradients.moments);
  const std::string wrong = order_diagnosis(gradients.moments, values_before, gradients.values());
  examiner.expect(batch.name + ": the order of steps", wrong.empty(), wrong);
  examiner.expect_ledger(batch.name + ": two all_reduces, tokens × in together", before,
                         {{Collective::all_reduce, 2, batch.x.rows * in * 4}});
}

/// One of the two gradients, which held `before`: `whole` and `half` are what a batch and a half of
/// it add.
void expect_gradient(Examiner& examiner, const std::string& name, const Tensor& got,
                     const Matrix& before, const std::vector<Batch>& batches, Matrix Batch::*whole,
                     Matrix (Batch::*half)(Range) const) {
  const Matrix zero = scaled(before, 0);
  Matrix all = zero, first = zero, second = zero;
  std::vector<Term> terms;
  for (const Batch& batch : batches) {
    terms.push_back({batch.*whole, batch.x.rows});
    all = add(all, batch.*whole);
    first = add(first, (batch.*half)(batch.first));
    second = add(second, (batch.*half)(batch.second));
  }
  const std::string added = "what both calls should add";
  const int ranks = examiner.world().size();
  // on two ranks, twice may also be once for each rank
  const std::string twice = ranks == 2 ? t_times : "was added by each half, for all tokens";
  examiner.expect(
      name + " after two calls", got, add(before, all),
      std::vector{
          Suspect::result("computed from the first half of the tokens only", add(before, first)),
          Suspect::result("computed from the second half of the tokens only", add(before, second)),
          multiple(added, all, 2, twice)} +
          wrongly_added(before, added, terms, ranks));
}

}  // namespace

void examine(Examiner& examiner) {
  const int ranks = examiner.world().size();
  const Range columns = part_of(out, ranks, examiner.world().rank());
  const Matrix a = examiner.random(in, out, "a");
  const Matrix da = columns_of(examiner.random(in, out, "da"), columns);
  const Matrix db = columns_of(examiner.random(1, out, "db"), columns);
  const std::vector<Batch> batches{{examiner, "micro-batch 1", 11, columns},
                                   {examiner, "micro-batch 2", 6, columns}};

  Gradients gradients;
  examiner.watch_products([&](const Tensor& product) { gradients.watch(product); });
  examiner.watch_sums([&](const WatchedGroup::Event& event) { gradients.watch(event); });
  gradients.da = examiner.variable(da);
  gradients.db = examiner.variable_vector(db);
  for (const Batch& batch : batches) examine_call(examiner, batch, a, columns, gradients);
  expect_gradient(examiner, "dA", gradients.da, da, batches, &Batch::da, &Batch::da_of);
  expect_gradient(examiner, "db", gradients.db, db, batches, &Batch::db, &Batch::db_of);
}

}  // namespace shard
