#include "exercises/16_fully_sharded/2_uneven_unit.h"

#include <numeric>

#include "common/base/counted.h"
#include "common/base/partition.h"
#include "tests/exercises/answers.h"

namespace shard {
namespace {

using Flat = std::vector<float>;

constexpr float junk = -7777;  // what is in the padding of saved parts

std::string shown(const Flat& values) {
  std::string all;
  for (float value : values)
    all += (all.empty() ? "" : " ") + (value == junk ? "padding" : text(value));
  return "{" + all + "}";
}
std::string shown(const Parts& parts) {
  std::string all;
  for (const Flat& part : parts) all += (all.empty() ? "" : ", ") + shown(part);
  return "{" + all + "}";
}

/// Element i is i + 1.
Flat numbers(int64_t count) {
  Flat flat(static_cast<size_t>(count));
  std::iota(flat.begin(), flat.end(), 1.0f);
  return flat;
}

/// Parts of `length` elements of `flat`, one after the other, `padding` where it ends.
Parts parts_of(const Flat& flat, int64_t ranks, int64_t length, float padding) {
  Parts parts;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Flat& part = parts.emplace_back();
    for (int64_t i = rank * length; i < (rank + 1) * length; ++i)
      part.push_back(i < std::ssize(flat) ? flat[static_cast<size_t>(i)] : padding);
  }
  return parts;
}

int64_t length_of(int64_t elements, int64_t ranks) { return (elements + ranks - 1) / ranks; }

Parts right_parts(const Flat& flat, int ranks, float padding = 0) {
  return parts_of(flat, ranks, length_of(std::ssize(flat), ranks), padding);
}

Parts even_parts(const Flat& flat, int ranks) {
  Parts parts;
  for (int rank = 0; rank < ranks; ++rank) {
    const Range mine = part_of(std::ssize(flat), ranks, rank);
    parts.emplace_back(flat.begin() + mine.begin, flat.begin() + mine.end);
  }
  return parts;
}

/// Without the padding at the end of the last parts.
Parts unpadded(const Flat& flat, int ranks) {
  Parts parts = right_parts(flat, ranks);
  int64_t left = std::ssize(flat);
  for (Flat& part : parts) {
    part.resize(static_cast<size_t>(std::clamp<int64_t>(left, 0, std::ssize(part))));
    left -= std::ssize(part);
  }
  return parts;
}

/// One element after the other to the next rank.
Parts dealt(const Flat& flat, int ranks) {
  Parts parts(static_cast<size_t>(ranks),
              Flat(static_cast<size_t>(length_of(std::ssize(flat), ranks)), 0.0f));
  for (size_t i = 0; i < flat.size(); ++i)
    parts[i % static_cast<size_t>(ranks)][i / static_cast<size_t>(ranks)] = flat[i];
  return parts;
}

std::vector<KnownWrong<Parts>> wrong_cuts(const Flat& flat, int ranks) {
  const int64_t elements = std::ssize(flat);
  Flat padded_first(static_cast<size_t>(length_of(elements, ranks) * ranks - elements), 0.0f);
  padded_first.insert(padded_first.end(), flat.begin(), flat.end());
  return {
      {"rounded down: the last elements are in no part",
       parts_of(flat, ranks, elements / ranks, 0)},
      {"parts whose lengths differ by one (part_of): a gather of equal parts needs padding",
       even_parts(flat, ranks)},
      {"right but for the padding, which is left out: the last parts are shorter",
       unpadded(flat, ranks)},
      {"longer than it must be: where the elements divide evenly there is no padding",
       parts_of(flat, ranks, elements / ranks + 1, 0)},
      {"padded at the beginning, so that every offset is shifted",
       right_parts(padded_first, ranks)},
      {"dealt out one by one: a part holds elements that follow each other", dealt(flat, ranks)},
  };
}

void expect_cut(Examiner& examiner) {
  std::string diagnosis;
  for (const auto& [elements, ranks] :
       std::vector<std::pair<int64_t, int>>{{22, 4}, {23, 3}, {12, 4}, {2, 4}, {9, 5}, {7, 1}}) {
    const Flat flat = numbers(elements);
    const Parts got = cut(flat, ranks), right = right_parts(flat, ranks);
    if (diagnosis.empty())
      diagnosis = diagnose_answer<Parts>("cut", got, right, wrong_cuts(flat, ranks),
                                         text("your cut of ", elements, " elements for ",
                                              counted(ranks, "rank"), " is ", shown(got),
                                              ", expected ", shown(right)));
  }
  examiner.expect("cut", diagnosis.empty(), diagnosis);
}

// ---- A parameter from all parts -----------------------------------------------------------------

struct Offsets {
  int64_t begin, length;
};

Flat slice_of(const Flat& flat, Offsets offsets) {
  Flat values;
  for (int64_t i = offsets.begin; i < offsets.begin + offsets.length; ++i)
    values.push_back(i >= 0 && i < std::ssize(flat) ? flat[static_cast<size_t>(i)] : 0.0f);
  return values;
}

std::vector<KnownWrong<Flat>> wrong_parameters(const Parts& parts, const Flat& joined,
                                               const std::vector<int64_t>& elements,
                                               size_t parameter, int64_t begin) {
  const auto length = std::ssize(parts[0]), ranks = std::ssize(parts);
  int64_t padded_begin = 0;
  for (size_t i = 0; i < parameter; ++i) padded_begin += length_of(elements[i], ranks) * ranks;
  const int64_t end_of_part = (begin / length + 1) * length;
  Flat first_part = slice_of(joined, {begin, std::min(elements[parameter], end_of_part - begin)});
  Flat filled = first_part;
  filled.resize(static_cast<size_t>(elements[parameter]), 0.0f);
  return {
      {"that of the part in which it begins: the rest of it is in the next parts", first_part},
      {"that of the part in which it begins, and zeros: the rest of it is in the next parts",
       filled},
      {"from an offset as if each parameter were padded: only the unit is",
       slice_of(joined, {padded_begin, elements[parameter]})},
      {"from the beginning of the unit: the parameters before it come first",
       slice_of(joined, {0, elements[parameter]})},
      {"from the beginning of the part in which it begins",
       slice_of(joined, {begin / length * length, elements[parameter]})},
      {"from one parameter too late: those before it, without itself, come first",
       slice_of(joined, {begin + elements[parameter], elements[parameter]})},
      {"everything from its first element to the end of the unit, padding included",
       slice_of(joined, {begin, std::ssize(joined) - begin})},
  };
}

void expect_parameters(Examiner& examiner) {
  const std::vector<int64_t> elements{10, 3, 7, 1, 2};
  std::string diagnosis;
  for (int ranks : {4, 3, 2, 7, 30, 1}) {
    const Parts parts = right_parts(numbers(23), ranks, junk);
    Flat joined;
    for (const Flat& part : parts) joined.insert(joined.end(), part.begin(), part.end());
    int64_t begin = 0;
    for (size_t parameter = 0; parameter < elements.size(); ++parameter) {
      const Flat right = slice_of(joined, {begin, elements[parameter]});
      const Flat got = parameter_of(parts, elements, static_cast<int>(parameter));
      if (diagnosis.empty())
        diagnosis =
            diagnose_answer<Flat>("parameter_of", got, right,
                                  wrong_parameters(parts, joined, elements, parameter, begin),
                                  text("your parameter_of gives ", shown(got), " for parameter ",
                                       parameter, " of ", shard::shown(elements), " elements on ",
                                       counted(ranks, "rank"), ", expected ", shown(right)));
      begin += elements[parameter];
    }
  }
  examiner.expect("parameter_of", diagnosis.empty(), diagnosis);
}

// ---- Another number of ranks --------------------------------------------------------------------

std::vector<KnownWrong<Parts>> wrong_recuts(const Parts& saved, int64_t elements, int ranks) {
  const auto joined_parts = [&] {
    Flat all;
    for (const Flat& part : saved) all.insert(all.end(), part.begin(), part.end());
    return all;
  }();
  const Flat flat = numbers(elements);
  Parts same_place = right_parts(flat, ranks);
  for (size_t rank = 0; rank < same_place.size(); ++rank) {
    for (size_t i = 0; i < same_place[rank].size(); ++i) {
      same_place[rank][i] = rank < saved.size() && i < saved[rank].size() ? saved[rank][i] : 0.0f;
    }
  }
  return {
      {"cut with the saved padding in it: that is not data, and parts get too long",
       right_parts(joined_parts, ranks)},
      {"right but for its padding, which is what was in the saved one, not 0",
       right_parts(flat, ranks, junk)},
      {"for each rank what the same rank has saved: with another number of ranks all borders move",
       same_place},
      {"the saved parts as they are", saved},
      {"of parts as long as the saved ones: the length depends on the number of ranks",
       parts_of(flat, ranks, std::ssize(saved[0]), 0)},
  };
}

void expect_recut(Examiner& examiner) {
  std::string diagnosis;
  struct Case {
    int64_t elements;
    int saved, ranks;
  };
  for (const auto& [elements, from, to] :
       std::vector<Case>{{23, 5, 2}, {23, 4, 3}, {23, 3, 4}, {3, 7, 2}, {9, 1, 5}, {23, 6, 1}}) {
    const Flat flat = numbers(elements);
    const Parts saved = right_parts(flat, from, junk), right = right_parts(flat, to);
    const Parts got = recut(saved, elements, to);
    if (!diagnosis.empty()) continue;
    std::vector<KnownWrong<Parts>> wrong = wrong_recuts(saved, elements, to);
    const std::vector<KnownWrong<Parts>> cuts = wrong_cuts(flat, to);
    wrong.insert(wrong.end(), cuts.begin(), cuts.end());
    diagnosis = diagnose_answer<Parts>("recut", got, right, wrong,
                                       text("your recut of ", elements, " elements from ", from,
                                            " to ", counted(to, "rank"), " is ", shown(got),
                                            ", expected ", shown(right)));
  }
  examiner.expect("recut", diagnosis.empty(), diagnosis);
}

}  // namespace

void examine(Examiner& examiner) {
  examiner.attempt("cut", [&] { expect_cut(examiner); });
  examiner.attempt("parameter_of", [&] { expect_parameters(examiner); });
  examiner.attempt("recut", [&] { expect_recut(examiner); });
}

}  // namespace shard
