// Files that must outlive a crash.
// CPU only.
#include "common/storage/durable.h"

#include <fcntl.h>

#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;
namespace fs = std::filesystem;

TEST_CASE("a file is replaced at once or not at all") {
  const TemporaryFolder temporary;
  const fs::path file = temporary.path() / "latest";
  replace_file(file, "first");
  fs::create_symlink("/dev/full", file.string() + ".partial");
  CHECK(contains(message_of([&] { replace_file(file, "second"); }), "cannot write "));
  CHECK(content_of(file) == "first");
}

TEST_CASE("files and directories are synced; what cannot be is no failure of the disk") {
  const TemporaryFolder temporary;
  write_file(temporary.path() / "file", "content");
  CHECK(sync_to_disk(temporary.path() / "file"));
  CHECK(sync_to_disk(temporary.path()));
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  CHECK_FALSE(sync_to_disk(ends[1]));  // EINVAL
  for (int end : ends) close(end);
  CHECK(contains(message_of([&] { sync_to_disk(temporary.path() / "none"); }),
                 "none: No such file or directory"));
}
