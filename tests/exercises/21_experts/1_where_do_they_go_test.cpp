#include "exercises/21_experts/1_where_do_they_go.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

using List = std::vector<int64_t>;

/// Ranks whose numbers of choices differ; expert 1 has no tokens, and neither has rank 1.
struct Case {
  int ranks;
  int64_t experts, width;
  std::vector<List> chosen;  // of each rank

  Case(const Examiner& examiner, int r, int64_t e, int64_t w) : ranks(r), experts(e), width(w) {
    for (int rank = 0; rank < ranks; ++rank) {
      const int64_t count = rank == 1 ? 0 : 6 + 5 * rank;
      const Matrix numbers =
          examiner.random(1, count, text("choices", ranks, experts, rank), 1000.0);
      chosen.emplace_back();
      for (double number : numbers.values) {
        const int64_t expert = static_cast<int64_t>(std::abs(number)) % experts;
        chosen.back().push_back(expert == 1 && experts > 1 ? 0 : expert);
      }
    }
  }
  ChoiceCounts counts() const {
    ChoiceCounts all;
    for (const List& of_rank : chosen) {
      all.emplace_back(static_cast<size_t>(experts), 0);
      for (int64_t expert : of_rank) ++all.back()[static_cast<size_t>(expert)];
    }
    return all;
  }
  Range own(int rank) const { return part_of(experts, ranks, rank); }
  std::string name() const { return text(ranks, " ranks, ", experts, " experts"); }
};

std::vector<Case> cases(const Examiner& examiner) {
  return {{examiner, 3, 7, 5},
          {examiner, 4, 4, 3},
          {examiner, 2, 5, 4},
          {examiner, 4, 3, 6},
          {examiner, 1, 3, 2}};
}

// ---- The exchange, counted choice by choice -----------------------------------------------------

using RankOf = std::function<int(const Case&, int64_t expert)>;
int rank_of(const Case& c, int64_t expert) {
  int rank = 0;
  while (c.own(rank).end <= expert) ++rank;
  return rank;
}

List begins_of(const List& counts) {
  List begins(counts.size());
  std::exclusive_scan(counts.begin(), counts.end(), begins.begin(), int64_t{0});
  return begins;
}

Exchange exchange_by(const Case& c, int rank, int64_t width, const RankOf& where) {
  Exchange exchange{List(static_cast<size_t>(c.ranks)), {}, List(static_cast<size_t>(c.ranks)), {}};
  for (int from = 0; from < c.ranks; ++from) {
    for (int64_t expert : c.chosen[static_cast<size_t>(from)]) {
      const int to = where(c, expert);
      if (to >= c.ranks) continue;
      if (from == rank) exchange.send_counts[static_cast<size_t>(to)] += width;
      if (to == rank) exchange.receive_counts[static_cast<size_t>(from)] += width;
    }
  }
  exchange.send_begins = begins_of(exchange.send_counts);
  exchange.receive_begins = begins_of(exchange.receive_counts);
  return exchange;
}

Exchange right_exchange(const Case& c, int rank) { return exchange_by(c, rank, c.width, rank_of); }

using Change = std::function<void(const Case&, int rank, Exchange&)>;

/// Answers for all ranks of all cases.
template <class Answer, class Of>
std::vector<Answer> all_of(const std::vector<Case>& all, const Of& of) {
  std::vector<Answer> answers;
  for (const Case& c : all)
    for (int rank = 0; rank < c.ranks; ++rank) answers.push_back(of(c, rank));
  return answers;
}

std::string shown_exchange(const Exchange& e) {
  return text("send ", shown(e.send_counts), " from ", shown(e.send_begins), ", receive ",
              shown(e.receive_counts), " at ", shown(e.receive_begins));
}

/// The first answer that differs, and what was expected.
template <class Answer, class Show>
std::string first_difference(const std::vector<Case>& all, const std::string& what,
                             const std::vector<Answer>& got, const std::vector<Answer>& expected,
                             const Show& show) {
  size_t i = 0;
  for (const Case& c : all) {
    for (int rank = 0; rank < c.ranks; ++rank, ++i) {
      if (got[i] != expected[i])
        return text(what, " of rank ", rank, " (", c.name(), ") is ", show(got[i]), ", expected ",
                    show(expected[i]));
    }
  }
  return "";
}

