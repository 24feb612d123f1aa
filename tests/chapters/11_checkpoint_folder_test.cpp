// CheckpointFolder: one checkpoint at least is whole, whatever happens. Files and names only: what
// is in them is for 10_checkpoint_test.cpp.
// Ranks: 1. CPU only.
#include "chapters/11_checkpoints/checkpoint_folder.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;
namespace fs = std::filesystem;

namespace {

/// A checkpoint of which only the file that makes it one is there.
fs::path save(CheckpointFolder& folder, int64_t step, const std::string& content = "weights") {
  write_file(folder.begin() / "model.safetensors", content);
  return folder.finish(step);
}

std::vector<std::string> names_in(const fs::path& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the newest checkpoints are kept, and latest names the last") {
  const TemporaryFolder temporary;
  const fs::path directory = temporary.path() / "made" / "on the way";
  CheckpointFolder folder(directory, 2);
  CHECK(latest_checkpoint(directory).empty());
  for (int64_t step : {5, 10, 15}) {
    const fs::path saved = save(folder, step);
    CHECK(latest_checkpoint(directory) == saved);
  }
  CHECK(names_in(directory) == Names{".lock", "latest", "step-00000010", "step-00000015"});
  CHECK(content_of(directory / "latest") == "step-00000015\n");
  CHECK(latest_checkpoint(directory / "step-00000010") == directory / "step-00000010");
}

TEST_CASE("latest is read as editors leave it: with CRLF, blanks, no line feed, or more lines") {
  const TemporaryFolder temporary;
  CheckpointFolder folder(temporary.path(), 2);
  for (int64_t step : {5, 10}) save(folder, step);
  for (const char* edited : {"step-00000005\r\n", "step-00000005 \t\n", "step-00000005",
                             "step-00000005\r\n\r\nnot the last\r\n"}) {
    write_file(temporary.path() / "latest", edited);
    CHECK(latest_checkpoint(temporary.path()).filename() == "step-00000005");
  }
}

TEST_CASE("a directory that cannot be read is not one without checkpoints") {
  const TemporaryFolder temporary;
  const std::string name(300, 'a');  // longer than file systems allow, for root too
  CHECK(contains(message_of<UsageError>([&] { latest_checkpoint(temporary.path() / name); }),
                 "File name too long"));
  CHECK(latest_checkpoint(temporary.path() / "not there").empty());
  write_file(temporary.path() / "file", "");
  CHECK(latest_checkpoint(temporary.path() / "file").empty());
}

TEST_CASE(
    "a checkpoint of the same step gives way; one of an earlier step becomes the latest and is "
    "kept") {
  const TemporaryFolder temporary;
  CheckpointFolder folder(temporary.path(), 1);
  save(folder, 10, "old");
  CHECK(content_of(save(folder, 10, "new") / "model.safetensors") == "new");
  CHECK(names_in(temporary.path()) == Names{".lock", "latest", "step-00000010"});
  save(folder, 7);
  CHECK(latest_checkpoint(temporary.path()).filename() == "step-00000007");
  CHECK(names_in(temporary.path()) == Names{".lock", "latest", "step-00000007"});
}

TEST_CASE(
    "the newest are those written last: not those with most steps, nor the last by name, nor what "
    "has other names") {
  const TemporaryFolder temporary;
  const fs::path& here = temporary.path();
  {
    CheckpointFolder folder(here, 9);
    for (int64_t step : {4, 8, 12}) save(folder, step);
  }
  for (const char* own : {"step-00000004-best", "step-backup", "step-4",
                          "step-00000004-replaced-too", "mine-replaced"}) {
    fs::create_directory(here / own);
    write_file(here / own / "model.safetensors", "somebody's");
  }
  CheckpointFolder folder(here, 2, here / "step-00000004");
  for (int64_t step : {5, 6, 99'999'999, 100'000'000}) save(folder, step);
  CHECK(names_in(here) == Names{".lock", "latest", "mine-replaced", "step-00000004-best",
                                "step-00000004-replaced-too", "step-100000000", "step-4",
                                "step-99999999", "step-backup"});
}

TEST_CASE("a run that does not go on from a directory's checkpoints does not save there") {
  const TemporaryFolder temporary;
  const fs::path here = temporary.path() / "saved", elsewhere = temporary.path() / "elsewhere";
  {
    CheckpointFolder folder(here, 1);
    save(folder, 5);
    CheckpointFolder other(elsewhere, 1);
    save(other, 5);
  }
  const auto refusal = [&](const fs::path& resumed) {
    return message_of<UsageError>([&] { CheckpointFolder(here, 1, resumed); });
  };
  CHECK(contains(refusal({}),
                 "there are checkpoints of another run, of up to 5 steps; --resume latest "
                 "continues from there"));
  CHECK(contains(refusal(elsewhere / "step-00000005"), "there are checkpoints of another run"));
  CHECK_NOTHROW(CheckpointFolder(here, 1, here / "step-00000005"));
  CHECK_NOTHROW(CheckpointFolder(here, 1, here / "." / "step-00000005" / ""));
  CHECK(contains(message_of<UsageError>([&] { CheckpointFolder(here / "step-00000005", 1); }),
                 "this is a checkpoint"));
}

TEST_CASE(
    "until a save is finished, and after one that failed, the checkpoint before is the latest") {
  const TemporaryFolder temporary;
  {
    CheckpointFolder folder(temporary.path(), 1);
    save(folder, 5);
    write_file(folder.begin() / "model.safetensors", "half of it");
    CHECK(latest_checkpoint(temporary.path()).filename() == "step-00000005");
    CHECK(fs::is_empty(folder.begin()));  // what is there from before is not mixed in
  }
  CHECK(names_in(temporary.path()) == Names{".lock", "latest", "step-00000005"});
}

TEST_CASE(
    "wherever a run was killed while it saved, the next finds a whole checkpoint and cleans up") {
  const TemporaryFolder temporary;
  const fs::path& here = temporary.path();
  {
    CheckpointFolder folder(here, 1);
    save(folder, 5, "old");
  }
  fs::create_directory(here / ".partial");
  write_file(here / ".partial" / "model.safetensors", "half of it");
  fs::rename(here / "step-00000005",
             here / "step-00000005-replaced");  // the moment before the new one has the name
  CHECK(content_of(latest_checkpoint(here) / "model.safetensors") == "old");
  {
    CHECK(contains(message_of<UsageError>([&] { CheckpointFolder(here, 1); }),
                   "checkpoints of another run"));
    const fs::path old = latest_checkpoint(here);
    CheckpointFolder folder(here, 2, old);
    CHECK_FALSE(fs::exists(here / ".partial"));
    CHECK(content_of(old / "model.safetensors") == "old");  // it is still to be read
    save(folder, 6);
    CHECK(names_in(here) == Names{".lock", "latest", "step-00000005", "step-00000006"});
  }
  fs::rename(here / "step-00000005", here / "step-00000005-replaced");
  {
    CheckpointFolder folder(here, 1, latest_checkpoint(here));
    save(folder, 5, "new");
    CHECK(content_of(latest_checkpoint(here) / "model.safetensors") == "new");
    CHECK(names_in(here) == Names{".lock", "latest", "step-00000005"});
  }
  fs::copy(here / "step-00000005",
           here / "step-00000005-replaced");  // the moment after: the old one is still there
  fs::remove(here / "latest");                // as in a first save
  CHECK(latest_checkpoint(here).filename() == "step-00000005");
  CheckpointFolder folder(here, 1, latest_checkpoint(here));
  CHECK(names_in(here) == Names{".lock", "step-00000005"});
  save(folder, 5, "newer");
  CHECK(content_of(latest_checkpoint(here) / "model.safetensors") == "newer");
}

TEST_CASE("a directory has one run that saves in it") {
  const TemporaryFolder temporary;
  {
    const CheckpointFolder first(temporary.path(), 1);
    CHECK(contains(message_of<UsageError>([&] { CheckpointFolder(temporary.path(), 1); }),
                   "another run is saving there"));
  }
  const CheckpointFolder later(temporary.path(), 1);
  write_file(temporary.path() / "file", "");
  CHECK(contains(message_of<UsageError>([&] { CheckpointFolder(temporary.path() / "file", 1); }),
                 "--save "));
}
