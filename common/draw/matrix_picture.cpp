#include "common/draw/matrix_picture.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "common/base/format.h"

namespace shard {
namespace {

constexpr double most_width = 580, gap = 12, name_height = 26;
constexpr double cell_height = 32, cell_gap = 2;
const TextStyle name_style{.size = 15, .bold = true}, label_style{.size = 14};

std::string ranges_text(const std::vector<Range>& ranges) {
  std::string out;
  for (const Range& range : ranges)
    out += text(out.empty() ? "" : " ", range.begin, "-", range.end);
  return out;
}

bool on_every_rank(const std::vector<HeldPart>& parts) {
  return parts.size() > 1 && std::ranges::all_of(parts, [](const HeldPart& part) {
           return part.shard.is_everything();
         });
}

std::string number_text(float value) {
  require(std::isfinite(value), "a matrix cannot be drawn with the number ", value);
  return short_number(value);
}

Facts facts_of(const std::string& matrix, const HeldPart& part, bool every) {
  return {{"data-matrix", matrix},
          {"data-rank", every ? "every" : text(part.rank)},
          {"data-rows", ranges_text(part.shard.rows)},
          {"data-columns", ranges_text(part.shard.columns)}};
}

/// "rank 1: rows 2 … 3, columns 0 … 3 of A"
std::string tip_of(const std::string& matrix, const HeldPart& part, bool every) {
  const auto list = [](const std::vector<Range>& ranges) {
    std::string out;
    for (const Range& range : ranges)
      out += text(out.empty() ? "" : " and ", range.begin, " … ", range.end - 1);
    return out;
  };
  return text(every ? "every rank" : text("rank ", part.rank), ": rows ", list(part.shard.rows),
              ", columns ", list(part.shard.columns), " of ", matrix);
}

struct Cell {
  int64_t row, column;
  std::string number;
};

/// The elements of a part with their positions in the whole matrix.
std::vector<Cell> cells_of(const HeldPart& part) {
  require(std::ssize(part.values) == part.shard.local().elements(), "a part of ",
          part.shard.local(), " cannot be drawn with ", part.values.size(), " numbers");
  std::vector<Cell> cells;
  const int64_t columns = part.shard.whole.columns();
  part.shard.for_each_run([&](int64_t local, int64_t whole, int64_t length) {
    for (int64_t i = 0; i < length; ++i) {
      cells.push_back({(whole + i) / columns, (whole + i) % columns,
                       number_text(part.values[static_cast<size_t>(local + i)])});
    }
  });
  return cells;
}

double cell_width(const std::vector<HeldPart>& parts) {
  size_t longest = 2;
  for (const HeldPart& part : parts) {
    for (float value : part.values) longest = std::max(longest, number_text(value).size());
  }
  return longest <= 3 ? 34 : 12 + 8.6 * static_cast<double>(longest);
}

Paint paint_of(int rank, bool every) {
  return every ? Paint{.fill = ink, .opacity = 0.14} : Paint{.fill = colour_of(rank)};
}

void draw_cells(Svg& svg, Point at, double width, const HeldPart& part, bool every) {
  for (const Cell& cell : cells_of(part)) {
    const Box box{at.x + static_cast<double>(cell.column) * width,
                  at.y + static_cast<double>(cell.row) * cell_height, width - cell_gap,
                  cell_height - cell_gap};
    svg.rectangle(box, paint_of(part.rank, every));
    svg.text(box.middle(), cell.number,
             {.size = 14,
              .anchor = Anchor::middle,
              .colour = every ? ink : ink_on(part.rank),
              .digits = true});
  }
}

/// The positions of an area's rows and columns in its box.
struct Scale {
  Point at;
  double per_row, per_column;
  Box box(Range rows, Range columns) const {
    return {at.x + per_column * static_cast<double>(columns.begin),
            at.y + per_row * static_cast<double>(rows.begin),
            per_column * static_cast<double>(columns.size()),
            per_row * static_cast<double>(rows.size())};
  }
};

/// The part of the range up to `end`, and the rest.
std::pair<Range, Range> split_at(Range range, int64_t end) {
  const int64_t middle = std::clamp(end, range.begin, range.end);
  return {{range.begin, middle}, {middle, range.end}};
}

Box inset(Box box, double by) {
  return {box.x + by, box.y + by, std::max(0.0, box.width - 2 * by),
          std::max(0.0, box.height - 2 * by)};
}

void draw_area(Svg& svg, const Scale& scale, const HeldPart& part, bool every) {
  for (const Range& rows : part.shard.rows) {
    for (const Range& columns : part.shard.columns) {
      const auto [own_rows, padded_rows] = split_at(rows, part.shard.whole.rows());
      const auto [own_columns, padded_columns] = split_at(columns, part.shard.whole.columns());
      for (const Box& box :
           {scale.box(padded_rows, columns), scale.box(own_rows, padded_columns)}) {
        if (box.width * box.height > 0) {
          svg.rectangle(inset(box, 1.5), {.stroke = colour_of(part.rank), .dash = 4, .space = 3},
                        2);
        }
      }
      const Box own = inset(scale.box(own_rows, own_columns), 0.75);
      if (own.width * own.height <= 0) continue;
      svg.rectangle(own, paint_of(part.rank, every), 2);
      if (every || own.width < 16 || own.height < 14) continue;
      svg.text(own.middle(), text(part.rank),
               {.size = 14, .anchor = Anchor::middle, .colour = ink_on(part.rank)});
    }
  }
}

/// The number of rows and columns, including padding.
std::pair<int64_t, int64_t> extent(const std::vector<HeldPart>& parts) {
  int64_t rows = 0, columns = 0;
  for (const HeldPart& part : parts) {
    for (const Range& range : part.shard.rows) rows = std::max(rows, range.end);
    for (const Range& range : part.shard.columns) columns = std::max(columns, range.end);
  }
  require(rows > 0 && columns > 0, "a matrix without elements cannot be drawn");
  return {rows, columns};
}

bool has_padding(const HeldPart& part) {
  const auto past = [](const std::vector<Range>& ranges, int64_t end) {
    return std::ranges::any_of(ranges, [&](const Range& range) { return range.end > end; });
  };
  return past(part.shard.rows, part.shard.whole.rows()) ||
         past(part.shard.columns, part.shard.whole.columns());
}

}  // namespace

std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine,
                                   const std::vector<float>& values) {
  using Pairs = std::vector<std::pair<int64_t, int64_t>>;
  const auto to_json = [](const std::vector<Range>& ranges) {
    Pairs pairs;
    for (const Range& range : ranges) pairs.emplace_back(range.begin, range.end);
    return nlohmann::json(pairs);
  };
  const auto to_ranges = [](const nlohmann::json& pairs) {
    std::vector<Range> ranges;
    for (const auto& [begin, end] : pairs.get<Pairs>()) ranges.push_back({begin, end});
    return ranges;
  };
  const nlohmann::json part{
      {"rows", to_json(mine.rows)}, {"columns", to_json(mine.columns)}, {"values", values}};
  std::vector<HeldPart> parts;
  for (const std::string& ranks_part : group.gather_text(part.dump())) {
    const nlohmann::json held = nlohmann::json::parse(ranks_part);
    parts.push_back({static_cast<int>(parts.size()),
                     {mine.whole, to_ranges(held["rows"]), to_ranges(held["columns"])},
                     held["values"].get<std::vector<float>>()});
  }
  return parts;
}

