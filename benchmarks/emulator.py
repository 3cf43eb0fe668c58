"""What the emulator costs: kernels with and without its checks, one thread against two, each check, a step of decoding,
and the tests that stand on it.

    python3 benchmarks/emulator.py [--repeat 5] [--prototype FOLDER] [--junit FILE] [--part PART]... [--json FILE]

Parts: kernels, threads, checks, decode, tests; all of them unless some are named. Times are the shortest of several, in
milliseconds. With --prototype, a folder that holds src/libptxemu.so (the emulator that this one was drafted by), the
same kernels run there too, in turn. --junit is what `ctest --output-junit FILE` wrote. A FILE of results that exists
keeps its other parts.
"""
import argparse
import ctypes
import json
import os
import pathlib
import platform
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = ROOT / "build/bin"
HERE = ROOT / "benchmarks/emulator"
FOREIGN = ROOT / "test/Emulator/Inputs/foreign"
LAUNCHES = 6  # within a process, the fastest of which counts
CHECKS = ("global", "shared", "poison", "mbarriers", "wgmma")


class Kernel:
    """A kernel with its launch. Arguments: (type, count or value, fill)."""

    def __init__(self, what, file, name, grid, block, arguments):
        self.what, self.file, self.name, self.grid, self.block, self.arguments = what, file, name, grid, block, arguments
        head = re.match(r"// warps \d+ shared (\d+)", self.file.read_text()[:100])
        self.shared = int(head.group(1)) if head else 0

    def ours(self, repeat, *flags):
        command = [BIN / "hybrid-ptx-run", self.file, "--kernel", self.name, "--grid", ",".join(map(str, self.grid)),
                   "--block", str(self.block), "--shared", str(self.shared), "--json", "--repeat", str(repeat), *flags]
        for kind, value, fill in self.arguments:
            command += ["--arg", f"{kind}[{value}]:{fill}" if fill else f"{kind}:{value}"]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert result["completed"] and not result["diagnostics"], result["diagnostics"]
        return result["run_ms"]


