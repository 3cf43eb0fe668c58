"""Which opcodes compilers emit, and which of them the emulator knows.

Usage: ptx-opcodes.py collect FILE.ptx... > INVENTORY
       ptx-opcodes.py coverage INVENTORY [--rows PERCENT] [--frequency PERCENT] [--emulator hybrid-ptx-run]

An inventory has a row for each opcode with its modifiers: how often it stands in the files, the least of the chips below
that ptxas assembles it for, and one instruction as an example. `coverage` gives each example a kernel of its own, has
the emulator translate it, and fails below the bounds. Rows that only the last chip has are told, and not counted.

`collect` needs ptxas, of CUDA 13 or later ($PTXAS or the search path).
"""

import argparse
import collections
import os
import re
import subprocess
import sys
import tempfile

CHIPS = ("sm_80", "sm_90a", "sm_100a")
COUNTED = CHIPS[:-1]
REGISTERS = {"pred": "%p", "16": "%rs", "32": "%r", "64": "%rd", "128": "%rq"}  # by bits, as nvcc names them
WORD = re.compile(r"[%$A-Za-z_][\w$]*(?:\.[xyz])?")
INSTRUCTION = re.compile(r"([a-z]\w*(?:(?:\.|::)\w+)*)\b(.*)", re.S)


def report(text):
    print(f"ptx-opcodes: {text}", file=sys.stderr)


class Names:
    """What the names of a file stand for, as far as it has been read."""

    def __init__(self):
        self.registers = {}
        self.symbols = {}

    def declare(self, statement):
        """Takes in a declaration; says whether it is one."""
        if match := re.match(r"\.reg\s*\.([a-z]+?)(\d*)\s+(.*)", statement, re.S):
            bits = match[1] if match[1] == "pred" else match[2]
            for name in match[3].split(","):
                self.registers[name.strip().split("<")[0]] = bits
            return True
        spaces = {"param": "call", "local": "local", "shared": "shared", "global": "variable", "const": "constant"}
        if match := re.match(r"(?:\.extern|\.visible|\.weak|\.common|\s)*\.(\w+)\b.*?([\w$]+)\s*(?:\[[^\]]*\])?\s*(?:=|$)",
                             statement, re.S):
            if match[1] in spaces:
                self.symbols[match[2]] = spaces[match[1]]
        return statement.startswith(".")

    def register(self, word):
        """The bits of a register, "pred" for a predicate, none for another name."""
        return self.registers.get(word) or self.registers.get(word.rstrip("0123456789"))


