"""Writes tests/goldens/gguf/NAME.txt: what the `gguf` Python package reads in real GGUF files.

One line a key: key, type, value (arrays: element type, length, FNV-1a 64 of the elements' bytes, strings with their
length in front); one line a tensor: name, format, dimensions, FNV-1a 64 of its first and last 64 bytes.
Run from the root of the repository: python tests/oracle/gguf_goldens.py FILE.gguf ...
Not here: comparing; src/gguf/real_files_test.cpp does that.
"""

import pathlib
import struct
import sys

import numpy as np
from gguf import GGUFReader, GGUFValueType

OUT = pathlib.Path(__file__).resolve().parent.parent / "goldens" / "gguf"
TYPES = {
    "UINT8": "u8", "INT8": "i8", "UINT16": "u16", "INT16": "i16", "UINT32": "u32", "INT32": "i32", "FLOAT32": "f32",
    "BOOL": "bool", "STRING": "string", "UINT64": "u64", "INT64": "i64", "FLOAT64": "f64",
}


def fnv(data: bytes) -> str:
    state = 0xCBF29CE484222325
    for byte in data:
        state = ((state ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def field_line(name, field):
    kind = field.types[0]
    if kind != GGUFValueType.ARRAY:
        if kind == GGUFValueType.STRING:
            text = bytes(field.parts[-1])
            return f"key\t{name}\tstring\t{len(text)}\t{fnv(text)}"
        value = field.parts[-1].tobytes()
        return f"key\t{name}\t{TYPES[kind.name]}\t1\t{fnv(value)}"
    element = field.types[-1]
    parts = [bytes(field.parts[i]) for i in field.data]
    if element == GGUFValueType.STRING:
        parts = [struct.pack("<Q", len(part)) + part for part in parts]
    return f"key\t{name}\t{TYPES[element.name]}[]\t{len(field.data)}\t{fnv(b''.join(parts))}"


def tensor_line(tensor):
    data = np.ascontiguousarray(tensor.data).view(np.uint8).ravel()
    dims = "x".join(str(d) for d in tensor.shape)
    ends = fnv(data[:64].tobytes() + data[-64:].tobytes())
    return f"tensor\t{tensor.name}\t{tensor.tensor_type.name}\t{dims}\t{tensor.n_bytes}\t{ends}"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for path in map(pathlib.Path, sys.argv[1:]):
        reader = GGUFReader(path)
        lines = [field_line(n, f) for n, f in reader.fields.items() if not n.startswith("GGUF.")]
        lines += [tensor_line(t) for t in reader.tensors]
        (OUT / (path.stem + ".txt")).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
