"""Fails for C++ files that clang-format would change.

Usage: check-format.py <root of the source tree> <clang-format> [--fix]
"""

import subprocess
import sys

import tree


def main():
    root, formatter, *fix = sys.argv[1:]
    files = [str(path) for path in tree.files(root, ".h", ".cpp")]
    how = ["-i"] if fix == ["--fix"] else ["--dry-run", "-Werror", "--ferror-limit=1"]
    return subprocess.run([formatter, *how, *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
