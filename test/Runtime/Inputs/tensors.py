"""Writes a safetensors file from NAME=DTYPE[SHAPE]:VALUES words (@FILE: a word from a file), or prints one with --print.
No packages needed."""
import json, re, struct, sys

FORMATS = {"F32": "f", "I64": "q", "I32": "i"}


def write(path, words):
    header, data = {}, b""
    for word in words:
        word = open(word[1:]).read().strip() if word.startswith("@") else word
        name, dtype, shape, values = re.fullmatch(r"(\w+)=(\w+)\[([\d,]*)\]:(.*)", word).groups()
        convert = float if dtype == "F32" else int
        values = [convert(v) for v in values.split(",") if v]
        raw = struct.pack(f"<{len(values)}{FORMATS[dtype]}", *values)
        shape = [int(n) for n in shape.split(",")]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def show(path):
    raw = open(path, "rb").read()
    (size,) = struct.unpack("<Q", raw[:8])
    for name, t in json.loads(raw[8 : 8 + size]).items():
        begin, end = (8 + size + n for n in t["data_offsets"])
        values = [v[0] for v in struct.iter_unpack("<" + FORMATS[t["dtype"]], raw[begin:end])]
        print(name, t["dtype"], t["shape"], *values)


show(sys.argv[2]) if sys.argv[1] == "--print" else write(sys.argv[1], sys.argv[2:])
