// The folders from which and in which this program was built, to find files in them.
#pragma once
#include <string>

namespace shard {

std::string source_folder();  // the root of the checkout
std::string build_folder();   // the folder of its programs

}  // namespace shard
