"""The files of the source tree that the lints look at: everything but build folders, test inputs and hidden folders."""

import os
import pathlib

SKIPPED_FOLDERS = {"Inputs", "__pycache__"}


def files(root, *suffixes):
    """Paths below `root`, sorted; those with one of the suffixes, or all."""
    for folder, folders, names in os.walk(root):
        top = pathlib.Path(folder) == pathlib.Path(root)
        folders[:] = sorted(
            f for f in folders
            if f not in SKIPPED_FOLDERS and not f.startswith(".") and not (top and f.startswith("build")))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if not suffixes or path.suffix in suffixes:
                yield path


def report(problems):
    """Prints `file[:line]: message` for each problem; the exit status says whether there was one."""
    for problem in problems:
        print(problem)
    return 1 if problems else 0
