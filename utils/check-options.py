"""Fails when a tool's --help and the page about tools do not have the same options.

Usage: check-options.py <page.md> <tool>...

A tool's section has its name as heading. A code span `--name...` there documents an option; `--name-*` documents all
whose names begin so.
"""

import pathlib
import re
import subprocess
import sys

import pages
import tree

MENTIONED = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
# Behind spaces or a comma, as in "  -p,--prompt TEXT" and "  --emit=<string>".
PRINTED = re.compile(r"^\s{1,6}(-{1,2}[a-zA-Z][\w-]*)(?:,\s*(--?[a-zA-Z][\w-]*))?", re.M)


def printed(text):
    return {option for match in PRINTED.finditer(text) for option in match.groups() if option}


def documented(text):
    """The options of each section of level 2, by its heading."""
    sections, current = {}, set()
    for _, line in pages.prose(text):
        match = pages.HEADING.match(line)
        if match and len(match.group(1)) == 2:
            current = sections.setdefault(match.group(2), set())
        for _, span in pages.spans(line):
            if option := re.match(r"--?[a-zA-Z][\w-]*\*?", span):
                current.add(option.group())
    return sections


def covers(known, option):
    return option in known or any(name.endswith("*") and option.startswith(name[:-1]) for name in known)


def main():
    page, tools = pathlib.Path(sys.argv[1]), sys.argv[2:]
    sections, problems = documented(page.read_text()), []
    for tool in tools:
        name = pathlib.Path(tool).name
        done = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False)
        options, known = printed(done.stdout), sections.get(name)
        if done.returncode or not options:
            problems.append(f"{name}: expected options from --help, got exit status {done.returncode} and {len(options)}")
        elif known is None:
            problems.append(f"{page}: expected a section '## {name}'")
        else:
            problems += [f"{page}: expected the option {option} of {name}, which --help prints"
                         for option in sorted(options) if not covers(known, option)]
            problems += [f"{page}: expected an option that {name} --help prints, got {option}" for option in sorted(known)
                         if not any(covers({option}, other) for other in MENTIONED.findall(done.stdout))]
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
