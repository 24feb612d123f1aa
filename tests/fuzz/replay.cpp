// replay FILES: a fuzz target on each file, and on each file cut after any of its bytes. For
// compilers without libFuzzer, and for valgrind.
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  int inputs = 0;
  for (int i = 1; i < argc; ++i) {
    std::ifstream in(argv[i], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    for (size_t size = 0; size <= bytes.size(); ++size, ++inputs) {
      const std::vector<char> part(bytes.begin(),
                                   bytes.begin() +
                                       static_cast<std::ptrdiff_t>(size));  // its end is the end
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(part.data()), size);
    }
  }
  std::cout << inputs << " inputs without a crash" << std::endl;
  return inputs > 0 ? 0 : 1;
}
