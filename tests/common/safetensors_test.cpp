// Safetensors files: what is written is read back, and no file, however broken, gets further than
// one clear sentence.
#include "common/storage/safetensors.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "common/base/folders.h"
#include "common/storage/safetensors_writer.h"
#include "tests/test_support.h"

using namespace shard;

namespace {

/// A file of its own for each test, removed at the end.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / text("safetensors_test_", getpid(), ".tmp");
  explicit TemporaryFile(const std::string& bytes = "") { write(bytes); }
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;

  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  std::string read() const {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
};

template <class Value>
std::string bytes_of(const std::vector<Value>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value)};
}

std::string file_of(const std::string& header, const std::string& data) {
  return bytes_of(std::vector<uint64_t>{header.size()}) + header + data;
}

/// The sentence with which the reader refuses a file of these bytes, or "" when it does not.
std::string refusal(const TemporaryFile& file, const std::string& bytes) {
  file.write(bytes);
  try {
    SafetensorsReader reader(file.path);
    return "";
  } catch (const UsageError& error) {
    return error.what();
  }
}

/// Checks that `run` throws `Exception` and that its message contains `phrase`.
template <class Exception, class Run>
void check_refused(const std::string& phrase, Run run) {
  std::string message = "(accepted)";
  try {
    run();
  } catch (const Exception& error) {
    message = error.what();
  }
  INFO(message);
  CHECK(contains(message, phrase));
}

/// The tensor's entry; an empty one where its type or shape is not known.
SafetensorsEntry entry_or_none(const SafetensorsReader& reader, const std::string& name) {
  try {
    return reader.entry(name);
  } catch (const UsageError& error) {
    CHECK(contains(error.what(), " cannot be read: its "));
    return {};
  }
}

/// Checks that each tensor of an accepted file has the values that its entry promises.
void check_all_can_be_read(const TemporaryFile& file) {
  const SafetensorsReader reader(file.path);
  for (const std::string& name : reader.names()) {
    const SafetensorsEntry entry = entry_or_none(reader, name);
    CHECK(entry.end <= std::ssize(file.read()));
    if (entry.type == "F32") CHECK(std::ssize(reader.floats(name)) == entry.shape.elements());
    if (entry.type == "I32") CHECK(std::ssize(reader.integers(name)) == entry.shape.elements());
  }
}

const std::vector<float> weights = {
    1.5f, -2.25f, 3e-39f, -0.0f, std::numeric_limits<float>::infinity(), 7e37f};
const std::vector<int32_t> ids = {0, -1, std::numeric_limits<int32_t>::min(),
                                  std::numeric_limits<int32_t>::max()};

/// Two tensors and a scalar, an empty tensor, and metadata.
std::string write_small(const TemporaryFile& file) {
  const std::vector<float> scalar = {0.125f};
  const std::vector<SafetensorsTensor> tensors = {{"z.weight", {2, 3}, weights},
                                                  {"ids", {1, 2, 1, 2}, ids},
                                                  {"empty", {3, 0}, std::span<const float>()},
                                                  {"scalar", {}, scalar}};
  write_safetensors(file.path, tensors, {{"width", "48"}, {"née", "\"quoted\"\n"}});
  return file.read();
}

}  // namespace

TEST_CASE("safetensors: what is written is read back, bit by bit") {
  const TemporaryFile file;
  const std::string bytes = write_small(file);
  const SafetensorsReader reader(file.path);
  CHECK(reader.metadata() ==
        std::map<std::string, std::string>{{"width", "48"}, {"née", "\"quoted\"\n"}});
  CHECK(reader.names() == std::vector<std::string>{"empty", "ids", "scalar", "z.weight"});
  CHECK(reader.has("ids"));
  CHECK_FALSE(reader.has("id"));
  CHECK(reader.entry("z.weight").shape == Shape{2, 3});
  CHECK(reader.entry("z.weight").type == "F32");
  CHECK(reader.entry("z.weight").begin % 8 == 0);
  CHECK(reader.entry("ids").shape == Shape{1, 2, 1, 2});
  CHECK(reader.entry("ids").type == "I32");
  CHECK(reader.entry("scalar").shape == Shape{});
  CHECK(reader.entry("scalar").end == std::ssize(bytes));
  CHECK(bytes_of(reader.floats("z.weight")) == bytes_of(weights));
  CHECK(reader.integers("ids") == ids);
  CHECK(reader.floats("scalar") == std::vector<float>{0.125f});
  CHECK(reader.floats("empty").empty());
  CHECK_FALSE(std::filesystem::exists(file.path.string() + ".partial"));
}

