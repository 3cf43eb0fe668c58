"""Runs a transcript of commands and what they complain about.

Usage: transcript.py <transcript> <folder> [--update]

The commands run in bash, in the folder, which is empty at the start. Lines of a transcript:

    > COMMAND    prepares something; must exit 0
    $ COMMAND    must exit 1, print nothing to standard output, change no file, and print to standard error exactly the
                 lines that follow, up to an empty line; {{...}} in them is a regular expression
    ~ COMMAND    must exit 0 and print exactly the lines that follow to standard error: a remark
    anything else is for people

--update writes what the commands printed into the transcript, for a person to judge.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys


def run(command, folder):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, timeout=120)


def state(folder):
    """All files, with their sizes and times."""
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def matches(expected, got):
    parts = re.split(r"\{\{(.*?)\}\}", expected)
    pattern = "".join(part if i % 2 else re.escape(part) for i, part in enumerate(parts))
    return re.fullmatch(pattern, got) is not None


def check(command, expected, folder, fails):
    before = state(folder)
    done = run(command, folder)
    got = done.stderr.rstrip("\n")
    problems = []
    if done.returncode != fails:
        problems.append(f"expected exit status {int(fails)}, got {done.returncode}")
    if fails and done.stdout:
        problems.append(f"expected nothing on standard output, got:\n{done.stdout}")
    if not matches("\n".join(expected), got):
        problems.append("expected:\n" + "\n".join(expected) + "\ngot:\n" + got)
    after = state(folder)
    if fails and before != after:
        problems.append(f"expected no file to change, got {sorted(set(before.items()) ^ set(after.items()))}")
    return problems, got


def main():
    path, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    update = "--update" in sys.argv
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["HERE"] = str(path.resolve().parent)
    lines = path.read_text().split("\n")
    written, failed, i = [], 0, 0
    while i < len(lines):
        line = lines[i]
        number = i + 1
        i += 1
        written.append(line)
        if line.startswith("> "):
            done = run(line[2:], folder)
            if done.returncode:
                sys.exit(f"{path}:{number}: {line[2:]}\nexpected exit status 0, got {done.returncode}:\n{done.stderr}")
        elif line.startswith(("$ ", "~ ")):
            expected = []
            while i < len(lines) and lines[i]:
                expected.append(lines[i])
                i += 1
            problems, got = check(line[2:], expected, folder, fails=line[0] == "$")
            agrees = matches("\n".join(expected), got)
            written += expected if agrees else got.split("\n")
            for problem in problems:
                print(f"{path}:{number}: {line[2:]}\n{problem}\n")
                failed = 1
    if update:
        path.write_text("\n".join(written))
    return failed


if __name__ == "__main__":
    sys.exit(main())
