// Reads safetensors files, the format of GPT-2's checkpoints and of ours:
//   8 bytes   length of the header, little-endian
//   header    JSON, may be followed by spaces:
//             {"__metadata__": {key: text, …}, name: {"dtype": "F32", "shape": [2,3],
//             "data_offsets": [0,24]}, …}
//   data      the tensors' bytes, little-endian
// Offsets are relative to the end of the header. The tensors cover the data exactly, without gaps
// or overlaps.
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/shape.h"

namespace shard {

namespace safetensors {
constexpr int64_t length_bytes = 8;                   ///< size of the number before the header
constexpr int64_t max_header_bytes = 100'000'000;     ///< the limit of the reference implementation
constexpr const char* metadata_key = "__metadata__";  ///< the header's key for texts about the file
}  // namespace safetensors

/// The header's information about one tensor, checked.
struct SafetensorsEntry {
  std::string type;  // as in the file: "F32", "I32", …
  Shape shape;
  int64_t begin = 0, end = 0;  // bytes, from the beginning of the file
  /// Why the values cannot be read: an unknown dtype or too many sizes; empty if they can.
  std::string unusable;
};

/// Reads a file's header, and its tensors on demand. Nothing in the file is trusted. All errors are
/// UsageErrors of one sentence that names the file.
class SafetensorsReader {
 public:
  /// Reads and checks the header; the tensors are read on demand.
  explicit SafetensorsReader(const std::filesystem::path& file);

  const std::string& path() const { return path_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::vector<std::string> names() const;  // of all tensors, in alphabetical order
  bool has(const std::string& name) const { return entries_.contains(name); }
  /// Throws UsageError if there is no such tensor, or it is unusable; so do floats and integers.
  const SafetensorsEntry& entry(const std::string& name) const;

  /// All values of a tensor of type F32, or of F64, F16 or BF16 converted to float.
  std::vector<float> floats(const std::string& name) const;
  /// All values of a tensor of type I32, or of I64 if each fits 32 bits.
  std::vector<int32_t> integers(const std::string& name) const;

 private:
  void read_header();
  template <class Value>
  std::vector<Value> read(const SafetensorsEntry& entry) const;

  std::string path_;
  /// Stays open, so that the file can be replaced meanwhile without mixing old and new data.
  std::shared_ptr<std::FILE> file_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, SafetensorsEntry> entries_;
};

}  // namespace shard
