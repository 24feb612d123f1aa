// check_picture FILE CHAPTER RANKS: whether a chapter's picture is well-formed, has words for who
// cannot see it and colours for dark pages, and shows the ownership that Shard, part_of and the
// chapter's own functions say. CHAPTER is NN, 06_tiles, 10_layouts or trace. Prints what is wrong;
// exit status 1 if something is.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "chapters/01_gemm/worked_example.h"
#include "chapters/02_collectives/test_vectors.h"
#include "chapters/06_parallel_attention/parallel_attention.h"
#include "chapters/08_vocab_parallel/vocab_parallel.h"
#include "chapters/10_tensor_and_data_parallel/layouts.h"
#include "common/comm/grid.h"
#include "common/draw/svg.h"
#include "common/program/report.h"
#include "common/tensor/attention_tiles.h"
#include "tests/pictures/xml.h"

using namespace shard;
using namespace shard::chapter_01;
using namespace shard::chapter_02;
using reference::Matrix;

namespace {

int wrong = 0;

template <class... Parts>
void check(bool holds, const Parts&... what) {
  if (holds) return;
  ++wrong;
  std::cout << "  " << text(what...) << "\n";
}

// ---- Any picture --------------------------------------------------------------------------------

bool is_number_or_word(const std::string& value) {
  return value.find("nan") == std::string::npos && value.find("inf") == std::string::npos;
}

void check_any(const XmlElement& svg) {
  check(svg.name == "svg" && svg.attribute("role") == "img", "the root is <", svg.name,
        "> with the role of no image");
  check(svg.children.size() > 3 && svg.children[0].name == "title" && !svg.children[0].text.empty(),
        "no title");
  check(svg.children[1].name == "desc" && svg.children[1].text.size() > 40, "no description");
  check(svg.children[2].text.find("prefers-color-scheme: dark") != std::string::npos,
        "no colours for dark pages");
  for (const XmlElement* element : svg.all([](const XmlElement&) { return true; })) {
    for (const auto& [name, value] : element->attributes) {
      check(name.starts_with("data-") || is_number_or_word(value), name, " of <", element->name,
            "> is ", value);
    }
    const std::string size = element->attribute("font-size");
    check(size.empty() || std::stod(size) >= 13, "a text of size ", size, ": \"", element->text,
          "\"");
  }
}

// ---- Pictures of matrices -----------------------------------------------------------------------

struct Held {
  std::string rows, columns;  // "0-2 4-6"
  std::vector<double> numbers;
  std::set<std::string> fills;
};

std::string ranges(const std::vector<Range>& list) {
  std::string out;
  for (const Range& range : list) out += text(out.empty() ? "" : " ", range.begin, "-", range.end);
  return out;
}

/// The drawn part of a matrix, empty and complained of where it is missing or drawn twice.
Held held(const XmlElement& svg, const std::string& matrix, const std::string& rank) {
  const auto groups = svg.all([&](const XmlElement& element) {
    return element.attribute("data-matrix") == matrix && element.attribute("data-rank") == rank;
  });
  check(groups.size() == 1, groups.size(), " parts of ", matrix, " are drawn for rank ", rank);
  if (groups.size() != 1) return {};
  Held part{groups[0]->attribute("data-rows"), groups[0]->attribute("data-columns"), {}, {}};
  for (const XmlElement& child : groups[0]->children) {
    if (child.name == "text") part.numbers.push_back(std::stod(child.text));
    if (child.name == "rect" && child.attribute("fill") != "none")
      part.fills.insert(child.attribute("fill"));
  }
  return part;
}

/// That rank `rank` holds this part, in its colour.
void check_part(const XmlElement& svg, const std::string& matrix, int rank,
                const std::vector<Range>& rows, const std::vector<Range>& columns) {
  const Held part = held(svg, matrix, text(rank));
  check(part.rows == ranges(rows) && part.columns == ranges(columns), "rank ", rank, " of ", matrix,
        ": rows ", part.rows, ", columns ", part.columns, " and not rows ", ranges(rows),
        ", columns ", ranges(columns));
  check(part.fills.empty() || part.fills == std::set<std::string>{colour_of(rank)}, "rank ", rank,
        "'s part of ", matrix, " is not all in its colour");
}

/// That the numbers, put together from all ranks' parts, are those of `expected`, to the digits
/// that are drawn.
void check_numbers(const XmlElement& svg, const std::string& matrix, int ranks,
                   const Matrix& expected, const std::function<Shard(int)>& shard_of) {
  std::vector<float> whole(expected.values.size(), NAN);
  for (int rank = 0; rank < ranks; ++rank) {
    const Shard shard = shard_of(rank);
    const bool every = ranks > 1 && shard.is_everything();
    const Held part = held(svg, matrix, every ? "every" : text(rank));
    std::vector<float> numbers(part.numbers.begin(), part.numbers.end());
    if (std::ssize(numbers) != shard.local().elements())
      return check(false, matrix, ": not as many numbers as elements");
    shard.paste(numbers, whole);
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    check(std::abs(whole[i] - expected.values[i]) <= 0.0051, "element ", i, " of ", matrix,
          " is drawn as ", whole[i], ", and is ", expected.values[i]);
  }
}

constexpr Range all_of_four{0, 4};

Shard everything(int) { return Shard::all({4, 4}); }
auto rows_of(int ranks) {
  return [=](int rank) { return Shard::of_rows({4, 4}, part_of(4, ranks, rank)); };
}
auto columns_of(int ranks) {
  return [=](int rank) { return Shard::of_columns({4, 4}, {part_of(4, ranks, rank)}); };
}

void check_01(const XmlElement& svg, int ranks) {
  const WorkedExample example = worked_example();
  check_numbers(svg, "X", ranks, example.x, everything);
  check_numbers(svg, "A", ranks, example.a, everything);
  check_numbers(svg, "Y", ranks, matmul(example.x, example.a), everything);
  check_numbers(svg, "Xᵀ", ranks, transpose(example.x), everything);
}

/// The terms, each of one rank, add up to `sum`.
void check_terms(const XmlElement& svg, int ranks, const Matrix& sum, const char* left,
                 const char* right) {
  constexpr const char* index[] = {"₀", "₁", "₂", "₃"};
  std::vector<double> total(sum.values.size());
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string name = text(left, index[rank], "·", right, index[rank]);
    check_part(svg, name, rank, {all_of_four}, {all_of_four});
    const Held term = held(svg, name, text(rank));
    if (term.numbers.size() != total.size()) return check(false, name, " has not 16 numbers");
    for (size_t i = 0; i < total.size(); ++i) total[i] += term.numbers[i];
  }
  for (size_t i = 0; i < total.size(); ++i) {
    check(std::abs(total[i] - sum.values[i]) <= 0.0051 * ranks, "the terms add up to ", total[i],
          ", not to ", sum.values[i]);
  }
}

