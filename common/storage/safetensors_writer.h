// Writes safetensors files (safetensors.h describes the format): one process writes a whole file,
// or several processes write one file together, each its own parts of the tensors.
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

/// A tensor to be written, as F32 or I32. The caller owns the values.
struct SafetensorsTensor {
  std::string name;  // unique in the file
  Shape shape;
  /// Row-major, shape.elements() values.
  std::variant<std::span<const float>, std::span<const int32_t>> values;
};

/// Writes `file` under the temporary name `file`.partial, then renames it: a reader sees either the
/// old file or the complete new one. Throws UsageError if it cannot be created, Error if the disk
/// fails, a name occurs twice, a text is not UTF-8, or the number of values of a tensor does not
/// match its shape.
void write_safetensors(const std::filesystem::path& file,
                       std::span<const SafetensorsTensor> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A file of F32 tensors that several processes on one file system write together. All construct
/// the same description. One process creates the file; only then does each process open it, write
/// its parts, and close it. All errors are Errors that name the file.
class SharedSafetensors {
 public:
  struct Description {
    std::string name;  // unique in the file
    Shape shape;
  };
  /// Computes the layout of the file, but does not access it.
  SharedSafetensors(std::filesystem::path file, const std::vector<Description>& tensors,
                    const std::map<std::string, std::string>& metadata = {});

  /// Writes the header and reserves space for all data, so that a full disk is found now.
  void create() const;
  void open();  // for writing
  /// Sets elements first, first + 1, … of tensor `name` to `values`.
  void write(const std::string& name, int64_t first, std::span<const float> values);
  /// Returns when everything that this process has written is on the disk.
  void close();

 private:
  std::filesystem::path path_;
  std::string header_;                     // including the length before it
  std::map<std::string, int64_t> begins_;  // bytes from the beginning of the file
  int64_t bytes_ = 0;                      // of the whole file
  std::shared_ptr<std::FILE> file_;
};

}  // namespace shard
