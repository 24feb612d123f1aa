#!/usr/bin/env bash
# runner_test.sh BIN: the test runner tells and ends each way to fail, with the failing rank's
# message, within 5 s.
# shellcheck source-path=SCRIPTDIR source=expect.sh
source "$(dirname "$0")/expect.sh"

# runner NAMES RANKS STATUS: runs these tests of runner_test.cpp; what it says must be exactly the
# standard input, in any order, without folders and line numbers.
runner() {
  local expected said
  expected=$(sed -E 's/^(rank [01]: )in /\1runner_test.cpp: in /' | sort)
  attempt "$2" runner_test "--test-case=$1"
  said=$(cat "$work/out" "$work/err" | sed -E "s|[^ ]*/([a-z_]+\.cpp):[0-9]+|\1|" | sort)
  [[ $said == "$expected" ]] || wrong "'$1' on $2 ranks says something else than"$'\n'"$expected"
  [[ $status == "$3" ]] || wrong "'$1' on $2 ranks: exit status $3 was expected"
  ((seconds <= 5)) || wrong "'$1' on $2 ranks took too long"
}

runner 'a check fails*' 3 1 <<'END'
rank 1: in "a check fails on rank 1 only": CHECK(world().rank() != 1) is wrong: 1 != 1
  with the answer is in doubt
FAILED: "a check fails on rank 1 only": failed assertions: 1 on rank 1
FAILED: 1 test on 3 ranks, 3 assertions, 1 of them failed
END
runner 'a check fails*,a test that passes' 2 1 <<'END'
rank 1: in "a check fails on rank 1 only": CHECK(world().rank() != 1) is wrong: 1 != 1
  with the answer is in doubt
FAILED: "a check fails on rank 1 only": failed assertions: 1 on rank 1
FAILED: 2 tests on 2 ranks, 4 assertions, 1 of them failed
END
runner 'a requirement*' 3 1 <<'END'
rank 1: in "a requirement fails on rank 1 only": REQUIRE(world().rank() != 1) is wrong: 1 != 1
END
runner 'an exception on*' 3 1 <<'END'
rank 1: in "an exception on rank 1 only": threw: rank 1 has had enough
END
runner 'an exception inside*' 3 1 <<'END'
rank 1: in "an exception inside a check": CHECK(doubtful() != 0) threw: "rank 1 has had enough"
END
runner 'a crash*' 3 1 <<'END'
rank 1: in "a crash on rank 1 only": crashed: SIGSEGV - Segmentation violation signal
END
runner 'no exception*' 1 1 <<'END'
rank 0: in "no exception where one is expected": CHECK_THROWS(everybody()) did not throw as expected
FAILED: "no exception where one is expected": failed assertions: 1 on rank 0
FAILED: 1 test on 1 rank, 1 assertion, 1 of them failed
END
runner 'a test for three ranks' 3 0 <<'END'
passed: 1 test on 3 ranks, 3 assertions, 0 of them failed
END
runner 'a test for three ranks' 1 1 <<'END'
rank 0: main.cpp: in "a test for three ranks": needs 3 ranks, but runs on 1
END
runner 'a test without assertions' 1 1 <<'END'
FAILED: 1 test on 1 rank, 0 assertions, 0 of them failed
END
runner 'there is no such test' 2 1 <<'END'
FAILED: no test matches
END
runner 'a test that passes' 3 0 <<'END'
passed: 1 test on 3 ranks, 3 assertions, 0 of them failed
END

# Every rank tells what it was told, and which of them are heard before all are ended is a matter of
# time.
attempt 2 runner_test '--test-case=rank 1 calls another collective'
told='the ranks of world call different collectives'
grep -qE "^rank [01]: .*: threw: $told: rank [01]: .*\(#1\), rank [01]: .*\(#1\)\$" "$work/err" ||
  wrong 'a mismatched collective is not told'
((status == 1 && seconds <= 5)) ||
  wrong 'a mismatched collective: exit status 1 within 5 s was expected'
finish
