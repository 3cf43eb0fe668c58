"""Fails for an error message that no test expects.

Usage: check-errors.py <root of the source tree> [--all]

Finds the places in dialects/, include/, lib/, runtime/ and tools/ that make an error, takes the literal pieces of its
message, and looks for an expectation in test/ that holds all of them in order: a line that FileCheck or
-verify-diagnostics reads, or a string of a unit test. Alternatives (`holds ? "a" : "b"`) count one by one. What cannot
be provoked stands in test/untested-errors.txt, under its reason; an entry there that is tested or gone is an error too.
--all prints every message and whether it is tested.
"""

import collections
import pathlib
import re
import sys

import tree

GAP = "\0"  # what a message or an expectation does not say literally
ROOMS = ("dialects", "include", "lib", "runtime", "tools")
ALLOWED = "test/untested-errors.txt"

# What makes an error: folder, name of the function, and what becomes of its arguments. {1} is the argument of that
# place, {1:} those from there on. The first row that fits decides.
MAKERS = [
    ("lib/Frontend", "fail", "{1}"),
    ("lib/Frontend", "errorAt", "{1}"),
    ("lib/Frontend", "require", "{2}"),
    ("lib/Conversion", "unsupported", "{1}"),
    ("lib/Support", "TextError", "{1}"),
    ("runtime/text/Sampler", "require", "{1}: expected {2}, got "),
    ("runtime/text/Regex", "reject", "{0}"),
    ("runtime/text", "reject", "expected {0}, found "),
    ("runtime/emulator/ptx", "expect", "expected '{0}', got "),
    ("runtime/emulator/ptx", "word", "expected {0}, got "),
    ("runtime/emulator/ptx", "integer", "expected {0}, got "),
    ("runtime/emulator/ptx", "tooLarge", "{0}, got "),
    ("runtime/emulator/ptx", "error", "{0}, got "),
    ("runtime/emulator/ptx", "errorAt", "{1}"),
    ("runtime/emulator/driver", "refuse", "{1:}"),
    ("runtime/emulator/driver", "refuseValue", "{0:}"),
    ("runtime/emulator/jit", "unsupported", f"not supported: {GAP}: {{0}}"),
    ("runtime/emulator/jit", "malformed", "': expected {0}"),
    ("runtime/emulator/jit", "report", "{1}"),
    ("runtime/emulator/vm", "diagnose", "{1}"),
    ("", "bad", "{0:}"),
    ("", "createStringError", "{0:}"),
    ("", "emitError", "{0:}"),
    ("", "emitOpError", "{0:}"),
    ("", "errorAt", "{0:}"),
    ("", "fail", "{0:}"),
    ("", "failure", "{0:}"),
    ("", "take", "{0:}"),
    ("", "textError", "{0:}"),
    ("", "Error", "{0:}"),
    ("", "ValidationError", "{0}: {1}"),
]
CALL = re.compile(r"\b(" + "|".join(sorted({name for _, name, _ in MAKERS})) + r")(?=[({])")
# Functions whose arguments are part of the text; what others return is unknown.
TRANSPARENT = {"concat", "Twine", "string", "str", "formatv", "StringRef", "move"}

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|R"(?P<tag>[^(\s]*)\((?P<raw>.*?)\)(?P=tag)"|"""
    r""""(?P<text>(?:[^"\\\n]|\\.)*)"|'(?P<char>(?:[^'\\\n]|\\.)+)'|(?P<word>[A-Za-z_]\w*)|"""
    r"(?P<space>\s+)|(?P<number>\d[\w.']*)|(?P<sign><<|->|::|.)", re.S)
ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "r": "\r"}

LONG = 3  # words of an alternative that make it a message of its own; of shorter ones any will do


def unescape(text):
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text, flags=re.S)


class Token:
    def __init__(self, kind, text, line):
        self.kind, self.text, self.line = kind, text, line


def tokens_of(text):
    """The tokens of C++ without comments and spaces; neighbouring string literals are one."""
    tokens, line = [], 1
    for match in TOKEN.finditer(text):
        kind, start = match.lastgroup, line
        line += match[0].count("\n")
        if kind in ("comment", "space"):
            continue
        if match["raw"] is not None:
            kind, value = "text", match["raw"]
        elif kind in ("text", "char"):
            value = unescape(match[kind])
            if kind == "char" and len(value) > 1:
                kind = "number"
        else:
            value = match[0]
        if kind == "text" and tokens and tokens[-1].kind == "text":
            tokens[-1].text += value
        else:
            tokens.append(Token(kind, value, start))
    return tokens


