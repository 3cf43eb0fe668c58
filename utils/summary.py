"""Says which tests were skipped and why, then counts: `N passed, N failed, N skipped`.

Usage: summary.py <ctest's JUnit file> <lit's JSON file>

To ctest all lit tests are one test named "lit"; here its place is taken by the tests of the JSON file, which exists
only if lit ran.
"""

import collections
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

LIT_PASSED = {"PASS", "XFAIL", "FLAKYPASS"}
LIT_SKIPPED = {"UNSUPPORTED", "SKIPPED", "EXCLUDED"}


def ctest_skip_reason(case):
    """GoogleTest prints `file:line: Skipped` and below it the message given to GTEST_SKIP."""
    output = case.findtext("system-out") or ""
    match = re.search(r": Skipped\n(.*?)\n\s*\n?\[", output, re.S)
    if match and match.group(1).strip():
        return " ".join(match.group(1).split())
    skipped = case.find("skipped")
    return skipped.get("message", "no reason given") if skipped is not None else "no reason given"


def lit_skip_reason(test):
    output = " ".join(test.get("output", "").split())
    return output or "no reason given"


def read_ctest(path):
    for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase"):
        status = case.get("status")
        if status == "run":
            yield case.get("name"), "passed", None
        elif status in ("notrun", "disabled"):
            yield case.get("name"), "skipped", ctest_skip_reason(case)
        else:
            yield case.get("name"), "failed", None


def read_lit(path):
    for test in json.loads(path.read_text())["tests"]:
        if test["code"] in LIT_PASSED:
            yield test["name"], "passed", None
        elif test["code"] in LIT_SKIPPED:
            yield test["name"], "skipped", lit_skip_reason(test)
        else:
            yield test["name"], "failed", None


def main():
    ctest, lit = map(pathlib.Path, sys.argv[1:])
    results = list(read_ctest(ctest))
    if lit.exists():
        tests = list(read_lit(lit))
        lit_failed = any(status == "failed" for _, status, _ in tests)
        # Kept when lit failed as a whole, with no failing test to show for it.
        results = [r for r in results if r[0] != "lit" or (r[1] == "failed" and not lit_failed)] + tests

    reasons = collections.defaultdict(list)
    for name, status, reason in results:
        if status == "skipped":
            reasons[reason].append(name)
        elif status == "failed":
            print(f"failed: {name}")
    for reason, names in sorted(reasons.items()):
        print(f"skipped {len(names)}: {reason}")
        for name in names:
            print(f"    {name}")

    count = collections.Counter(status for _, status, _ in results)
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
