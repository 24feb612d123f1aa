#include "exercises/11_checkpoints/1_reshard.h"

#include <functional>
#include <numeric>

#include "common/base/partition.h"
#include "tests/exercises/answers.h"
#include "tests/exercises/support.h"

namespace shard {
namespace {

using Part = std::vector<float>;
using Parts = std::vector<Part>;
using Indices = std::vector<int64_t>;  // rows or columns of the whole

constexpr float junk = -7777;  // the values in the padding of the checkpoint

Indices range(int64_t begin, int64_t end) {
  Indices indices(static_cast<size_t>(end - begin));
  std::iota(indices.begin(), indices.end(), begin);
  return indices;
}
Indices range(Range r) { return range(r.begin, r.end); }

Indices followed_by(Indices a, const Indices& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The rows and columns of the whole that one rank holds; rows past the end are padding.
struct Held {
  Indices rows, columns;
};
using Layout = std::function<Held(int ranks, int rank)>;

/// Row after row of the elements of whole that are held; `padding` in rows past its end. Element
/// (row, column) of every whole is its own number: 1, 2, 3, …
Part part_of_whole(const Shape& whole, const Held& held, float padding) {
  Part part;
  for (int64_t row : held.rows) {
    for (int64_t column : held.columns) {
      part.push_back(row < whole.rows() ? static_cast<float>(row * whole.columns() + column + 1)
                                        : padding);
    }
  }
  return part;
}

Parts parts_of_whole(const Shape& whole, const Layout& layout, int ranks, float padding) {
  Parts parts;
  for (int rank = 0; rank < ranks; ++rank)
    parts.push_back(part_of_whole(whole, layout(ranks, rank), padding));
  return parts;
}

Layout right_layout(const SavedTensor& t) {
  const Indices all_rows = range(0, t.whole.rows()), all_columns = range(0, t.whole.columns());
  const int64_t rows = t.whole.rows(), columns = t.whole.columns(), width = columns / 3;
  switch (t.cut) {
    case Cut::rows:
      return [=](int ranks, int rank) {
        return Held{range(part_of(rows, ranks, rank)), all_columns};
      };
    case Cut::columns:
      return [=](int ranks, int rank) {
        return Held{all_rows, range(part_of(columns, ranks, rank))};
      };
    case Cut::qkv:
      return [=](int ranks, int rank) {
        Indices mine;
        for (int64_t matrix = 0; matrix < 3; ++matrix) {
          const int64_t begin = matrix * width + rank * (width / ranks);
          mine = followed_by(mine, range(begin, begin + width / ranks));
        }
        return Held{all_rows, mine};
      };
    case Cut::vocabulary:
      return [=](int ranks, int rank) {
        const int64_t each = (rows + ranks - 1) / ranks;
        return Held{range(rank * each, (rank + 1) * each), all_columns};
      };
    case Cut::replicated: break;
  }
  return [=](int, int) { return Held{all_rows, all_columns}; };
}

// ---- Wrong answers ------------------------------------------------------------------------------

/// The old parts' elements, all in a row, cut into parts of these sizes, as far as they last.
Parts appended(const SavedTensor& t, const Parts& like) {
  Part all;
  for (const Part& part : t.parts) all.insert(all.end(), part.begin(), part.end());
  Parts parts;
  size_t begin = 0;
  for (const Part& part : like) {
    const size_t end = std::min(all.size(), begin + part.size());
    parts.emplace_back(all.begin() + static_cast<ptrdiff_t>(begin),
                       all.begin() + static_cast<ptrdiff_t>(end));
    begin = end;
  }
  return parts;
}

/// The old parts' columns side by side, then cut by columns.
Parts side_by_side(const SavedTensor& t, int ranks) {
  const Layout old = right_layout(t);
  Indices order;
  for (int rank = 0; rank < std::ssize(t.parts); ++rank) {
    order = followed_by(order, old(static_cast<int>(t.parts.size()), rank).columns);
  }
  return parts_of_whole(
      t.whole,
      [&](int of, int rank) {
        const Range mine = part_of(std::ssize(order), of, rank);
        return Held{range(0, t.whole.rows()),
                    Indices(order.begin() + mine.begin, order.begin() + mine.end)};
      },
      ranks, 0);
}

/// Old part p goes to new rank p % ranks.
Parts dealt_out(const SavedTensor& t, int ranks) {
  const Layout old = right_layout(t);
  const int old_ranks = static_cast<int>(t.parts.size());
  return parts_of_whole(
      t.whole,
      [&](int of, int rank) {
        Held held = old(old_ranks, rank % old_ranks);
        for (int p = rank + of; p < old_ranks; p += of) {
          if (t.cut == Cut::columns || t.cut == Cut::qkv)
            held.columns = followed_by(held.columns, old(old_ranks, p).columns);
          if (t.cut == Cut::rows) held.rows = followed_by(held.rows, old(old_ranks, p).rows);
        }
        return held;
      },
      ranks, 0);
}

/// Every rank has ⌊rows/ranks⌋ rows and ⌊columns/ranks⌋ columns of what is cut: the rest is lost.
Parts rounded_down(const SavedTensor& t, int ranks) {
  return parts_of_whole(
      t.whole,
      [&](int of, int rank) {
        const int64_t rows = t.whole.rows() / of, columns = t.whole.columns() / of;
        return t.cut == Cut::columns
                   ? Held{range(0, t.whole.rows()), range(rank * columns, (rank + 1) * columns)}
                   : Held{range(rank * rows, (rank + 1) * rows), range(0, t.whole.columns())};
      },
      ranks, 0);
}

std::vector<KnownWrong<Parts>> known_wrong(const SavedTensor& t, int ranks, const Parts& expected) {
  const Indices all_rows = range(0, t.whole.rows()), all_columns = range(0, t.whole.columns());
  const int64_t rows = t.whole.rows(), columns = t.whole.columns();
  const auto with = [&](const Layout& layout, float padding = 0) {
    return parts_of_whole(t.whole, layout, ranks, padding);
  };
  switch (t.cut) {
    case Cut::rows:
      return {{"the old parts assigned in turn: the rows of a new rank must be neighbours",
               dealt_out(t, ranks)},
              {text("without the last rows: ", rows, " / ", ranks,
                    " leaves a remainder, and the first ranks get one more row"),
               rounded_down(t, ranks)},
              {text("cut into ⌈", rows, "/", ranks,
                    "⌉ rows for each rank but the last ones, like a "
                    "vocabulary: part_of makes the parts as even as possible"),
               with([=](int of, int rank) {
                 const int64_t each = (rows + of - 1) / of;
                 return Held{range(std::min(rows, rank * each), std::min(rows, (rank + 1) * each)),
                             all_columns};
               })}};
    case Cut::columns:
      return {{"the old parts one after the other: that joins rows. Where columns are cut, each "
               "row of the whole is put together from a piece of every part",
               appended(t, expected)},
              {"the old parts assigned in turn: the columns of a new rank must be neighbours",
               dealt_out(t, ranks)},
              {text("without the last columns: ", columns, " / ", ranks,
                    " leaves a remainder, and the first ranks get one more column"),
               rounded_down(t, ranks)}};
    case Cut::qkv:
      return {{"the old parts' columns side by side, [Q₀ K₀ V₀ Q₁ K₁ V₁ …]: a new part must have "
               "all its heads of Q, then of K, then of V",
               side_by_side(t, ranks)},
              {"cut like any other matrix: consecutive columns of [Q K V] give the first rank "
               "heads of Q and none of V",
               with([=](int of, int rank) {
                 return Held{all_rows, range(part_of(columns, of, rank))};
               })},
              {"the old parts one after the other: that joins rows. Where columns are cut, each "
               "row of the whole is put together from a piece of every part",
               appended(t, expected)}};
    case Cut::vocabulary: {
      const auto old_ranks = static_cast<int64_t>(t.parts.size());
      const int64_t padded = (rows + old_ranks - 1) / old_ranks * old_ranks;
      const Layout padded_cut = [=](int of, int rank) {
        return Held{range(part_of(padded, of, rank)), all_columns};
      };
      return {{text("cut from ", padded, " rows, the vocabulary of ", rows,
                    " with the padding of t = ", old_ranks,
                    ": drop that first, the new layout has a padding of its own"),
               with(padded_cut, junk)},
              {text("cut from ", padded, " rows, the vocabulary of ", rows,
                    " with a padding as for t = ", old_ranks, ": the new layout has ", ranks,
                    " · ⌈", rows, "/", ranks, "⌉ rows"),
               with(padded_cut, 0)},
              {text("right except for the padding: rows of the old padding are in the new one, "
                    "which must be zero"),
               with(right_layout(t), junk)},
              {text("cut as evenly as possible, without padding: every rank must have ⌈", rows, "/",
                    ranks, "⌉ = ", (rows + ranks - 1) / ranks, " rows"),
               with([=](int of, int rank) {
                 return Held{range(part_of(rows, of, rank)), all_columns};
               })}};
    }
    case Cut::replicated: break;
  }
  Part sum = t.parts[0];
  for (float& value : sum) value *= static_cast<float>(t.parts.size());
  return {{"cut: a replicated tensor is whole on every rank", with([=](int of, int rank) {
             return Held{all_rows, range(part_of(columns, of, rank))};
           })},
          {"the sum of the old parts: they are copies of one tensor, not terms of a sum",
           Parts(static_cast<size_t>(ranks), sum)},
          {"the old parts themselves: there must be one for each of the new ranks", t.parts}};
}

std::string first_difference(const SavedTensor& t, const Parts& got, const Parts& expected) {
  const std::string whose = text("your ", t.name, " for t = ", expected.size(), ": ");
  if (got.size() != expected.size())
    return text(whose, got.size(), " parts instead of ", expected.size());
  for (size_t p = 0; p < got.size(); ++p) {
    if (got[p].size() != expected[p].size()) {
      return text(whose, "part ", p, " has ", got[p].size(), " elements instead of ",
                  expected[p].size());
    }
    const Held held = right_layout(t)(static_cast<int>(expected.size()), static_cast<int>(p));
    const size_t columns = held.columns.size();
    for (size_t i = 0; i < got[p].size(); ++i) {
      if (got[p][i] == expected[p][i]) continue;
      const auto element = [&](float value) -> std::string {
        if (value == 0) return "zero";
        if (value == junk) return "padding of the checkpoint";
        if (!(value >= 1 && value <= static_cast<float>(t.whole.elements()))) return text(value);
        const auto number = static_cast<int64_t>(value) - 1;
        return text("row ", number / t.whole.columns(), ", column ", number % t.whole.columns(),
                    " of the whole");
      };
      return text(whose, "in part ", p, " at row ", i / columns, ", column ", i % columns, " is ",
                  element(got[p][i]), " instead of ", element(expected[p][i]));
    }
  }
  return "";
}

/// For every number of ranks; reports the first wrong one.
void expect_reshard(Examiner& examiner, const SavedTensor& tensor) {
  std::string diagnosis;
  for (int ranks : {2, 3, 1, 4}) {
    const Parts expected = parts_of_whole(tensor.whole, right_layout(tensor), ranks, 0);
    const Parts got = reshard(tensor, ranks);
    if (!diagnosis.empty()) continue;
    diagnosis = diagnose_answer(text(tensor.name, " for t = ", ranks), got, expected,
                                known_wrong(tensor, ranks, expected),
                                first_difference(tensor, got, expected));
  }
  examiner.expect(text(tensor.name, " for t = 2, 3, 1 and 4"), diagnosis.empty(), diagnosis);
}

std::string answer_for_uneven_heads(const SavedTensor& tensor, int ranks) {
  return wrong_refusal<UsageError>(
      [&] { reshard(tensor, ranks); },
      {text(tensor.heads, " heads on ", ranks, " ranks"),
       "UsageError, which require_usage() throws",
       text("your reshard divides ", tensor.heads, " heads among ", ranks,
            " ranks: heads would be split. Throw UsageError, as qkv_columns does"),
       {}});
}

}  // namespace

void examine(Examiner& examiner) {
  std::vector<SavedTensor> checkpoint{{"h.0.ln_1.weight", {9}, Cut::replicated, 0, {}},
                                      {"h.0.mlp.c_proj.weight", {11, 6}, Cut::rows, 0, {}},
                                      {"h.0.mlp.c_fc.weight", {5, 13}, Cut::columns, 0, {}},
                                      {"h.0.mlp.c_fc.bias", {13}, Cut::columns, 0, {}},
                                      {"h.0.attn.c_attn.weight", {7, 72}, Cut::qkv, 12, {}},
                                      {"h.0.attn.c_attn.bias", {72}, Cut::qkv, 12, {}},
                                      {"wte.weight", {49, 3}, Cut::vocabulary, 0, {}},
                                      // 3 ranks of ⌈7/t⌉ rows would hold others than part_of's
                                      {"h.0.attn.c_proj.weight", {7, 4}, Cut::rows, 0, {}},
                                      // fewer words than ranks: some have nothing but padding
                                      {"tiny.wte.weight", {1, 3}, Cut::vocabulary, 0, {}},
                                      {"tiny.mlp.c_proj.weight", {2, 6}, Cut::rows, 0, {}},
                                      {"tiny.mlp.c_fc.weight", {5, 2}, Cut::columns, 0, {}}};
  for (SavedTensor& tensor : checkpoint) {
    tensor.parts = parts_of_whole(tensor.whole, right_layout(tensor), 4, junk);
    examiner.attempt(tensor.name, [&] { expect_reshard(examiner, tensor); });
  }
  const std::string uneven = answer_for_uneven_heads(checkpoint[4], 5);
  examiner.expect("12 heads are not divided among 5 ranks", uneven.empty(), uneven);
}

}  // namespace shard
