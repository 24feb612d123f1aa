// Files: read whole or refused in a sentence, and tried before they are written.
// CPU only.
#include "common/base/files.h"

#include <sys/stat.h>

#include "common/program/output_files.h"
#include "tests/support_files.h"
#include "tests/test_support.h"
#include "tests/test_world.h"

using namespace shard;

TEST_CASE("files: a regular file is read whole, with any bytes") {
  const TemporaryFolder temporary;
  const std::string content = std::string("a\0b\r\n\xff", 6) + std::string(100'000, 'x');
  write_file(temporary.path() / "file", content);
  write_file(temporary.path() / "empty", "");
  CHECK(read_file(temporary.path() / "file") == content);
  CHECK(read_file(temporary.path() / "file", std::ssize(content)) == content);
  CHECK(read_file(temporary.path() / "empty").empty());
}

TEST_CASE("files: what is no regular file, or too long, is refused") {
  const TemporaryFolder temporary;
  const auto refusal = [](const std::filesystem::path& file) {
    return message_of<UsageError>([&] { read_file(file, 10); });
  };
  CHECK(contains(refusal(temporary.path() / "none"), "none: there is no such file"));
  CHECK(contains(refusal(temporary.path() / std::string(300, 'a')),
                 ": File name too long"));  // it may well be there
  CHECK(contains(refusal(temporary.path()), "this is not a regular file"));
  CHECK(contains(refusal("/dev/zero"), "this is not a regular file"));
  const std::filesystem::path pipe = temporary.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(refusal(pipe), "this is not a regular file"));
  write_file(temporary.path() / "long", "eleven byte");
  CHECK(contains(refusal(temporary.path() / "long"), "has 11 bytes; at most 10 are allowed"));
  std::filesystem::resize_file(temporary.path() / "long",
                               uintmax_t{1} << 39);  // with nothing in it
  CHECK(contains(message_of<UsageError>([&] { read_file(temporary.path() / "long"); }),
                 "; this machine has"));
}

TEST_CASE("files: a pipe in the place of an output does not hang") {
  const TemporaryFolder temporary;
  const std::filesystem::path pipe = temporary.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(message_of<UsageError>([&] { require_writable(world(), "--json", pipe); }),
                 "cannot be written"));
  require_writable(world(), "--json", temporary.path() / "file");
  require_writable(world(), "--json", "");
}
