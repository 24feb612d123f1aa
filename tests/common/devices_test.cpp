// Every operation in f32 on the device under test against the CPU: the same numbers up to rounding,
// the same dropout masks, and the same bits from run to run. Sizes and addresses that packs of 16
// bytes fit, and others.
#include <cmath>

#include "tests/test_support.h"

using namespace shard;

namespace {

/// Sizes of a matrix, and where in memory its first element is: so many elements after an address
/// of 16 bytes.
struct Layout {
  int64_t rows, columns, offset;
};

const Layout layouts[] = {{9, 24, 0},   {5, 7, 0},    {4, 32, 1}, {3, 29, 2},
                          {300, 68, 0}, {2, 1200, 0}, {1, 1, 0},  {0, 8, 0}};

/// Tensors on one device, with the same values on every one.
struct On {
  Backend& device;

  Tensor matrix(const Layout& layout, std::string_view name) const {
    const int64_t count = layout.rows * layout.columns;
    Tensor memory(device, {layout.offset + count});
    Tensor x =
        memory.slice({layout.offset, layout.offset + count}).reshape({layout.rows, layout.columns});
    x.assign(random_matrix(layout.rows, layout.columns, name).floats());
    return x;
  }
  Tensor row(const Layout& layout, std::string_view name) const {
    return matrix({1, layout.columns, layout.offset}, name).reshape({layout.columns});
  }
  Tensor indices(const std::vector<int32_t>& values) const {
    return Tensor::from(device, {std::ssize(values)}, std::span<const int32_t>(values));
  }
};

/// Relative, but where the CPU has only zeros: dX of a layer norm over one number is 0, or what a
/// fused multiply-add leaves.
double error_of(const Tensor& got, const Tensor& expected) {
  const double relative = reference::relative_error(got, expected);
  return std::isinf(relative) ? reference::largest_difference(got, reference::Matrix(expected))
                              : relative;
}

/// The results of run(On): here as on the CPU, and the same twice.
template <class Run>
void check_agreement(double tolerance, const Run& run) {
  const std::unique_ptr<Backend> cpu = make_cpu_backend(1);
  const std::vector<Tensor> expected = run(On{*cpu}), got = run(On{backend()}),
                            again = run(On{backend()});
  REQUIRE(got.size() == expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("result ", i, " of shape ", to_string(got[i].shape()));
    CHECK(error_of(got[i], expected[i]) <= tolerance);
    CHECK(got[i].to_host() == again[i].to_host());
  }
}

template <class Run>
void check_layouts(double tolerance, const Run& run) {
  for (const Layout& layout : layouts) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    check_agreement(tolerance, [&](const On& on) { return run(on, layout); });
  }
}

/// Ids of which some occur once, some often, and some are not rows of the table.
std::vector<int32_t> uneven_ids(int64_t count, int32_t rows) {
  std::vector<int32_t> ids;
  const RandomStream random{5, stream_of("ids")};
  for (int64_t i = 0; i < count; ++i) {
    const float u = random.uniform(static_cast<uint64_t>(i));
    ids.push_back(static_cast<int32_t>(u * u * u * static_cast<float>(rows + 2)));
  }
  return ids;
}

}  // namespace

TEST_CASE("devices: elementwise operations agree") {
  check_layouts(1e-6, [](const On& on, const Layout& layout) {
    const Tensor x = on.matrix(layout, "x"), y = on.matrix(layout, "y");
    Tensor sum = on.matrix(layout, "sum"), scaled = on.matrix(layout, "x"),
           biased = on.matrix(layout, "x"), filled = on.matrix(layout, "x"),
           columns = on.row(layout, "columns");
    accumulate(sum, x, 0.3f);
    scale(scaled, -1.7f);
    add_bias(biased, on.row(layout, "bias"));
    fill(filled, 0.1f);
    add_column_sums(columns, x);
    return std::vector<Tensor>{x.clone(), add(x, y), gelu(x), gelu_backward(x, y), sum, scaled,
                               biased,    filled,    columns};
  });
}

