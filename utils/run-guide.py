"""Runs a guide as its reader would, and fails where the guide does not tell the truth.

Usage: run-guide.py <guide.md> <folder to work in> [NAME=value...]

* A fenced block ```<language> file=<name> is written to that file.
* A block ```sh runs under `set -euo pipefail`, all of a guide in one folder that is emptied first; NAME=value pairs are
  its environment.
* A block ```text behind it is what it prints: each of its lines must occur, in this order, among the lines printed.
  "..." within a line stands for anything, and so does a run of spaces for another; a line of "..." is skipped.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

FENCE = re.compile(r"^```(\w*)(?:\s+file=(\S+))?\s*$")


def blocks(lines):
    """(line number, language, file name, text) of each fenced block."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None:
            match = FENCE.match(line)
            if match:
                start, body = (number, match.group(1), match.group(2)), []
        elif line.startswith("```"):
            yield (*start, "\n".join(body) + "\n")
            start = None
        else:
            body.append(line)


def pattern(line):
    parts = [r"\s+".join(map(re.escape, part.split())) for part in line.split("...")]
    return re.compile(".*".join(parts))


def missing(expected, printed):
    """The first line of `expected` that does not follow in `printed`; none if all do."""
    rest = iter(printed.splitlines())
    for line in expected.splitlines():
        if line.strip() in ("", "..."):
            continue
        wanted = pattern(line)
        if not any(wanted.search(candidate) for candidate in rest):
            return line
    return None


def main():
    guide, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    environment = os.environ | dict(pair.split("=", 1) for pair in sys.argv[3:])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ran, printed = 0, None
    for number, language, name, text in blocks(guide.read_text().splitlines()):
        if name:
            (folder / name).write_text(text)
        elif language == "sh":
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            printed, ran = done.stdout, ran + 1
            if done.returncode:
                sys.exit(f"{guide}:{number}: expected the block to succeed, got exit status {done.returncode}:\n{printed}")
        elif language == "text" and printed is not None:
            line = missing(text, printed)
            if line:
                sys.exit(f"{guide}:{number}: expected the line '{line}' in its turn, got:\n{printed}")
    if not ran:
        sys.exit(f"{guide}: expected a block of ```sh to run")
    print(f"{guide.name}: {ran} blocks ran")


if __name__ == "__main__":
    main()
