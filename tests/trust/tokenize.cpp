// tokenize FOLDER: the tokenizer in FOLDER on each line of stdin, a text in hexadecimal. Prints its
// tokens, a comma, and what they are decoded to, in hexadecimal.
#include <cstdio>
#include <iostream>

#include "common/base/error.h"
#include "common/text/tokenizer.h"

static std::string from_hexadecimal(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2)
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

int main(int argc, char** argv) try {
  shard::require_usage(argc == 2, "tokenize FOLDER");
  const auto tokenizer = shard::tokenizer_in(argv[1]);
  for (std::string line; std::getline(std::cin, line);) {
    const auto tokens = tokenizer->encode(from_hexadecimal(line));
    for (const int32_t token : tokens) std::printf("%d ", token);
    std::printf(",");
    for (const char byte : tokenizer->decode(tokens))
      std::printf("%02x", static_cast<unsigned char>(byte));
    std::printf("\n");
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 2;
}
