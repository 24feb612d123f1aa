// How a fuzz target reports a failure.
#pragma once
#include <cstdlib>
#include <iostream>
#include <string>

/// Ends the program, as a crash that the fuzzer keeps, when `holds` is false.
inline void must(bool holds, const std::string& what) {
  if (holds) return;
  std::cerr << what << std::endl;
  std::abort();
}
