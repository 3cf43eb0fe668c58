"""Fails for tests that cannot fail.

Usage: check-tests.py <root of the source tree>

* A lit test whose expectations no RUN line reads: CHECK lines without FileCheck, a prefix that no FileCheck is given,
  expected-error lines without -verify-diagnostics, no RUN line at all.
* A unit test that asserts a constant, or that the build does not know.
"""

import pathlib
import re
import sys

import tree

# A project of its own, and the lints' own tests, which hold what the lints object to.
ELSEWHERE = {"consumer", "Lint"}
COMMENT = r"^\s*(?://|#|;)?\s*"
RUN = re.compile(COMMENT + r"RUN:(.*)")
# CHECK and CHECK-ANYTHING always are expectations; other words only with FileCheck's own suffixes.
CHECK = re.compile(COMMENT + r"(CHECK(?:-[A-Z0-9]+)*|[A-Z][A-Z0-9_-]*-(?:NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+)):")
SUFFIX = re.compile(r"-(NEXT|SAME|NOT|DAG|LABEL|EMPTY|COUNT-\d+)$")
PREFIXES = re.compile(r"--?check-prefix(?:es)?[= ]([\w,-]+)")
EXPECTED = re.compile(r"//\s*expected-(error|warning|remark|note)")
CONSTANT = re.compile(r"\b(?:EXPECT|ASSERT)_(?:TRUE\(\s*(?:true|1)|FALSE\(\s*(?:false|0))\s*\)")


def run_lines(lines):
    """Each RUN command with its continuation lines."""
    commands, open_command = [], False
    for line in lines:
        match = RUN.match(line)
        if not match:
            continue
        text = match.group(1).strip()
        if open_command:
            commands[-1] += " " + text
        else:
            commands.append(text)
        open_command = text.endswith("\\")
        commands[-1] = commands[-1].rstrip("\\")
    return commands


def check_lit(path, lines):
    commands = run_lines(lines)
    if not commands:
        yield f"{path}: expected a RUN line"
        return
    prefixes = set()
    for command in commands:
        for call in command.split("FileCheck")[1:]:
            call = re.split(r"[|;]|&&", call)[0]
            given = [p for group in PREFIXES.findall(call) for p in group.split(",")]
            prefixes.update(given or ["CHECK"])
    for number, line in enumerate(lines, 1):
        match = CHECK.match(line)
        if match and match.group(1) not in prefixes and SUFFIX.sub("", match.group(1)) not in prefixes:
            yield f"{path}:{number}: expected a RUN line with FileCheck that reads '{match.group(1)}'"
        if EXPECTED.search(line) and not any("-verify-diagnostics" in command for command in commands):
            yield f"{path}:{number}: expected a RUN line with -verify-diagnostics"


def check_unit(path, lines, known):
    if path.suffix == ".cpp" and path.name not in known:
        yield f"{path}: expected test/CMakeLists.txt to build it"
    for number, line in enumerate(lines, 1):
        if CONSTANT.search(line):
            yield f"{path}:{number}: expected a test that can fail, got an assertion about a constant"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    known = (root / "test/CMakeLists.txt").read_text() if (root / "test/CMakeLists.txt").exists() else ""
    problems = []
    for path in tree.files(root / "test", ".mlir", ".test", ".yaml", ".cpp", ".h"):
        relative = path.relative_to(root)
        lines = path.read_text().splitlines()
        if relative.parts[1] in ELSEWHERE:
            continue
        if path.suffix in (".cpp", ".h"):
            problems += check_unit(relative, lines, known)
        else:
            problems += check_lit(relative, lines)
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
