// The ledger's seconds that a device measures only later.
// CPU only.
#include "tests/test_support.h"

using namespace shard;

namespace {

/// Seconds that are known when the test says so. Asking for them earlier means waiting, which makes
/// them known.
struct LateTime : DeviceTime {
  double begin() const override { return 0; }
  mutable bool known = false;
  double value;
  explicit LateTime(double of) : value(of) {}
  bool is_known() const override { return known; }
  double seconds() const override {
    known = true;
    return value;
  }
};

}  // namespace

TEST_CASE(
    "ledger: seconds that a device measures are waited for when they are asked for, and not "
    "before") {
  Ledger ledger;
  const auto time = std::make_shared<LateTime>(0.5);
  ledger.add(Collective::all_reduce, "tp", 1, 80, time);
  ledger.add(Collective::all_reduce, "tp", 1, 20, 0.25);
  CHECK(ledger.calls() == 2);
  CHECK(ledger.bytes() == 100);
  CHECK(!time->known);
  CHECK(ledger.seconds() == 0.75);
  CHECK(ledger.seconds() == 0.75);
  REQUIRE(ledger.rows().size() == 1);
  CHECK(ledger.rows()[0].seconds == 0.75);
}

TEST_CASE(
    "ledger: what was pending in the earlier copy does not count, settled in between or not") {
  for (const bool settled : {false, true}) {
    Ledger ledger;
    ledger.add(Collective::all_reduce, "tp", 1, 80, std::make_shared<LateTime>(0.5));
    ledger.add(Collective::broadcast, "tp", 1, 80, std::make_shared<LateTime>(4.0));
    const Ledger before = ledger;
    if (settled) CHECK(ledger.seconds() == 4.5);
    const auto time = std::make_shared<LateTime>(0.125);
    ledger.add(Collective::all_reduce, "tp", 1, 20, time);
    const Ledger difference = ledger.since(before);
    CHECK(!time->known);
    CHECK(difference.calls() == 1);
    CHECK(difference.bytes() == 20);
    CHECK(difference.seconds() == 0.125);
    CHECK(difference.rows().size() == 1);
  }
}

TEST_CASE("ledger: over thousands of collectives, only a few times are kept") {
  Ledger ledger;
  std::vector<std::weak_ptr<LateTime>> times;
  for (int i = 0; i < 2000; ++i) {
    const auto time = std::make_shared<LateTime>(1.0);
    time->known = true;
    times.push_back(time);
    ledger.add(Collective::all_reduce, "tp", 1, 4, time);
  }
  CHECK(std::count_if(times.begin(), times.end(),
                      [](const auto& time) { return !time.expired(); }) <= 64);
  CHECK(ledger.seconds() == 2000.0);
}