def closing(tokens, at):
    """The place of the bracket that closes the one at `at`."""
    depth = 0
    for i in range(at, len(tokens)):
        if tokens[i].kind == "sign":
            depth += (tokens[i].text in "([{") - (tokens[i].text in ")]}")
            if not depth:
                return i
    return len(tokens) - 1


def split(tokens, sign):
    """Parts of an expression between signs outside of brackets."""
    parts, depth = [[]], 0
    for token in tokens:
        if token.kind == "sign" and len(token.text) == 1:
            depth += (token.text in "([{") - (token.text in ")]}")
        if token.kind == "sign" and token.text == sign and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def texts(tokens):
    """The texts that an expression may stand for: one, or one for each alternative of its conditional parts."""
    question = split(tokens, "?")
    if len(question) > 2:
        return [GAP]
    if len(question) == 2:
        choices = [text for part in split(question[1], ":") for text in texts(part)]
        return choices if all(len(choice.split()) >= LONG for choice in choices) else [GAP]
    results, i = [""], 0

    def add(choices):
        # Each alternative appears once, together with the first of the others.
        nonlocal results
        head = results[0]
        results = [r + choices[0] for r in results] + [head + c for c in choices[1:]]

    while i < len(tokens):
        token = tokens[i]
        if token.kind == "text" or token.kind == "char":
            add([token.text])
        elif token.kind == "sign" and token.text in ("(", "[", "{"):
            end = closing(tokens, i)
            called = tokens[i - 1] if i else None
            if token.text == "(" and (called is None or called.kind != "word" or called.text in TRANSPARENT):
                for part in split(tokens[i + 1:end], ","):
                    add(texts(part))
            else:
                add([GAP])
            i = end
        elif token.kind == "number" or token.kind == "word" and tokens[i + 1:i + 2] and tokens[i + 1].text != "(":
            add([GAP])
        elif token.kind == "word" and i + 1 == len(tokens):
            add([GAP])
        i += 1
    return results


def pieces_of(text):
    """The literal pieces of a message; formatv's places and newlines are gaps as well."""
    text = re.sub(r"\{\d[^}]*\}", GAP, text.replace("\n", GAP))
    pieces = [re.sub(r"\s+", " ", piece) for piece in text.split(GAP)]
    pieces = [piece for piece in pieces if re.search(r"\w", piece)]
    if pieces:
        pieces[0] = pieces[0].lstrip()
        pieces[-1] = pieces[-1].rstrip()
    return tuple(pieces)


class Message:
    def __init__(self, file, line, pieces):
        self.file, self.line, self.pieces = file, line, pieces

    def text(self):
        return "…".join(self.pieces)


def rule_for(file, name):
    for folder, maker, template in MAKERS:
        if maker == name and str(file).startswith(folder):
            return template
    return None


def fill(template, arguments):
    """The texts of a maker's message: its template with the arguments' texts."""
    results = [""]
    for part in re.split(r"(\{\d:?\})", template):
        place = re.fullmatch(r"\{(\d)(:?)\}", part)
        if not place:
            results = [r + part for r in results]
            continue
        first = int(place[1])
        for argument in arguments[first:] if place[2] else arguments[first:first + 1]:
            choices = texts(argument)
            results = [r + choices[0] for r in results] + [results[0] + c for c in choices[1:]]
    return results


def messages_of(root, path):
    file = path.relative_to(root)
    tokens = tokens_of(path.read_text())
    for i, token in enumerate(tokens[:-1]):
        if token.kind != "word" or not CALL.match(token.text + tokens[i + 1].text):
            continue
        template = rule_for(file, token.text)
        if template is None or tokens[i + 1].text == "{" and token.text != "TextError":
            continue
        end = closing(tokens, i + 1)
        arguments = split(tokens[i + 2:end], ",")
        results = fill(template, arguments)
        # What is streamed into a diagnostic.
        if end + 1 < len(tokens) and tokens[end + 1].text == "<<":
            stop = end + 1
            while stop < len(tokens) and not (tokens[stop].kind == "sign" and tokens[stop].text in ";,)}"):
                stop = closing(tokens, stop) + 1 if tokens[stop].text in ("(", "[", "{") else stop + 1
            for part in split(tokens[end + 2:stop], "<<"):
                choices = texts(part)
                results = [r + GAP * (not c.startswith(GAP)) * 0 + c for r, c in ((r, choices[0]) for r in results)
                           ] + [results[0] + c for c in choices[1:]]
        plain = template.replace("{0:}", "").replace("{1:}", "")
        for result in results:
            pieces = pieces_of(result)
            own = "".join(pieces)
            for word in re.split(r"\{\d:?\}", plain):
                own = own.replace(word.strip(), "", 1)
            if len(re.sub(r"\W", "", own)) >= 3:
                yield Message(file, token.line, pieces)


