"""Kernels in Triton, compiled without a GPU, for EmulatorTritonTest.cpp.

Usage: triton_kernels.py FOLDER CHIP...      with chips 80, 90 or 100

Writes FOLDER/triton_NAME.sm_CHIP.ptx. Its first line says what a launch needs: warps, bytes of dynamic shared memory, and
bytes of scratch memory per block.
Needs Triton 3.9 and no torch.
"""
import os
import pathlib
import re
import sys

os.environ["TRITON_DISABLE_LINE_INFO"] = "1"
os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource


@triton.jit
def softmax(x, y, stride, n, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    row = tl.load(x + tl.program_id(0) * stride + at, mask=at < n, other=-float("inf"))
    row = tl.exp(row - tl.max(row, axis=0))
    tl.store(y + tl.program_id(0) * stride + at, row / tl.sum(row, axis=0), mask=at < n)


@triton.jit
def layer_norm(x, y, weight, bias, n, eps, BLOCK: tl.constexpr):
    x += tl.program_id(0) * n
    y += tl.program_id(0) * n
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        total += tl.load(x + at, mask=at < n, other=0.0).to(tl.float32)
    mean = tl.sum(total, axis=0) / n
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(x + at, mask=at < n, other=0.0).to(tl.float32)
        total += tl.where(at < n, (value - mean) * (value - mean), 0.0)
    scale = 1 / tl.sqrt(tl.sum(total, axis=0) / n + eps)
    for start in range(0, n, BLOCK):
        at = start + tl.arange(0, BLOCK)
        value = tl.load(x + at, mask=at < n, other=0.0).to(tl.float32)
        w = tl.load(weight + at, mask=at < n, other=0.0).to(tl.float32)
        b = tl.load(bias + at, mask=at < n, other=0.0).to(tl.float32)
        tl.store(y + at, (value - mean) * scale * w + b, mask=at < n)


@triton.jit
def matmul(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    pa = a + (rows % M)[:, None] * K + inner[None, :]
    pb = b + inner[:, None] * N + (columns % N)[None, :]
    total = tl.zeros((BM, BN), tl.float32)
    for k in range(0, tl.cdiv(K, BK)):
        x = tl.load(pa, mask=inner[None, :] < K - k * BK, other=0.0)
        y = tl.load(pb, mask=inner[:, None] < K - k * BK, other=0.0)
        total = tl.dot(x, y, total)
        pa += BK
        pb += BK * N
    mask = (rows[:, None] < M) & (columns[None, :] < N)
    tl.store(c + rows[:, None] * N + columns[None, :], total, mask=mask)


# Each slice of K adds its part; blocks take tiles in groups of rows.
@triton.jit
def matmul_split(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, GROUP: tl.constexpr):
    tile, slice, slices = tl.program_id(0), tl.program_id(1), tl.num_programs(1)
    across = tl.cdiv(N, BN)
    group = tile // (GROUP * across)
    size = min(tl.cdiv(M, BM) - group * GROUP, GROUP)
    rows = (group * GROUP + tile % (GROUP * across) % size) * BM + tl.arange(0, BM)
    columns = tile % (GROUP * across) // size * BN + tl.arange(0, BN)
    inner = slice * BK + tl.arange(0, BK)
    total = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK * slices):
        x = tl.load(a + rows[:, None] * K + k + inner[None, :])
        y = tl.load(b + (k + inner)[:, None] * N + columns[None, :])
        total = tl.dot(x, y, total)
    tl.atomic_add(c + rows[:, None] * N + columns[None, :], total)


@triton.jit
def matmul_tma(a, b, c, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    row, column = tl.program_id(0) * BM, tl.program_id(1) * BN
    total = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        total = tl.dot(a.load([row, k]), b.load([k, column]), total)
    c.store([row, column], total.to(tl.float16))


# Descriptors made by the kernel itself, and blocks that stay for several tiles.
@triton.jit
def matmul_descriptors(a, b, c, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    da = tl.make_tensor_descriptor(a, [M, K], [K, 1], [BM, BK])
    db = tl.make_tensor_descriptor(b, [K, N], [N, 1], [BK, BN])
    dc = tl.make_tensor_descriptor(c, [M, N], [N, 1], [BM, BN])
    across = tl.cdiv(N, BN)
    for tile in range(tl.program_id(0), tl.cdiv(M, BM) * across, tl.num_programs(0)):
        row, column = tile // across * BM, tile % across * BN
        total = tl.zeros((BM, BN), tl.float32)
        for k in range(0, K, BK):
            total = tl.dot(da.load([row, k]), db.load([k, column]), total)
        dc.store([row, column], total.to(tl.float16))


@triton.jit
def matmul_specialized(a, b, c, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    row, column = tl.program_id(0) * BM, tl.program_id(1) * BN
    total = tl.zeros((BM, BN), tl.float32)
    for k in tl.range(0, K, BK, warp_specialize=True):
        total = tl.dot(a.load([row, k]), b.load([k, column]), total)
    c.store([row, column], total.to(tl.float16))


@triton.jit
def attention(q, k, v, o, lse, scale, S, BM: tl.constexpr, BN: tl.constexpr, D: tl.constexpr, CAUSAL: tl.constexpr):
    block, base = tl.program_id(0), tl.program_id(1) * S * D
    rows, keys, inner = block * BM + tl.arange(0, BM), tl.arange(0, BN), tl.arange(0, D)
    query = tl.load(q + base + rows[:, None] * D + inner[None, :])
    most = tl.full([BM], -float("inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    result = tl.zeros([BM, D], tl.float32)
    end = (block + 1) * BM if CAUSAL else S
    for start in range(0, end, BN):
        at = start + keys
        score = tl.dot(query, tl.load(k + base + at[None, :] * D + inner[:, None])) * (scale * 1.4426950408889634)
        if CAUSAL:
            score = tl.where(rows[:, None] >= at[None, :], score, -float("inf"))
        next = tl.maximum(most, tl.max(score, 1))
        weight = tl.math.exp2(score - next[:, None])
        factor = tl.math.exp2(most - next)
        total = total * factor + tl.sum(weight, 1)
        value = tl.load(v + base + at[:, None] * D + inner[None, :])
        result = tl.dot(weight.to(value.dtype), value, result * factor[:, None])
        most = next
    tl.store(o + base + rows[:, None] * D + inner[None, :], result / total[:, None])
    tl.store(lse + tl.program_id(1) * S + rows, most + tl.math.log2(total))


# One step of a gated recurrence per row, scanned along the sequence.
@triton.jit
def combine(a0, b0, a1, b1):
    return a0 * a1, b0 * a1 + b1


@triton.jit
def gated_scan(x, gate, y, S, LENGTH: tl.constexpr):
    at = tl.program_id(0) * S + tl.arange(0, LENGTH)
    mask = tl.arange(0, LENGTH) < S
    g = tl.sigmoid(tl.load(gate + at, mask=mask, other=0.0))
    value = tl.load(x + at, mask=mask, other=0.0) * (1 - g)
    _, h = tl.associative_scan((g, value), 0, combine)
    tl.store(y + at, h, mask=mask)


# What is left of the language: sorting, histograms, atomics, random numbers, functions, integer division.
@triton.jit
def functions(x, y, i, counts, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n, other=0.0)
    index = tl.load(i + at, mask=at < n, other=1)
    tl.store(y + at, tl.math.sin(value * 100) + tl.math.erf(value) + tl.math.log(value * value + 1) +
             tl.math.rsqrt(value * value + 2) + tl.math.floor(value * 10) + tl.math.ceil(value * 5))
    tl.store(y + n + at, tl.sort(value))
    tl.store(y + 2 * n + at, tl.cumsum(value, 0))
    tl.store(y + 3 * n + at, tl.argmax(value, 0).to(tl.float32) + tl.min(value, 0))
    tl.store(y + 4 * n + at, tl.rand(3, at))
    tl.store(y + 5 * n + at, tl.umulhi(index.to(tl.uint32), 0x9E3779B9).to(tl.float32) + (index // 7) + (index % 5))
    tl.atomic_add(counts + (index % 7), 1)
    tl.atomic_max(counts + 8 + (index % 2), index)
    tl.atomic_xchg(counts + 10 + (index & 0), 5)
    tl.atomic_add(counts + 16 + tl.arange(0, 16), tl.histogram(index & 15, 16))
    old = tl.atomic_cas(counts + 11, 0, 77)
    tl.store(counts + 12, old, mask=old == 0)


TENSORS = {"a": "tensordesc<fp16[64,64]>", "b": "tensordesc<fp16[64,64]>", "c": "tensordesc<fp16[64,64]>", "K": "i32"}
TILE = {"BM": 64, "BN": 64, "BK": 64}


def product(kind, chips=(80, 90, 100), result="fp32", **tile):
    signature = {"a": "*" + kind, "b": "*" + kind, "c": "*" + result, "M": "i32", "N": "i32", "K": "i32"}
    return matmul, chips, signature, {"BM": 64, "BN": 64, "BK": 32, **tile}, {"num_stages": 3}


def attend(kind, causal):
    signature = {"q": "*" + kind, "k": "*" + kind, "v": "*" + kind, "o": "*" + kind, "lse": "*fp32", "scale": "fp32", "S": "i32"}
    return attention, (80, 90, 100), signature, {"BM": 64, "BN": 64, "D": 64, "CAUSAL": causal}, {"num_stages": 2}


ALL = (80, 90, 100)
KERNELS = {
    "softmax": (softmax, ALL, {"x": "*fp32", "y": "*fp32", "stride": "i32", "n": "i32"}, {"BLOCK": 1024}, {}),
    "layer_norm": (layer_norm, ALL, {"x": "*fp16", "y": "*fp16", "weight": "*fp16", "bias": "*fp16", "n": "i32", "eps": "fp32"},
                   {"BLOCK": 512}, {}),
    "matmul_f16": product("fp16", result="fp16"),
    "matmul_bf16": product("bf16", result="bf16", BN=128, BK=64),
    "matmul_f32": product("fp32", BN=128),
    "matmul_f8": product("fp8e4nv", (90, 100), "fp16", BN=128, BK=64),
    "matmul_split": (matmul_split, ALL, {"a": "*bf16", "b": "*bf16", "c": "*fp32", "M": "i32", "N": "i32", "K": "i32"},
                     {"BM": 64, "BN": 32, "BK": 32, "GROUP": 2}, {}),
    "matmul_tma": (matmul_tma, (90, 100), TENSORS, TILE, {"num_stages": 3}),
    "matmul_descriptors": (matmul_descriptors, (90, 100),
                           {"a": "*fp16", "b": "*fp16", "c": "*fp16", "M": "i32", "N": "i32", "K": "i32"}, TILE, {"num_stages": 2}),
    "matmul_specialized": (matmul_specialized, (90, 100), TENSORS, TILE, {"num_stages": 3}),
    "attention_f16": attend("fp16", False),
    "attention_causal": attend("bf16", True),
    "gated_scan": (gated_scan, ALL, {"x": "*fp32", "gate": "*fp32", "y": "*fp32", "S": "i32"}, {"LENGTH": 512}, {}),
    "functions": (functions, ALL, {"x": "*fp32", "y": "*fp32", "i": "*i32", "counts": "*i32", "n": "i32"}, {"BLOCK": 256}, {}),
}


def main():
    folder, chips = pathlib.Path(sys.argv[1]), [int(chip) for chip in sys.argv[2:]]
    for name, (kernel, known, signature, constants, options) in KERNELS.items():
        for chip in (chip for chip in chips if chip in known):
            # Pointers and sizes are multiples of 16, as the run-time compiler would find.
            aligned = {(index,): [["tt.divisibility", 16]] for index, (parameter, kind) in enumerate(signature.items())
                       if kind.startswith("*") or (kind == "i32" and parameter in "MNK")}
            source = ASTSource(kernel, signature={**signature, **{key: "constexpr" for key in constants}},
                               constexprs=constants, attrs=aligned)
            result = triton.compile(source, target=GPUTarget("cuda", chip, 32), options={"num_warps": 4, **options})
            text = re.sub(r"//[^\n]*|^\s*\.(?:file|loc)\b[^\n]*|\.section[^{]*\{[^}]*\}", "", result.asm["ptx"], flags=re.M)
            text = re.sub(r"[ \t]+$", "", text, flags=re.M)
            text = re.sub(r"\n+", "\n", text).strip()
            metadata = result.metadata
            head = (f"// warps {metadata.num_warps} shared {metadata.shared} "
                    f"scratch {getattr(metadata, 'global_scratch_size', 0)}\n")
            (folder / f"triton_{name}.sm_{chip}.ptx").write_text(head + text + "\n")
            print(f"triton_{name}.sm_{chip}.ptx: {len(text)} bytes")


if __name__ == "__main__":
    main()
