#include "common/draw/picture_page.h"

#include <algorithm>

#include "common/base/error.h"

namespace shard {
namespace {

constexpr double margin = 20, least_width = 480;
constexpr double row_height = 26, swatch = 16;  // of a legend, in pixels
const TextStyle key_style{.size = 14};

double width_of_key(const PicturePage::Key& key) {
  return swatch + 6 + width_in(key_style, key.name) + 22;
}

std::vector<std::vector<PicturePage::Key>> rows_of(const std::vector<PicturePage::Key>& keys,
                                                   double width) {
  std::vector<std::vector<PicturePage::Key>> rows;
  double used = 0;
  for (const PicturePage::Key& key : keys) {
    if (rows.empty() || used + width_of_key(key) > width) {
      rows.emplace_back();
      used = 0;
    }
    used += width_of_key(key);
    rows.back().push_back(key);
  }
  return rows;
}

}  // namespace

PicturePage::PicturePage(std::string title, std::string description)
    : title_(std::move(title)), description_(std::move(description)) {
  text(title_, {.size = 17, .bold = true}, 24);
}

void PicturePage::text(const std::string& words, const TextStyle& style, double line_height) {
  const auto height = [=](double width) {
    return line_height * static_cast<double>(wrapped(words, style, width).size());
  };
  const auto draw = [=](Svg& svg, Point at, double width) {
    at.y += line_height / 2;
    for (const std::string& line : wrapped(words, style, width))
      svg.text(at, line, style), at.y += line_height;
  };
  blocks_.push_back({0, height, draw});
}

void PicturePage::sentence(const std::string& sentence) { text(sentence, {.size = 15}, 21); }

void PicturePage::drawing(double width, double height, Draw draw) {
  blocks_.push_back({width, [=](double) { return height; },
                     [draw = std::move(draw)](Svg& svg, Point at, double) { draw(svg, at); }});
}

void PicturePage::legend(const std::vector<Key>& keys) {
  const auto height = [=](double width) {
    return row_height * static_cast<double>(rows_of(keys, width).size());
  };
  const auto draw = [=](Svg& svg, Point at, double width) {
    at.y += row_height / 2;
    for (const auto& row : rows_of(keys, width)) {
      double x = at.x;
      for (const Key& key : row) {
        svg.rectangle({x, at.y - swatch / 2, swatch, swatch}, key.paint);
        svg.text({x + swatch + 6, at.y}, key.name, key_style);
        x += width_of_key(key);
      }
      at.y += row_height;
    }
  };
  blocks_.push_back({0, height, draw});
}

Svg PicturePage::drawn() const {
  constexpr double between = 14;
  double width = least_width - 2 * margin, height = 2 * margin - between;
  for (const Block& block : blocks_) width = std::max(width, block.width);
  for (const Block& block : blocks_) height += block.height(width) + between;
  Svg svg(width + 2 * margin, height, title_, description_);
  Point at{margin, margin};
  for (const Block& block : blocks_) {
    block.draw(svg, at, width);
    at.y += block.height(width) + between;
  }
  return svg;
}

std::vector<PicturePage::Key> keys_of_ranks(int ranks) {
  std::vector<PicturePage::Key> keys;
  for (int rank = 0; rank < ranks; ++rank)
    keys.push_back({text("rank ", rank), {.fill = colour_of(rank)}});
  return keys;
}

}  // namespace shard
