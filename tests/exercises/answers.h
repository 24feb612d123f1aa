// Answers that are not tensors (ranks, lists, host values): how they are compared and named.
#pragma once
#include <string>
#include <vector>

#include "tests/exercises/examiner.h"

namespace shard {

/// A wrong answer that the test recognises. Reported as: "your " + name + " is " + diagnosis.
template <class T>
struct KnownWrong {
  std::string diagnosis;
  T answer;
};

/// "" if `got` equals `expected`; otherwise what it is, if it is a known wrong answer (tried in
/// order), or `difference`: what differs, in the test's words.
template <class T>
std::string diagnose_answer(const std::string& name, const T& got, const T& expected,
                            const std::vector<KnownWrong<T>>& known,
                            const std::string& difference) {
  if (got == expected) return "";
  for (const KnownWrong<T>& wrong : known) {
    if (got == wrong.answer) return text("your ", name, " is ", wrong.diagnosis);
  }
  return difference;
}

/// The same as an expectation of the examiner.
template <class T>
void expect_answer(Examiner& examiner, const std::string& name, const T& got, const T& expected,
                   const std::vector<KnownWrong<T>>& known, const std::string& difference) {
  examiner.expect(name, got == expected, diagnose_answer(name, got, expected, known, difference));
}

/// "{4, 7}", "{{4, 7}, {}, {1}}"
inline std::string shown(int64_t value) { return text(value); }
template <class T>
std::string shown(const std::vector<T>& list) {
  std::string all;
  for (const T& item : list) all += (all.empty() ? "" : ", ") + shown(item);
  return "{" + all + "}";
}

}  // namespace shard