std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine, const Tensor& elements) {
  return gather_parts(group, mine, elements.to_host());
}

std::string subscript(int number) {
  constexpr const char* digits[] = {"₀", "₁", "₂", "₃", "₄", "₅", "₆", "₇", "₈", "₉"};
  return (number >= 10 ? subscript(number / 10) : "") + digits[number % 10];
}

// ---- Lines and their items ----------------------------------------------------------------------

MatrixPicture::MatrixPicture(std::string title, std::string description)
    : title_(std::move(title)), description_(std::move(description)) {}

double MatrixPicture::Line::width() const {
  double sum = items.empty() ? 0 : -gap;
  for (const Item& item : items) sum += item.width + gap;
  return sum;
}

double MatrixPicture::Line::height() const {
  double highest = 0;
  for (const Item& item : items) highest = std::max(highest, item.height);
  return highest;
}

void MatrixPicture::Line::draw(Svg& svg, Point at) const {
  for (const Item& item : items) {
    const double beside_numbers = (name_height + height()) / 2;
    item.draw(svg, {at.x, at.y + (item.is_sign ? beside_numbers : (height() - item.height) / 2)});
    at.x += item.width + gap;
  }
}

void MatrixPicture::line(const std::string& sentence) { lines_.push_back({sentence, {}}); }

