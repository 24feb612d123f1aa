// The answer is compared with formulas at sizes that exist on paper only, and these with the ledger
// of the chapter's classes, on the ranks that run.
#include "exercises/05_parallel_mlp/3_count_costs.h"

#include <functional>
#include <map>

#include "chapters/05_parallel_mlp/other_designs.h"
#include "chapters/05_parallel_mlp/parallel_mlp.h"
#include "common/base/counted.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

/// One pass of one design on one rank.
struct Pass {
  Design design;
  bool forward;
  MlpSizes sizes;
  int ranks, rank;

  bool sums() const { return design == Design::column_row || forward == is(Design::row_row); }
  bool is(Design other) const { return design == other; }
  int64_t own(int64_t columns) const { return part_of(columns, ranks, rank).size(); }
};

std::string name_of(Design design) {
  return design == Design::row_row         ? "row → row"
         : design == Design::column_column ? "column → column"
                                           : "column → row";
}
std::string name_of(const Pass& pass) {
  return name_of(pass.design) + (pass.forward ? ", forward" : ", backward");
}
std::string sizes_of(const Pass& pass) {
  return text(pass.sizes.tokens, " tokens, ", pass.sizes.width, " → ", pass.sizes.hidden, " → ",
              pass.sizes.width);
}
std::string shown(const Cost& cost) {
  return text(to_string(cost.collective), ", ", counted(cost.calls, "call"), ", ",
              counted(cost.bytes, "byte"));
}

/// The cost, if `bytes_of` says how many bytes one collective on so many columns counts.
Cost cost_of(const Pass& pass, const std::function<int64_t(int64_t columns)>& bytes_of) {
  const bool both = !pass.is(Design::column_row);
  const Collective collective = pass.sums() ? Collective::all_reduce : Collective::all_gather;
  return {collective, both ? 2 : 1,
          bytes_of(pass.sizes.width) + (both ? bytes_of(pass.sizes.hidden) : 0)};
}

int64_t given(const Pass& pass, int64_t columns) {
  return 4 * pass.sizes.tokens * (pass.sums() ? columns : pass.own(columns));
}
Cost right(const Pass& pass) {
  return cost_of(pass, [&](int64_t columns) { return given(pass, columns); });
}

struct Slip {
  std::string diagnosis;
  std::function<Cost(const Pass&)> cost;
};

/// A slip in the bytes of one collective.
Slip bytes_slip(const std::string& diagnosis,
                const std::function<int64_t(const Pass&, int64_t columns)>& bytes_of) {
  return {diagnosis, [=](const Pass& pass) {
            return cost_of(pass, [&](int64_t columns) { return bytes_of(pass, columns); });
          }};
}

/// A slip in the columns that count: of an all_gather, or of an all_reduce.
Slip columns_slip(const std::string& diagnosis, bool of_sums,
                  const std::function<int64_t(const Pass&, int64_t columns)>& columns_of) {
  return bytes_slip(diagnosis, [=](const Pass& pass, int64_t columns) {
    return pass.sums() == of_sums ? 4 * pass.sizes.tokens * columns_of(pass, columns)
                                  : given(pass, columns);
  });
}

/// A slip in the cost as a whole.
Slip changed(const std::string& diagnosis, const std::function<void(const Pass&, Cost&)>& change) {
  return {diagnosis, [=](const Pass& pass) {
            Cost cost = right(pass);
            change(pass, cost);
            return cost;
          }};
}

/// What the rings of chapter 02 send of `columns` columns.
int64_t sent(const Pass& pass, int64_t columns) {
  const int64_t elements = pass.sizes.tokens * columns;
  if (pass.sums()) return 4 * (2 * elements * (pass.ranks - 1) / pass.ranks);
  const int next = (pass.rank + 1) % pass.ranks;
  return 4 * (elements - pass.sizes.tokens * part_of(columns, pass.ranks, next).size());
}