TEST_CASE("devices: columns are cut and pasted alike") {
  check_layouts(0, [](const On& on, const Layout& layout) {
    std::vector<Tensor> results;
    for (const int64_t first : {int64_t{0}, layout.columns / 4, layout.columns / 2}) {
      const Tensor part = columns_of(on.matrix(layout, "x"), {first, layout.columns});
      Tensor target = on.matrix(layout, "y");
      set_columns(target, 0, part);
      results.insert(results.end(), {part, target});
    }
    return results;
  });
}

TEST_CASE("devices: dropout drops the same elements, wherever the block lies") {
  check_layouts(0, [](const On& on, const Layout& layout) {
    std::vector<Tensor> results;
    for (const Block& block :
         {Block{.whole_columns = layout.columns},
          Block{.first_row = 3, .first_column = 4, .whole_columns = layout.columns + 8},
          Block{.first_row = 7, .first_column = 1, .whole_columns = 1301},
          Block{.first_row = 5'000'000'000,
          .first_column = 2,
          .whole_columns = layout.columns + 3}}) {
      results.push_back(dropout(on.matrix(layout, "x"), 0.4f, {11, stream_of("mask")}, block));
    }
    return results;
  });
}

TEST_CASE("devices: layer norm agrees, also for rows that do not fit registers") {
  std::vector<Layout> all(std::begin(layouts), std::end(layouts));
  all.insert(all.end(), {{3, 8200, 0}, {2, 8195, 0}, {2, 17000, 0}, {3, 16390, 1}});
  for (const Layout& layout : all) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    check_agreement(2e-6, [&](const On& on) {
      const Tensor x = on.matrix(layout, "x"), gain = on.row(layout, "gain"),
                   bias = on.row(layout, "bias");
      const LayerNorm out = layer_norm(x, gain, bias);
      Tensor dgain = on.row(layout, "dgain"), dbias = on.row(layout, "dbias");
      const Tensor dx = layer_norm_backward(on.matrix(layout, "dy"), x, out, gain, dgain, dbias);
      const auto [u, normed] = add_layer_norm(x, on.matrix(layout, "z"), gain, bias);
      const Tensor du = layer_norm_backward_add(
          on.matrix(layout, "dy"), on.matrix(layout, "dresidual"), u, normed, gain, dgain, dbias);
      return std::vector<Tensor>{out.y,    out.inverse_deviation,    dx, u,
                                 normed.y, normed.inverse_deviation, du, dgain,
                                 dbias};
    });
  }
}

TEST_CASE("devices: attention's parts agree") {
  for (const auto& [context, width, offset] : {std::tuple<int64_t, int64_t, int64_t>{8, 16, 0},
                                               {7, 6, 0},
                                               {40, 8, 1},
                                               {130, 4, 0},
                                               {1, 1, 0}}) {
    INFO(context, " × ", width, " at ", offset);
    check_agreement(3e-6, [&, context = context, width = width, offset = offset](const On& on) {
      const int64_t batch = 2, heads = 3;
      const Tensor x = on.matrix({batch * context, 3 * heads * width, offset}, "x");
      const Tensor split = split_heads(x, heads * width, batch, heads, width);
      Tensor merged = x.clone();
      merge_heads(merged, 0, split);
      const Layout square{batch * context, context, offset};
      Tensor p = on.matrix(square, "scores").reshape({batch, context, context}),
             d = on.matrix(square, "dp").reshape({batch, context, context});
      causal_softmax(p, 0.3f);
      causal_softmax_backward(d, p, 0.3f);
      Tensor last = on.matrix({3 * 2, context + 1, offset}, "last").reshape({3, 2, context + 1});
      causal_softmax(last, 0.3f);
      return std::vector<Tensor>{split, merged, p, d, last};
    });
  }
  check_agreement(3e-6, [](const On& on) {  // a row that does not fit registers
    Tensor last = on.matrix({2, 16900, 0}, "last").reshape({1, 2, 16900});
    causal_softmax(last, 0.3f);
    return std::vector<Tensor>{last};
  });
}

