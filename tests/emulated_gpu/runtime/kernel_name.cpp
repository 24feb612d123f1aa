// Names of kernels. Most are local to their file, so they are only in the ELF symbol table of the
// library on disk.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <vector>

#include "fault.h"

namespace emulated_gpu {
namespace {

std::vector<char> contents(const char* file) {
  std::ifstream in(*file != '\0' ? file : "/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The function at `offset` from where the file was loaded, in its symbol table; empty if there is
/// none.
std::string function_at(const std::vector<char>& file, uint64_t offset) {
  if (file.size() < sizeof(Elf64_Ehdr)) return "";
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(file.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(file.data() + header->e_shoff);
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto* symbols = reinterpret_cast<const Elf64_Sym*>(file.data() + sections[i].sh_offset);
    const char* names = file.data() + sections[sections[i].sh_link].sh_offset;
    for (size_t s = 0; s < sections[i].sh_size / sizeof(Elf64_Sym); ++s) {
      if (ELF64_ST_TYPE(symbols[s].st_info) == STT_FUNC && symbols[s].st_value == offset)
        return names + symbols[s].st_name;
    }
  }
  return "";
}

void erase_all(std::string& whole, const std::string& part) {
  for (size_t at; (at = whole.find(part)) != std::string::npos;) whole.erase(at, part.size());
}

}  // namespace

const char* symbol_name(const void* kernel) {
  static std::map<const void*, std::string> known;
  std::string& name = known[kernel];
  if (!name.empty()) return name.c_str();
  Dl_info info{};
  link_map* library = nullptr;
  if (dladdr1(kernel, &info, reinterpret_cast<void**>(&library), RTLD_DL_LINKMAP) != 0) {
    name = function_at(contents(library->l_name),
                       reinterpret_cast<uint64_t>(kernel) - library->l_addr);
  }
  if (name.empty()) name = "a kernel";
  return name.c_str();
}

/// Without its namespaces' "(anonymous namespace)::", its "void " and its parameters.
std::string kernel_name(const void* kernel) {
  const char* symbol = symbol_name(kernel);
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> readable(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  if (status != 0) return symbol;
  std::string name = readable.get();
  erase_all(name, "(anonymous namespace)::");
  erase_all(name, "shard::");
  if (name.starts_with("void ")) name.erase(0, 5);
  return name.substr(0, name.find('('));
}

}  // namespace emulated_gpu
