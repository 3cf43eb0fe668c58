"""Collects handwritten and generated pages in one folder that MkDocs turns into a site.

Usage: collect-docs.py <root of the source tree> <build folder> <folder to write> [--mkdocs <program>]

Writes <folder>/docs with the pages, and <folder>/mkdocs.yml with their order, which is that of docs/README.md. Pages lie
where they do in the source tree, so their links to each other stay as they are. What a page names besides is here too:

* A .td file has the page that TableGen made of it in the build folder.
* A header in docs/README.md has one section per declaration, with the comment over it.
* Other files are shown as they are, and folders as a list of what is in them.

With --mkdocs, builds <folder>/site.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pages
import tree

LIST = re.compile(r"^(?:[-*+]|1[.)])\s")
LANGUAGES = {".cpp": "cpp", ".h": "cpp", ".td": "tablegen", ".py": "python", ".mlir": "mlir", ".yaml": "yaml", ".json": "json"}
COMMENT = re.compile(r"^(?://+|#+(?!!)|/\*+|\"\"\"|;+)\s?(.*)")


def for_mkdocs(text):
    """Markdown as GitHub and MLIR write it, in the narrower form that MkDocs reads: blank lines in front of lists and
    fences, fences that name a language and no more, lists indented by four spaces, no fences in lists."""
    out, fence, listed = [], None, False
    for line in text.splitlines():
        match, stripped = pages.FENCE.match(line), line.lstrip()
        # Two spaces, or three below a number, are one level.
        indent = " " * (4 * ((len(line) - len(stripped)) // 2)) if listed else line[:len(line) - len(stripped)]
        if fence:
            if match and match.group(1).startswith(fence) and not stripped.strip(fence[0]):
                fence = None
                out.append("" if base else line)
            else:
                out.append("    " + base + line[cut:] if base else line)
            continue
        starts_list = LIST.match(line) is not None
        if (match or starts_list and not listed) and out and out[-1].strip():
            out.append("")
        if match:
            fence = match.group(1)
            base, cut = (indent, len(line) - len(stripped)) if listed and line[:1] == " " else ("", 0)
            out.append("" if base else re.match(r"\s*(?:`+|~+)\w*", line).group())
        else:
            out.append(indent + stripped)
            listed = starts_list or listed and (line.startswith(" ") or not stripped)
    return "\n".join(out) + "\n"


def first_sentence(path):
    """What a file says of itself: the beginning of its first comment, or a page's title."""
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return ""
    if path.suffix == ".md":
        return pages.title(text) or ""
    words = []
    for line in text.splitlines():
        match = COMMENT.match(line)
        if match and line.startswith("#") and path.suffix in (".cpp", ".h", ".c"):
            break  # a directive
        if match and match.group(1).strip():
            words.append(match.group(1).strip().removesuffix('"""'))
        elif words or line.strip():
            break
    comment = " ".join(words)
    return re.split(r"(?<=[.:;]) ", comment)[0].rstrip(":;").strip() if comment else ""


def fenced(text, language=""):
    """A block around any text: no line of it closes the fence."""
    return f"~~~~~~~~{language}\n{text.rstrip()}\n~~~~~~~~\n"


def declarations(text):
    """(comment, code) of each declaration of a C header: a comment, and the lines up to the next one or to a blank line
    outside of braces. Comments behind code belong to the code."""
    text = re.sub(r"^#ifdef __cplusplus\n.*?^#endif\n", "", text, flags=re.M | re.S)
    comment, code, inside = [], [], False
    for line in text.splitlines() + [""]:
        stripped, depth = line.strip(), "".join(code).count("{") - "".join(code).count("}")
        starts = depth == 0 and stripped.startswith("/*")
        if code and (starts or depth == 0 and not stripped):
            yield comment, code
            comment, code = [], []
        if inside or starts:
            inside = not stripped.endswith("*/")
            comment.append(re.sub(r"^/?\*+/?\s?|\s*\*/$", "", stripped))
        elif stripped and not stripped.startswith("#"):
            code.append(line)


