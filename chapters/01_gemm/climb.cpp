#include "chapters/01_gemm/climb.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "chapters/01_gemm/gemm_ladder.h"
#include "chapters/01_gemm/gpu_ladder.h"
#include "common/check/reference.h"
#include "common/check/timing.h"
#include "common/comm/trace.h"
#include "common/tensor/ops.h"

namespace shard::chapter_01 {
namespace {

using namespace reference;

// ---- The rungs of a device ----------------------------------------------------------------------

/// A rung of the CPU's or the GPU's ladder, as a function of tensors.
struct WrittenRung {
  std::string name, json_name;
  std::function<void(const Tensor& x, const Tensor& a, Tensor& y)> gemm;
  int64_t largest_size;
};

/// The library with factors of fewer bits, which a GPU multiplies on its tensor cores.
struct RoundedRung {
  std::string name, json_name;
  DataType type;
  bool tf32;
  double
      tolerance;  // relative: of the rounding of both factors, and of the result if it is rounded
};

bool is_gpu(const Backend& backend) { return backend.device() == Device::cuda; }

std::vector<WrittenRung> written_rungs(const Backend& backend) {
  std::vector<WrittenRung> rungs;
  if (is_gpu(backend)) {
    for (const GpuRung& rung : gpu_ladder()) {
      rungs.push_back(
          {rung.name, rung.json_name, gpu_function<GpuGemm>(rung.function), rung.largest_size});
    }
    return rungs;
  }
  for (const Rung& rung : ladder()) {
    const auto on_tensors = [gemm = rung.gemm](const Tensor& x, const Tensor& a, Tensor& y) {
      gemm(x.rows(), x.columns(), a.columns(), x.data<float>(), a.data<float>(), y.data<float>());
    };
    rungs.push_back({rung.name, rung.json_name, on_tensors, rung.largest_size});
  }
  return rungs;
}

std::vector<RoundedRung> rounded_rungs(const Backend& backend) {
  if (!backend.computes_in(DataType::bf16))
    return {};  // nor in TF32: both came with one generation of GPUs
  constexpr double tf32_rounding = 0x1p-10,
                   bf16_rounding = 0x1p-8;  // TF32's 10 bits may be cut off, not rounded
  return {{"the library, factors in TF32", "library_tf32_gflops", DataType::f32, true,
           2 * tf32_rounding},
          {"the library, bf16", "library_bf16_gflops", DataType::bf16, false, 3 * bf16_rounding}};
}

/// Calls `use` with the product in the rung's precision, of factors that are rounded already.
template <class Use>
void with_product(const RoundedRung& rung, const Tensor& x, const Tensor& a, const Use& use) {
  const Tensor rounded_x = cast(x, rung.type), rounded_a = cast(a, rung.type);
  const Tf32Products scope(x.backend(), rung.tf32);
  use([&] { return matmul(rounded_x, rounded_a); });
}

// ---- Timing -------------------------------------------------------------------------------------

struct Problem {
  Tensor x, a;         // [size × size]
  Tensor y;            // the library's, in f32
  double seconds = 0;  // that it took
  Peak peak;
};

/// The peak is the best of several measurements around the library's run: a disturbance can only
/// lower it.
Problem run_library(Backend& backend, int64_t size, uint64_t seed) {
  Problem p{to_tensor(backend, random_matrix(size, size, {seed, stream_of("x")})),
            to_tensor(backend, random_matrix(size, size, {seed, stream_of("a")})),
            {},
            0,
            backend.measure_peak()};
  TraceRange range(TraceRow::compute, "the library");
  p.seconds = best_seconds(backend, 1.0, [&] { p.y = matmul(p.x, p.a); });
  for (int again = 0; again < 3; ++again)
    p.peak.flops = std::max(p.peak.flops, backend.measure_peak().flops);
  return p;
}

/// Doubled until the fastest written rung takes a millisecond: a large GPU needs a large product to
/// be busy.
int64_t size_for_gpu(Backend& backend) {
  constexpr int64_t smallest = 256, largest = 4096;
  const auto gemm = written_rungs(backend).back().gemm;
  for (int64_t size = smallest; size < largest; size *= 2) {
    const Tensor x = Tensor::full(backend, {size, size}, 1), a = x.clone();
    Tensor y(backend, {size, size});
    if (best_seconds(backend, 0.0, [&] { gemm(x, a, y); }) > 1e-3) return size;
  }
  return largest;
}

/// The table of times; for a GPU with one more column, the speed relative to the library's.
class SpeedTable {
 public:
  SpeedTable(const Problem& problem, bool gpu)
      : problem_(problem), gpu_(gpu), table_(heading(problem.x, gpu)) {}

  /// Returns GFLOP/s. A peak of 0: there is none to compare with.
  double row(const std::string& name, int cores, double seconds, double peak_flops) {
    const double flops = 2.0 * std::pow(static_cast<double>(problem_.x.rows()), 3) / seconds;
    std::vector<std::string> cells{name, std::to_string(cores), seconds_text(seconds),
                                   fixed(flops / 1e9, 1),
                                   peak_flops > 0 ? fixed(100 * flops / peak_flops, 1) : "-"};
    if (gpu_) cells.push_back(fixed(problem_.seconds / seconds));
    table_.row(cells);
    return flops / 1e9;
  }

