// Where this program was built, and from what: for texts and files that lie beside it.
#pragma once
#include <string>

namespace shard {

std::string source_folder();  // of the checkout
std::string build_folder();   // of its programs

}  // namespace shard