std::vector<Slip> slips_of_sizes() {
  return {
      bytes_slip("in elements: the ledger counts bytes, 4 for each f32",
                 [](const Pass& pass, int64_t columns) { return given(pass, columns) / 4; }),
      changed("right for small sizes only: 32 bits are too few, compute in int64_t",
              [](const Pass&, Cost& cost) {
                cost.bytes = static_cast<int32_t>(static_cast<uint32_t>(cost.bytes));
              }),
      bytes_slip("with the biases: they are added without communication",
                 [](const Pass& pass, int64_t columns) {
                   return given(pass, columns) + 4 * (pass.sums() ? columns : pass.own(columns));
                 }),
      changed("without the collective on the hidden layer",
              [](const Pass& pass, Cost& cost) { cost.bytes = given(pass, pass.sizes.width); }),
      changed("without the collective on the result, [tokens × width]",
              [](const Pass& pass, Cost& cost) {
                if (!pass.is(Design::column_row)) cost.bytes = given(pass, pass.sizes.hidden);
              }),
      changed("with the hidden layer's [tokens × hidden], which column → row never communicates",
              [](const Pass& pass, Cost& cost) {
                if (pass.is(Design::column_row)) cost.bytes += given(pass, pass.sizes.hidden);
              })};
}

std::vector<Slip> slips_of_ranks() {
  return {
      changed("right for several ranks, and nothing for one: a group of one rank enters its calls "
              "in the ledger, too, and what is given to them; only what is sent is 0",
              [](const Pass& pass, Cost& cost) {
                if (pass.ranks == 1) cost.calls = cost.bytes = 0;
              }),
      changed("right except for the bytes on one rank, which are 0: nothing is sent there, but the "
              "ledger counts what is given to a collective",
              [](const Pass& pass, Cost& cost) { cost.bytes *= pass.ranks > 1; }),
      bytes_slip(
          "what the ranks send in a ring (LedgerRow::sent): the bytes that are asked for are "
          "those given to the collective",
          sent),
      bytes_slip("(t-1)/t of what is given: that is what a ring sends in one round, the ledger's "
                 "bytes are what is given to the collective",
                 [](const Pass& pass, int64_t columns) {
                   return given(pass, columns) * (pass.ranks - 1) / pass.ranks;
                 }),
      columns_slip("what an all_gather results in, the whole matrix: it is given this rank's "
                   "columns only",
                   false, [](const Pass&, int64_t columns) { return columns; }),
      columns_slip(
          "1/t of the matrix: an all_reduce is given a term of every element, so the whole "
          "matrix",
          true, [](const Pass& pass, int64_t columns) { return pass.own(columns); }),
      bytes_slip("t times too much: of all ranks together, where one rank's ledger is asked for",
                 [](const Pass& pass, int64_t columns) {
                   return given(pass, columns) * pass.ranks;
                 }),
      columns_slip("right only where t divides width and hidden: the first ranks have one column "
                   "more (part_of)",
                   false, [](const Pass& pass, int64_t columns) { return columns / pass.ranks; }),
      columns_slip(
          "that of the largest part on every rank: rank 0 has it, others may have a column less",
          false,
          [](const Pass& pass, int64_t columns) { return part_of(columns, pass.ranks, 0).size(); }),
      columns_slip("cut after width and hidden were added: each is cut by itself", false,
                   [](const Pass& pass, int64_t columns) {
                     const MlpSizes& s = pass.sizes;
                     return columns == s.width ? pass.own(s.width + s.hidden) : 0;
                   })};
}

std::vector<Slip> slips_of_passes() {
  return {changed("empty: this pass communicates, too",
                  [](const Pass&, Cost& cost) { cost = Cost{cost.collective}; }),
          {"empty: this pass communicates, too", [](const Pass&) { return Cost{}; }},
          changed("right except for its calls: each of the two products has its own collective",
                  [](const Pass&, Cost& cost) { cost.calls = 1; }),
          {"that of the other direction: what one pass sums, the other gathers", [](Pass pass) {
             pass.forward = !pass.forward;
             return right(pass);
           }}};
}

/// Every rank of 1 to 8, at sizes that t does not divide and at those of a large model.
std::vector<Pass> passes_on_paper(Design design, bool forward) {
  std::vector<Pass> all;
  for (const MlpSizes& sizes :
       {MlpSizes{5, 19, 43}, {1, 8, 11}, {4, 16, 32}, {65536, 12288, 49152}}) {
    for (const int ranks : {1, 2, 3, 4, 8}) {
      for (int rank = 0; rank < ranks; ++rank) all.push_back({design, forward, sizes, ranks, rank});
    }
  }
  return all;
}

Cost answer_to(const Pass& pass) {
  const Costs costs = costs_of(pass.design, pass.sizes, pass.ranks, pass.rank);
  return pass.forward ? costs.forward : costs.backward;
}