void check_03(const XmlElement& svg, int ranks) {
  const WorkedExample example = worked_example();
  for (int rank = 0; rank < ranks; ++rank) {
    check_part(svg, "X", rank, {all_of_four}, {part_of(4, ranks, rank)});
    check_part(svg, "A", rank, {part_of(4, ranks, rank)}, {all_of_four});
  }
  check_numbers(svg, "X", ranks, example.x, columns_of(ranks));
  check_numbers(svg, "A", ranks, example.a, rows_of(ranks));
  check_terms(svg, ranks, matmul(example.x, example.a), "X", "A");
  check_numbers(svg, "Y", ranks, matmul(example.x, example.a), everything);
}

void check_04(const XmlElement& svg, int ranks) {
  const WorkedExample example = worked_example();
  for (int rank = 0; rank < ranks; ++rank) {
    check_part(svg, "A", rank, {all_of_four}, {part_of(4, ranks, rank)});
    check_part(svg, "Y", rank, {all_of_four}, {part_of(4, ranks, rank)});
  }
  check_numbers(svg, "X", ranks, example.x, everything);
  check_numbers(svg, "A", ranks, example.a, columns_of(ranks));
  check_numbers(svg, "Y", ranks, matmul(example.x, example.a), columns_of(ranks));
}

void check_05(const XmlElement& svg, int ranks) {
  const WorkedExample example = worked_example();
  Matrix b(4, 4);
  for (int rank = 0; rank < ranks; ++rank) {
    check_part(svg, "A", rank, {all_of_four}, {part_of(4, ranks, rank)});
    check_part(svg, "H", rank, {all_of_four}, {part_of(4, ranks, rank)});
    check_part(svg, "B", rank, {part_of(4, ranks, rank)}, {all_of_four});
    const Held rows = held(svg, "B", text(rank));
    std::ranges::copy(rows.numbers, b.values.begin() + 4 * part_of(4, ranks, rank).begin);
  }
  const Matrix hidden = gelu(matmul(example.x, example.a));
  check_numbers(svg, "A", ranks, example.a, columns_of(ranks));
  check_numbers(svg, "H", ranks, hidden, columns_of(ranks));
  check_terms(svg, ranks, matmul(hidden, b), "H", "B");
  check_numbers(svg, "Z", ranks, matmul(hidden, b), everything);
}