def statements(text):
    """The file's statements, without comments, labels, braces of scopes and heads of functions."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    text = re.sub(r"\.section[^{]*\{[^}]*\}", "", text)
    text = re.sub(r"^\s*\.(?:loc|file|version|target|address_size)\b[^\n]*", "", text, flags=re.M)
    for statement in text.split(";"):
        while True:
            statement = statement.strip()
            if re.match(r"(?:\.visible|\.extern|\.weak|\s)*\.(?:entry|func)\b", statement):
                yield statement.partition("{")[0]
                statement = statement.partition("{")[2]
            elif match := re.match(r"[{}]|[\w$]+\s*:(?!:)", statement):
                statement = statement[match.end():]
            else:
                break
        if statement:
            yield statement


def examples(text):
    """Opcode with modifiers, and the instruction with registers and symbols under names of our own."""
    names = Names()
    labels = set(re.findall(r"([\w$]+)\s*:(?!:)", text))
    for statement in statements(text):
        if re.match(r"(?:\.visible|\.extern|\.weak|\s)*\.(?:entry|func)\b", statement):
            for name in re.findall(r"\.param\b[^,()]*?([\w$]+)\s*(?:\[\d*\])?\s*(?=[,)])", statement):
                names.symbols[name] = "call" if "retval" in name else "parameter"
            continue
        if names.declare(statement):
            continue
        statement = re.sub(r"^@!?[%\w$]+\s+", "", statement)
        match = INSTRUCTION.match(statement)
        if not match or match[1].startswith("call"):
            continue
        numbers = {}

        def rename(word):
            word = word[0]
            if bits := names.register(word):
                prefix = REGISTERS[bits]
                number = numbers.setdefault(word, sum(names.register(known) == bits for known in numbers))
                return f"{prefix}{number}"
            if word in names.symbols:
                return names.symbols[word]
            return ("TABLE" if word != "$" and match[1].startswith("brx") else "LABEL") if word in labels else word

        operands = " ".join(re.sub(r"(?<![\w.:$%])" + WORD.pattern, rename, match[2]).split())
        if re.search(r"\bcall\b", operands):  # a parameter of a call, which does not stand alone
            continue
        yield match[1], f"{match[1]} {operands}".strip()


def kernel(name, instruction):
    """A kernel around one instruction."""
    registers = "".join(f"  .reg .{'pred' if bits == 'pred' else 'b' + bits} {prefix}<300>;\n"
                        for bits, prefix in REGISTERS.items())
    local = "  .local .align 16 .b8 local[256];\n" if "local" in instruction.split("[")[-1] else ""
    table = "TABLE:\n  .branchtargets LABEL;\n" if "TABLE" in instruction else ""
    carry = "  add.cc.u32 %r0, %r1, %r2;\n" if re.match(r"(?:add|sub|mad)c\b", instruction) else ""
    return (f".visible .entry {name}(.param .align 64 .b8 parameter[256])\n{{\n{registers}{local}LABEL:\n{table}{carry}"
            f"  {instruction};\n  ret;\n}}\n")


def module(chip, kernels):
    variables = ".shared .align 128 .b8 shared[1024];\n.global .align 128 .b8 variable[1024];\n"
    variables += ".const .align 128 .b8 constant[1024];\n"
    return f".version 9.0\n.target {chip}\n.address_size 64\n{variables}{''.join(kernels)}"


def least_chip(instruction):
    """The first chip that ptxas assembles it for."""
    for chip in CHIPS:
        with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
            file.write(module(chip, [kernel("row", instruction)]))
            file.flush()
            ptxas = subprocess.run([os.environ.get("PTXAS", "ptxas"), f"-arch={chip}", "-o", os.devnull, file.name],
                                   capture_output=True, text=True)
        if ptxas.returncode == 0:
            return chip
    raise ValueError(f"expected '{instruction}' to assemble for one of {', '.join(CHIPS)}, got {ptxas.stderr.strip()}")


def collect(arguments):
    counts, first = collections.Counter(), {}
    for name in sorted(arguments.files):
        for opcode, instruction in examples(open(name).read()):
            counts[opcode] += 1
            first.setdefault(opcode, instruction)
    print(f"# Opcodes of {len(arguments.files)} PTX files of compilers other than ours, by utils/ptx-opcodes.py collect:\n"
          "# how often, the least chip that has it, an example.")
    for opcode, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count}\t{least_chip(first[opcode])}\t{first[opcode]}")
    return 0


def translate(emulator, rows):
    """What the emulator says of each row that it cannot translate."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(module(CHIPS[-1], [kernel(f"row{index}", row[2]) for index, row in enumerate(rows)]))
        file.flush()
        run = subprocess.run([emulator, file.name, "--translate"], capture_output=True, text=True)
    problems = {int(index): text for index, text in re.findall(r"^row(\d+): (.*)$", run.stderr, re.M)}
    if f"{len(rows) - len(problems)} of {len(rows)} kernels translate" not in run.stdout:
        raise ValueError(f"expected the emulator to take {len(rows)} kernels, got {run.stdout}{run.stderr}")
    return problems


def coverage(arguments):
    rows = [line.rstrip("\n").split("\t") for line in open(arguments.inventory) if not line.startswith("#")]
    problems = translate(arguments.emulator, rows)
    status = 0
    for index, text in problems.items():
        opcode = rows[index][2].split(" ")[0]
        print(f"{rows[index][0]}\t{rows[index][1]}\t{opcode}")
        if not re.search(rf"not supported: {re.escape(opcode)} at line \d+", text):
            report(f"expected 'not supported: {opcode} at line N', got '{text}'")
            status = 1
    for name, chips in ((" and ".join(COUNTED), COUNTED), (CHIPS[-1] + " alone", CHIPS[-1:])):
        known = all_rows = known_count = all_count = 0
        for index, (count, chip, _) in enumerate(rows):
            if chip in chips:
                all_rows, all_count = all_rows + 1, all_count + int(count)
                if index not in problems:
                    known, known_count = known + 1, known_count + int(count)
        shares = 100 * known / max(all_rows, 1), 100 * known_count / max(all_count, 1)
        print(f"{name}: {known} of {all_rows} rows ({shares[0]:.1f} %), {known_count} of {all_count} instructions "
              f"({shares[1]:.2f} %)")
        if chips == COUNTED and (shares[0] < arguments.rows or shares[1] < arguments.frequency):
            report(f"expected at least {arguments.rows} % of the rows and {arguments.frequency} % of the instructions")
            status = 1
    return status


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("files", nargs="+", metavar="FILE.ptx")
    collecting.set_defaults(run=collect)
    covering = commands.add_parser("coverage")
    covering.add_argument("inventory")
    covering.add_argument("--rows", type=float, default=0)
    covering.add_argument("--frequency", type=float, default=0)
    covering.add_argument("--emulator", default="hybrid-ptx-run")
    covering.set_defaults(run=coverage)
    arguments = parser.parse_args()
    try:
        return arguments.run(arguments)
    except (OSError, ValueError) as error:
        report(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
