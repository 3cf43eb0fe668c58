"""Compares two tensors of token ids: prints both rows of each sequence, and fails where they differ.

Usage: compare-ids.py <safetensors file> <tensor> <safetensors file> <tensor>
"""

import json
import struct
import sys


def read_ids(path, name):
    """The rows of an i64 matrix of a safetensors file: u64 length, JSON header, data."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        if name not in header:
            sys.exit(f"{path}: expected a tensor '{name}', found {', '.join(sorted(header))}")
        entry = header[name]
        if entry["dtype"] != "I64" or len(entry["shape"]) != 2:
            sys.exit(f"{path}: expected '{name}' to be an i64 matrix, found {entry['dtype']} {entry['shape']}")
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        values = [value for (value,) in struct.iter_unpack("<q", file.read(end - begin))]
    rows, columns = entry["shape"]
    return [values[row * columns:(row + 1) * columns] for row in range(rows)]


def main():
    ours, theirs = read_ids(*sys.argv[1:3]), read_ids(*sys.argv[3:5])
    for row, (our, their) in enumerate(zip(ours, theirs)):
        print(f"sequence {row}:    ours {our}")
        print(f"           expected {their}")
    if ours != theirs:
        sys.exit("The tokens differ.")
    print("The tokens are the same.")


if __name__ == "__main__":
    main()
