// A picture as a page: a title, then sentences, drawings and a legend, one below the other.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "common/draw/svg.h"

namespace shard {

/// A picture put together from the top to the bottom: sentences, drawings, a legend.
class PicturePage {
 public:
  /// `title` stands above the picture, too; `description` is for readers who cannot see it.
  PicturePage(std::string title, std::string description);

  /// In as many lines as the page's width makes of it.
  void sentence(const std::string& sentence);
  /// Draws into the picture; it is given the drawing's upper left corner.
  using Draw = std::function<void(Svg&, Point)>;
  /// A drawing of that size, in pixels.
  void drawing(double width, double height, Draw draw);
  /// What one colour means.
  struct Key {
    std::string name;  // its meaning
    Paint paint;       // of its sample
  };
  /// What the colours mean, in as many rows as are needed.
  void legend(const std::vector<Key>& keys);

  Svg drawn() const;  // the whole page

 private:
  struct Block {
    double width;                                   // the least that it needs
    std::function<double(double)> height;           // in a page of this inner width
    std::function<void(Svg&, Point, double)> draw;  // likewise
  };
  void text(const std::string& words, const TextStyle& style, double line_height);

  std::string title_, description_;
  std::vector<Block> blocks_;
};

/// The keys of ranks 0 … ranks-1.
std::vector<PicturePage::Key> keys_of_ranks(int ranks);

}  // namespace shard