COMMENT = r"^\s*(?://|#|;)?\s*"
CHECK = re.compile(COMMENT + r"[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)*(?:\{LITERAL\})?:\s*(.*)")
EXPECTED = re.compile(r"expected-(?:error|warning|remark|note)[^{]*\{\{(.*)\}\}")
PATTERN = re.compile(r"\{\{(.*?)\}\}(?!\})|\[\[.*?\]\]")


def literal(match):
    """What a pattern of FileCheck stands for, if it only escapes."""
    inner = match[1]
    if inner is not None and not re.search(r"(?<!\\)[.*+?|()\[\]{}^]", inner):
        return re.sub(r"\\(.)", r"\1", inner).rstrip("$")
    return GAP


def expectations_of_lit(path):
    lines, printed = [], False
    for line in path.read_text().splitlines():
        # What follows a command of a transcript (test/Inputs/transcript.py).
        printed = printed and bool(line) or line.startswith(("$ ", "~ "))
        if printed:
            lines.append(PATTERN.sub(literal, line))
        if re.match(COMMENT + r"RUN:", line):
            continue
        if match := EXPECTED.search(line):
            lines.append(match[1])
        elif match := CHECK.match(line):
            lines.append(PATTERN.sub(literal, match[1]))
    return lines


def expectations_of_unit(path):
    """The strings of a unit test: literals, with what is added between them unknown."""
    found, current = [], ""
    for token in tokens_of(path.read_text()):
        if token.kind == "text" or token.kind == "char":
            current += token.text
        elif token.kind == "sign" and token.text in (",", ";", "{", "}", "<<", "=", "?", ":", "&", "|"):
            found.append(current)
            current = ""
        elif current and token.text != "+":
            current += GAP
    return [text for text in found + [current] if text.strip(GAP)]


def expectations(root):
    found = []
    for path in tree.files(root / "test", ".mlir", ".test", ".yaml"):
        if path.relative_to(root).parts[1] != "Lint":
            found += expectations_of_lit(path)
    for path in tree.files(root / "test", ".cpp", ".h", ".c", ".py"):
        found += expectations_of_unit(path)
    return [re.sub(r"\s+", " ", text) for text in found]


def holds(text, pieces):
    at = 0
    for piece in pieces:
        at = text.find(piece, at)
        if at < 0:
            return False
        at += len(piece)
    return True


class Expectations:
    def __init__(self, lines):
        self.lines = sorted(set(lines))
        self.all = "\n".join(self.lines)

    def hold(self, pieces):
        longest = max(pieces, key=len)
        at = self.all.find(longest)
        while at >= 0:
            begin, end = self.all.rfind("\n", 0, at) + 1, self.all.find("\n", at)
            if holds(self.all[begin:end if end >= 0 else None], pieces):
                return True
            at = self.all.find(longest, end) if end >= 0 else -1
        return False


def allowed(root):
    """(file, message) -> line of the list; a reason stands over each group."""
    entries, problems, reason = {}, [], False
    path = root / ALLOWED
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            reason = False
        elif line.startswith("#"):
            reason = True
        else:
            file, _, message = line.partition(": ")
            entries[file, message] = number
            if not reason:
                problems.append(f"{ALLOWED}:{number}: expected a reason, a line that begins with '#', over the entry")
    return entries, problems


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    known = Expectations(expectations(root))
    entries, faults = allowed(root)
    problems, used, counts = [], set(), collections.Counter()
    for room in ROOMS:
        for path in tree.files(root / room, ".cpp", ".h"):
            for message in messages_of(root, path):
                tested = known.hold(message.pieces)
                counts["tested" if tested else "untested"] += 1
                key = str(message.file), message.text()
                if "--all" in sys.argv:
                    print(f"{message.file}:{message.line}: {'tested' if tested else 'UNTESTED'}: {message.text()}")
                if tested:
                    continue
                if key in entries:
                    used.add(key)
                else:
                    problems.append(f"{message.file}:{message.line}: no test expects '{message.text()}'")
    problems += faults + [f"{ALLOWED}:{line}: '{file}: {message}' is tested or gone" for (file, message), line in entries.items()
                 if (file, message) not in used]
    if "--all" in sys.argv:
        print(f"{counts['tested']} tested, {counts['untested']} not, {len(used)} of these allowed")
    return tree.report(problems)


if __name__ == "__main__":
    sys.exit(main())