void check_06(const XmlElement& svg, int ranks) {
  constexpr int64_t width = 60, heads = 12;  // the program's defaults
  for (int rank = 0; rank < ranks; ++rank) {
    check_part(svg, "A", rank, {{0, width}}, qkv_columns(width, heads, ranks, rank));
    check_part(svg, "B", rank, {part_of(width, ranks, rank)}, {{0, width}});
    if (ranks > 1)
      check_part(svg, "A cut like a plain matrix", rank, {{0, width}},
                 {part_of(3 * width, ranks, rank)});
  }
}

/// That every score is in one tile of each kernel, with the kernel's size, and that those which no
/// query sees are marked.
void check_06_tiles(const XmlElement& svg, int) {
  constexpr int64_t context = 512;
  std::map<std::string, int64_t> scores;  // of each kernel
  const auto range_of = [](const std::string& range) {
    const size_t dash = range.find('-');
    return Range{std::stoll(range.substr(0, dash)), std::stoll(range.substr(dash + 1))};
  };
  for (const XmlElement* tile : svg.all(
           [](const XmlElement& element) { return element.attributes.contains("data-kernel"); })) {
    const Range queries = range_of(tile->attribute("data-queries")),
                keys = range_of(tile->attribute("data-keys"));
    const std::string kernel = tile->attribute("data-kernel");
    scores[kernel] += queries.size() * keys.size();
    const AttentionTiles right =
        kernel.starts_with("Output") ? forward_tiles(64) : key_gradient_tiles(64);
    const bool of_keys = kernel.starts_with("dK");
    check((of_keys ? keys : queries).size() == right.rows &&
              (of_keys ? queries : keys).size() == right.columns,
          "a tile of ", kernel, " has ", queries.size(), " queries and ", keys.size(), " keys");
    int64_t seen = 0;
    for (int64_t query = queries.begin; query < queries.end; ++query)
      seen += std::clamp<int64_t>(query + 1 - keys.begin, 0, keys.size());
    const char* expected = seen == 0 ? "none" : "some";
    if (seen == queries.size() * keys.size()) expected = "all";
    check(tile->attribute("data-seen") == expected, "of queries ", queries.begin, " … and keys ",
          keys.begin, " …, ", expected, " are seen, not ", tile->attribute("data-seen"));
  }
  check(scores.size() == 2, scores.size(), " kernels are drawn");
  for (const auto& [kernel, count] : scores)
    check(count == context * context, kernel, ": ", count, " scores are in tiles");
}

void check_08(const XmlElement& svg, int ranks) {
  constexpr int64_t vocabulary = 61, width = 40, tokens = 24;  // the program's defaults
  for (int rank = 0; rank < ranks; ++rank) {
    const Range words = vocabulary_part(vocabulary, ranks, rank);
    check_part(svg, "E", rank, {words}, {{0, width}});
    check_part(svg, "logits", rank, {{0, tokens}}, {words});
    for (double id : held(svg, "ids", text(rank)).numbers) {
      check(id >= static_cast<double>(words.begin) && id < static_cast<double>(words.end), "word ",
            id, " is drawn as rank ", rank, "'s");
    }
  }
}

// ---- The others ---------------------------------------------------------------------------------

void check_02(const XmlElement& svg, int ranks) {
  const auto moments =
      svg.all([](const XmlElement& element) { return element.attributes.contains("data-moment"); });
  check(std::ssize(moments) == ranks * (1 + 2 * (ranks - 1)), moments.size(), " vectors are drawn");
  const std::vector<float> sum = sum_of_values(ranks, ranks);
  for (size_t i = moments.size() - static_cast<size_t>(ranks); i < moments.size();
       ++i) {  // after the last step
    std::vector<float> numbers;
    int stripes = 0;
    for (const XmlElement& child : moments[i]->children) {
      if (child.name == "text") numbers.push_back(std::stof(child.text));
      if (child.name == "rect" && child.attribute("fill").starts_with("#")) ++stripes;
    }
    check(numbers == sum, "rank ", moments[i]->attribute("data-rank"),
          " does not end with the sum");
    check(stripes == ranks * ranks, stripes, " terms are drawn in rank ",
          moments[i]->attribute("data-rank"), "'s sums");
  }
}

