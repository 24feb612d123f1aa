// Pictures of matrices that are cut over the ranks: who holds which rows and columns, and which
// numbers.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "common/comm/communicator.h"
#include "common/draw/picture_page.h"

namespace shard {

/// What one rank holds of a matrix.
struct HeldPart {
  int rank = 0;               // which rank
  Shard shard;                // where its part stands in the whole
  std::vector<float> values;  // of shard.local(), row-major; or none
};

/// Every rank's part, in rank order, on every rank; with its elements, for a matrix drawn in
/// numbers, or without, for one drawn as areas. Collective.
std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine, const Tensor& elements);
/// The same with values that are no tensor, or with none.
std::vector<HeldPart> gather_parts(Communicator& group, const Shard& mine,
                                   const std::vector<float>& values = {});

/// 12 as ₁₂: the index of a part.
std::string subscript(int number);

/// Lines of matrices with signs between them, as in a formula. Whose an element is, its colour
/// says: that of its rank, or none where every rank holds it. Each part is a group with the
/// attributes data-matrix, data-rank ("every" where all hold it), data-rows and data-columns
/// (ranges as in "0-2 4-6", half-open).
class MatrixPicture {
 public:
  /// As for PicturePage.
  MatrixPicture(std::string title, std::string description);

  /// Begins a new line under this sentence.
  void line(const std::string& sentence);
  /// In numbers. Parts are of one matrix, and name each element of it once, or on every rank.
  void matrix(const std::string& name, const std::vector<HeldPart>& parts);
  /// Names for ranges of rows or columns of areas.
  struct Label {
    Range range;       // of the whole matrix
    std::string name;  // what is written beside it
  };
  /// As areas in a box of that size, for a matrix too large for numbers: column labels above, row
  /// labels at the right. What lies past the end of the matrix is padding.
  void areas(const std::string& name, const std::vector<HeldPart>& parts, double width,
             double height, const std::vector<Label>& columns = {},
             const std::vector<Label>& rows = {});
  /// A frame around some elements of the last matrix in numbers.
  void frame(Range rows, Range columns);
  /// "·", "=", "+"
  void sign(const std::string& sign);

  Svg drawn() const;  // all lines and the legend

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
  static constexpr int every_rank = -1, padding = -2;  // among owners_

  void add(Item item);
  std::vector<PicturePage::Key> keys() const;

  std::string title_, description_;
  std::vector<Line> lines_;
  double last_cell_width_ = 0;
  std::set<int> owners_;  // what the legend explains
};

}  // namespace shard
