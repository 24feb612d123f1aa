// Files that are not in the format their name promises are called what they are, by the reader as
// well.
#include "common/storage/file_format.h"

#include <doctest/doctest.h>

#include "common/storage/safetensors.h"
#include "tests/support_files.h"

using namespace shard;
using namespace std::string_literals;

namespace {

const struct {
  std::string start, name;
} cases[] = {{"version https://git-lfs.github.com/spec/v1\noid "
              "sha256:248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707\n"
              "size 548105171\n",
              "a git-lfs pointer instead of the file: fetch it with git lfs pull"},
             {"<!DOCTYPE html>\n<html><head><title>Sign in</title>",
              "an HTML page instead of the file: download it again"},
             {"\xEF\xBB\xBF\r\n <HTML>", "an HTML page"},
             {"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML page"},
             {"PK\x03\x04\x14\0\0\0\x08\0",
              "a zip archive, as torch.save writes it: convert it with save_pretrained("},
             {"PK\x03\x04\0\0\0\0\0\0"s, "a zip archive"},
             {"\x80\x02\x8a\nl\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.",
              "a pickle, as torch.save wrote it before PyTorch 1.6"},
             {"\x80\x04\x95\x10\0\0\0\0\0\0\0}"s, "a pickle"},
             {"\x1f\x8b\x08\0\0\0\0\0\0\x03"s, "compressed with gzip: unpack it first"},
             {"\x28\xb5\x2f\xfd\x04\x58 data", "compressed with zstd"},
             {"\xfd\x37zXZ\0 data", "compressed with xz"},
             {"BZh91AY&SY", "compressed with bzip2"},
             {"\x89HDF\r\n\x1a\n", "an HDF5 file, as TensorFlow writes it"},
             {"GGUF\x03\0\0\0\0\0\0\0"s, "a GGUF file"}};

}  // namespace

TEST_CASE("what downloads leave in the place of a file is recognized") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "model.safetensors";
  for (const auto& [start, name] : cases) {
    CAPTURE(name);
    CHECK(recognized_format(start).starts_with(name));
    write_file(file, start);
    std::string message = "(accepted)";
    try {
      SafetensorsReader reader(file);
    } catch (const UsageError& error) {
      message = error.what();
    }
    CHECK(message == "cannot read " + file.string() + ": it is " + recognized_format(start));
  }
}

TEST_CASE("a format is recognized by its beginning alone, whole") {
  for (const char* other : {"", "v", "version 2", " PK\x03\x04", "{\"a\": 1}", "html", "<htm",
                            "\x1f", "\xEF\xBB\xBF", "  "}) {
    CAPTURE(other);
    CHECK(recognized_format(other) == "");
  }
}
