"""Checks that the TableGen records say what the tests and the documentation rely on.

For every op: a description, a summary that says more than the mnemonic, an example that hybrid-opt accepts, a round trip
under test/<Dialect>/, and for every constraint (C<n>) a case @<op>_c<n>... in a test/<Dialect>/*invalid*.mlir. For every
attribute and type with a verifier: a summary, and constraints with their cases in the same way. For every pass: a
description, a summary that says more than the flag, and a test that names the flag. --table prints the ops and their parts
as Markdown, which docs/ops-status.md has to hold.
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import textwrap

SOURCE = pathlib.Path(__file__).resolve().parent.parent


def records(tblgen, include, path):
    """The records of one file: (kind, record) of the ops, passes, attributes and types that the file itself defines."""
    command = [tblgen, "--dump-json", "-I", str(include), "-I", str(SOURCE), "-I", str(SOURCE / "include"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path}: llvm-tblgen failed:\n{done.stderr}")
    data = json.loads(done.stdout)
    text = path.read_text()
    for kind in ("Op", "PassBase", "AttrDef", "TypeDef"):
        for name in data["!instanceof"].get(kind, []):
            # Included files' records are there too; each is checked with its own file.
            if re.search(rf"^def {name}\b", text, re.M):
                record = data[name]
                record["interfaces"] = [data[trait["def"]].get("cppInterfaceName") for trait in record.get("traits", [])]
                yield kind, record


def words(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


class Op:
    def __init__(self, record, path):
        self.dialect = path.parent.name
        self.prefix = record["opDialect"]["def"].split("_")[0].lower()
        self.mnemonic = record["opName"]
        self.name = f"{self.prefix}.{self.mnemonic}"
        self.case = self.mnemonic.replace(".", "_")
        self.summary = record["summary"]
        self.description = textwrap.dedent(record["description"] or "")
        self.constraints = numbers_of(self.description)
        self.examples = re.findall(r"```mlir\n(.*?)```", self.description, re.S)
        self.interfaces = record["interfaces"]
        self.verifier = bool(record["hasVerifier"])
        self.canonicalizer = bool(record["hasCanonicalizer"]) or bool(record["hasFolder"])

    def text(self, invalid):
        """The dialect's tests: those of errors have `invalid` in their names."""
        files = sorted((SOURCE / "test" / self.dialect).glob("*.mlir"))
        return "\n".join(path.read_text() for path in files if ("invalid" in path.name) == invalid)

    def round_trips(self):
        # Tests write an op as the assembly does; a quoted name is the generic form.
        return re.search(rf'(?<![\w.]){re.escape(self.name)}(?![\w.])', strip_checks(self.text(invalid=False))) is not None

    def missing_cases(self):
        cases = set(re.findall(r"@(\w+)", self.text(invalid=True)))
        pattern = {n: re.compile(rf"{self.case}_c{n}(_|$)") for n in self.constraints}
        return [n for n in self.constraints if not any(pattern[n].match(case) for case in cases)]

    def problems(self):
        if not self.description.strip():
            yield "has no description"
        if not self.summary or words(self.summary) in (words(self.mnemonic), words(self.name)):
            yield f"has a summary that repeats the mnemonic: '{self.summary}'"
        if not self.examples:
            yield "has no example; add one whole function in a ```mlir block"
        if self.verifier and not self.constraints:
            yield "has a verifier but no numbered constraint (C1)"
        if not self.round_trips():
            yield f"is in no round trip under test/{self.dialect}/"
        for n in self.missing_cases():
            yield f"has no case @{self.case}_c{n}_... for (C{n}) in test/{self.dialect}/*invalid*.mlir"


class Verified(Op):
    """An attribute or a type with a verifier of its own."""

    def __init__(self, record, path, sigil):
        self.dialect = path.parent.name
        self.case = self.mnemonic = record["mnemonic"]
        self.name = f"{sigil}{record['dialect']['def'].split('_')[0].lower()}.{self.mnemonic}"
        self.summary = record["summary"]
        self.description = textwrap.dedent(record["description"] or "")
        self.constraints = numbers_of(self.description)

    def problems(self):
        if not self.summary or words(self.summary) == words(self.mnemonic):
            yield f"has a summary that repeats the mnemonic: '{self.summary}'"
        if not self.constraints:
            yield "has a verifier but no numbered constraint (C1)"
        for n in self.missing_cases():
            yield f"has no case @{self.case}_c{n}_... for (C{n}) in test/{self.dialect}/*invalid*.mlir"