TEST_CASE("devices: rows of a table and the parts of the cross entropy agree") {
  for (const Layout& layout :
       {Layout{600, 24, 0}, {70, 7, 0}, {1, 1, 0}, {260, 9, 1}, {40, 5003, 3}}) {
    INFO(layout.rows, " × ", layout.columns, " at ", layout.offset);
    check_agreement(2e-6, [&](const On& on) {
      const int32_t table_rows = 11, first = 2;
      const Tensor ids = on.indices(uneven_ids(layout.rows, table_rows + first));
      const Layout table{table_rows, layout.columns, layout.offset};
      Tensor dtable = on.matrix(table, "dtable");
      add_to_rows(dtable, ids, on.matrix(layout, "dy"), first);
      Tensor x = on.matrix(layout, "logits");
      const int64_t valid = layout.columns - layout.columns / 5;
      const Tensor targets = on.indices(uneven_ids(layout.rows, static_cast<int32_t>(valid)));
      const Tensor max = row_max(x, valid), row_sums = row_sum(x, valid),
                   picked = pick(x, targets, 1);
      const ExpSums in_one_pass = exp_sums(x, valid);
      Tensor gradient = x.clone();
      softmax_minus_targets(gradient, in_one_pass, targets, 1, valid, 0.125f);
      const Tensor sums = exp_and_row_sum(x, max, valid);
      const Tensor exps = x.clone(), losses = cross_entropy(sums, max, picked);
      cross_entropy_backward(x, sums, targets, 1, 0.125f);
      return std::vector<Tensor>{gather_rows(on.matrix(table, "table"), ids, first),
                                 dtable,
                                 max,
                                 row_sums,
                                 picked,
                                 sums,
                                 exps,
                                 losses,
                                 x,
                                 in_one_pass.max,
                                 in_one_pass.sums,
                                 rescaled(in_one_pass, picked),
                                 gradient};
    });
  }
}

TEST_CASE("devices: sums, clipping and the optimizer agree") {
  for (const Layout& layout : {Layout{1, 100'003, 0}, {1, 64, 0}, {1, 53, 1}, {1, 0, 0}}) {
    INFO(layout.columns, " at ", layout.offset);
    check_agreement(2e-6, [&](const On& on) {
      const Tensor gradient = on.row(layout, "gradient");
      Tensor sum = Tensor::full(on.device, {1}, 1000.0f),
             squares = Tensor::full(on.device, {1}, 3.0f);
      add_sum(sum, gradient);
      add_sum_of_squares(squares, gradient);
      const Tensor factor = clip_factor(squares, 0.5f);
      Tensor weight = on.row(layout, "weight"), m = on.row(layout, "m"), v = on.row(layout, "v");
      fill(v, 0.5f);  // a mean of squares
      adamw(weight, m, v, gradient, factor,
            {.learning_rate = 0.02f, .weight_decay = 0.3f, .step = 3});
      return std::vector<Tensor>{sum, squares, factor, weight, m, v};
    });
  }
}

TEST_CASE("devices: a gradient that is not finite changes no weight") {
  check_agreement(0, [](const On& on) {
    const Layout layout{1, 37, 0};
    const Tensor squares = Tensor::full(on.device, {1}, INFINITY),
                 factor = clip_factor(squares, 1.0f);
    Tensor weight = on.row(layout, "weight"), m = on.row(layout, "m"), v = on.row(layout, "v");
    adamw(weight, m, v, on.row(layout, "gradient"), factor, {});
    return std::vector<Tensor>{weight, m, v};
  });
}

TEST_CASE("devices: numbers of a mebibyte are uploaded without a wait, and stay what they were") {
  std::vector<float> values(1 << 18);
  std::vector<Tensor> uploaded;
  const int64_t waits = backend().waits();
  for (int i = 0; i < 8; ++i) {
    std::fill(values.begin(), values.end(), static_cast<float>(i));
    uploaded.push_back(
        Tensor::from(backend(), {std::ssize(values)}, std::span<const float>(values)));
  }
  CHECK(backend().waits() == waits);
  for (int i = 8; i < 20; ++i) {  // more than are under way at once
    std::fill(values.begin(), values.end(), static_cast<float>(i));
    uploaded.push_back(
        Tensor::from(backend(), {std::ssize(values)}, std::span<const float>(values)));
  }
  for (size_t i = 0; i < uploaded.size(); ++i) {
    CHECK(uploaded[i].to_host() == std::vector<float>(values.size(), static_cast<float>(i)));
  }
}

TEST_CASE("devices: the peak is measured in a fraction of a second") {
  const Peak peak = backend().measure_peak();
  CHECK(peak.flops > 0);
  CHECK(peak.cores >= 1);
}
