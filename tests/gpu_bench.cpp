// What a GPU reaches: matmul() beside a bare call of cuBLAS, chapter 01's best kernel beside
// cuBLAS, a linear layer, attention, and every elementwise and row op in GB/s beside a copy. GB/s
// count the fewest bytes that an op must move: each operand read once, each result written once.
// Rows are Markdown, for docs/measurements.md. Times are the best of several, and for as many calls
// in a row that starting and waiting do not count.
#include <algorithm>
#include <cmath>
#include <functional>

#include "chapters/01_gemm/gpu_ladder.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/program/runtime.h"
#include "common/tensor/attention.h"
#include "common/tensor/linear.h"
#include "common/tensor/ops.h"

using namespace shard;

namespace {

struct Sizes {
  int64_t half_matrix = 8192, f32_matrix = 4096;        // of the products
  int64_t tokens = 32768, width = 3072;                 // an activation of GPT-2's MLP, batch 32
  int64_t logit_rows = 4096, vocabulary = 50304;        // 50257, rounded up to a multiple of 64
  int64_t heads = 96, context = 1024, head_width = 64;  // a quarter of a layer's scores
  int calls = 10;
  double seconds = 0.15;  // for each row

  static Sizes smoke() { return {64, 64, 48, 32, 24, 80, 4, 16, 8, 2, 0}; }
};

/// Normal numbers, of which a million are drawn and then repeated: the power that a GPU takes, and
/// with it its clock, depends on the numbers that it multiplies.
Tensor random_tensor(Backend& backend, Shape shape, DataType type) {
  constexpr size_t period = 1'000'003;  // a prime, so that rows differ
  const RandomStream random{7, stream_of("bench")};
  std::vector<float> values(static_cast<size_t>(shape.elements()));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = i < period ? random.normal(i) : values[i - period];
  const Tensor f32 = Tensor::from(backend, shape, std::span<const float>(values));
  return type == DataType::f32 ? f32 : cast(f32, type);
}

Tensor random_square(Backend& backend, int64_t size, DataType type) {
  return random_tensor(backend, {size, size}, type);
}

double best_of_calls(Backend& backend, const Sizes& sizes, const std::function<void()>& call) {
  return best_seconds(backend, sizes.seconds,
                      [&] {
                        for (int i = 0; i < sizes.calls; ++i) call();
                      }) /
         sizes.calls;
}

// ---- Matrix products ----------------------------------------------------------------------------

/// A row of the table, and results NAME_tflops and NAME_percent for the JSON file. Returns TFLOP/s.
double product_row(Report& report, const std::string& what, const std::string& name, int64_t size,
                   double seconds, double percent, const std::string& beside) {
  const double tflops = 2.0 * std::pow(static_cast<double>(size), 3) / seconds / 1e12;
  report.line(text("| ", what, ", ", size, "³ | ", fixed(tflops, 1), " TFLOP/s | ",
                   fixed(percent, 1), " % of ", beside, " |"));
  report.result(name + "_tflops", tflops);
  report.result(name + "_percent", percent);
  return tflops;
}

void bench_bf16_product(Backend& backend, Report& report, const Sizes& sizes) {
  const int64_t size = sizes.half_matrix;
  const Tensor x = random_square(backend, size, DataType::bf16),
               a = random_square(backend, size, DataType::bf16);
  Tensor by_matmul, by_bare_call(backend, {size, size}, DataType::bf16);
  const auto bare = gpu_function<GpuGemm>("gpu_bare_matmul");
  // in turns, because a GPU slows down as it warms up
  double seconds = 1e30, bare_seconds = 1e30;
  for (int turn = 0; turn < 3; ++turn) {
    seconds = std::min(seconds, best_of_calls(backend, sizes, [&] { by_matmul = matmul(x, a); }));
    bare_seconds =
        std::min(bare_seconds, best_of_calls(backend, sizes, [&] { bare(x, a, by_bare_call); }));
  }
  product_row(report, "matmul() in bf16", "bf16_matmul", size, seconds,
              100 * bare_seconds / seconds, "the bare call");
  product_row(report, "cuBLAS called bare in bf16", "bf16_bare", size, bare_seconds, 100, "itself");
  report.check("the bare call gives what matmul() gives",
               reference::relative_error(by_bare_call, by_matmul), 1e-3);
}

void bench_f32_products(Backend& backend, Report& report, const Sizes& sizes) {
  const int64_t size = sizes.f32_matrix;
  const Tensor x = random_square(backend, size, DataType::f32),
               a = random_square(backend, size, DataType::f32);
  Tensor by_library, y(backend, {size, size});
  const auto kernel = gpu_function<GpuGemm>(gpu_ladder().back().function);
  double library = 1e30, written = 1e30;
  for (int turn = 0; turn < 3; ++turn) {
    library = std::min(library, best_of_calls(backend, sizes, [&] { by_library = matmul(x, a); }));
    written = std::min(written, best_of_calls(backend, sizes, [&] { kernel(x, a, y); }));
  }
  const double peak = backend.measure_peak().flops;
  const double operations = 2.0 * std::pow(static_cast<double>(size), 3);
  product_row(report, "matmul() in f32", "f32_matmul", size, library,
              100 * operations / library / peak, "the measured peak");
  product_row(report, "chapter 01, tiles in registers, f32", "register_tiled", size, written,
              100 * library / written, "matmul() in f32");
  report.check("tiles in registers give what the library gives",
               reference::relative_error(y, by_library), 1e-5);
}

/// Attention's products, which the causal mask makes triangles, beside the whole ones.
void bench_causal_products(Backend& backend, Report& report, const Sizes& sizes) {
  const Shape shape{sizes.heads, sizes.context, sizes.head_width};
  const Tensor q = random_tensor(backend, shape, DataType::bf16),
               k = random_tensor(backend, shape, DataType::bf16);
  Tensor p = matmul(q, transposed(k));
  causal_softmax(p, 0.125f);
  const auto row = [&](const char* what, const char* name, const auto& causal, const auto& whole) {
    double seconds = 1e30, whole_seconds = 1e30;
    for (int turn = 0; turn < 3; ++turn) {
      seconds = std::min(seconds, best_of_calls(backend, sizes, causal));
      whole_seconds = std::min(whole_seconds, best_of_calls(backend, sizes, whole));
    }
    report.line(text("| ", what, ", ", sizes.heads, " heads of ", sizes.context, " × ",
                     sizes.head_width, " in bf16 | ", fixed(1e6 * seconds, 0), " µs | ",
                     fixed(100 * seconds / whole_seconds, 1), " % of the whole product's time |"));
    report.result(text(name, "_percent"), 100 * seconds / whole_seconds);
  };
  row(
      "causal_scores(Q, K)", "causal_scores", [&] { causal_scores(q, k); },
      [&] { matmul(q, transposed(k)); });
  row(
      "lower(P)·V", "lower", [&] { matmul(lower(p), q); }, [&] { matmul(p, q); });
  row(
      "lower(P)ᵀ·V", "lower_transposed", [&] { matmul(transposed(lower(p)), q); },
      [&] { matmul(transposed(p), q); });
}

/// A linear layer of GPT-2, width → 4 · width: what its bias costs.
void bench_linear(Backend& backend, Report& report, const Sizes& sizes) {
  const int64_t in = sizes.width / 4, out = sizes.width;
  const Tensor x = random_tensor(backend, {sizes.tokens, in}, DataType::bf16),
               weight = random_tensor(backend, {in, out}, DataType::bf16),
               bias = random_tensor(backend, {out}, DataType::bf16);
  double seconds = 1e30, product = 1e30;
  for (int turn = 0; turn < 3; ++turn) {
    seconds = std::min(seconds, best_of_calls(backend, sizes, [&] { linear(x, weight, bias); }));
    product = std::min(product, best_of_calls(backend, sizes, [&] { matmul(x, weight); }));
  }
  const double operations = 2.0 * static_cast<double>(sizes.tokens * in * out);
  report.line(text("| linear, ", sizes.tokens, " × ", in, " × ", out, " in bf16 | ",
                   fixed(operations / seconds / 1e12, 1), " TFLOP/s | ",
                   fixed(100 * product / seconds, 1), " % of matmul() there |"));
  report.result("linear_percent", 100 * product / seconds);
}

/// An MLP of GPT-2, width → 4 · width → width: what its products do at their end, and kernels do
/// otherwise.
void bench_epilogues(Backend& backend, Report& report, const Sizes& sizes) {
  const int64_t width = sizes.width / 4, hidden = sizes.width;
  const Tensor x = random_tensor(backend, {sizes.tokens, width}, DataType::bf16), dy = x.clone(),
               up = random_tensor(backend, {width, hidden}, DataType::bf16),
               bias = random_tensor(backend, {hidden}, DataType::bf16),
               down = random_tensor(backend, {hidden, width}, DataType::bf16);
  Tensor dbias = Tensor::zeros(backend, {hidden}), ddown = Tensor::zeros(backend, {hidden, width}),
         dlast = Tensor::zeros(backend, {width});
  const Tensor u = linear(x, up, bias), activated = gelu(u);
  const auto row = [&](const std::string& what, const std::string& name, const auto& call) {
    double with = 1e30, without = 1e30;
    for (int turn = 0; turn < 3; ++turn) {
      for (const bool on : {true, false}) {
        const ProductEpilogues set(backend, on);
        double& best = on ? with : without;
        best = std::min(best, best_of_calls(backend, sizes, call));
      }
    }
    report.line(text("| ", what, ", ", sizes.tokens, " × ", width, " × ", hidden, " in bf16 | ",
                     fixed(1e6 * with, 0), " µs | ", fixed(100 * with / without, 1),
                     " % of the time without epilogues |"));
    report.result(text(name, "_percent"), 100 * with / without);
  };
  row("linear_gelu_matmul", "linear_gelu_matmul", [&] { linear_gelu_matmul(x, up, bias, down); });
  row("gelu_matmul_backward", "gelu_matmul_backward",
      [&] { gelu_matmul_backward(dy, down, u, dbias); });
  row("add_linear_gradients", "add_linear_gradients",
      [&] { add_linear_gradients(ddown, dlast, activated, dy); });
}

/// Attention as chapter 06's model calls it: heads in columns of [Q K V]. A forward pass is two
/// products of context² · head_width multiplications and additions a head, of which the mask leaves
/// half; the backward pass counts 2.5 times that, however much the kernels compute again (Dao,
/// arXiv:2307.08691, section 4.1).
void bench_attention(Backend& backend, Report& report, const Sizes& sizes) {
  const int64_t width = sizes.width / 4, heads = width / sizes.head_width,
                sequences = sizes.tokens / sizes.context;
  const Tensor qkv = random_tensor(backend, {sizes.tokens, 3 * width}, DataType::bf16),
               dout = random_tensor(backend, {sizes.tokens, width}, DataType::bf16),
               dqkv = qkv.clone();
  const auto heads_of = [&](const Tensor& x, int number) {
    return heads_in_columns(x, number * width, sequences, heads, sizes.head_width);
  };
  const Heads q = heads_of(qkv, 0), k = heads_of(qkv, 1), v = heads_of(qkv, 2);
  const AttentionSettings settings{.scale = 1.0f / std::sqrt(static_cast<float>(sizes.head_width))};
  AttentionResult result;
  const double forward =
      best_of_calls(backend, sizes, [&] { result = attention(q, k, v, settings); });
  const double backward = best_of_calls(backend, sizes, [&] {
    attention_backward(heads_of(dqkv, 0), heads_of(dqkv, 1), heads_of(dqkv, 2), heads_of(dout, 0),
                       q, k, v, result, settings);
  });
  const double operations = 2.0 * static_cast<double>(sequences * heads * sizes.context) *
                            static_cast<double>(sizes.context * sizes.head_width);
  const auto row = [&](const std::string& what, const std::string& name, double seconds,
                       double flop) {
    report.line(text("| attention, ", what, ", ", sequences * heads, " heads of ", sizes.context,
                     " × ", sizes.head_width, " in bf16 | ", fixed(flop / seconds / 1e12, 1),
                     " TFLOP/s | ", fixed(1e6 * seconds, 0), " µs |"));
    report.result(name, flop / seconds / 1e12);
  };
  row("forward", "attention_forward_tflops", forward, operations);
  row("forward and backward", "attention_tflops", forward + backward, 3.5 * operations);
}

// ---- Elementwise and row ops --------------------------------------------------------------------

/// One op on tensors of one type.
struct Case {
  std::string name;
  double bytes;  // the fewest that it must move
  std::function<void()> call;
};
using Cases = std::vector<Case>;

double bytes_of(const Tensor& x) { return static_cast<double>(x.bytes()); }

Cases activation_cases(Backend& backend, const Sizes& s, DataType type) {
  const Tensor x = random_tensor(backend, {s.tokens, s.width}, type), dy = x.clone(), y = x.clone();
  const Tensor bias = random_tensor(backend, {s.width}, type),
               sums = Tensor::zeros(backend, {s.width});
  const LayerNorm norm = layer_norm(x, bias, bias);
  const double all = bytes_of(x);
  const Block block{0, 0, s.width};
  // the handles are copied into each call, which so may write to what they share
  return {{"copy", 2 * all, [=, to = y]() mutable { copy(to, x); }},
          {"fill", all, [=, to = y]() mutable { fill(to, 0.5f); }},
          {"scale", 2 * all, [=, to = y]() mutable { scale(to, 0.999f); }},
          {"add", 3 * all, [=] { add(x, dy); }},
          {"accumulate", 3 * all, [=, to = y]() mutable { accumulate(to, x, 0.001f); }},
          {"add_bias", 2 * all, [=, to = y]() mutable { add_bias(to, bias); }},
          {"add_column_sums", all, [=, to = sums]() mutable { add_column_sums(to, x); }},
          {"gelu", 2 * all, [=] { gelu(x); }},
          {"gelu_backward", 3 * all, [=] { gelu_backward(x, dy); }},
          {"add with a bias", 3 * all, [=] { add(x, dy, bias); }},
          {"layer_norm", 2 * all, [=] { layer_norm(x, bias, bias); }},
          {"layer_norm_backward", 3 * all,
           [=, dgain = sums, dbias = sums.clone()]() mutable {
             layer_norm_backward(dy, x, norm, bias, dgain, dbias);
           }},
          {"add_layer_norm with a bias", 4 * all,
           [=] { add_layer_norm(x, dy, bias, bias, &bias); }},
          {"layer_norm_backward_add with a bias", 4 * all,
           [=, dgain = sums, dbias = sums.clone(), dz_bias = sums.clone()]() mutable {
             layer_norm_backward_add(dy, y, x, norm, bias, dgain, dbias, &dz_bias);
           }},
          {"dropout", 2 * all, [=] {
             dropout(x, 0.1f, {7, 1}, block);
           }}};
}

Cases attention_cases(Backend& backend, const Sizes& s, DataType type) {
  const int64_t sequences = s.tokens / s.context, heads = s.width / s.head_width;
  const Tensor x = random_tensor(backend, {s.tokens, s.width}, type);
  const Tensor parts = split_heads(x, 0, sequences, heads, s.head_width);
  const Tensor scores = random_tensor(backend, {s.heads, s.context, s.context}, type),
               dscores = scores.clone();
  const double all = bytes_of(x), squares = bytes_of(scores);
  const double triangles =
      squares * static_cast<double>(s.context + 1) / static_cast<double>(2 * s.context);
  // softmax reads what is on and below the diagonal, and writes zeros above it, too
  return {{"split_heads", 2 * all,
           [=, h = s.head_width] { split_heads(x, 0, sequences, heads, h); }},
          {"merge_heads", 2 * all, [=, to = x.clone()]() mutable { merge_heads(to, 0, parts); }},
          {"causal_softmax", triangles + squares,
           [=, to = scores]() mutable { causal_softmax(to, 0.125f); }},
          {"causal_softmax_backward", 2 * triangles + squares,
           [=, to = dscores]() mutable { causal_softmax_backward(to, scores, 0.125f); }}};
}

Cases vocabulary_cases(Backend& backend, const Sizes& s, DataType type) {
  const Tensor table = random_tensor(backend, {s.vocabulary, s.width / 4}, type);
  const Tensor dtable = Tensor::zeros(backend, table.shape());
  std::vector<int32_t> ids(static_cast<size_t>(std::min(s.tokens, s.vocabulary)));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = static_cast<int32_t>(i * 10'007 % static_cast<size_t>(s.vocabulary));
  const Tensor tokens =
      Tensor::from(backend, {std::ssize(ids)}, std::span<const int32_t>(ids));  // all different
  const Tensor dy = random_tensor(backend, {std::ssize(ids), s.width / 4}, type);
  const Tensor logits = random_tensor(backend, {s.logit_rows, s.vocabulary}, type);
  const Tensor targets = tokens.slice({0, std::min(s.logit_rows, tokens.rows())});
  const Tensor some_logits = logits.slice({0, targets.elements()});
  const Tensor max = row_max(some_logits, s.vocabulary),
               sums = Tensor::full(backend, max.shape(), 1e4f);
  const double rows = bytes_of(dy), all = bytes_of(some_logits);
  return {
      {"gather_rows", 2 * rows, [=] { gather_rows(table, tokens, 0); }},
      {"add_to_rows", rows + 8.0 * static_cast<double>(dy.elements()),
       [=, to = dtable]() mutable { add_to_rows(to, tokens, dy, 0); }},
      {"row_max", all, [=, n = s.vocabulary] { row_max(some_logits, n); }},
      {"exp_and_row_sum", 2 * all,
       [=, to = some_logits.clone(), n = s.vocabulary]() mutable { exp_and_row_sum(to, max, n); }},
      {"cross_entropy_backward", 2 * all,
       [=, to = some_logits.clone()]() mutable {
         cross_entropy_backward(to, sums, targets, 0, 0.5f);
       }},
      {"exp_sums", all, [=, n = s.vocabulary] { exp_sums(some_logits, n); }},
      {"softmax_minus_targets", 2 * all, [=, to = some_logits.clone(), n = s.vocabulary]() mutable {
         softmax_minus_targets(to, {max, sums}, targets, 0, n, 0.5f);
       }}};
}

/// Parts of `gradient` as a model's parameters, whose weights are rounded to bf16.
std::vector<TrainedWeight> weights_for(const Tensor& gradient) {
  constexpr int parts = 64;
  Backend& backend = gradient.backend();
  std::vector<TrainedWeight> all;
  for (int i = 0; i < parts; ++i) {
    const Tensor part = gradient.slice(part_of(gradient.rows(), parts, i));
    all.push_back({part.clone(), Tensor::zeros(backend, part.shape()),
                   Tensor::zeros(backend, part.shape()), part, cast(part, DataType::bf16)});
  }
  return all;
}

/// Of f32 only, or from one type to the other.
Cases training_cases(Backend& backend, const Sizes& s) {
  const Tensor gradient = random_tensor(backend, {s.tokens, s.width}, DataType::f32),
               half = cast(gradient, DataType::bf16);
  const Tensor total = Tensor::zeros(backend, {1}), one = Tensor::full(backend, {1}, 1.0f);
  const double all = bytes_of(gradient);
  return {{"copy f32 to bf16", 1.5 * all, [=, to = half]() mutable { copy(to, gradient); }},
          {"copy bf16 to f32", 1.5 * all, [=, to = gradient.clone()]() mutable { copy(to, half); }},
          {"add_sum", all, [=, to = total]() mutable { add_sum(to, gradient); }},
          {"add_sum_of_squares", all,
           [=, to = total]() mutable { add_sum_of_squares(to, gradient); }},
          {"adamw", 7 * all,
           [=, w = gradient.clone(), m = Tensor::zeros(backend, gradient.shape()),
            v = Tensor::zeros(backend, gradient.shape())]() mutable {
             adamw(w, m, v, gradient, one, AdamW{});
           }},
          {"adamw of 64 tensors, rounded to bf16", 7.5 * all,
           [=, weights = weights_for(gradient)] { adamw(weights, one, AdamW{}); }}};
}

/// GB/s of each case. The tensors of `cases` are given back at the end.
std::vector<std::pair<std::string, double>> speeds(Backend& backend, const Sizes& sizes,
                                                   const Cases& cases) {
  std::vector<std::pair<std::string, double>> all;
  for (const Case& one : cases)
    all.emplace_back(one.name, one.bytes / best_of_calls(backend, sizes, one.call) / 1e9);
  return all;
}

void bench_ops(Backend& backend, Report& report, const Sizes& sizes) {
  double copy_speed = 0;
  const auto shown = [&](const std::string& name, const char* type, double speed) {
    report.result(text(name, "_", type, "_gb_per_second"), speed);
    return text(fixed(speed, 0), " | ", fixed(100 * speed / copy_speed, 1));
  };
  for (const auto& cases_of : {activation_cases, attention_cases, vocabulary_cases}) {
    const auto f32 = speeds(backend, sizes, cases_of(backend, sizes, DataType::f32));
    const auto bf16 = speeds(backend, sizes, cases_of(backend, sizes, DataType::bf16));
    if (copy_speed == 0) copy_speed = f32[0].second;
    for (size_t i = 0; i < f32.size(); ++i) {
      const std::string& name = f32[i].first;
      report.line(text("| ", name, " | ", shown(name, "f32", f32[i].second), " | ",
                       shown(name, "bf16", bf16[i].second), " |"));
    }
  }
  for (const auto& [name, speed] : speeds(backend, sizes, training_cases(backend, sizes))) {
    report.line(text("| ", name, " | ", shown(name, "f32", speed), " | | |"));
  }
}

}  // namespace

int main(int argc, char** argv) {
  bool smoke = false;
  Options options("gpu_bench", "what a GPU reaches, as Markdown");
  options.device = "cuda";
  options.flag("--smoke", smoke, "tiny sizes, to try the program itself");
  return run(options, argc, argv, [&](Runtime& runtime, Report& report) {
    const Sizes sizes = smoke ? Sizes::smoke() : Sizes();
    Backend& backend = runtime.backend();
    require_usage(backend.device() == Device::cuda, "--device ", options.device,
                  ": there is nothing to measure on a CPU here");
    report.line("\n| product | speed | beside |\n|---|---|---|");
    bench_bf16_product(backend, report, sizes);
    bench_f32_products(backend, report, sizes);
    bench_causal_products(backend, report, sizes);
    bench_linear(backend, report, sizes);
    bench_epilogues(backend, report, sizes);
    bench_attention(backend, report, sizes);
    report.line("\n| op | f32, GB/s | % of copy | bf16, GB/s | % of copy |\n|---|---|---|---|---|");
    bench_ops(backend, report, sizes);
  });
}