TEST_CASE("safetensors: a file without tensors") {
  const TemporaryFile file;
  write_safetensors(file.path, {});
  CHECK(SafetensorsReader(file.path).names().empty());
  CHECK(SafetensorsReader(file.path).metadata().empty());
}

TEST_CASE("safetensors: other types are converted") {
  const TemporaryFile file(file_of(
      R"({"b":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]},"h":{"dtype":"F16","shape":[7],"data_offsets":[6,20]},)"
      R"("d":{"dtype":"F64","shape":[1],"data_offsets":[20,28]},"l":{"dtype":"I64","shape":[2],"data_offsets":[28,44]},)"
      R"("x":{"dtype":"I64","shape":[1],"data_offsets":[44,52]},"u":{"dtype":"U8","shape":[],"data_offsets":[52,53]}})",
      bytes_of<uint16_t>({0x3FC0, 0xC2F7, 0x8000}) +
          bytes_of<uint16_t>({0x3C00, 0xC500, 0x7BFF, 0x0001, 0x83FF, 0x0400, 0xFC00}) +
          bytes_of<double>({-0.1}) + bytes_of<int64_t>({-2147483648, 2147483647}) +
          bytes_of<int64_t>({2147483648}) + "u"));
  const SafetensorsReader reader(file.path);
  CHECK(reader.floats("b") == std::vector<float>{1.5f, -123.5f, -0.0f});
  CHECK(std::signbit(reader.floats("b")[2]));
  CHECK(reader.floats("h") ==
        std::vector<float>{1, -5, 65504, 0x1p-24f, -1023 * 0x1p-24f, 0x1p-14f, -INFINITY});
  CHECK(reader.floats("d") == std::vector<float>{-0.1f});
  CHECK(reader.integers("l") ==
        std::vector<int32_t>{std::numeric_limits<int32_t>::min(), 2147483647});
  check_refused<UsageError>("\"x\" in " + file.path.string() + " holds 2147483648",
                            [&] { reader.integers("x"); });
  check_refused<UsageError>("\"u\" in " + file.path.string() + " has type U8",
                            [&] { reader.floats("u"); });
  check_refused<UsageError>("has type BF16", [&] { reader.integers("b"); });
}

TEST_CASE(
    "safetensors: tensors of other types and of many sizes are passed over until they are asked "
    "for") {
  const TemporaryFile file(file_of(
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F4_E2M1","shape":[8],"data_offsets":[4,8]},)"
      R"("c":{"dtype":"F32\u001b[2J","shape":[9223372036854775807,9],"data_offsets":[8,9]},)"
      R"("d":{"dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[9,17]},"e":{"dtype":"BOOL","shape":[],"data_offsets":[17,18]}})",
      bytes_of<float>({2.5f}) + "14 bytes left."));
  const SafetensorsReader reader(file.path);
  CHECK(reader.names() == std::vector<std::string>{"a", "b", "c", "d", "e"});
  CHECK(reader.floats("a") == std::vector<float>{2.5f});
  const auto refused = [&](const std::string& name, const std::string& problem) {
    const std::string sentence =
        "tensor \"" + name + "\" in " + file.path.string() + " cannot be read: " + problem;
    check_refused<UsageError>(sentence, [&] { reader.entry(name); });
    check_refused<UsageError>(sentence, [&] { reader.floats(name); });
    check_refused<UsageError>(sentence, [&] { reader.integers(name); });
  };
  refused("b", R"(its dtype "F4_E2M1" is unknown)");
  refused("c", R"(its dtype "F32\u001b[2J" is unknown)");
  refused("d", "its shape has 5 sizes, more than the 4 supported");
  check_refused<UsageError>("\"e\" in " + file.path.string() + " has type BOOL",
                            [&] { reader.floats("e"); });
}

TEST_CASE("safetensors: a NaN in F16 stays a NaN") {
  const TemporaryFile file(file_of(R"({"h":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}})",
                                   bytes_of<uint16_t>({0x7E00})));
  CHECK(std::isnan(SafetensorsReader(file.path).floats("h")[0]));
}