def numbers_of(description):
    return sorted({int(n) for n in re.findall(r"^\s*(?:- |Constraints: )?\(C(\d+)\)", description, re.M)})


def strip_checks(text):
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("//"))


def pass_problems(record, tests):
    flag = record["argument"]
    if not (record["description"] or "").strip():
        yield "has no description"
    if not record["summary"] or words(record["summary"]) == words(flag):
        yield f"has a summary that repeats the flag: '{record['summary']}'"
    if not any(re.search(rf"(?<!\w){re.escape(flag)}(?![\w-])", text) for text in tests):
        yield "is named by no RUN line under test/"


def parse_example(opt, op, example):
    done = subprocess.run([opt, "-"], input=example, capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip()


def has_reference(op):
    # References are attached by the op's class name.
    name = "".join(part.capitalize() for part in re.split(r"[._]", op.mnemonic)) + "Op"
    files = (SOURCE / "lib" / "Reference").glob("*.cpp")
    return any(re.search(rf"\b{name}::attachInterface", path.read_text()) for path in files)


def table(ops):
    lines = ["# What each op has", "", "Written by `utils/check-tablegen.py --table`; a dash is what is not built.", "",
             "| op | constraints | cases | example | round trip | verifier | canonicalisation or fold | cost | reference |",
             "|---|---|---|---|---|---|---|---|---|"]
    mark = lambda yes: "yes" if yes else "-"
    for op in sorted(ops, key=lambda op: op.name):
        n = len(op.constraints)
        cells = [f"`{op.name}`", str(n), f"{n - len(op.missing_cases())} of {n}", mark(op.examples), mark(op.round_trips()),
                 mark(op.verifier), mark(op.canonicalizer), mark("CostOpInterface" in op.interfaces), mark(has_reference(op))]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tblgen", required=True, help="llvm-tblgen")
    parser.add_argument("--include", required=True, type=pathlib.Path, help="include folder of MLIR")
    parser.add_argument("--opt", help="hybrid-opt, which parses the examples; without it they are only looked for")
    parser.add_argument("--table", action="store_true", help="print the ops and their parts instead of checking")
    arguments = parser.parse_args()

    ops, problems = [], []
    tests = [path.read_text() for suffix in ("mlir", "test") for path in (SOURCE / "test").rglob(f"*.{suffix}")]
    runs = ["\n".join(line for line in text.splitlines() if "RUN:" in line) for text in tests]
    passes = verified = 0
    for path in sorted((SOURCE / "dialects").rglob("*.td")) + sorted((SOURCE / "include").rglob("*.td")):
        for kind, record in records(arguments.tblgen, arguments.include, path):
            if kind == "Op":
                ops.append(Op(record, path))
                problems += [f"{path.relative_to(SOURCE)}: {ops[-1].name} {problem}" for problem in ops[-1].problems()]
            elif kind in ("AttrDef", "TypeDef"):
                if record["genVerifyDecl"]:
                    verified += 1
                    part = Verified(record, path, "#" if kind == "AttrDef" else "!")
                    problems += [f"{path.relative_to(SOURCE)}: {part.name} {problem}" for problem in part.problems()]
            else:
                passes += 1
                problems += [f"{path.relative_to(SOURCE)}: --{record['argument']} {problem}"
                             for problem in pass_problems(record, runs)]
    if arguments.table:
        print(table(ops), end="")
        return
    if (SOURCE / "docs/ops-status.md").read_text() != table(ops):
        problems.append("docs/ops-status.md: expected what this script prints with --table; write it there")
    if not ops or not passes:
        problems.append("expected ops and passes, found none: are the .td files where this lint looks?")
    # One run of the tool for all examples; op by op only to say which one failed.
    examples = [(op, example) for op in ops for example in op.examples]
    if arguments.opt and examples:
        joined = "\n".join(f"module {{\n{example}\n}}" for _, example in examples)
        if parse_example(arguments.opt, None, joined):
            for op, example in examples:
                if message := parse_example(arguments.opt, op, example):
                    problems.append(f"{op.name}: its example does not parse:\n{textwrap.indent(message, '    ')}")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(ops)} ops, {verified} attributes and types with verifiers, {passes} passes, {len(examples)} examples, {len(problems)} problems")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
