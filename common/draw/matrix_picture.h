// Pictures of matrices that are cut over the ranks: which rank holds which rows and columns, and
// which numbers.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "common/comm/communicator.h"
#include "common/draw/picture_page.h"

namespace shard {

/// One rank's part of a matrix.
struct HeldPart {
  int rank = 0;
  Shard shard;                // the position of its part in the whole matrix
  std::vector<float> values;  // of shard.local(), row-major; or empty
};

/// Every rank's part, in rank order, on every rank, with its elements, for a matrix drawn in
/// numbers. Collective.
std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine, const Tensor& elements);
/// The same with values that are not in a tensor, or without values, for a matrix drawn as areas.
std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine,
                                   const std::vector<float>& values = {});

/// 12 as ₁₂, for the index of a part.
std::string subscript(int number);

/// Lines of matrices with signs between them, as in a formula. The colour of an element is that of
/// the rank that holds it; elements that every rank holds have no colour. Each part is a group with
/// the attributes data-matrix, data-rank ("every" if all hold it), data-rows and data-columns
/// (half-open ranges, as in "0-2 4-6").
class MatrixPicture {
 public:
  /// As for PicturePage.
  MatrixPicture(std::string title, std::string description);

  /// Begins a new line below this sentence.
  void line(const std::string& sentence);
  /// Draws a matrix in numbers. The parts are of one matrix, and contain each element of it once,
  /// or on every rank.
  void matrix(const std::string& name, const std::vector<HeldPart>& parts);
  /// The name of a range of rows or columns of areas.
  struct Label {
    Range range;  // of the whole matrix
    std::string name;
  };
  /// Draws a matrix that is too large for numbers as areas in a box of this size: column labels
  /// above, row labels at the right. Areas past the end of the matrix are padding.
  void areas(const std::string& name, const std::vector<HeldPart>& parts, double width,
             double height, const std::vector<Label>& columns = {},
             const std::vector<Label>& rows = {});
  /// Draws a frame around some elements of the last matrix in numbers.
  void frame(Range rows, Range columns);
  /// "·", "=", "+"
  void sign(const std::string& sign);

  Svg drawn() const;  // including the legend

 private:
  struct Item {
    double width, height;
    PicturePage::Draw draw;
    bool is_sign = false;
  };
  struct Line {
    std::string sentence;
    std::vector<Item> items;
    double width() const;
    double height() const;
    void draw(Svg& svg, Point at) const;
  };
  static constexpr int every_rank = -1, padding = -2;  // special values in owners_

  void add(Item item);
  std::vector<PicturePage::Key> keys() const;

  std::string title_, description_;
  std::vector<Line> lines_;
  double last_cell_width_ = 0;
  std::set<int> owners_;  // what the legend explains
};

}  // namespace shard