TEST_CASE("safetensors: a missing tensor or file is named") {
  const TemporaryFile file;
  write_small(file);
  const SafetensorsReader reader(file.path);
  for (const std::string name : {"wte.weight", "__metadata__", ""}) {
    const std::string sentence = "there is no tensor \"" + name + "\" in " + file.path.string();
    check_refused<UsageError>(sentence, [&] { reader.entry(name); });
    check_refused<UsageError>(sentence, [&] { reader.floats(name); });
    check_refused<UsageError>(sentence, [&] { reader.integers(name); });
  }
  check_refused<UsageError>("cannot open /no/such/file: No such file",
                            [] { SafetensorsReader("/no/such/file"); });
  check_refused<UsageError>("cannot open /tmp: it is not a regular file",
                            [] { SafetensorsReader("/tmp"); });
}

TEST_CASE("safetensors: a file cut at any byte is refused") {
  const TemporaryFile file;
  const std::string bytes = write_small(file);
  REQUIRE(refusal(file, bytes) == "");
  for (size_t length = 0; length < bytes.size(); ++length) {
    const std::string sentence = refusal(file, bytes.substr(0, length));
    INFO("cut after ", length, " of ", bytes.size(), " bytes: ", sentence);
    CHECK(contains(sentence, file.path.string()));
    CHECK(contains(sentence, length < 8 ? "too few" : "truncated"));
  }
  CHECK(contains(refusal(file, bytes + "x"), "its last 1 bytes belong to no tensor"));
}

TEST_CASE("safetensors: a file that is cut after it was opened") {
  const TemporaryFile file;
  const std::string bytes = write_small(file);
  const SafetensorsReader reader(file.path);
  std::filesystem::resize_file(file.path, bytes.size() - 1);
  CHECK(reader.integers("ids") == ids);
  check_refused<UsageError>("is now shorter", [&] { reader.floats("scalar"); });
}

