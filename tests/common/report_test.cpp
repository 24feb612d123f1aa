// What programs print: tables, numbers, sentences; and the ledger's arithmetic.
// CPU only.
#include "common/program/report.h"

#include "tests/test_support.h"

using namespace shard;

TEST_CASE("table: columns are as wide as their widest cell, in characters and not in bytes") {
  Table table({"size", "time", "Σ"});
  table.row({"4 × 4", "3.00 µs", "1"});
  table.row({"in", "12.50 ms", "100"});
  CHECK(table.str() ==
        "  size       time    Σ\n"
        "  4 × 4   3.00 µs    1\n"
        "  in     12.50 ms  100\n");
  CHECK(width_of("µs ×") == 4);
}

TEST_CASE("table: rows may be shorter, and no line ends in spaces") {
  Table table({"name", "a"});
  table.row({"only a name"});
  table.row({"x", "1", "2"});
  CHECK(table.str() ==
        "  name         a\n"
        "  only a name\n"
        "  x            1  2\n");
}

TEST_CASE("numbers are written in few digits with their unit") {
  CHECK(fixed(3.14159) == "3.14");
  CHECK(fixed(-0.5, 0) == "-0");
  CHECK(fixed(1e6, 1) == "1000000.0");
  CHECK(scientific(3.14e-6) == "3.1e-06");
  CHECK(scientific(NAN) == "nan");
  CHECK(bytes_text(0) == "0 B");
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1500) == "1.5 KB");
  CHECK(bytes_text(64e6) == "64.0 MB");
  CHECK(seconds_text(2.5e-6) == "2.5 µs");
  CHECK(seconds_text(0.0015) == "1.50 ms");
  CHECK(seconds_text(75) == "75.00 s");
}

TEST_CASE("text joins its arguments; require says nothing when it holds") {
  CHECK(text("heads ", 5, " / ", 2.5, ' ', true) == "heads 5 / 2.5 1");
  CHECK(message_of([] { require(true, "no"); }) == "(nothing was thrown)");
  CHECK(message_of<UsageError>([] {
          require_usage(false, "--width ", 7, " is no multiple of ", 2);
        }) == "--width 7 is no multiple of 2");
}

TEST_CASE("ledger: calls of one operation on one group make one row") {
  Ledger all;
  all.add(Collective::all_reduce, "tp", 1, 400, 0.5);
  all.add(Collective::all_reduce, "tp", 2, 600, 0.25);
  all.add(Collective::all_reduce, "dp", 1, 100, 0.125);
  all.add(Collective::broadcast, "tp", 1, 8, 0);
  REQUIRE(all.rows().size() == 3);
  CHECK(all.rows()[0].calls == 3);
  CHECK(all.rows()[0].bytes == 1000);
  CHECK(all.rows()[0].seconds == 0.75);
  CHECK(all.calls() == 5);
  CHECK(all.bytes() == 1108);
  CHECK(all.seconds() == 0.875);
  CHECK(all.calls(Collective::all_reduce) == 4);
  CHECK(all.calls(Collective::all_reduce, "dp") == 1);
  CHECK(all.calls(Collective::barrier) == 0);
}

TEST_CASE("ledger: since is the difference, without rows in which nothing happened") {
  Ledger all;
  all.add(Collective::all_reduce, "tp", 3, 300, 1);
  all.add(Collective::barrier, "world", 1, 0, 1);
  const Ledger before = all;
  CHECK(all.since(before).rows().empty());
  all.add(Collective::all_reduce, "tp", 1, 100, 0.5);
  all.add(Collective::all_gather, "tp", 2, 50, 0.25);
  const Ledger since = all.since(before);
  REQUIRE(since.rows().size() == 2);
  CHECK(since.calls(Collective::all_reduce) == 1);
  CHECK(since.bytes() == 150);
  CHECK(since.seconds() == 0.75);
}
