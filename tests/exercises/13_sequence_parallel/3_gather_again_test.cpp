#include "exercises/13_sequence_parallel/3_gather_again.h"

#include "tests/exercises/gradients.h"

namespace shard {
namespace {

constexpr int64_t in = 9;

/// What a backward pass has done, in its order, and dA at that moment.
struct Moment {
  enum What { gather_starts, gather_is_waited_for, product, sum_starts, sum_is_waited_for } what;
  std::vector<float> da;
};

/// What is wrong with the order of steps; empty if nothing is. `before` and `after`: dA around the
/// call.
std::string order_diagnosis(const std::vector<Moment>& moments, const std::vector<float>& before,
                            const std::vector<float>& after) {
  if (before == after) return "";  // nothing was computed, which is said elsewhere
  bool gather_started = false, gathered = false;
  for (const auto& [what, da] : moments) {
    if (what == Moment::gather_starts) gather_started = true;
    if (what == Moment::gather_is_waited_for) gathered = true;
    if (what == Moment::product && !gather_started)
      return "dY·Aᵀ is computed before the gather starts: it could be under way meanwhile";
    if (what == Moment::product && gathered)
      return "you wait for the gather before dY·Aᵀ is computed: nothing overlaps with it";
    if (what == Moment::sum_starts && da != before)
      return "you start the sum of dX when dA is computed: nothing is left to compute while it is "
             "under way";
    if (what == Moment::sum_is_waited_for && da == before)
      return "you wait for the sum of dX before dA is computed: nothing overlaps with it";
  }
  return "";
}

/// One micro-batch: whole matrices, and this rank's parts.
struct Batch {
  std::string name;
  int64_t count;
  Range rows, columns;
  Matrix x, dy, own_x, own_dy;

  Batch(const Examiner& examiner, const std::string& the_name, int64_t all, int64_t out, int ranks,
        int rank)
      : name(the_name),
        count(all),
        rows(part_of(all, ranks, rank)),
        columns(part_of(out, ranks, rank)),
        x(examiner.random(all, in, "x" + name)),
        dy(examiner.random(all, out, "dy" + name)),
        own_x(rows_of(x, rows)),
        own_dy(columns_of(dy, columns)) {}