def kernels():
    n, s, d = 512, 256, 64

    def product(bm, bn, result):
        arguments = [("f16" if result == "f16" else "bf16", n * n, "random")] * 2 + [(result, n * n, "zeros")]
        return (n // bm, n // bn), 128, arguments + [("i32", n, None)] * 3 + [("i64", 0, None)] * 2

    attention = [("f16", s * d, "random")] * 3 + [("f16", s * d, "zeros"), ("f32", s, "zeros"), ("f32", 0.125, None),
                                                  ("i32", s, None), ("i64", 0, None), ("i64", 0, None)]
    return [Kernel("mma.sync product 512^3", FOREIGN / "triton_matmul_f16.sm_80.ptx", "matmul", *product(64, 64, "f16")),
            Kernel("attention of 256 tokens", FOREIGN / "triton_attention_f16.sm_80.ptx", "attention", (s // 64,), 128,
                   attention),
            Kernel("wgmma product 512^3", FOREIGN / "triton_matmul_bf16.sm_90.ptx", "matmul", *product(64, 128, "bf16")),
            Kernel("arithmetic", HERE / "arithmetic.ptx", "arithmetic", (16,), 256,
                   [("f32", 4096, "zeros"), ("i32", 10000, None)])]


class Prototype:
    """The prototype's C interface."""

    class Stats(ctypes.Structure):
        _fields_ = [("counts", ctypes.c_uint64 * 30), ("jit_ms", ctypes.c_double), ("run_ms", ctypes.c_double)]

    def __init__(self, folder):
        self.library = library = ctypes.CDLL(str(folder / "src/libptxemu.so"), mode=ctypes.RTLD_GLOBAL)
        pointer, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
        library.pe_load.restype, library.pe_load.argtypes = pointer, [text]
        library.pe_err.restype, library.pe_err.argtypes = text, [pointer]
        library.pe_errors.restype = text
        library.pe_compile.restype, library.pe_compile.argtypes = ctypes.c_double, [pointer, text, integer, pointer]
        library.pe_param.argtypes = [pointer, text, integer, pointer, pointer]
        library.pe_reg.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
        library.pe_launch.argtypes = [pointer, text, pointer, pointer, ctypes.c_uint32, text, integer, integer, integer,
                                      pointer]
        self.loaded, self.memory = {}, []

    def load(self, kernel):
        if kernel.what in self.loaded:
            return self.loaded[kernel.what]
        library, name = self.library, kernel.name.encode()
        module = library.pe_load(kernel.file.read_bytes())
        if library.pe_err(module) or library.pe_compile(module, name, 0, (ctypes.c_double * 3)()) < 0:
            sys.exit(f"the prototype does not take {kernel.file}: {library.pe_err(module).decode()}")
        parameters = bytearray(8192)
        at, size = ctypes.c_uint32(), ctypes.c_uint32()
        for i, (kind, value, fill) in enumerate(kernel.arguments):
            library.pe_param(module, name, i, ctypes.byref(at), ctypes.byref(size))
            if fill:
                data = struct.pack("<Q", self.buffer(kind, value, fill))
            else:
                data = struct.pack("<f", value) if kind == "f32" else value.to_bytes(size.value, "little")
            parameters[at.value:at.value + size.value] = data
        self.loaded[kernel.what] = module, ctypes.create_string_buffer(bytes(parameters))
        return self.loaded[kernel.what]

    def buffer(self, kind, count, fill):
        size = count * {"f32": 4, "f16": 2, "bf16": 2}[kind]
        memory = (ctypes.c_uint8 * (size + 256))()
        self.memory.append(memory)
        address = (ctypes.addressof(memory) + 255) & ~255
        if fill == "random":
            draw = random.Random(1)
            some = b"".join(struct.pack("<e", draw.uniform(-1, 1)) if kind == "f16" else
                            struct.pack("<f", draw.uniform(-1, 1))[2:] for _ in range(1024))
            ctypes.memmove(address, some * (size // 2048 + 1), size)
        self.library.pe_reg(address, size)
        return address

    def run(self, kernel, repeat, check):
        module, parameters = self.load(kernel)
        grid = (ctypes.c_uint32 * 3)(*kernel.grid, *[1] * (3 - len(kernel.grid)))
        block = (ctypes.c_uint32 * 3)(kernel.block, 1, 1)
        times = []
        for _ in range(repeat):
            stats = self.Stats()
            self.library.pe_launch(module, kernel.name.encode(), grid, block, kernel.shared,
                                   ctypes.cast(parameters, ctypes.c_char_p), 1, 1, check, ctypes.byref(stats))
            times.append(stats.run_ms)
        reports = self.library.pe_errors().decode().strip()
        assert not reports, reports
        return min(times)


def measure_kernels(args, result):
    prototype = None
    if args.prototype:
        prototype = Prototype(args.prototype)
    else:
        print("no --prototype: our times alone")
    print(f"{'':26}{'unchecked':>11}{'checked':>9}" + (f"{'prototype':>12}{'checked':>9}{'ratios':>14}" if prototype else ""))
    for kernel in kernels():
        best = {}
        for _ in range(args.repeat):  # in turn, so that what disturbs the one disturbs the other
            for check in (0, 1):
                ours = kernel.ours(LAUNCHES, "--threads", "1", "--check" if check else "--no-check")
                best["ours", check] = min(best.get(("ours", check), 1e9), ours)
                if prototype:
                    theirs = prototype.run(kernel, LAUNCHES, check)
                    best["prototype", check] = min(best.get(("prototype", check), 1e9), theirs)
        row = {"unchecked": best["ours", 0], "checked": best["ours", 1]}
        line = f"{kernel.what:26}{row['unchecked']:11.1f}{row['checked']:9.1f}"
        if prototype:
            row |= {"prototype_unchecked": best["prototype", 0], "prototype_checked": best["prototype", 1]}
            row["ratio_unchecked"] = row["unchecked"] / row["prototype_unchecked"]
            row["ratio_checked"] = row["checked"] / row["prototype_checked"]
            line += f"{best['prototype', 0]:12.1f}{best['prototype', 1]:9.1f}"
            line += f"{row['ratio_unchecked']:7.2f}{row['ratio_checked']:7.2f}"
        print(line)
        result[kernel.what] = row


def measure_threads(args, result):
    for kernel in kernels():
        for flag in ("--no-check", "--check"):
            times = {1: 1e9, 2: 1e9}
            for _ in range(args.repeat):
                for threads in times:
                    times[threads] = min(times[threads], kernel.ours(LAUNCHES, "--threads", str(threads), flag))
            name = kernel.what + (", checked" if flag == "--check" else "")
            result[name] = {"one": times[1], "two": times[2], "speedup": times[1] / times[2]}
            print(f"{name:36}{times[1]:9.1f}{times[2]:9.1f}{times[1] / times[2]:7.2f}x with two threads")


def measure_checks(args, result):
    flags = {"all": "--check", "none": "--no-check"} | {name: f"--no-check={name}" for name in CHECKS}
    print(f"{'without':26}" + "".join(f"{name:>11}" for name in flags if name != "all"))
    for kernel in kernels():
        times = {name: 1e9 for name in flags}
        for _ in range(args.repeat):
            for name, flag in flags.items():
                times[name] = min(times[name], kernel.ours(LAUNCHES, "--threads", "1", flag))
        saved = {name: 1 - times[name] / times["all"] for name in flags if name != "all"}
        result[kernel.what] = {"ms": times, "saved": saved}
        print(f"{kernel.what:26}" + "".join(f"{part:11.0%}" for part in saved.values()))


def measure_decode(args, result):
    """A step is what three more tokens cost beyond one, so that loading and translating do not count."""
    with tempfile.TemporaryDirectory() as folder:
        ids = pathlib.Path(folder) / "ids.safetensors"
        header = json.dumps({"input_ids": {"dtype": "I64", "shape": [1, 32], "data_offsets": [0, 256]}}).encode()
        header += b" " * (-len(header) % 8)
        ids.write_bytes(struct.pack("<Q", len(header)) + header + struct.pack("<32q", *range(100, 132)))
        artifact = pathlib.Path(folder) / "decode.hyb"
        subprocess.run([BIN / "hybridc", "--targets=sm_90a", HERE / "decode.yaml", "-o", artifact], check=True)

        def generate(tokens):
            command = [BIN / "hybrid-run", artifact, "--random-weights", "1", "--device", "emulator", "--input-ids", ids,
                       "--max-new-tokens", str(tokens), "--temperature", "0", "--output-ids", f"{folder}/out.safetensors"]
            begin = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, text=True)
            return time.perf_counter() - begin

        generate(2)  # translates
        few = min(generate(2) for _ in range(2))
        many = min(generate(5) for _ in range(2))
    result["seconds_per_step"] = (many - few) / 3
    print(f"decode: {result['seconds_per_step']:.2f} s a token, with all checks")


def measure_tests(args, result):
    if not args.junit:
        print("no --junit: the tests' time is left out")
        return
    total = 0.0
    for case in xml.etree.ElementTree.parse(args.junit).iter("testcase"):
        if re.search(r"Emulator|Cuda(Device|Driver)|KernelMutation", case.get("name")):
            total += float(case.get("time"))
    result["cpu_seconds"] = total
    print(f"tests: the emulator's take {total:.0f} s one after another")


PARTS = {"kernels": measure_kernels, "threads": measure_threads, "checks": measure_checks, "decode": measure_decode,
         "tests": measure_tests}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--prototype", type=pathlib.Path)
    parser.add_argument("--junit")
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--json")
    args = parser.parse_args()
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    result = {"cpu": cpu, "cpus": os.cpu_count(), "system": platform.release()}
    if args.json and pathlib.Path(args.json).exists():
        result = json.loads(pathlib.Path(args.json).read_text()) | result
    for part in args.part or PARTS:
        result[part] = {"command": " ".join(["python3", "benchmarks/emulator.py", *sys.argv[1:]])}
        PARTS[part](args, result[part])
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
