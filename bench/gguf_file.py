"""The directory of a GGUF file, and the header of one to be written; needs nothing but Python.

Contract: `read(path)` returns the metadata (without long arrays) and the tensors with their formats, shapes and places;
`header(metadata, tensors)` returns the bytes before the data. Made for files that we or a digest vouch for.
Not here: decoding of blocks, checks of damaged files (src/gguf/ has those).
"""

import dataclasses
import math
import mmap
import struct

ALIGNMENT = 32
KEPT_ARRAY = 1024
STRING, ARRAY = 8, 9
SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
NUMBERS = {int: 4, float: 6, bool: 7}

# name: (number in the file, values per block, bytes per block)
FORMATS = {
    "F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24),
    "Q8_0": (8, 32, 34), "Q2_K": (10, 256, 84), "Q3_K": (11, 256, 110), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
    "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18), "IQ4_XS": (23, 256, 136), "BF16": (30, 1, 2),
}
NAMES = {number: name for name, (number, _, _) in FORMATS.items()}


@dataclasses.dataclass(frozen=True)
class Tensor:
    name: str
    shape: tuple   # outermost first
    format: str
    at: int = dataclasses.field(default=0, compare=False)  # where its data begins in the file it was read from

    @property
    def values(self):
        return math.prod(self.shape)

    @property
    def bytes(self):
        _, block, size = FORMATS[self.format]
        return self.values // block * size


class Cursor:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def scalar(self, kind):
        value = struct.unpack_from(SCALARS[kind], self.data, self.at)[0]
        self.at += struct.calcsize(SCALARS[kind])
        return value

    def string(self):
        size = self.scalar(10)
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.scalar(kind)
        kind, count = self.scalar(4), self.scalar(10)
        if kind != STRING and count > KEPT_ARRAY:
            self.at += count * struct.calcsize(SCALARS[kind])
            return None
        values = [self.value(kind) for _ in range(count)]
        return values if count <= KEPT_ARRAY else None


def read(path):
    """(metadata, [Tensor])"""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        cursor = Cursor(data)
        if data[:4] != b"GGUF" or struct.unpack_from("<I", data, 4)[0] not in (2, 3):
            raise ValueError(f"{path} is no GGUF file of version 2 or 3")
        cursor.at = 8
        tensor_count, key_count = cursor.scalar(10), cursor.scalar(10)
        metadata = {}
        for _ in range(key_count):
            key = cursor.string()
            metadata[key] = cursor.value(cursor.scalar(4))
        tensors = []
        for _ in range(tensor_count):
            name = cursor.string()
            shape = tuple(cursor.scalar(10) for _ in range(cursor.scalar(4)))[::-1]
            tensors.append(Tensor(name, shape, NAMES[cursor.scalar(4)], cursor.scalar(10)))
        start = aligned(cursor.at, metadata.get("general.alignment", ALIGNMENT))
        return metadata, [dataclasses.replace(tensor, at=start + tensor.at) for tensor in tensors]


def aligned(size, alignment=ALIGNMENT):
    return -(-size // alignment) * alignment


def encode_string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def encode_value(value):
    if isinstance(value, str):
        return struct.pack("<I", STRING) + encode_string(value)
    if isinstance(value, list):
        if isinstance(value[0], str):
            return struct.pack("<IIQ", ARRAY, STRING, len(value)) + b"".join(map(encode_string, value))
        return struct.pack(f"<IIQ{len(value)}i", ARRAY, 5, len(value), *value)
    number = NUMBERS[type(value)]
    return struct.pack("<I", number) + struct.pack(SCALARS[number], value)


def header(metadata, tensors):
    """Everything before the data of the first tensor; each tensor's data is padded to ALIGNMENT."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    parts += [encode_string(key) + encode_value(value) for key, value in metadata.items()]
    offset = 0
    for tensor in tensors:
        parts.append(encode_string(tensor.name) + struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape[::-1])
                     + struct.pack("<IQ", FORMATS[tensor.format][0], offset))
        offset += aligned(tensor.bytes)
    data = b"".join(parts)
    return data + bytes(aligned(len(data)) - len(data))