void check_exchange(Examiner& examiner, const std::vector<Case>& all) {
  using Answers = std::vector<Exchange>;
  const auto of = [&](const std::function<Exchange(const Case&, int)>& one) {
    return all_of<Exchange>(all, one);
  };
  const auto changed = [&](const Change& change) {
    return of([&](const Case& c, int rank) {
      Exchange exchange = right_exchange(c, rank);
      change(c, rank, exchange);
      return exchange;
    });
  };
  const Answers got =
      of([](const Case& c, int rank) { return exchange_of(c.counts(), rank, c.width); });
  const Answers expected = of(right_exchange);
  const auto ends = [](const List& counts) {
    List sums(counts.size());
    std::inclusive_scan(counts.begin(), counts.end(), sums.begin());
    return sums;
  };
  expect_answer<Answers>(
      examiner, "exchange", got, expected,
      {{"that of the other direction: what is sent and what comes are exchanged",
        changed([](const Case&, int, Exchange& e) {
          std::swap(e.send_counts, e.receive_counts);
          std::swap(e.send_begins, e.receive_begins);
        })},
       {"one that receives as much as it sends: what comes are the other ranks' choices of this "
        "rank's experts",
        changed([](const Case&, int, Exchange& e) {
          e.receive_counts = e.send_counts, e.receive_begins = e.send_begins;
        })},
       {"one that sends as much as comes: what is sent are this rank's own choices",
        changed([](const Case&, int, Exchange& e) {
          e.send_counts = e.receive_counts, e.send_begins = e.receive_begins;
        })},
       {"in rows, but each row has `width` elements",
        of([](const Case& c, int rank) { return exchange_by(c, rank, 1, rank_of); })},
       {"right but for its begins, which are in rows: they are in elements, as the counts are",
        changed([](const Case& c, int rank, Exchange& e) {
          const Exchange rows = exchange_by(c, rank, 1, rank_of);
          e.send_begins = rows.send_begins, e.receive_begins = rows.receive_begins;
        })},
       {"right but for its begins, which are the ends: each begins where the one before ends",
        changed([&](const Case&, int, Exchange& e) {
          e.send_begins = ends(e.send_counts), e.receive_begins = ends(e.receive_counts);
        })},
       {"right but for receive_begins, which are those of what is sent",
        changed([](const Case&, int, Exchange& e) { e.receive_begins = e.send_begins; })},
       {"one with the experts dealt out in turn: rank r has consecutive ones, part_of(experts, "
        "ranks, r)",
        of([](const Case& c, int rank) {
          return exchange_by(c, rank, c.width, [](const Case& at, int64_t expert) {
            return static_cast<int>(expert % at.ranks);
          });
        })},
       {"one with experts / ranks experts for each rank: where that leaves a rest, part_of gives "
        "the first ranks one more",
        of([](const Case& c, int rank) {
          return exchange_by(c, rank, c.width, [](const Case& at, int64_t expert) {
            const int64_t each = std::max<int64_t>(1, at.experts / at.ranks);
            return static_cast<int>(std::min<int64_t>(expert / each, at.ranks));
          });
        })},
       {"without what stays on the rank itself: that is a part of the exchange, too",
        changed([](const Case&, int rank, Exchange& e) {
          const auto me = static_cast<size_t>(rank);
          e.send_counts[me] = e.receive_counts[me] = 0;
          e.send_begins = begins_of(e.send_counts), e.receive_begins = begins_of(e.receive_counts);
        })}},
      first_difference(all, "your exchange", got, expected, shown_exchange));
}

// ---- The order of sending -----------------------------------------------------------------------

