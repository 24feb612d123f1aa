// Chapter 09: data parallelism. Every rank trains the same model on its own part of each batch; one
// sum of gradients per step keeps the replicas equal.
#include "chapters/09_data_parallel/picture.h"
#include "chapters/09_data_parallel/replica.h"
#include "common/base/clock.h"
#include "common/base/counted.h"
#include "common/check/calls.h"
#include "common/check/finite_differences.h"
#include "common/comm/trace.h"

using namespace shard;
using namespace shard::chapter_09;
using namespace shard::reference;

void train_beside_one_process(Runtime& runtime, Report& report, const Settings& settings) {
  report.heading(text("Training: ", counted(runtime.world().size(), "rank"),
                      " with a part of each batch of ", settings.batch,
                      ", beside one process with all of it"));
  const auto alone = runtime.alone();
  Replica split(runtime, runtime.world(), settings), whole(runtime, *alone, settings);
  const Ledger before = runtime.ledger();
  Ledger one_step;
  Table table({"step", "loss, data parallel", "loss, one process"});
  double loss_error = 0, gradient_gap = 0, first = 0, last = 0;
  for (int64_t step = 0; step < settings.steps; ++step) {
    const double expected = whole.gradients(step, 1);
    const Ledger at_start = runtime.ledger();
    last = split.gradients(step, 1);
    one_step = runtime.ledger().since(at_start);
    if (step == 0) first = last;
    loss_error = larger(loss_error, std::abs(last - expected) / expected);
    gradient_gap = larger(gradient_gap, gradient_error(split, whole));
    if (step % 3 == 0 || step + 1 == settings.steps)
      table.row({text(step), fixed(last, 6), fixed(expected, 6)});
    split.descend();
    whole.descend();
  }
  report.table(table);
  report.check("losses of all steps", loss_error, 1e-5);
  report.check("gradients of all steps", gradient_gap, 1e-4);
  report.check("weights after the last step", value_error(split, whole), 1e-4);
  report.check("the loss fell", last < first);
  report.heading("The ledger of one step");
  report.ledger(one_step);
  std::vector<Calls> expected;
  for (const DataParallel::Bucket& bucket : split.data_parallel.buckets())
    expected.push_back({.op = Collective::all_reduce, .bytes = bucket.gradients.bytes()});
  check_calls(report, "one all-reduce per bucket, nothing else", one_step, expected);
}

/// Mean squared error of the small model's output for samples x, in double precision, as a function
/// of its parameters.
double mean_squared_error(const Points& p, const Matrix& x, const Matrix& wanted) {
  Matrix y = x;
  for (size_t i = 0; i < p.size(); i += 4)
    y = add(y, add_bias(matmul(gelu(add_bias(matmul(y, p[i]), p[i + 1])), p[i + 2]), p[i + 3]));
  for (size_t i = 0; i < y.values.size(); ++i) y.values[i] -= wanted.values[i];
  return dot(y, y) / static_cast<double>(y.values.size());
}

/// The reduced gradients of the first layer, which depend on the backward passes of all others.
void check_against_finite_differences(Runtime& runtime, Report& report, const Settings& settings) {
  report.heading("The gradients of one batch against finite differences in double precision");
  Replica split(runtime, runtime.world(), settings);
  split.gradients(0, 1);
  const Tensor x =
      samples(runtime.backend(), settings.seed, 0, settings.width, {0, settings.batch});
  SmallModel::Kept of_teacher;
  const Matrix wanted(split.teacher.forward(x, of_teacher));
  const Variables all = variables_of(x, {}, split.model.parameters());  // the first is X
  const Variables first_layer(all.begin() + 1, all.begin() + 5);
  const Points others = points_of({all.begin() + 5, all.end()});
  const Loss loss = [&](const Points& points) {
    Points parameters = points;
    parameters.insert(parameters.end(), others.begin(), others.end());
    return mean_squared_error(parameters, Matrix(x), wanted);
  };
  const std::vector<double> errors =
      finite_difference_errors(loss, first_layer, {settings.seed, stream_of("entries")}, 4);
  for (size_t i = 0; i < first_layer.size(); ++i)
    report.check(first_layer[i].name, errors[i], 1e-4);
}

void show_accumulation(Runtime& runtime, Report& report, const Settings& settings) {
  report.heading(
      text("Accumulation: ", settings.accumulate, " micro-batches per step, reduced once"));
  Replica at_once(runtime, runtime.world(), settings),
      accumulated(runtime, runtime.world(), settings);
  const Ledger start = runtime.ledger();
  at_once.gradients(0, 1);
  const Ledger middle = runtime.ledger();
  accumulated.gradients(0, settings.accumulate);
  const Ledger once = middle.since(start), many = runtime.ledger().since(middle);
  Table table({"passes per step", "all-reduces", "bytes"});
  table.row({"1", text(once.calls()), bytes_text(static_cast<double>(once.bytes()))});
  table.row({text(settings.accumulate), text(many.calls()),
             bytes_text(static_cast<double>(many.bytes()))});
  report.table(table);
  report.check("the same gradients", gradient_error(accumulated, at_once), 1e-5);
  report.check("the same communication",
               many.calls() == once.calls() && many.bytes() == once.bytes());
}