/// What is wrong with the answers for one pass of one design; empty if nothing is.
std::string diagnosis_of(Design design, bool forward) {
  const std::vector<Pass> passes = passes_on_paper(design, forward);
  const auto all = [&](const std::function<Cost(const Pass&)>& cost) {
    std::vector<Cost> costs;
    for (const Pass& pass : passes) costs.push_back(cost(pass));
    return costs;
  };
  const std::vector<Cost> expected = all(right), got = all(answer_to);
  for (const auto& slips : {slips_of_ranks(), slips_of_sizes(), slips_of_passes()}) {
    for (const Slip& slip : slips) {
      const std::vector<Cost> wrong = all(slip.cost);
      if (got != expected && got == wrong) return slip.diagnosis;
    }
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == expected[i]) continue;
    return text(shown(got[i]), " for ", sizes_of(passes[i]), " on rank ", passes[i].rank, " of ",
                passes[i].ranks, ", expected ", shown(expected[i]));
  }
  return "";
}

constexpr Design designs[] = {Design::row_row, Design::column_column, Design::column_row};

/// Each diagnosis once, with all passes to which it applies.
void expect_on_paper(Examiner& examiner) {
  std::vector<std::string> order;
  std::map<std::string, std::string> passes;
  for (const Design design : designs) {
    for (const bool forward : {true, false}) {
      const std::string wrong = diagnosis_of(design, forward);
      if (wrong.empty()) continue;
      std::string& names = passes[wrong];
      if (names.empty()) order.push_back(wrong);
      names += (names.empty() ? "" : "; ") + name_of({design, forward, {}, 1, 0});
    }
  }
  for (size_t i = 0; i < 6; ++i) {  // as many on every rank, whatever each has found
    const std::string wrong = i < order.size() ? order[i] : "";
    examiner.expect(i == 0 ? "costs at sizes on paper" : "", wrong.empty(),
                    text("your cost (", passes[wrong], ") is ", wrong));
  }
}

/// What the answer says otherwise of a pass that was run; empty if nothing. Throws Error where the
/// formulas of this test do.
std::string compared(const Ledger& ledger, const Pass& pass) {
  require(ledger.rows().size() == 1, name_of(pass), ": the ledger has another number of rows");
  const LedgerRow& row = ledger.rows().front();
  const Cost measured{row.op, row.calls, row.bytes}, got = answer_to(pass);
  require(measured == right(pass), name_of(pass), ": the ledger shows ", shown(measured),
          ", the test expects ", shown(right(pass)));
  if (got == measured) return "";
  return text(name_of(pass), ", of ", sizes_of(pass), " was run: the ledger shows ",
              shown(measured), ", your cost is ", shown(got), "\n");
}

/// The same of both passes of one design.
template <class Mlp>
std::string run(Examiner& examiner, Design design, const MlpSizes& s) {
  Communicator& group = examiner.world();
  Mlp mlp(group, "mlp", s.width, s.hidden, {.seed = 1, .weight = 0.3f, .vector = 0.5f}, 0.2f);
  const Tensor x = examiner.variable(examiner.random(s.tokens, s.width, "x")),
               dz = examiner.variable(examiner.random(s.tokens, s.width, "dz"));
  typename Mlp::Kept kept;
  const Ledger before = group.ledger();
  mlp.forward(x, kept);
  const Ledger between = group.ledger();
  mlp.backward(dz, kept);
  const Ledger after = group.ledger();
  const int ranks = group.size(), rank = group.rank();
  return compared(between.since(before), {design, true, s, ranks, rank}) +
         compared(after.since(between), {design, false, s, ranks, rank});
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("costs on paper", [&] { expect_on_paper(examiner); });
  std::string wrong;  // a line of each pass; the first is shown
  for (const MlpSizes& sizes : {MlpSizes{5, 7, 13}, {6, 12, 24}}) {
    wrong += run<chapter_05::RowRowMlp>(examiner, Design::row_row, sizes);
    wrong += run<chapter_05::ColumnColumnMlp>(examiner, Design::column_column, sizes);
    wrong += run<ParallelMlp>(examiner, Design::column_row, sizes);
  }
  examiner.expect("the ledger of the three designs, run here", wrong.empty(),
                  wrong.substr(0, wrong.find('\n')));
}

}  // namespace shard