TEST_CASE("safetensors: a header of any length is refused before it is read") {
  const TemporaryFile file;
  const auto with_length = [&](uint64_t length) {
    return refusal(file, bytes_of<uint64_t>({length}) + "{}");
  };
  CHECK(with_length(2) == "");
  CHECK(contains(with_length(0), "not a JSON object"));
  CHECK(contains(with_length(1), "not valid JSON"));
  CHECK(contains(with_length(3), "its header ends at byte 11 of 10 (truncated?)"));
  CHECK(contains(with_length(100'000'000), "its header ends at byte 100000008 of 10"));
  const std::string too_long = with_length(100'000'001);
  CHECK(contains(too_long, R"(it is not a safetensors file: its first bytes, "\u0001)"));
  CHECK(contains(too_long, "\\u0000\", are not the length of a header, at most 100000000"));
  CHECK(contains(with_length(~uint64_t{0}), "are not the length of a header"));
}

TEST_CASE("safetensors: each kind of bad header has its sentence") {
  const auto tensor = [](const std::string& type, const std::string& shape,
                         const std::string& offsets) {
    return R"({"w":{"dtype":)" + type + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets +
           "}}";
  };
  const auto pair_of = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"I8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"I8","shape":[4],"data_offsets":)" + second + "}}";
  };
  const std::string deep(100'000, '['), long_name(100'000, 'x');
  const struct {
    std::string header, phrase;  // the data are 8 bytes
  } cases[] = {
      {tensor(R"("F32")", "[1,2]", "[0,8]"), ""},
      {tensor(R"("F32")", "[1,2]", "[0,8]") + "  \n ", ""},
      {pair_of("[4,8]", "[0,4]"), ""},
      {" " + tensor(R"("F32")", "[1,2]", "[0,8]"), "not a JSON object"},
      {"[1]", "not a JSON object"},
      {"\xEF\xBB\xBF{}", "not a JSON object"},
      {"{\"w\":", "not valid JSON at byte"},
      {"{} {}", "not valid JSON at byte"},
      {"{\"\xFF\":{}}", "not valid JSON at byte"},
      {std::string("{}\0{", 4), "zero byte"},
      {R"({"w":1e999})", "a number that is out of range"},
      {R"({"w":3})", R"("w" is not a JSON object)"},
      {R"({"w":null})", R"("w" is not a JSON object)"},
      {"{\"" + long_name + "\":3}", R"(xxx…" is not a JSON object)"},
      {R"({"w":[{}]})", R"("w" is not a JSON object)"},
      {R"({"w":)" + deep, R"("w" is not a JSON object)"},
      {R"({"w":{"x":)" + deep, "nested too deeply"},
      {R"({"w":{"x":{"y":1}}})", "nested too deeply"},
      {R"({"w":{"shape":[1,2],"data_offsets":[0,8]}})", R"(tensor "w": its dtype is missing)"},
      {R"({"w":{"dtype":"F32","data_offsets":[0,8]}})", R"(tensor "w": its shape is missing)"},
      {R"({"w":{"dtype":"F32","shape":[1,2]}})", R"(tensor "w": its data_offsets is missing)"},
      {tensor("32", "[1,2]", "[0,8]"), "its dtype is missing or not a string"},
      {tensor(R"("F32")", "2", "[0,8]"), "its shape is missing or not an array"},
      {tensor(R"("F32")", "[-1,-2]", "[0,8]"), "its shape holds -1, which is not a whole number"},
      {tensor(R"("F32")", "[1.0,2]", "[0,8]"), "its shape holds 1.0, which is not a whole number"},
      {tensor(R"("F32")", "[1,\"2\"]", "[0,8]"), "its shape holds a string"},
      {tensor(R"("F32")", "[9223372036854775808]", "[0,8]"),
       "its shape holds 9223372036854775808, which is not"},
      {tensor(R"("F31")", "[1,2]", "[0,9]"), "its data end at byte 9 of the 8 in the file"},
      {tensor(R"("F31")", "[-1]", "[0,8]"), "its shape holds -1"},
      {tensor(R"("F32")", "[1,1,1,1,2]", "[0,4]"), "its last 4 bytes belong to no tensor"},
      {tensor(R"("F32")", "[4294967296,4294967296]", "[0,8]"), "overflows 64 bits"},
      {tensor(R"("F32")", "[4611686018427387906]", "[0,8]"),
       "8 bytes of data do not fit its shape [46"},
      {tensor(R"("F32")", "[3]", "[0,8]"), "its 8 bytes of data do not fit its shape [3] of F32"},
      {tensor(R"("F32")", "[0,2]", "[0,8]"),
       "its 8 bytes of data do not fit its shape [0 × 2] of F32"},
      {tensor(R"("F32")", "[1,2]", "8"), "its data_offsets is missing or not an array"},
      {tensor(R"("F32")", "[1,2]", "[0,4,8]"), "its data_offsets are 3 numbers, not two"},
      {tensor(R"("F32")", "[1,2]", "[]"), "its data_offsets are 0 numbers, not two"},
      {tensor(R"("F32")", "[1,2]", "[-8,0]"), "its data_offsets holds -8"},
      {tensor(R"("F32")", "[1,2]", "[0.5,8]"), "its data_offsets holds 0.5"},
      {tensor(R"("F32")", "[1,2]", "[8,0]"), "its data_offsets begin at 8 after their end 0"},
      {tensor(R"("F32")", "[1,2]", "[1,9]"), "its data end at byte 9 of the 8 in the file"},
      {tensor(R"("F32")", "[1,2]", "[0,9223372036854775807]"),
       "its data end at byte 9223372036854775807 of the 8"},
      {tensor(R"("F32")", "[1]", "[0,4]"), "its last 4 bytes belong to no tensor"},
      {tensor(R"("F32")", "[1]", "[4,8]"), R"(a gap before the data of tensor "w")"},
      {"{}", "its last 8 bytes belong to no tensor"},
      {pair_of("[0,4]", "[0,4]"), R"(the data of tensor "b" overlap)"},
      {pair_of("[3,7]", "[0,4]"), R"(the data of tensor "a" overlap)"},
      {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"I32","shape":[2],"data_offsets":[0,8]}})",
       R"("w" occurs twice)"},
      {R"({"w":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}})",
       R"(the key "shape" of "w" occurs twice)"},
      {R"({"__metadata__":{},"__metadata__":{}})", R"("__metadata__" occurs twice)"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", R"(the key "a" of "__metadata__" occurs twice)"},
      {R"({"__metadata__":{"a":1}})", R"(its __metadata__ "a" is not a string)"},
      {R"({"__metadata__":{"a":["1"]}})", R"(its __metadata__ "a" is not a string)"},
      {R"({"__metadata__":"a"})", R"("__metadata__" is not a JSON object)"},
  };
  const TemporaryFile file;
  for (const auto& bad : cases) {
    const std::string sentence = refusal(file, file_of(bad.header, "8 bytes."));
    INFO("header: ", bad.header.substr(0, 200), "\nmessage: ", sentence);
    const bool accepted = bad.phrase.empty();
    CHECK(sentence.empty() == accepted);
    CHECK((accepted || (contains(sentence, bad.phrase) && contains(sentence, file.path.string()))));
    CHECK(sentence.size() < 400);
    CHECK_FALSE(contains(sentence, "\n"));
  }
}

