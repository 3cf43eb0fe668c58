"""Fails when an include points against the arrows of docs/architecture.md ("Rooms and arrows").

Usage: check-includes.py <root of the source tree>
"""

import pathlib
import re
import sys

import tree

# Which rooms each room may include beside itself. Rooms that are not here may include everything.
ARROWS = {
    "Support": set(),
    "dialects": {"Support"},
    "Frontend": {"Support", "dialects", "Artifact"},
    "Reference": {"Support", "dialects"},
    "Transforms": {"Support", "dialects"},
    "Conversion": {"Support", "dialects", "Reference", "Transforms"},
    "Target": {"Support", "dialects", "Reference", "Transforms", "Conversion", "Artifact"},
    "Artifact": set(),
    "runtime": {"Artifact"},
    "emulator": {"Artifact", "runtime"},
}
WITHOUT_LLVM = {"Artifact", "runtime"}
LLVM = re.compile(r"(mlir|mlir-c|llvm|llvm-c|clang|lld)/")
INCLUDE = re.compile(r'\s*#?\s*include\s*["<]([^">]+)[">]')
# Headers that cost far more than what anyone needs from them.
BANNED = {"mlir/Conversion/Passes.h": "takes over 20 s to compile; include the header of the one conversion"}


def room_of(path):
    """The room of a path relative to the root: lib/X and include/hybrid/X are X, the rest go by their first folder.

    The emulator is a room of its own: it links LLVM, which the rest of the runtime does not.
    """
    parts = path.parts
    if parts[0] == "lib" and len(parts) > 2:
        return parts[1]
    if parts[:2] == ("include", "hybrid"):
        return parts[2] if len(parts) > 3 else "Driver"
    if parts[:2] == ("runtime", "emulator"):
        return "emulator"
    return parts[0]


def resolve(root, path, name):
    """The included file's path relative to the root as the compiler would find it; none if it is not of this tree.

    Generated headers are not in the source tree; they lie where their TableGen file does.
    """
    for folder in (path.parent, pathlib.Path(), pathlib.Path("include")):
        candidate = (root / folder / name).resolve()
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate.relative_to(root)
    if name.startswith("hybrid/"):
        return pathlib.Path("include", name)
    if name.startswith(("dialects/", "lib/", "runtime/")):
        return pathlib.Path(name)
    return None


def check(root, path):
    room = room_of(path)
    for number, line in enumerate((root / path).read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name, where = match.group(1), f"{path}:{number}"
        if name in BANNED:
            yield f"{where}: '{name}' {BANNED[name]}"
        if LLVM.match(name):
            if room in WITHOUT_LLVM:
                yield f"{where}: expected no LLVM header in {room}, got '{name}'"
            continue
        target = resolve(root, path, name)
        if target is None or room not in ARROWS:
            continue
        if room_of(target) != room and room_of(target) not in ARROWS[room]:
            allowed = ", ".join(sorted(ARROWS[room])) or "no other room"
            yield f"{where}: expected {room} to include {allowed}; got '{name}' of {room_of(target)}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = []
    for path in tree.files(root, ".h", ".cpp", ".td"):
        problems += check(root, path.relative_to(root))
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
