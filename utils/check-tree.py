"""Fails for files that are too long, paths that are too deep, and notes about work left to do.

Usage: check-tree.py <root of the source tree>
"""

import pathlib
import re
import sys

import tree

MAX_LINES = 900
MAX_COMPONENTS = 5
SOURCES = (".cpp", ".h", ".td", ".fbs", ".py", ".cmake", ".txt", ".mlir", ".md", ".yaml", ".sh")
# Spelt so that this file does not find itself.
NOTE = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    for path in tree.files(root):
        relative = path.relative_to(root)
        if len(relative.parts) > MAX_COMPONENTS:
            problems.append(f"{relative}: expected at most {MAX_COMPONENTS} components, got {len(relative.parts)}")
        if path.suffix not in SOURCES:
            continue
        lines = path.read_text().splitlines()
        if len(lines) > MAX_LINES:
            problems.append(f"{relative}: expected at most {MAX_LINES} lines, got {len(lines)}; split it by idea")
        for number, line in enumerate(lines, 1):
            if NOTE.search(line):
                problems.append(f"{relative}:{number}: expected what is missing in docs/limits.md, got a note in the code")
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