def header_page(text):
    """A C header as a page; the comment at its top is the introduction."""
    top, _, rest = text.partition("*/")
    out = ["# The C interface", "", re.sub(r"^\s*/?\*+ ?", "", top, flags=re.M).strip(), ""]
    for comment, code in declarations(rest):
        body = re.sub(r"HYBRID_API |^ {11}(?= {4})", "", "\n".join(code), flags=re.M)
        names = re.findall(r"\b(hybrid_\w+)\(", re.sub(r"/\*.*?\*/", "", body)) or re.findall(r"\w+(?=;$)", body, re.M)
        out += [f"## `{'`, `'.join(names)}`", "", " ".join(line for line in comment if line), "", fenced(body, "c")]
    return "\n".join(out)


class Site:
    def __init__(self, root, build, out):
        self.root, self.build, self.out = root, build, out
        self.sources = []  # files and folders that pages name, each with a page of its own
        # A build folder may hold pages of files that are gone.
        self.generated = {td: path for room in ("dialects", "include") for path in sorted((build / room).rglob("*.md"))
                          if (root / (td := path.relative_to(build).with_suffix(".td"))).exists()}
        self.sections = pages.order(root)
        self.pages = {path for section in self.sections for _, path in section.pages} | {pathlib.Path("docs/README.md")}
        self.headers = {path for path in self.pages if path.suffix == ".h"}

    def page_of(self, path):
        """The page that stands for a path of the tree."""
        if path in self.pages and path.suffix == ".md":
            return path
        if path in self.generated or path in self.headers:
            return path.with_suffix(".md")
        return self.source_page(path)

    def source_page(self, path):
        """The page that shows a file of the tree as it is, or what is in a folder."""
        if path not in self.sources:
            self.sources.append(path)
        return pathlib.Path("source", f"{path}.md")

    def shown(self, path):
        """Whether a path is a folder, or a file that can be shown."""
        if (self.root / path).is_dir():
            return True
        try:
            return bool((self.root / path).read_text())
        except (UnicodeDecodeError, OSError):
            return False

    def target(self, page, found, anchor=""):
        return os.path.relpath(self.page_of(found), page.parent) + anchor

    def resolved(self, page, text):
        """The path of the tree that a link of a page leads to; none if it is not of the tree, or stays as it is."""
        path = (self.root / page).parent / text
        if not text or re.match(r"[a-z]+:", text) or not path.exists() or path.suffix in (".svg", ".png"):
            return None
        return path.resolve().relative_to(self.root)

    def rewrite(self, page, line):
        """Lets links to the source tree lead to its pages, and makes links of code spans that are paths."""
        def link(match):
            path, mark, anchor = match.group("target").partition("#")
            found = self.resolved(page, path)
            return f"{match.group('text') or ''}]({self.target(page, found, mark + anchor) if found else match.group('target')})"

        def span(match):
            name = match.group("span").strip("`")
            if "/" not in name or not pages.PATH.fullmatch(name):
                return match.group()
            found = pathlib.Path(name)
            # build folders are not of the tree
            if not (self.root / found).exists() or found.parts[0].startswith("build") or not self.shown(found):
                return match.group()
            return f"[{match.group()}]({self.target(page, found)})"

        pattern = r"(?P<text>\[[^\]]*)?\]\((?P<target>[^)\s]+)\)|(?P<span>`+[^`]+`+)"
        return re.sub(pattern, lambda match: span(match) if match.group("span") else link(match), line)

    def write(self, page, text):
        lines = text.splitlines()
        for number, line in pages.prose(text):
            if not pages.HEADING.match(line):
                lines[number - 1] = self.rewrite(page, line)
        self.write_page(page, "\n".join(lines))

    def write_page(self, page, text):
        path = self.out / "docs" / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(for_mkdocs(text))

    def write_generated(self, path, name):
        # What TableGen writes for readers of the file itself, and for other makers of sites.
        text = re.sub(r"<!-- Autogenerated by .* -->|^\[TOC\]$|^# .*$", "", self.generated[path].read_text(), flags=re.M)
        source = os.path.relpath(self.source_page(path), self.page_of(path).parent)
        self.write_page(self.page_of(path), f"# {name}\n\nWritten from [{path}]({source}) by TableGen.\n\n{text}")

    def write_source(self, path):
        page, found = pathlib.Path("source", f"{path}.md"), self.root / path
        if not found.is_dir():
            text = f"# {path}\n\n" + fenced(found.read_text(), LANGUAGES.get(path.suffix, ""))
        else:
            rows = [f"# {path}/", "", "| file | what it says of itself |", "|---|---|"]
            for child in sorted(found.iterdir()):
                if child.name.startswith((".", "__")):
                    continue
                inside = path / child.name
                name = f"`{child.name}{'/' if child.is_dir() else ''}`"
                if inside in self.sources or inside in self.generated or inside in self.pages:
                    name = f"[{name}]({self.target(page, inside)})"
                rows.append(f"| {name} | {'' if child.is_dir() else first_sentence(child).replace('|', chr(92) + '|')} |")
            text = "\n".join(rows) + "\n"
        self.write_page(page, text)

    def problems(self):
        for page in pages.unordered(self.root):
            yield f"{page}: expected docs/README.md, which orders the pages, to list it"
        for path in self.generated:
            if path not in self.pages:
                yield f"{path}: expected docs/README.md, which orders the pages, to list it, as TableGen makes a page of it"
        for path in sorted(self.pages):
            if path.suffix == ".td" and path not in self.generated:
                yield f"{path}: expected a page from TableGen in {self.build}; build it first"

    def collect(self):
        for path in sorted((self.root / "docs").rglob("*")):
            page = path.relative_to(self.root)
            if path.suffix == ".md":
                self.write(page, path.read_text())
            elif path.suffix in (".css", ".svg", ".png"):
                (self.out / "docs" / page).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, self.out / "docs" / page)
        for section in self.sections:
            for name, path in section.pages:
                if path in self.generated:
                    self.write_generated(path, name)
                elif path in self.headers:
                    self.write(self.page_of(path), header_page((self.root / path).read_text()))
                elif path.parts[0] != "docs":
                    self.write(path, (self.root / path).read_text())
        # A folder's page says which of its files have one, so files come first.
        for path in sorted(self.sources, key=lambda path: (self.root / path).is_dir()):
            self.write_source(path)

    def write_configuration(self):
        nav = [{"Pages": "docs/README.md"}] + [{section.name: [{name: str(self.page_of(path))} for name, path in section.pages]} for section in self.sections]
        # JSON is YAML.
        text = {"INHERIT": str(self.root / "docs/mkdocs.yml"), "docs_dir": "docs", "site_dir": "site", "nav": nav,
                "theme": {"custom_dir": str(self.root / "docs/theme")}}
        (self.out / "mkdocs.yml").write_text(json.dumps(text, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("root", "build", "out"):
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--mkdocs", help="the program that builds the site")
    arguments = parser.parse_args()
    site = Site(arguments.root.resolve(), arguments.build.resolve(), arguments.out.resolve())
    if status := tree.report(list(site.problems())):
        return status
    shutil.rmtree(site.out / "docs", ignore_errors=True)
    site.collect()
    site.write_configuration()
    print(f"{len(site.generated)} generated pages and {len(site.sources)} of the source tree in {site.out / 'docs'}")
    if arguments.mkdocs:
        return subprocess.run([arguments.mkdocs, "build", "--strict", "--quiet", "--config-file", site.out / "mkdocs.yml"],
                              check=False).returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
