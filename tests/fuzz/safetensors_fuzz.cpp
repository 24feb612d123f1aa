// The reader of safetensors files on any bytes: it reads what it accepts, and refuses the rest with
// one sentence. libFuzzer calls LLVMFuzzerTestOneInput (fuzz.sh); replay.cpp calls it for the files
// of the corpus.
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/storage/safetensors.h"
#include "tests/fuzz/must.h"

using namespace shard;

namespace {

/// A file in memory: a million times a second the disk would not do.
class MemoryFile {
 public:
  MemoryFile() : file_(memfd_create("fuzz", 0)) { must(file_ >= 0, "memfd_create failed"); }
  void become(const std::string& bytes) const {
    must(ftruncate(file_, 0) == 0, "ftruncate failed");
    must(pwrite(file_, bytes.data(), bytes.size(), 0) == std::ssize(bytes), "pwrite failed");
  }
  std::filesystem::path path() const { return text("/proc/self/fd/", file_); }

 private:
  int file_;
};

void read_all(const SafetensorsReader& reader, int64_t bytes) {
  for (const std::string& name : reader.names()) {
    try {
      const SafetensorsEntry& entry = reader.entry(name);
      must(entry.begin >= 8 && entry.begin <= entry.end && entry.end <= bytes,
           "a tensor outside its file");
      const bool whole = entry.type == "I32" || entry.type == "I64";
      const int64_t values =
          whole ? std::ssize(reader.integers(name)) : std::ssize(reader.floats(name));
      must(values == entry.shape.elements(), "more or fewer values than the shape");
    } catch (const UsageError&) {  // of another type, of too many sizes, or too large for 32 bits
    }
  }
}

void read(const std::string& bytes) {
  static const MemoryFile file;
  file.become(bytes);
  try {
    read_all(SafetensorsReader(file.path()), std::ssize(bytes));
  } catch (const UsageError& error) {
    const std::string sentence = error.what();
    must(sentence.find('\n') == std::string::npos && sentence.size() < 500,
         "no sentence: " + sentence);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  read(bytes);
  // Once more as a header of the right length before 16 bytes of data: few changes of a file keep
  // its length right.
  const uint64_t length = size;
  read(std::string(reinterpret_cast<const char*>(&length), sizeof length) + bytes +
       "16 bytes of data");
  return 0;
}
