"""Fails for links that lead nowhere.

Usage: check-links.py <root of the source tree> [--site <folder>]

Of the Markdown below the root: targets in the tree exist, and so do the headings behind `#`; code spans that name a path
in one of the tree's folders name one that exists; docs/README.md, which orders the pages, lists every page below docs/.
Of all other texts: pages that they name exist. Other hosts are not asked: their addresses are read, no more.

With --site, the same of a folder of HTML instead, which besides loads nothing from another host.
"""

import argparse
import html.parser
import pathlib
import re
import sys
import urllib.parse

import pages
import tree

SOURCES = (".cpp", ".h", ".td", ".fbs", ".py", ".cmake", ".txt", ".mlir", ".yaml", ".sh", ".test")
# The lints' own tests hold what the lints object to.
ELSEWHERE = {"Lint"}
NAMED_PAGE = re.compile(r"(?<![\w/.-])docs/[\w/-]+\.md\b")


def external_problem(target):
    """What is wrong with an address of another host; none if nothing is."""
    try:
        parts = urllib.parse.urlsplit(target)
        host = parts.hostname or ""
    except ValueError as error:
        return str(error)
    if parts.scheme == "mailto":
        return None if "@" in parts.path else "no address"
    if parts.scheme not in ("http", "https"):
        return f"scheme '{parts.scheme}'"
    return None if re.fullmatch(r"[a-z0-9.-]+\.[a-z]{2,}", host) else f"host '{host}'"


def is_external(target):
    return re.match(r"[a-z][a-z0-9+.-]*:|//", target) is not None


class Markdown:
    def __init__(self, root):
        self.root = root
        self.folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("build")}
        self.anchors = {}

    def anchors_of(self, page):
        if page not in self.anchors:
            self.anchors[page] = pages.anchors(page.read_text())
        return self.anchors[page]

    def link_problem(self, page, target):
        if is_external(target):
            wrong = external_problem(target)
            return wrong and f"expected an address with http or https and a host, got '{target}' ({wrong})"
        path, _, anchor = urllib.parse.unquote(target).partition("#")
        found = (page.parent / path).resolve() if path else page
        if not found.is_relative_to(self.root) or not found.exists():
            return f"expected a file of the tree, got a link to '{target}'"
        if anchor and found.suffix == ".md" and anchor not in self.anchors_of(found):
            return f"expected a heading of {found.relative_to(self.root)}, got a link to '#{anchor}'"
        return None

    def names_nothing(self, span):
        return (pages.PATH.fullmatch(span) and span.split("/")[0] in self.folders and "/" in span.rstrip("/")
                and not (self.root / span).exists())

    def check(self, page):
        text, where = page.read_text(), page.relative_to(self.root)
        for number, target in pages.links(text):
            if problem := self.link_problem(page, target):
                yield f"{where}:{number}: {problem}"
        for number, span in pages.spans(text):
            if self.names_nothing(span):
                yield f"{where}:{number}: expected a path of the tree, got '{span}'"


def check_named_pages(root, path):
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        for name in NAMED_PAGE.findall(line):
            if not (root / name).exists():
                yield f"{path.relative_to(root)}:{number}: expected a page of the tree, got '{name}'"


def check_tree(root):
    markdown, count = Markdown(root), 0
    for page in tree.files(root, ".md"):
        count += 1
        yield from markdown.check(page)
    for path in tree.files(root, *SOURCES):
        if not ELSEWHERE & set(path.relative_to(root).parts):
            yield from check_named_pages(root, path)
    for page in pages.unordered(root):
        yield f"{page}: expected docs/README.md, which orders the pages, to list it"
    if not count:
        yield f"{root}: expected pages, found none"


class Page(html.parser.HTMLParser):
    """The names and the links of a page; `loads` are those that a browser follows by itself."""

    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.loads = set(), [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.names |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        for key in ("href", "src", "data"):
            if (target := attributes.get(key)) is None:
                continue
            loads = key != "href" or tag == "link" and attributes.get("rel") != "canonical"
            (self.loads if loads else self.links).append((self.getpos()[0], target))


def check_site(site):
    parsed = {path: Page(path) for path in sorted(site.rglob("*.html"))}
    for path, page in parsed.items():
        for number, target in page.links + page.loads:
            where = f"{path.relative_to(site)}:{number}"
            if is_external(target):
                if (number, target) in page.loads:
                    yield f"{where}: expected a page that loads nothing from elsewhere, got '{target}'"
                elif wrong := external_problem(target):
                    yield f"{where}: expected an address with http or https and a host, got '{target}' ({wrong})"
                continue
            name, _, anchor = urllib.parse.unquote(target).partition("#")
            name = name.partition("?")[0]
            found = path if not name else site / name[1:] if name.startswith("/") else (path.parent / name).resolve()
            if found.is_dir():
                found /= "index.html"
            if not found.is_file():
                yield f"{where}: expected a file of the site, got a link to '{target}'"
            # Scripts give meaning to names such as #searchbox that no element has; text links to headings.
            elif anchor and found in parsed and anchor not in parsed[found].names:
                yield f"{where}: expected a name in {found.relative_to(site)}, got a link to '#{anchor}'"
    if not parsed:
        yield f"{site}: expected pages, found none"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--site", type=pathlib.Path, help="a folder of HTML to check in the sources' place")
    arguments = parser.parse_args()
    check, folder = (check_site, arguments.site) if arguments.site else (check_tree, arguments.root)
    return tree.report(list(check(folder.resolve())))


if __name__ == "__main__":
    sys.exit(main())