List right_rows(const Case& c, int rank) {
  const List& chosen = c.chosen[static_cast<size_t>(rank)];
  List rows(chosen.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::ranges::stable_sort(rows, {}, [&](int64_t i) { return chosen[static_cast<size_t>(i)]; });
  return rows;
}

List inverse_of(const List& rows) {
  List inverse(rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    inverse[static_cast<size_t>(rows[i])] = static_cast<int64_t>(i);
  return inverse;
}

List counted_up(size_t count) {
  List numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

using Lists = std::vector<List>;
std::string shown_list(const List& list) { return shown(list); }

void check_rows(Examiner& examiner, const std::vector<Case>& all) {
  const auto of = [&](const auto& one) { return all_of<List>(all, one); };
  const Lists got = of([](const Case& c, int rank) {
    return rows_to_send(c.chosen[static_cast<size_t>(rank)], c.experts);
  });
  const Lists expected = of(right_rows);
  expect_answer<Lists>(
      examiner, "rows_to_send", got, expected,
      {{"the inverse: for each choice the row, where for each row the choice is asked for",
        of([](const Case& c, int rank) { return inverse_of(right_rows(c, rank)); })},
       {"the choices in their own order, not by expert",
        of([](const Case& c, int rank) { return counted_up(right_rows(c, rank).size()); })},
       {"by expert, but of one expert the last choice first", of([](const Case& c, int rank) {
          const List& chosen = c.chosen[static_cast<size_t>(rank)];
          List rows = counted_up(chosen.size());
          std::ranges::reverse(rows);
          std::ranges::stable_sort(rows, {},
                                   [&](int64_t i) { return chosen[static_cast<size_t>(i)]; });
          return rows;
        })},
       {"by expert, but the last expert first", of([](const Case& c, int rank) {
          const List& chosen = c.chosen[static_cast<size_t>(rank)];
          List rows = counted_up(chosen.size());
          std::ranges::stable_sort(rows, std::greater(),
                                   [&](int64_t i) { return chosen[static_cast<size_t>(i)]; });
          return rows;
        })},
       {"the experts of the rows, where their choices are asked for",
        of([](const Case& c, int rank) {
          List rows = c.chosen[static_cast<size_t>(rank)];
          std::ranges::sort(rows);
          return rows;
        })},
       {"right, but the last expert's rows are missing", of([](const Case& c, int rank) {
          List rows = right_rows(c, rank);
          std::erase_if(rows, [&](int64_t i) {
            return c.chosen[static_cast<size_t>(rank)][static_cast<size_t>(i)] == c.experts - 1;
          });
          return rows;
        })}},
      first_difference(all, "your rows_to_send", got, expected, shown_list));
}

// ---- The local sort -----------------------------------------------------------------------------

/// A row that has come.
struct Arrival {
  int64_t expert;
  int sender;
  int64_t at;
};

std::vector<Arrival> arrivals(const Case& c, int rank) {
  std::vector<Arrival> all;
  for (int sender = 0; sender < c.ranks; ++sender) {
    List sent = c.chosen[static_cast<size_t>(sender)];
    std::ranges::sort(sent);
    for (int64_t expert : sent)
      if (rank_of(c, expert) == rank) all.push_back({expert, sender, std::ssize(all)});
  }
  return all;
}

List places_of(const std::vector<Arrival>& all) {
  List places;
  for (const Arrival& arrival : all) places.push_back(arrival.at);
  return places;
}

List right_sort(const Case& c, int rank) {
  std::vector<Arrival> all = arrivals(c, rank);
  std::ranges::stable_sort(all, {}, &Arrival::expert);
  return places_of(all);
}

/// As if what has come were ordered by expert, then by sender, and must be by sender.
List sorted_from_other_order(const Case& c, int rank) {
  std::vector<Arrival> all = arrivals(c, rank);
  std::ranges::stable_sort(all, {}, &Arrival::expert);
  for (size_t i = 0; i < all.size(); ++i) all[i].at = static_cast<int64_t>(i);
  std::ranges::stable_sort(all, {}, &Arrival::sender);
  return places_of(all);
}

void check_sort(Examiner& examiner, const std::vector<Case>& all) {
  const auto of = [&](const auto& one) { return all_of<List>(all, one); };
  const Lists got = of([](const Case& c, int rank) { return rows_by_expert(c.counts(), rank); });
  const Lists expected = of(right_sort);
  expect_answer<Lists>(
      examiner, "rows_by_expert", got, expected,
      {{"the order in which the rows have come: [sender][own expert], where [own expert][sender] "
        "is asked for",
        of([](const Case& c, int rank) { return counted_up(arrivals(c, rank).size()); })},
       {"the inverse: for each row that has come its place, or a sort of rows that have come in "
        "the order [own expert][sender]",
        of([](const Case& c, int rank) { return inverse_of(right_sort(c, rank)); })},
       {"the inverse: for each row that has come its place, or a sort of rows that have come in "
        "the order [own expert][sender]",
        of(sorted_from_other_order)},
       {"right, but of one expert the last sender's rows come first",
        of([](const Case& c, int rank) {
          std::vector<Arrival> rows = arrivals(c, rank);
          std::ranges::stable_sort(rows, std::greater(), &Arrival::sender);
          std::ranges::stable_sort(rows, {}, &Arrival::expert);
          return places_of(rows);
        })},
       {"right for the first experts, 0 …, on every rank: a rank's own ones begin at "
        "part_of(experts, ranks, rank).begin",
        of([](const Case& c, int rank) {
          const ChoiceCounts counts = c.counts();
          const int64_t own = c.own(rank).size();
          List begins, rows;
          int64_t begin = 0;
          for (const List& of_sender : counts) {
            for (int64_t i = 0; i < own; begin += of_sender[static_cast<size_t>(i++)])
              begins.push_back(begin);
          }
          for (int64_t i = 0; i < own; ++i) {
            for (size_t sender = 0; sender < counts.size(); ++sender) {
              const int64_t first =
                  begins[sender * static_cast<size_t>(own) + static_cast<size_t>(i)];
              for (int64_t row = 0; row < counts[sender][static_cast<size_t>(i)]; ++row)
                rows.push_back(first + row);
            }
          }
          return rows;
        })},
       {"a sort of all experts' rows, but only those of this rank's own experts come",
        of([](const Case& c, int) {
          List rows;
          const ChoiceCounts counts = c.counts();
          for (size_t expert = 0; expert < static_cast<size_t>(c.experts); ++expert) {
            int64_t begin = 0;
            for (const List& of_sender : counts) {
              for (size_t i = 0; i < of_sender.size(); begin += of_sender[i++]) {
                for (int64_t row = 0; i == expert && row < of_sender[i]; ++row)
                  rows.push_back(begin + row);
              }
            }
          }
          return rows;
        })}},
      first_difference(all, "your rows_by_expert", got, expected, shown_list));
}

}  // namespace

void examine(Examiner& examiner) {
  const std::vector<Case> all = cases(examiner);
  examiner.attempt("exchange_of", [&] { check_exchange(examiner, all); });
  examiner.attempt("rows_to_send", [&] { check_rows(examiner, all); });
  examiner.attempt("rows_by_expert", [&] { check_sort(examiner, all); });
}

}  // namespace shard