int count_rows(const XmlElement& svg, int rank, const std::string& row) {
  const auto rows = svg.all([&](const XmlElement& element) {
    return element.attribute("data-rank") == text(rank) && element.attribute("data-row") == row;
  });
  return rows.size() == 1
             ? static_cast<int>(
                   rows[0]->all([](const XmlElement& e) { return e.name == "rect"; }).size())
             : -1;
}

void check_09(const XmlElement& svg, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) {
    check(count_rows(svg, rank, "computes") > 0, "rank ", rank, " computes nothing");
    for (int bucket = 0; bucket < 3; ++bucket) {
      check(count_rows(svg, rank, text("bucket ", bucket)) > 0, "rank ", rank, " has no bucket ",
            bucket);
    }
    check(count_rows(svg, rank, "bucket 3") == -1, "rank ", rank, " has a fourth bucket");
  }
}

void check_trace(const XmlElement& svg, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) {
    for (const char* row : {"computes", "communicates"}) {
      check(count_rows(svg, rank, row) > 0, "rank ", rank, " never ", row);
    }
  }
  if (ranks < 4) return;  // chapter 10 on a grid of 2 × 2
  std::set<std::string> colours;
  for (const char* group : {"tp", "dp"}) {
    const auto bars = svg.all(
        [&](const XmlElement& element) { return element.attribute("data-group") == group; });
    check(!bars.empty(), "nobody communicates in ", group);
    if (!bars.empty())
      colours.insert(bars[0]
                         ->all([](const XmlElement& e) { return e.name == "rect"; })
                         .at(0)
                         ->attribute("fill"));
  }
  check(colours.size() == 2, "tp and dp have one colour");
}

void check_10(const XmlElement& svg, int ranks) {
  const int tp = ranks == 4   ? 2
                 : ranks == 2 ? 2
                              : 1;  // as tests/pictures/pictures_test.sh starts it
  const GridLayout layout({{"tp", tp}, {"dp", ranks / tp}});
  for (int rank = 0; rank < ranks; ++rank) {
    const auto places = svg.all(
        [&](const XmlElement& element) { return element.attribute("data-rank") == text(rank); });
    check(places.size() == 1, "rank ", rank, " stands in ", places.size(), " places");
    if (places.size() != 1) continue;
    check(places[0]->attribute("data-tp") == text(layout.coordinate(rank, "tp")) &&
              places[0]->attribute("data-dp") == text(layout.coordinate(rank, "dp")),
          "rank ", rank, " stands in the wrong place");
  }
}

void check_layouts(const XmlElement& svg, int ranks) {
  const auto curves =
      svg.all([](const XmlElement& element) { return element.attributes.contains("data-curve"); });
  const std::vector<chapter_10::Layout> layouts =
      chapter_10::layouts_of(ranks, 12, {});  // heads as pictures_test.sh says
  check(curves.size() == 2 * layouts.size(), curves.size(), " curves for ", layouts.size(),
        " layouts");
  for (size_t i = 0; i < curves.size(); ++i) {
    const chapter_10::Layout& layout = layouts[i % layouts.size()];
    check(curves[i]->attribute("data-curve") == text("tp ", layout.tp, " × dp ", layout.dp),
          "curve ", i, " is ", curves[i]->attribute("data-curve"));
  }
}

const std::map<std::string, void (*)(const XmlElement&, int)> checks{{"01", check_01},
                                                                     {"02", check_02},
                                                                     {"03", check_03},
                                                                     {"04", check_04},
                                                                     {"05", check_05},
                                                                     {"06", check_06},
                                                                     {"06_tiles", check_06_tiles},
                                                                     {"08", check_08},
                                                                     {"09", check_09},
                                                                     {"10", check_10},
                                                                     {"10_layouts", check_layouts},
                                                                     {"trace", check_trace}};

}  // namespace

int main(int argc, char** argv) try {
  require(argc == 4 && checks.contains(argv[2]), "usage: check_picture FILE CHAPTER RANKS");
  std::ostringstream content;
  content << std::ifstream(argv[1]).rdbuf();
  const XmlElement svg = parse_xml(content.str());
  check_any(svg);
  checks.at(argv[2])(svg, std::stoi(argv[3]));
  return wrong == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cout << "  " << error.what() << "\n";
  return 1;
}
