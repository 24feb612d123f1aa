// Random numbers: Philox's published test vectors, and the distributions made from it.
// CPU only.
#include "common/base/random.h"

#include <cmath>
#include <set>

#include "tests/test_support.h"

using namespace shard;

using Words = r123::Philox4x32::ctr_type;

TEST_CASE("random: the known answers of Philox4x32-10 (Random123, kat_vectors)") {
  CHECK(RandomStream{0, 0}.words(0) == Words{{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  constexpr uint64_t ones = ~uint64_t{0};
  CHECK(RandomStream{ones, ones}.words(ones) ==
        Words{{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  // counter and key are digits of pi: 243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0
  const RandomStream pi{0x299f31d0a4093822, 0x0370734413198a2e};
  CHECK(pi.words(0x85a308d3243f6a88) == Words{{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST_CASE(
    "random: block b of four words serves the indices 4b … 4b+3, whatever is asked for first") {
  const RandomStream random{7, stream_of("x")};
  for (uint64_t index : {9, 0, 3, 4, 7, 1000003}) {
    CHECK(random.uniform(index) == RandomStream::uniform_of(random.words(index / 4)[index % 4]));
  }
}

TEST_CASE("random: uniform numbers are in [0, 1) and fill it evenly") {
  CHECK(RandomStream::uniform_of(0) == 0.0f);
  CHECK(RandomStream::uniform_of(~uint32_t{0}) == 1.0f - 0x1p-24f);
  constexpr int count = 100'000, bins = 10;
  const RandomStream random{7, stream_of("uniform")};
  std::vector<int> in_bin(bins);
  for (int i = 0; i < count; ++i) ++in_bin[static_cast<size_t>(random.uniform(i) * bins)];
  const double deviation = std::sqrt(count * 0.1 * 0.9);
  for (int n : in_bin) CHECK(std::abs(n - count / bins) < 5 * deviation);
}

TEST_CASE(
    "random: normal numbers have mean 0, variance 1, kurtosis 3, and neighbours are independent") {
  constexpr int count = 100'000;
  const RandomStream random{7, stream_of("normal")};
  double mean = 0, variance = 0, fourth = 0, with_next = 0;
  for (int i = 0; i < count; ++i) {
    const double x = random.normal(i);
    mean += x / count;
    variance += x * x / count;
    fourth += x * x * x * x / count;
    with_next += x * random.normal(i + 1) / count;
  }
  const double deviation = 1 / std::sqrt(count);
  CHECK(std::abs(mean) < 5 * deviation);
  CHECK(std::abs(variance - 1) < 5 * std::sqrt(2) * deviation);
  CHECK(std::abs(fourth - 3) < 5 * std::sqrt(96) * deviation);
  CHECK(std::abs(with_next) < 5 * deviation);
}

TEST_CASE("random: below gives each integer equally often, and nothing at or above its bound") {
  constexpr int count = 70'000, bound = 7;
  const RandomStream random{7, stream_of("below")};
  std::vector<int> seen(bound);
  for (int i = 0; i < count; ++i) ++seen.at(random.below(bound, i));
  for (int n : seen) CHECK(std::abs(n - count / bound) < 5 * std::sqrt(count / bound));
  CHECK(random.below(1, 5) == 0);
  CHECK(random.below(~uint64_t{0}, 3) > uint64_t{1} << 32);  // large bounds use all 64 bits
}

TEST_CASE(
    "random: another seed, stream, counter or index gives other numbers, the same give the same") {
  std::set<float> numbers;
  for (uint64_t seed : {1, 2}) {
    for (uint64_t stream : {stream_of("h.0.attn"), stream_of("h.1.attn"), stream_of("h.0.attn", 0),
                            stream_of("h.0.attn", 1)}) {
      for (uint64_t index : {0, 1, 2, 3, 4, 5})
        numbers.insert(RandomStream{seed, stream}.normal(index));
    }
  }
  CHECK(numbers.size() == 2 * 4 * 6);
  CHECK(RandomStream{3, 4}.normal(1'000'000'000'000) ==
        RandomStream{3, 4}.normal(1'000'000'000'000));
}

TEST_CASE("random: streams do not correlate") {
  constexpr int count = 50'000;
  const RandomStream first{7, stream_of("x", 1)}, second{7, stream_of("x", 2)},
      seed{8, stream_of("x", 1)};
  double streams = 0, seeds = 0;
  for (int i = 0; i < count; ++i) {
    streams += first.normal(i) * second.normal(i) / count;
    seeds += first.normal(i) * seed.normal(i) / count;
  }
  CHECK(std::abs(streams) < 5 / std::sqrt(count));
  CHECK(std::abs(seeds) < 5 / std::sqrt(count));
}