  Matrix da() const { return matmul(transpose(x), own_dy); }
  Matrix da_of_own_rows() const { return matmul(transpose(own_x), rows_of(own_dy, rows)); }
  Matrix db() const { return column_sums(own_dy); }
  Matrix db_of_own_rows() const { return column_sums(rows_of(own_dy, rows)); }
};

struct Layer {
  Matrix a, b;          // whole
  Tensor own_a, own_b;  // this rank's columns
  Tensor da, db;        // the learner's
};

void forward(Examiner& examiner, const Layer& layer, const Batch& batch, KeptRows& kept) {
  Communicator& world = examiner.world();
  const Ledger before = examiner.ledger();
  const Tensor y = gathered_forward(world, examiner.tensor(batch.own_x, "x"), batch.count,
                                    layer.own_a, layer.own_b, kept);
  const Matrix product = matmul(batch.x, columns_of(layer.a, batch.columns)),
               bias = columns_of(layer.b, batch.columns);
  examiner.expect("Y" + batch.name, y, reference::add_bias(product, bias),
                  {Suspect::result("computed without the bias", product),
                   Suspect::result("of this rank's rows only: X must be gathered first",
                                   reference::add_bias(rows_of(product, batch.rows), bias))});
  const int64_t bytes = batch.own_x.rows * in * 4;
  examiner.expect_ledger("forward: one all_gather of own rows" + batch.name, before,
                         {{Collective::all_gather, 1, bytes}});
  if (world.size() == 1) return;
  examiner.expect("only own rows are kept" + batch.name, kept.x.memory_bytes() <= bytes,
                  text("you keep ", kept.x.memory_bytes(), " bytes: this rank's rows are ", bytes,
                       ", and a view keeps all of the memory that it is in"));
}

void backward(Examiner& examiner, Layer& layer, const Batch& batch, const KeptRows& kept) {
  Communicator& world = examiner.world();
  const int ranks = world.size();
  std::vector<Moment> moments;
  const auto note = [&](Moment::What what) { moments.push_back({what, layer.da.to_host()}); };
  examiner.watch_rows([&](Collective op, bool is_start) {
    if (op == Collective::all_gather)
      note(is_start ? Moment::gather_starts : Moment::gather_is_waited_for);
    else
      note(is_start ? Moment::sum_starts : Moment::sum_is_waited_for);
  });
  examiner.watch_products([&](const Tensor& c) {
    if (c.rows() == batch.count && c.columns() == in) note(Moment::product);
  });
  const std::vector<float> da_before = layer.da.to_host();
  const Ledger before = examiner.ledger();
  const Tensor dx = gathered_backward(world, examiner.tensor(batch.own_dy, "dy"), layer.own_a, kept,
                                      layer.da, layer.db);
  examiner.watch_rows([](Collective, bool) {});
  examiner.watch_products(nullptr);
  const Matrix right = rows_of(matmul(batch.dy, transpose(layer.a)), batch.rows),
               own = rows_of(matmul(batch.own_dy, transpose(columns_of(layer.a, batch.columns))),
                             batch.rows);
  examiner.expect("dX" + batch.name, dx, right, wrongly_summed("dX", right, own, ranks));
  const std::string wrong = order_diagnosis(moments, da_before, layer.da.to_host());
  examiner.expect("the order of steps" + batch.name, wrong.empty(), wrong);
  examiner.expect_ledger(
      "backward: one all_gather of own rows, one reduce_scatter of all" + batch.name, before,
      {{Collective::all_gather, 1, batch.own_x.rows * in * 4},
       {Collective::reduce_scatter, 1, batch.count * in * 4}});
}

void expect_gradients(Examiner& examiner, const Layer& layer, const Matrix& old_da,
                      const Matrix& old_db, const Batch& first, const Batch& second) {
  const int ranks = examiner.world().size();
  const std::string own_rows =
      "what it held before plus the terms of this rank's rows: the other rows of the batch are "
      "missing";
  // the second batch goes back first
  const std::vector<Term> da{{second.da(), second.count}, {first.da(), first.count}},
      db{{second.db(), second.count}, {first.db(), first.count}};
  examiner.expect(
      "dA of both micro-batches", layer.da, add(old_da, add(first.da(), second.da())),
      std::vector{Suspect::result(
          own_rows, add(old_da, add(first.da_of_own_rows(), second.da_of_own_rows())))} +
          wrongly_added(old_da, "Xᵀ·dY", da, ranks));
  examiner.expect(
      "db of both micro-batches", layer.db, add(old_db, add(first.db(), second.db())),
      std::vector{Suspect::result(
          own_rows, add(old_db, add(first.db_of_own_rows(), second.db_of_own_rows())))} +
          wrongly_added(old_db, "Σ dY", db, ranks));
}

void check(Examiner& examiner, int64_t rows, int64_t more_rows, int64_t out,
           const std::string& of) {
  const int ranks = examiner.world().size(), rank = examiner.world().rank();
  const Batch first(examiner, " of micro-batch 1" + of, rows, out, ranks, rank),
      second(examiner, " of micro-batch 2" + of, more_rows, out, ranks, rank);
  Layer layer{examiner.random(in, out, "a"), examiner.random(1, out, "b"), {}, {}, {}, {}};
  layer.own_a = examiner.tensor(columns_of(layer.a, first.columns), "a");
  layer.own_b = examiner.vector(columns_of(layer.b, first.columns), "b");
  const Matrix old_da = columns_of(examiner.random(in, out, "old da"), first.columns),
               old_db = columns_of(examiner.random(1, out, "old db"), first.columns);
  layer.da = examiner.variable(old_da);
  layer.db = examiner.variable_vector(old_db);
  KeptRows kept_first, kept_second;
  forward(examiner, layer, first, kept_first);
  forward(examiner, layer, second, kept_second);
  backward(examiner, layer, second, kept_second);
  backward(examiner, layer, first, kept_first);
  expect_gradients(examiner, layer, old_da, old_db, first, second);
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("17 and 11 rows", [&] { check(examiner, 17, 11, 14, ""); });
  if (!examiner.verdict()) return;
  // on 3 and 4 ranks the last has none
  examiner.attempt("2 and 1 rows", [&] { check(examiner, 2, 1, 8, " (2 and 1 rows)"); });
}

}  // namespace shard
