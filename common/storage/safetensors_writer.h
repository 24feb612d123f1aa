// Writes safetensors files (safetensors.h says what they are): one process a whole file, or several
// processes one file together, each its own parts of the tensors.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/base/shape.h"

namespace shard {

/// A tensor to be written, as F32 or I32. The values belong to the caller.
struct SafetensorsTensor {
  std::string name;  // any text, once a file
  Shape shape;       // its sizes
  std::variant<std::span<const float>, std::span<const int32_t>>
      values;  // row-major, as many as the shape has
};

/// Writes `file` under the temporary name `file`.partial, then renames it: a reader sees the old
/// file or the whole new one. Throws UsageError when it cannot be created, Error when the disk
/// fails, a name stands twice, a text is not UTF-8, or a tensor has more or fewer values than its
/// shape.
void write_safetensors(const std::filesystem::path& file,
                       std::span<const SafetensorsTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A file of F32 tensors that several processes on one file system write together. All describe it
/// alike; one creates it; then, not before, each opens it, writes its parts, and closes it. All
/// errors are Errors that name the file.
class SharedSafetensors {
 public:
  /// A tensor of the file, whoever writes it.
  struct Description {
    std::string name;  // any text, once a file
    Shape shape;       // its sizes
  };
  /// Works out where everything will stand; touches no file.
  SharedSafetensors(std::filesystem::path file, const std::vector<Description>& tensors,
                    const std::map<std::string, std::string>& metadata = {});

  /// Writes the header and reserves the room for all data: a disk that is too full shows now.
  void create() const;
  void open();  // to write in it
  /// Elements first, first + 1, … of tensor `name` become `values`.
  void write(const std::string& name, int64_t first, std::span<const float> values);
  /// Returns when what this process has written is on the disk.
  void close();

 private:
  std::filesystem::path path_;
  std::string header_;                     // with its length before it
  std::map<std::string, int64_t> begins_;  // bytes from the beginning of the file
  int64_t bytes_ = 0;                      // of the whole file
  std::shared_ptr<std::FILE> file_;
};

}  // namespace shard