TEST_CASE("safetensors: a file with any one byte changed is read or refused") {
  const TemporaryFile file;
  const std::string bytes = write_small(file);
  const int64_t header_end = SafetensorsReader(file.path).entry("z.weight").begin;
  for (int64_t position = 0; position < header_end; ++position) {
    for (const char changed : std::string("\0\xFF\"{[0-} ,9e", 12)) {
      INFO("byte ", position, " is ", int{changed});
      std::string broken = bytes;
      broken[position] = changed;
      const std::string sentence = refusal(file, broken);
      if (sentence.empty()) {
        check_all_can_be_read(file);
      } else {
        CHECK(contains(sentence, file.path.string()));
      }
    }
  }
}

TEST_CASE("safetensors: many tensors take time in proportion to their number") {
  std::string header = "{";
  for (int index = 0; index < 100'000; ++index) {
    header += text(index ? "," : "", "\"", index,
                   R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})");
  }
  const TemporaryFile file(file_of(header + "}", ""));
  CHECK(SafetensorsReader(file.path).names().size() == 100'000);
}

TEST_CASE("safetensors: what cannot be written is refused, and the old file stays") {
  const TemporaryFile file;
  const std::string before = write_small(file);
  const std::vector<float> values = {1, 2, 3};
  const auto write = [&](const std::vector<SafetensorsTensor>& tensors,
                         const std::map<std::string, std::string>& metadata = {}) {
    write_safetensors(file.path, tensors, metadata);
  };
  check_refused<Error>("of shape [2] was given 3 values", [&] { write({{"w", {2}, values}}); });
  check_refused<Error>("\"w\" occurs twice", [&] {
    write({{"w", {3}, values}, {"w", {3, 1}, values}});
  });
  check_refused<Error>("or is reserved", [&] { write({{"__metadata__", {3}, values}}); });
  check_refused<Error>("cannot write " + file.path.string(), [&] {
    write({{"\xFF", {3}, values}});
  });
  check_refused<Error>("cannot write " + file.path.string(), [&] { write({}, {{"a", "\xFF"}}); });
  check_refused<UsageError>("cannot open /no/such/folder/file.partial: No such file",
                            [] { write_safetensors("/no/such/folder/file", {}); });
  std::filesystem::create_symlink("/dev/full", file.path.string() + ".partial");
  check_refused<Error>("cannot write " + file.path.string() + ": No space left", [&] {
    write({{"w", {3}, values}});
  });
  CHECK(file.read() == before);
  CHECK_FALSE(std::filesystem::exists(file.path.string() + ".partial"));
}

TEST_CASE("safetensors: a reader keeps the file that it has opened") {
  const TemporaryFile file;
  write_small(file);
  const SafetensorsReader reader(file.path);
  write_safetensors(file.path, {});
  CHECK(reader.integers("ids") == ids);
}

TEST_CASE("safetensors: the golden GPT-2 of PyTorch") {
  const SafetensorsReader reader(source_folder() + "/tests/golden/gpt2_tiny.safetensors");
  CHECK(reader.metadata().at("width") == "48");
  CHECK(reader.metadata().at("layer_norm_epsilon") == "1e-05");
  CHECK(reader.entry("initial.h.1.attn.c_attn.weight").shape == Shape{48, 144});
  const std::vector<float> weight = reader.floats("initial.h.1.attn.c_attn.weight");
  REQUIRE(weight.size() == 48 * 144);
  CHECK(weight[1] == 0.287485808f);
  CHECK(weight.back() == 0.135799006f);
  CHECK(reader.floats("losses").front() == 4.30516672f);
  CHECK(reader.floats("losses").back() == 4.20297861f);
  CHECK(reader.entry("tokens").shape == Shape{8, 6, 16});
  CHECK(reader.integers("tokens").front() == 38);
  CHECK(reader.integers("tokens").back() == 45);
}
