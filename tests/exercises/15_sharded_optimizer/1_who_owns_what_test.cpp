#include "exercises/15_sharded_optimizer/1_who_owns_what.h"

#include <algorithm>
#include <functional>
#include <optional>

#include "tests/exercises/answers.h"

namespace shard {
namespace {

using Bucket = std::vector<FlatParameter>;
using Pieces = std::vector<OwnedPiece>;

std::string shown(const OwnedPiece& piece) {
  return text("parameter ", piece.parameter, " [", piece.elements.begin, ", ", piece.elements.end,
              ") at ", piece.place, piece.decays ? ", decays" : ", does not decay");
}
std::string shown(const Pieces& pieces) {
  std::string all;
  for (const OwnedPiece& piece : pieces) all += (all.empty() ? "" : "; ") + shown(piece);
  return "{" + all + "}";
}

int64_t elements_of(const Bucket& bucket) {
  int64_t elements = 0;
  for (const FlatParameter& parameter : bucket) elements += parameter.elements;
  return elements;
}

/// An element of the bucket that a rank owns, and where.
struct Owned {
  int parameter;
  int64_t element, place;
};

/// Pieces from elements that are owned one by one.
Pieces pieces_of(const Bucket& bucket, const std::vector<Owned>& all) {
  Pieces pieces;
  for (const auto& [parameter, element, place] : all) {
    if (!pieces.empty() && pieces.back().parameter == parameter &&
        pieces.back().elements.end == element) {
      ++pieces.back().elements.end;
    } else {
      pieces.push_back({parameter,
                        {element, element + 1},
                        place,
                        bucket[static_cast<size_t>(parameter)].is_matrix});
    }
  }
  return pieces;
}

/// What is in `range` of the bucket, element by element.
Pieces in_range(const Bucket& bucket, Range range) {
  std::vector<Owned> owned;
  int64_t at = 0;
  for (int i = 0; i < std::ssize(bucket); ++i) {
    for (int64_t e = 0; e < bucket[static_cast<size_t>(i)].elements; ++e, ++at)
      if (range.begin <= at && at < range.end) owned.push_back({i, e, at - range.begin});
  }
  return pieces_of(bucket, owned);
}

Range equal_range(const Bucket& bucket, int ranks, int rank) {
  const int64_t size = (elements_of(bucket) + ranks - 1) / ranks;
  return {rank * size, (rank + 1) * size};
}
Pieces right(const Bucket& bucket, int ranks, int rank) {
  return in_range(bucket, equal_range(bucket, ranks, rank));
}

/// The pieces of the right answer, changed.
using Change = std::function<void(OwnedPiece&, const Pieces& all)>;
Pieces changed(Pieces pieces, const Change& change) {
  const Pieces all = pieces;
  for (OwnedPiece& piece : pieces) change(piece, all);
  return pieces;
}

int64_t first_of(const Bucket& bucket, int parameter) {
  return elements_of({bucket.begin(), bucket.begin() + parameter});
}

/// Each parameter cut on its own; `padded`: into ⌈n/d⌉.
Pieces cut_by_parameter(const Bucket& bucket, int ranks, int rank, bool padded) {
  Pieces pieces;
  int64_t place = 0;
  for (int i = 0; i < std::ssize(bucket); ++i) {
    const auto [elements, is_matrix] = bucket[static_cast<size_t>(i)];
    Range part = part_of(elements, ranks, rank);
    if (padded) {
      const int64_t size = (elements + ranks - 1) / ranks;
      part = {std::min(elements, rank * size), std::min(elements, (rank + 1) * size)};
    }
    if (part.size() > 0) pieces.push_back({i, part, place, is_matrix});
    place += part.size();
  }
  return pieces;
}

/// Also of parameters that are outside of the rank's range; `at_its_ends`: if they touch it.
Pieces with_empty_pieces(const Bucket& bucket, int ranks, int rank, bool at_its_ends) {
  const Range range = equal_range(bucket, ranks, rank);
  Pieces pieces;
  int64_t first = 0;
  for (int i = 0; i < std::ssize(bucket); ++i) {
    const auto [elements, is_matrix] = bucket[static_cast<size_t>(i)];
    const bool touches = first <= range.end && range.begin <= first + elements;
    const int64_t begin = std::clamp(range.begin, first, first + elements),
                  end = std::clamp(range.end, first, first + elements);
    if (touches || !at_its_ends)
      pieces.push_back({i, {begin - first, end - first}, begin - range.begin, is_matrix});
    first += elements;
  }
  return pieces;
}

Pieces whole_parameters(const Bucket& bucket, int ranks, int rank) {
  const Range range = equal_range(bucket, ranks, rank);
  Pieces pieces;
  int64_t first = 0;
  for (int i = 0; i < std::ssize(bucket); ++i) {
    const auto [elements, is_matrix] = bucket[static_cast<size_t>(i)];
    if (range.begin <= first && first < range.end)
      pieces.push_back({i, {0, elements}, first - range.begin, is_matrix});
    first += elements;
  }
  return pieces;
}

/// One case for each rank of each number of ranks.
struct Case {
  int ranks, rank;
};
using Answers = std::vector<Pieces>;

std::vector<KnownWrong<Answers>> known_wrong(
    const Bucket& bucket, const std::function<Answers(std::function<Pieces(Case)>)>& all) {
  const auto from_right = [&](const Change& change) {
    return all([&](Case c) { return changed(right(bucket, c.ranks, c.rank), change); });
  };
  const auto last = static_cast<int>(bucket.size()) - 1;
  return {
      {"each parameter cut on its own: the row of all of them is cut, wherever that is, so that "
       "every rank reduces and gathers one range of a bucket",
       all([&](Case c) { return cut_by_parameter(bucket, c.ranks, c.rank, false); })},
      {"each parameter cut on its own: the row of all of them is cut, wherever that is, so that "
       "every rank reduces and gathers one range of a bucket",
       all([&](Case c) { return cut_by_parameter(bucket, c.ranks, c.rank, true); })},
      {"right for ranges of part_of, of which some are longer than others: the ranges must be "
       "equal, ⌈elements / ranks⌉, with padding at the end",
       all([&](Case c) {
         return in_range(bucket, part_of(elements_of(bucket), c.ranks, c.rank));
       })},
      {"right for ranges of ⌊elements / ranks⌋: the last elements belong to nobody",
       all([&](Case c) {
         const int64_t size = elements_of(bucket) / c.ranks;
         return in_range(bucket, {c.rank * size, (c.rank + 1) * size});
       })},
      {"right, but the padding counts as elements of the last parameter, which has fewer",
       all([&](Case c) {
         Bucket longer = bucket;
         longer.back().elements +=
             c.ranks * equal_range(bucket, c.ranks, 0).size() - elements_of(bucket);
         return in_range(longer, equal_range(bucket, c.ranks, c.rank));
       })},
      {"right but for the decay, which is that of the range's first parameter for all its pieces",
       from_right([](OwnedPiece& piece, const Pieces& of) { piece.decays = of.front().decays; })},
      {"right but for the decay, which all pieces have: biases and gains do not decay",
       from_right([](OwnedPiece& piece, const Pieces&) { piece.decays = true; })},
      {"right but for the elements, which are counted from the beginning of the bucket: they are "
       "those of the parameter",
       from_right([&](OwnedPiece& piece, const Pieces&) {
         const int64_t first = first_of(bucket, piece.parameter);
         piece.elements = {piece.elements.begin + first, piece.elements.end + first};
       })},
      {"right but for the place, which is counted from the beginning of the bucket: it is that in "
       "the rank's range",
       from_right([&](OwnedPiece& piece, const Pieces&) {
         piece.place = first_of(bucket, piece.parameter) + piece.elements.begin;
       })},
      {"right but for the place, which is 0 for every piece: the second lies behind the first",
       from_right([](OwnedPiece& piece, const Pieces&) { piece.place = 0; })},
      {"whole parameters, each of the rank in whose range it begins: the ranks own different "
       "numbers of elements, and a long parameter is not shared out at all",
       all([&](Case c) { return whole_parameters(bucket, c.ranks, c.rank); })},
      {"right, with empty pieces of the parameters that are in other ranges",
       all([&](Case c) { return with_empty_pieces(bucket, c.ranks, c.rank, false); })},
      {"right, with empty pieces of parameters that end where the range begins, or begin where it "
       "ends",
       all([&](Case c) { return with_empty_pieces(bucket, c.ranks, c.rank, true); })},
      {"right, but a parameter that begins before the range and ends after it is left out: such a "
       "rank owns the middle of it",
       all([&](Case c) {
         Pieces pieces = right(bucket, c.ranks, c.rank);
         std::erase_if(pieces, [&](const OwnedPiece& piece) {
           return piece.elements.begin > 0 &&
                  piece.elements.end < bucket[static_cast<size_t>(piece.parameter)].elements;
         });
         return pieces;
       })},
      {"right, but a parameter that begins before the range is left out: its rest belongs to this "
       "rank",
       all([&](Case c) {
         Pieces pieces = right(bucket, c.ranks, c.rank);
         std::erase_if(pieces, [](const OwnedPiece& piece) { return piece.elements.begin > 0; });
         return pieces;
       })}};
}

void expect_bucket(Examiner& examiner, const std::string& name, const Bucket& bucket,
                   const std::vector<int>& numbers_of_ranks) {
  std::vector<Case> cases;
  for (const int ranks : numbers_of_ranks)
    for (int rank = 0; rank < ranks; ++rank) cases.push_back({ranks, rank});
  const auto all = [&](const std::function<Pieces(Case)>& pieces) {
    Answers answers;
    for (const Case& one : cases) answers.push_back(pieces(one));
    return answers;
  };
  const Answers got = all([&](Case c) { return owned_pieces(bucket, c.ranks, c.rank); }),
                expected = all([&](Case c) { return right(bucket, c.ranks, c.rank); });
  std::string difference;
  for (size_t i = 0; i < cases.size() && difference.empty(); ++i) {
    if (got[i] == expected[i]) continue;
    difference = text("of ", name, ", rank ", cases[i].rank, " of ", cases[i].ranks, " owns ",
                      shown(expected[i]), ", in your answer ", shown(got[i]));
  }
  expect_answer<Answers>(examiner, "answer for " + name, got, expected, known_wrong(bucket, all),
                         difference);
}

}  // namespace

void examine(Examiner& examiner) {
  // random, and so different in each round: a bias, a matrix longer than a range, and others
  const auto size = [&](std::string_view name, int64_t least, int64_t most) {
    const auto drawn = static_cast<int64_t>(examiner.random_integers(1, 1, name, 1000)(0, 0));
    return least + std::abs(drawn) % (most - least + 1);
  };
  const Bucket mixed{{size("bias", 3, 6), false},   {size("matrix", 50, 60), true},
                     {size("gain", 2, 4), false},   {1, false},
                     {size("second", 9, 14), true}, {size("last", 3, 5), false}};
  examiner.attempt("a bucket of six parameters", [&] {
    expect_bucket(examiner, "a bucket of six parameters", mixed, {1, 2, 3, 4, 5, 7, 8});
  });
  examiner.attempt("parameters that end with a range", [&] {
    expect_bucket(examiner, "parameters that end with a range",
                  {{4, true}, {4, false}, {0, false}, {8, true}}, {2, 4});
  });
  examiner.attempt("5 elements on 4 ranks", [&] {  // the last rank has padding only
    expect_bucket(examiner, "5 elements on 4 ranks", {{3, true}, {2, false}}, {4});
  });
}

}  // namespace shard
