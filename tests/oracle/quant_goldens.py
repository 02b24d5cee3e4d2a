"""Writes tests/goldens/quant/: blocks of every format and what the `gguf` Python package makes of them.

For each format NAME: NAME.blocks (raw blocks: edge cases, then random) and NAME.values (the package's float32 values of
them). For the formats the package can encode: encode.f32 (float32 rows) and NAME.encoded (the package's blocks).
Every scale is finite, so no value is Inf or NaN. Run from the root of the repository: python tests/oracle/quant_goldens.py
Not here: comparing; src/quant/traits_test.cpp does that, bit by bit.
"""

import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize, quantize

OUT = pathlib.Path(__file__).resolve().parent.parent / "goldens" / "quant"
SMALL_BLOCKS, SUPER_BLOCKS, FLOAT_VALUES = 96, 40, 1024

# Offsets of the half-precision fields within a block.
HALF_FIELDS = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}
ENCODED = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]

# Half bits: zeros, smallest and largest subnormal, smallest normal, one, largest, and their negatives.
EDGE_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0xBC00, 0x7BFF, 0xFBFF]
EDGE_BYTES = [0x00, 0xFF, 0x7F, 0x80]


def blocks_of(name, random):
    block_values, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    count = SMALL_BLOCKS if block_values == 32 else SUPER_BLOCKS
    blocks = random.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    halves = random.standard_normal((count, len(HALF_FIELDS[name]))).astype(np.float16).view(np.uint16)
    row = 0
    for byte in EDGE_BYTES:
        for half in EDGE_HALVES[row % 2::2]:
            blocks[row, :] = byte
            halves[row, :] = half
            row += 1
    for i, half in enumerate(EDGE_HALVES):  # extreme scales over random codes
        halves[row + i, :] = np.roll(EDGE_HALVES, i)[: halves.shape[1]]
        halves[row + i, 0] = half
    assert row + len(EDGE_HALVES) < count
    for field, offset in enumerate(HALF_FIELDS[name]):
        blocks[:, offset : offset + 2] = halves[:, field : field + 1].view(np.uint8)
    return blocks


def float_blocks(name, random):
    if name == "F32":
        bits = random.integers(0, 2**32, FLOAT_VALUES, dtype=np.uint32)
        return bits[np.isfinite(bits.view(np.float32))].view(np.uint8).reshape(-1, 4)
    bits = random.integers(0, 2**16, FLOAT_VALUES, dtype=np.uint16)
    bits[:8] = [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0x7C00 if name == "F16" else 0x7F80, 0x3C00]
    exponent = 0x7C00 if name == "F16" else 0x7F80
    not_a_number = (bits & exponent == exponent) & (bits & ~np.uint16(exponent | 0x8000) != 0)
    return bits[~not_a_number].view(np.uint8).reshape(-1, 2)


def encode_input(random):
    rows = random.standard_normal((64, 32)).astype(np.float32)
    rows *= np.exp2(random.integers(-20, 10, (64, 1))).astype(np.float32)
    rows[0] = 0.0
    rows[1] = 1.5  # all equal
    rows[2] = -2.0
    rows[3] = np.arange(32) - 16.0  # ties
    rows[4] = np.arange(32) / 2.0
    rows[5, :] = 0.0
    rows[5, 17] = -1.0
    rows[6] = np.where(np.arange(32) % 2 == 0, 3.0, -3.0)  # two values of largest magnitude
    return rows


def main():
    random = np.random.default_rng(20240229)
    OUT.mkdir(parents=True, exist_ok=True)
    for name in ["F32", "F16", "BF16", *HALF_FIELDS]:
        blocks = float_blocks(name, random) if name not in HALF_FIELDS else blocks_of(name, random)
        values = dequantize(blocks, GGMLQuantizationType[name])
        assert values.dtype == np.float32 and not np.isnan(values).any(), name
        (OUT / f"{name}.blocks").write_bytes(blocks.tobytes())
        (OUT / f"{name}.values").write_bytes(np.ascontiguousarray(values).tobytes())
    rows = encode_input(random)
    (OUT / "encode.f32").write_bytes(rows.tobytes())
    for name in ENCODED:
        (OUT / f"{name}.encoded").write_bytes(np.ascontiguousarray(quantize(rows, GGMLQuantizationType[name])).tobytes())


if __name__ == "__main__":
    main()