/// An item that does not fit goes to the next line, together with the sign before it.
void MatrixPicture::add(Item item) {
  if (lines_.empty()) line("");
  Line& last = lines_.back();
  if (!last.items.empty() && !item.is_sign && last.width() + gap + item.width > most_width) {
    Line next;
    if (last.items.back().is_sign) {
      next.items.push_back(std::move(last.items.back()));
      last.items.pop_back();
    }
    lines_.push_back(std::move(next));
  }
  lines_.back().items.push_back(std::move(item));
}

void MatrixPicture::sign(const std::string& sign) {
  const TextStyle style{.size = 24, .anchor = Anchor::middle, .bold = true};
  const double width = std::max(12.0, width_in(style, sign));
  add({width, 0,
       [=](Svg& svg, Point at) {
         svg.text({at.x + width / 2, at.y}, sign, style);
       },
       true});
}

void MatrixPicture::matrix(const std::string& name, const std::vector<HeldPart>& parts) {
  const auto [rows, columns] = extent(parts);
  const bool every = on_every_rank(parts);
  const double width = last_cell_width_ = cell_width(parts);
  for (const HeldPart& part : parts) owners_.insert(every ? every_rank : part.rank);
  const auto draw = [=](Svg& svg, Point at) {
    svg.text({at.x, at.y + name_height / 2 - 2}, name, name_style);
    for (const HeldPart& part : parts) {
      svg.begin(facts_of(name, part, every), tip_of(name, part, every));
      draw_cells(svg, {at.x, at.y + name_height}, width, part, every);
      svg.end();
      if (every) break;
    }
  };
  add({std::max(width * static_cast<double>(columns) - cell_gap, width_in(name_style, name)),
       name_height + cell_height * static_cast<double>(rows) - cell_gap, draw});
}

void MatrixPicture::frame(Range rows, Range columns) {
  Item& item = lines_.back().items.back();
  const auto draw = std::move(item.draw);
  const double width = last_cell_width_;
  item.draw = [=](Svg& svg, Point at) {
    draw(svg, at);
    const Box box = Scale{{at.x, at.y + name_height}, cell_height, width}.box(rows, columns);
    svg.rectangle({box.x - 2, box.y - 2, box.width + 2, box.height + 2},
                  {.stroke = ink, .stroke_width = 3}, 5);
  };
}

void MatrixPicture::areas(const std::string& name, const std::vector<HeldPart>& parts, double width,
                          double height, const std::vector<Label>& columns,
                          const std::vector<Label>& rows) {
  const auto whole = extent(parts);
  const bool every = on_every_rank(parts);
  for (const HeldPart& part : parts) {
    owners_.insert(every ? every_rank : part.rank);
    if (has_padding(part)) owners_.insert(padding);
  }
  const double above = name_height + (columns.empty() ? 0 : 20);
  const auto draw = [=](Svg& svg, Point at) {
    const Scale scale{{at.x, at.y + above},
                      height / static_cast<double>(whole.first),
                      width / static_cast<double>(whole.second)};
    svg.text({at.x, at.y + name_height / 2 - 2}, name, name_style);
    for (const HeldPart& part : parts) {
      svg.begin(facts_of(name, part, every), tip_of(name, part, every));
      draw_area(svg, scale, part, every);
      svg.end();
      if (every) break;
    }
    TextStyle style = label_style;
    for (const Label& label : rows) {
      svg.text({at.x + width + 10, scale.box(label.range, {}).middle().y}, label.name, style);
    }
    style.anchor = Anchor::middle;
    for (const Label& label : columns) {
      svg.text({scale.box({}, label.range).middle().x, at.y + name_height + 8}, label.name, style);
    }
  };
  double right = 0;
  for (const Label& label : rows) right = std::max(right, 10 + width_in(label_style, label.name));
  add({width + right, above + height, draw});
}

std::vector<PicturePage::Key> MatrixPicture::keys() const {
  std::vector<PicturePage::Key> keys;
  for (int owner : owners_) {
    if (owner >= 0) keys.push_back({text("rank ", owner), paint_of(owner, false)});
  }
  if (owners_.contains(every_rank)) keys.push_back({"every rank", paint_of(0, true)});
  if (owners_.contains(padding))
    keys.push_back({"padding", {.stroke = ink, .dash = 4, .space = 3}});
  return keys;
}

Svg MatrixPicture::drawn() const {
  PicturePage page(title_, description_);
  for (const Line& line : lines_) {
    if (!line.sentence.empty()) page.sentence(line.sentence);
    page.drawing(line.width(), line.height(), [line](Svg& svg, Point at) { line.draw(svg, at); });
  }
  page.legend(keys());
  return page.drawn();
}

}  // namespace shard