  void print(Report& report) {
    const Peak& peak = problem_.peak;
    table_.row({"peak: multiply-adds only", std::to_string(peak.cores), "",
                fixed(peak.flops / 1e9, 1), "100.0"});
    report.table(table_);
  }

 private:
  static Table heading(const Tensor& x, bool gpu) {
    const std::string size = to_string(x.shape());
    std::vector<std::string> cells{size + " · " + size, gpu ? "SMs" : "cores", "time", "GFLOP/s",
                                   "% of peak"};
    if (gpu) cells.emplace_back("× the library");
    return Table(cells);
  }

  const Problem& problem_;
  bool gpu_;
  Table table_;
};

/// Times every written rung that is fast enough for the size. Returns the largest error against the
/// library.
double time_written_rungs(Report& report, const Problem& p, SpeedTable& table) {
  Backend& backend = p.x.backend();
  const int cores = is_gpu(backend) ? p.peak.cores : 1;  // the CPU's rungs are for one core
  double error = 0;
  for (const WrittenRung& rung : written_rungs(backend)) {
    if (p.x.rows() > rung.largest_size) continue;
    Tensor y = Tensor::full(backend, p.y.shape(), NAN);
    TraceRange range(TraceRow::compute, rung.name);
    const double seconds = best_seconds(backend, 0.3, [&] { rung.gemm(p.x, p.a, y); });
    report.result(rung.json_name,
                  table.row(rung.name, cores, seconds, p.peak.flops * cores / p.peak.cores));
    error = larger(error, relative_error(y, p.y));
  }
  return error;
}

}  // namespace

void check_ladder(Runtime& runtime, Report& report) {
  report.heading("The ladder: the same product, faster and faster");
  Backend& backend = runtime.backend();
  const uint64_t seed = runtime.options().seed;
  const int64_t tokens = 131, in = 300,
                out = 71;  // no whole number of tiles, and more than one block's depth
  const Matrix x = random_matrix(tokens, in, {seed, stream_of("ladder x")});
  const Matrix a = random_matrix(in, out, {seed, stream_of("ladder a")});
  const Matrix expected = matmul(x, a);
  const Tensor x_tensor = to_tensor(backend, x), a_tensor = to_tensor(backend, a);
  for (const WrittenRung& rung : written_rungs(backend)) {
    Tensor y = Tensor::full(backend, {tokens, out}, NAN);
    rung.gemm(x_tensor, a_tensor, y);
    report.check(rung.name + ", against double precision", relative_error(y, expected), 1e-6);
  }
  for (const RoundedRung& rung : rounded_rungs(backend)) {
    with_product(rung, x_tensor, a_tensor, [&](const auto& product) {
      report.check(rung.name + ", against double precision", relative_error(product(), expected),
                   rung.tolerance);
    });
  }
}

void climb_ladder(Runtime& runtime, Report& report, int64_t size) {
  Backend& backend = runtime.backend();
  if (size == 0) size = is_gpu(backend) ? size_for_gpu(backend) : 512;
  const Problem p = run_library(backend, size, runtime.options().seed);
  SpeedTable table(p, is_gpu(backend));
  const double error = time_written_rungs(report, p, table);
  const double gflops = table.row("the library", p.peak.cores, p.seconds, p.peak.flops);
  std::vector<double> errors;
  for (const RoundedRung& rung : rounded_rungs(backend)) {
    with_product(rung, p.x, p.a, [&](const auto& product) {
      Tensor y;
      TraceRange range(TraceRow::compute, rung.name);
      const double seconds = best_seconds(backend, 0.3, [&] { y = product(); });
      report.result(rung.json_name, table.row(rung.name, p.peak.cores, seconds, 0));
      errors.push_back(relative_error(y, p.y));
    });
  }
  report.line();
  table.print(report);
  report.line(is_gpu(backend) ? "  The peak is that of multiply-adds in f32. TF32 and bf16 are "
                                "multiplied by tensor cores.\n"
                              : "  The peak is the device's, for as many cores; a rung on one core "
                                "is compared with one core's.\n");
  report.check("all rungs that ran agree with the library", error, 1e-5);
  for (size_t i = 0; i < errors.size(); ++i) {
    const RoundedRung rung = rounded_rungs(backend)[i];
    report.check(rung.name + ", agrees with f32", errors[i], rung.tolerance);
    report.check(rung.name + ", is rounded", errors[i] > 1e-5);
  }
  report.result("library_gflops", gflops);
  report.result("peak_gflops", p.peak.flops / 1e9);
  report.result("library_fraction_of_peak", gflops * 1e9 / p.peak.flops);
  report.result("cores", p.peak.cores);
}

}  // namespace shard::chapter_01
