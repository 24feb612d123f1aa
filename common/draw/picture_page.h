// A picture as a page: a title, then sentences, drawings and a legend, from top to bottom.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/draw/svg.h"

namespace shard {

class PicturePage {
 public:
  /// `title` is also printed above the picture; `description` is for readers who cannot see it.
  PicturePage(std::string title, std::string description);

  /// Adds a sentence, wrapped at the page's width.
  void sentence(const std::string& sentence);
  /// Draws into the picture, from the given upper left corner.
  using Draw = std::function<void(Svg&, Point)>;
  /// Adds a drawing of this size, in pixels.
  void drawing(double width, double height, Draw draw);
  /// The meaning of a colour.
  struct Key {
    std::string name;
    Paint paint;  // of its sample
  };
  /// Adds a legend, in as many rows as needed.
  void legend(const std::vector<Key>& keys);

  Svg drawn() const;

 private:
  struct Block {
    double width;                                   // the minimum
    std::function<double(double)> height;           // in a page of this inner width
    std::function<void(Svg&, Point, double)> draw;  // likewise
  };
  void text(const std::string& words, const TextStyle& style, double line_height);

  std::string title_, description_;
  std::vector<Block> blocks_;
};

/// The legend's keys for ranks 0 … ranks-1.
std::vector<PicturePage::Key> keys_of_ranks(int ranks);

}  // namespace shard
