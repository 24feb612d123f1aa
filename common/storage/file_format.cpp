#include "common/storage/file_format.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace shard {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view of_torch =
    ": convert it with save_pretrained(folder, safe_serialization=True) of transformers";
constexpr std::string_view page =
    " instead of the file: download it again (on huggingface.co the address contains /resolve/, "
    "not /blob/)";
constexpr std::string_view unpack = ": unpack it first";

struct Format {
  std::string_view start, name, advice;
};
constexpr std::array formats{
    Format{"version https://git-lfs"sv, "a git-lfs pointer",
           " instead of the file: fetch it with git lfs pull"},
    Format{"PK\x03\x04"sv, "a zip archive, as torch.save writes it", of_torch},
    Format{"\x80\x02\x8a\x0al\xfc"sv, "a pickle, as torch.save wrote it before PyTorch 1.6",
           of_torch},
    Format{"\x80\x04\x95"sv, "a pickle", of_torch},
    Format{"\x1f\x8b"sv, "compressed with gzip", unpack},
    Format{"\x28\xb5\x2f\xfd"sv, "compressed with zstd", unpack},
    Format{"\xfd\x37zXZ"sv, "compressed with xz", unpack},
    Format{"BZh"sv, "compressed with bzip2", unpack},
    Format{"\x89HDF"sv, "an HDF5 file, as TensorFlow writes it",
           ": take the model's model.safetensors"},
    Format{"GGUF"sv, "a GGUF file, as llama.cpp reads it", ": take the model's model.safetensors"}};

bool is_space(char character) { return std::isspace(static_cast<unsigned char>(character)) != 0; }

/// The text in lower case, without a byte order mark or spaces at its beginning.
std::string lower_case(std::string_view start) {
  if (start.starts_with("\xEF\xBB\xBF")) start.remove_prefix(3);
  while (!start.empty() && is_space(start.front())) start.remove_prefix(1);
  std::string letters(start);
  std::ranges::transform(letters, letters.begin(),
                         [](unsigned char letter) { return std::tolower(letter); });
  return letters;
}

}  // namespace

std::string recognized_format(std::string_view start) {
  for (const Format& format : formats) {
    if (start.starts_with(format.start)) return std::string(format.name).append(format.advice);
  }
  const std::string letters = lower_case(start);
  if (letters.starts_with("<!doctype html") || letters.starts_with("<html"))
    return "an HTML page" + std::string(page);
  if (letters.starts_with("<?xml")) return "an XML page" + std::string(page);
  return "";
}

}  // namespace shard
