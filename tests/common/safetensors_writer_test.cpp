// SharedSafetensors: several writers of one file, each with its own parts.
#include "common/storage/safetensors_writer.h"

#include "common/storage/safetensors.h"
#include "tests/support_files.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

const std::vector<SharedSafetensors::Description> tensors = {
    {"z.weight", {2, 3}}, {"a.bias", {4}}, {"none", {0, 5}}};

}  // namespace

TEST_CASE(
    "shared safetensors: parts written by two writers make one file, the same as if one had "
    "written it") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "shared", whole = folder.path() / "whole";
  SharedSafetensors one(file, tensors, {{"format", "pt"}}),
      other(file, tensors, {{"format", "pt"}});
  one.create();
  one.open();
  other.open();
  other.write("a.bias", 2, std::vector<float>{3, 4});
  one.write("z.weight", 0, std::vector<float>{-1, -2});
  other.write("z.weight", 2, std::vector<float>{-3, -4, -5, -6});
  one.write("a.bias", 0, std::vector<float>{1, 2});
  one.close();
  other.close();
  const SafetensorsReader reader(file);
  CHECK(reader.metadata().at("format") == "pt");
  CHECK(reader.floats("z.weight") == std::vector<float>{-1, -2, -3, -4, -5, -6});
  CHECK(reader.floats("a.bias") == std::vector<float>{1, 2, 3, 4});
  CHECK(reader.entry("none").shape == Shape{0, 5});

  const std::vector<float> weight = {-1, -2, -3, -4, -5, -6}, bias = {1, 2, 3, 4};
  const std::vector<SafetensorsTensor> all = {{"z.weight", {2, 3}, weight},
                                              {"a.bias", {4}, bias},
                                              {"none", {0, 5}, std::span<const float>()}};
  write_safetensors(whole, all, {{"format", "pt"}});
  CHECK(content_of(file) == content_of(whole));
}

TEST_CASE("shared safetensors: what cannot be written is told with the file's name") {
  const TemporaryFolder folder;
  const SharedSafetensors nowhere("/no/such/folder/file", tensors);
  CHECK(contains(message_of([&] { nowhere.create(); }),
                 "cannot write /no/such/folder/file: No such file"));
  SharedSafetensors missing(folder.path() / "missing", tensors);
  CHECK(contains(message_of([&] { missing.open(); }), "missing: No such file"));
  CHECK(contains(message_of([&] {
                   SharedSafetensors("x", {{"w", {1}}, {"w", {2}}});
                 }),
                 "\"w\" occurs twice"));
}
