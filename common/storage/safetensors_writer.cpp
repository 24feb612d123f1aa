#include "common/storage/safetensors_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/storage/durable.h"
#include "common/storage/safetensors.h"

namespace shard {
namespace {

using nlohmann::json;
using namespace safetensors;

void check_call(bool succeeded) {
  if (!succeeded) throw Error(std::strerror(errno));
}

/// The header with its length before it, padded so that the data begins at a multiple of 8 bytes.
/// Tensors are stored in the order in which they are added.
class Header {
 public:
  explicit Header(const std::map<std::string, std::string>& metadata) {
    if (!metadata.empty()) header_[metadata_key] = metadata;
  }

  /// Returns where the tensor's data begins, in bytes from the end of the header.
  int64_t add(const std::string& name, const char* type, const Shape& shape) {
    require(name != metadata_key && !header_.contains(name), "the name \"", name,
            "\" occurs twice or is reserved");
    std::vector<int64_t> sizes;
    for (int axis = 0; axis < shape.rank(); ++axis) sizes.push_back(shape[axis]);
    const int64_t begin = end_;
    end_ += 4 * shape.elements();
    header_[name] = {{"dtype", type}, {"shape", sizes}, {"data_offsets", {begin, end_}}};
    return begin;
  }

  std::string text() const {
    std::string out = header_.dump();
    out.resize((out.size() + 7) / 8 * 8, ' ');
    require(std::ssize(out) <= max_header_bytes, "the header would be over the limit of ",
            max_header_bytes, " bytes");
    const uint64_t length = out.size();
    return std::string(reinterpret_cast<const char*>(&length), length_bytes) + out;
  }
  int64_t data_bytes() const { return end_; }

 private:
  json header_ = json::object();
  int64_t end_ = 0;
};

std::span<const std::byte> bytes_of(const SafetensorsTensor& tensor) {
  return std::visit([](auto values) { return std::as_bytes(values); }, tensor.values);
}

std::string header_of(std::span<const SafetensorsTensor> tensors,
                      const std::map<std::string, std::string>& metadata) {
  Header header(metadata);
  for (const SafetensorsTensor& tensor : tensors) {
    header.add(tensor.name, tensor.values.index() == 0 ? "F32" : "I32", tensor.shape);
    const int64_t values = std::visit([](auto span) { return std::ssize(span); }, tensor.values);
    require(values == tensor.shape.elements(), "tensor \"", tensor.name, "\" of shape ",
            tensor.shape, " was given ", values, " values");
  }
  return header.text();
}

std::shared_ptr<std::FILE> open_file(const std::string& path, const char* mode) {
  std::FILE* file = std::fopen(path.c_str(), mode);
  check_call(file != nullptr);
  return {file, std::fclose};
}

/// Extends the file to this length, and reserves the space if the file system supports it;
/// otherwise a full disk is only found later.
void reserve(int file, int64_t bytes) {
  int reason = 0;
  do reason = posix_fallocate(file, 0, bytes);
  while (reason == EINTR);
  errno = reason;
  const bool missing =
      reason == ENOSYS || reason == EOPNOTSUPP || reason == EINVAL || reason == ENODEV;
  check_call(missing ? ftruncate(file, bytes) == 0 : reason == 0);
}

void write_at(int file, int64_t begin, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file, bytes.data(), bytes.size(), begin);
    if (count < 0 && errno == EINTR) continue;
    check_call(count >= 0);
    bytes = bytes.subspan(static_cast<size_t>(count));
    begin += count;
  }
}

/// Calls `write`, and adds the file's name to its errors.
template <class Write>
void naming(const std::filesystem::path& file, const Write& write) {
  try {
    write();
  } catch (const std::exception& error) {
    throw Error(text("cannot write ", file.string(), ": ", error.what()));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& file,
                       std::span<const SafetensorsTensor> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string partial = file.string() + ".partial";
  std::FILE* opened = std::fopen(partial.c_str(), "wb");
  require_usage(opened != nullptr, "cannot open ", partial, ": ", std::strerror(errno));
  const std::shared_ptr<std::FILE> out(opened, std::fclose);
  try {
    naming(file, [&] {
      const std::string header = header_of(tensors, metadata);
      int64_t begin = std::ssize(header);
      write_at(fileno(opened), 0, std::as_bytes(std::span(header)));
      for (const SafetensorsTensor& tensor : tensors) {
        write_at(fileno(opened), begin, bytes_of(tensor));
        begin += std::ssize(bytes_of(tensor));
      }
      sync_to_disk(fileno(opened));
      std::filesystem::rename(partial, file);
    });
  } catch (const Error&) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    throw;
  }
}

SharedSafetensors::SharedSafetensors(std::filesystem::path file,
                                     const std::vector<Description>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : path_(std::move(file)) {
  Header header(metadata);
  for (const Description& tensor : tensors)
    begins_[tensor.name] = header.add(tensor.name, "F32", tensor.shape);
  header_ = header.text();
  for (auto& [name, begin] : begins_) begin += std::ssize(header_);
  bytes_ = std::ssize(header_) + header.data_bytes();
}

void SharedSafetensors::create() const {
  naming(path_, [&] {
    const std::shared_ptr<std::FILE> out = open_file(path_, "wb");
    reserve(fileno(out.get()), bytes_);
    write_at(fileno(out.get()), 0, std::as_bytes(std::span(header_)));
    sync_to_disk(fileno(out.get()));
  });
}

void SharedSafetensors::open() {
  naming(path_, [&] { file_ = open_file(path_, "r+b"); });
}

void SharedSafetensors::write(const std::string& name, int64_t first,
                              std::span<const float> values) {
  naming(path_, [&] {
    write_at(fileno(file_.get()), begins_.at(name) + 4 * first, std::as_bytes(values));
  });
}

void SharedSafetensors::close() {
  naming(path_, [&] { sync_to_disk(fileno(file_.get())); });
  file_.reset();
}

}  // namespace shard
