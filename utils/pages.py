"""Markdown as the lints and the site read it: headings, links, code spans, and the order of the pages.

docs/README.md is the one place that orders pages: a heading of level 2 is a section, a link in a list item a page.
"""

import dataclasses
import pathlib
import re

FENCE = re.compile(r"^\s*(```+|~~~+)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
SPAN = re.compile(r"(`+)(.+?)\1")
# A target has no spaces but for a title behind it.
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]*)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s+(\S+)")
ATTRIBUTE = re.compile(r"<[a-z]+\s[^>]*?(?:href|src|srcset)\s*=\s*[\"']([^\"']+)[\"']")
LISTED = re.compile(r"^\s*(?:[*-]|\d+\.)\s")
PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")


def prose(text):
    """(line number, line) outside of fenced blocks. A fence closes at one of the same kind that is as long or longer."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        match = FENCE.match(line)
        if fence:
            if match and match.group(1).startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
        elif match:
            fence = match.group(1)
        else:
            yield number, line


def links(text):
    """(line number, target) of each link and picture. A link may be cut in two by the end of a line."""
    lines = [(number, SPAN.sub(lambda span: "x" * len(span.group()), line)) for number, line in prose(text)]
    joined, starts = "", []
    for number, line in lines:
        starts.append((len(joined), number))
        joined += line + "\n"
    for pattern in (LINK, ATTRIBUTE):
        for match in pattern.finditer(joined):
            yield max(number for start, number in starts if start <= match.start(1)), match.group(1)
    for number, line in lines:
        if match := DEFINITION.match(line):
            yield number, match.group(1)


def spans(text):
    """(line number, text) of each code span."""
    for number, line in prose(text):
        for match in SPAN.finditer(line):
            yield number, match.group(2).strip()


def anchors(text):
    """What follows `#` in links to the headings, as GitHub names them."""
    found = set()
    for _, line in prose(text):
        if match := HEADING.match(line):
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", match.group(2)).replace("`", "")
            name = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count, unique = 0, name
            while unique in found:
                count += 1
                unique = f"{name}-{count}"
            found.add(unique)
    return found


def title(text):
    """The first heading of level 1; none if there is none."""
    return next((m.group(2) for _, line in prose(text) if (m := HEADING.match(line)) and len(m.group(1)) == 1), None)


@dataclasses.dataclass
class Section:
    name: str
    pages: list  # (title, path relative to the root)


def order(root):
    """The sections of docs/README.md with the pages that their lists link to."""
    text = (root / "docs/README.md").read_text()
    sections = []
    # A list item goes on in indented lines.
    listed = False
    for _, line in prose(text):
        if match := HEADING.match(line):
            listed = False
            if len(match.group(1)) == 2:
                sections.append(Section(match.group(2), []))
        elif not line.startswith(" "):
            listed = bool(LISTED.match(line))
        if listed and sections:
            for match in re.finditer(r"\[([^\]]*)\]\(([^):#\s]+)\)", line):
                path = (root / "docs" / match.group(2)).resolve().relative_to(root.resolve())
                sections[-1].pages.append((match.group(1)[:1].upper() + match.group(1)[1:], path))
    return sections


def unordered(root):
    """The pages below docs/ that docs/README.md does not list."""
    known = {path for section in order(root) for _, path in section.pages} | {pathlib.Path("docs/README.md")}
    return [path for page in sorted((root / "docs").rglob("*.md")) if (path := page.relative_to(root)) not in known]