void show_buckets(Runtime& runtime, Report& report, const Settings& settings) {
  report.heading(
      "The buckets of one backward pass, in the order in which they are reduced (rank 0's clock)");
  Replica replica(runtime, runtime.world(), settings);
  replica.gradients(0, 1);  // the second pass finds memory and connections ready
  const TraceRecording recording;
  const double start = now();
  replica.gradients(1, 1);
  Table table({"bucket", "from", "to", "bytes", "started", "finished"});
  double last_start = 0;
  bool in_order = true;
  for (size_t i = 0; i < replica.data_parallel.buckets().size(); ++i) {
    const DataParallel::Bucket& bucket = replica.data_parallel.buckets()[i];
    table.row({text(i), bucket.parameters.front(), bucket.parameters.back(),
               bytes_text(static_cast<double>(bucket.gradients.bytes())),
               seconds_text(bucket.started - start), seconds_text(bucket.finished - start)});
    in_order = in_order && bucket.started > last_start;
    last_start = bucket.started;
  }
  report.table(table);
  show_bucket_timeline(runtime, report, replica.data_parallel, start);
  const auto& buckets = replica.data_parallel.buckets();
  report.check("buckets start in reverse order of the layers", in_order);
  report.check("the first bucket starts before the backward pass is over",
               buckets.size() == 1 || buckets.front().started < buckets.back().started);
}

void show_mistakes(Runtime& runtime, Report& report, const Settings& settings) {
  report.heading("Two mistakes: the sum instead of the mean, and no reduction at all");
  const auto alone = runtime.alone();
  Replica whole(runtime, *alone, settings), summed(runtime, runtime.world(), settings),
      unreduced(runtime, *alone, settings);
  whole.gradients(0, 1);
  const Range mine = summed.part();
  summed.data_parallel.zero_gradients();
  summed.data_parallel.reduce_in_next_backward();
  // the mean over this rank's samples only, then summed over the ranks
  summed.pass(0, mine, mine.size());
  summed.data_parallel.wait();
  unreduced.data_parallel.zero_gradients();
  unreduced.pass(0, mine, mine.size());
  const double sum_error = gradient_error(summed, whole);
  const double no_error = gradient_error(unreduced, whole);
  Table table({"what is reduced", "relative error of the gradient"});
  table.row({"Σ over ranks of each rank's mean", scientific(sum_error)});
  table.row({"nothing", scientific(no_error)});
  report.table(table);
  if (runtime.world().size() == 1) return report.line("  With one rank both are right.");
  report.line(text("  The sum of ", runtime.world().size(), " means is ", runtime.world().size(),
                   " times the mean; without a reduction every rank follows its own data and the "
                   "replicas diverge."));
  report.check("the sum of means is wrong by more than 10 %", sum_error > 0.1);
  report.check("no reduction is wrong by more than 10 %", no_error > 0.1);
}

int main(int argc, char** argv) {
  Settings settings;
  Options options("09_data_parallel", "Data parallel training of a small model");
  options.size("--layers", settings.layers, "residual MLPs", 1, 1000);
  options.size("--width", settings.width, "width of the model", 1, 1 << 16);
  options.size("--batch", settings.batch, "samples in the whole (global) batch", 1, 1 << 20);
  options.size("--steps", settings.steps, "training steps", 1, 1000000);
  options.size("--accumulate", settings.accumulate,
               "micro-batches per step where accumulation is shown", 1, 1 << 20);
  options.size("--bucket-kilobytes", settings.bucket_kilobytes, "size of a gradient bucket", 1,
               1 << 20);
  options.number("--learning-rate", settings.learning_rate, "step size of gradient descent");
  options.offer_picture("a timeline of the buckets");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    settings.seed = options.seed;
    const int ranks = runtime.world().size();
    report.layout(1, ranks);
    require_usage(settings.batch >= ranks * settings.accumulate, "--batch ", settings.batch,
                  " cannot be cut into ", ranks, " ranks × --accumulate ", settings.accumulate,
                  " micro-batches");
    const double a_layer = 1.0 * settings.width * (20.0 * settings.width + 10.0 * settings.batch);
    require_memory(20 * ranks * a_layer * settings.layers,
                   text("--layers ", settings.layers, " × --width ", settings.width, " × --batch ",
                        settings.batch));
    train_beside_one_process(runtime, report, settings);
    check_against_finite_differences(runtime, report, settings);
    show_accumulation(runtime, report, settings);
    show_buckets(runtime, report, settings);
    show_mistakes(runtime, report, settings);
  });
}
