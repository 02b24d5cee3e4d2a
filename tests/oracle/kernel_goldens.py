#!/usr/bin/env python3
"""Makes tests/goldens/kernels/linear.bin: dot products of every block format by the numeric contract (docs/numerics.md).

Independent of the C++: weights are random blocks, their meaning is checked against the `gguf` package's decoders, and
every float step is computed with rational numbers and rounded once to float32.
File: "HKG1", u32 cases; per case u32 format, rows, k, tokens, row_bytes; weights [rows, row_bytes]; q int8 [tokens, k];
scale f32 [tokens, k/32]; x f32 [tokens, k]; expected f32 [tokens, rows]. Little-endian.
"""
import struct
import sys
from fractions import Fraction
from pathlib import Path

import gguf
import numpy as np

ROWS, K, TOKENS = 3, 512, 2
IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]


def round_f32(value):
    """The float32 nearest to a rational number, ties to even."""
    if value == 0:
        return Fraction(0)
    sign, magnitude = (-1, -value) if value < 0 else (1, value)
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    unit = Fraction(2) ** (max(exponent, -126) - 23)
    quotient, rest = divmod(magnitude, unit)
    twice = 2 * rest
    if twice > unit or (twice == unit and quotient % 2 == 1):
        quotient += 1
    assert quotient * unit < Fraction(2) ** 128, "overflow: choose smaller inputs"
    return sign * quotient * unit


def fma(a, b, c):
    return round_f32(a * b + c)


def half(raw):
    return Fraction(float(np.frombuffer(raw, np.float16)[0]))


def nibbles(data):
    return [b & 15 for b in data] + [b >> 4 for b in data]


def bits(raw):
    word = int.from_bytes(raw, "little")
    return [word >> i & 1 for i in range(32)]


# Each reader yields per 32 weights: (scale, (sub, sub), (minimum, minimum or None), 32 integers).
def read_q4_0(b):
    yield half(b[0:2]), (1, 1), (), [n - 8 for n in nibbles(b[2:18])]


def read_q4_1(b):
    yield half(b[0:2]), (1, 1), (half(b[2:4]),), nibbles(b[4:20])


def read_q5_0(b):
    yield half(b[0:2]), (1, 1), (), [n + 16 * h - 16 for n, h in zip(nibbles(b[6:22]), bits(b[2:6]))]


def read_q5_1(b):
    yield half(b[0:2]), (1, 1), (half(b[2:4]),), [n + 16 * h for n, h in zip(nibbles(b[8:24]), bits(b[4:8]))]


def read_q8_0(b):
    yield half(b[0:2]), (1, 1), (), [int(v) for v in np.frombuffer(b[2:34], np.int8)]


def read_iq4_nl(b):
    yield half(b[0:2]), (1, 1), (), [IQ4[n] for n in nibbles(b[2:18])]


def read_iq4_xs(b):
    d, high = half(b[0:2]), int.from_bytes(b[2:4], "little")
    for part in range(8):
        low = b[4 + part // 2] >> (4 * (part % 2)) & 15
        scale = low + 16 * (high >> (2 * part) & 3) - 32
        yield d * scale, (1, 1), (), [IQ4[n] for n in nibbles(b[8 + 16 * part:24 + 16 * part])]


def read_q2_k(b):
    scales, qs, d, dmin = b[0:16], b[16:80], half(b[80:82]), half(b[82:84])
    for part in range(8):
        pair = scales[2 * part:2 * part + 2]
        values = [q >> (2 * (part % 4)) & 3 for q in qs[32 * (part // 4):32 * (part // 4) + 32]]
        yield d, tuple(s & 15 for s in pair), tuple(-(dmin * (s >> 4)) for s in pair), values


def read_q3_k(b):
    hmask, qs, packed, d = b[0:32], b[32:96], b[96:108], half(b[108:110])
    words = struct.unpack("<3I", packed)
    low = [words[0] & 0x0F0F0F0F, words[1] & 0x0F0F0F0F, words[0] >> 4 & 0x0F0F0F0F, words[1] >> 4 & 0x0F0F0F0F]
    scales = []
    for i, word in enumerate(low):
        scales += list(struct.pack("<I", word | (words[2] >> (2 * i) & 0x03030303) << 4))
    for part in range(8):
        values = []
        for i in range(32):
            two = qs[32 * (part // 4) + i] >> (2 * (part % 4)) & 3
            values.append(two - (0 if hmask[i] >> part & 1 else 4))
        yield d, (scales[2 * part] - 32, scales[2 * part + 1] - 32), (), values


def k4_scales(packed):
    scales, minimums = [], []
    for i in range(4):
        scales.append(packed[i] & 63)
        minimums.append(packed[i + 4] & 63)
    for i in range(4):
        scales.append((packed[8 + i] & 15) + 16 * (packed[i] >> 6))
        minimums.append((packed[8 + i] >> 4) + 16 * (packed[4 + i] >> 6))
    return scales, minimums


def read_q4_k(b):
    d, dmin, (scales, minimums) = half(b[0:2]), half(b[2:4]), k4_scales(b[4:16])
    for part in range(8):
        q = [v >> (4 * (part % 2)) & 15 for v in b[16 + 32 * (part // 2):48 + 32 * (part // 2)]]
        yield d * scales[part], (1, 1), (-(dmin * minimums[part]),), q


def read_q5_k(b):
    d, dmin, (scales, minimums) = half(b[0:2]), half(b[2:4]), k4_scales(b[4:16])
    for part in range(8):
        low = [v >> (4 * (part % 2)) & 15 for v in b[48 + 32 * (part // 2):80 + 32 * (part // 2)]]
        q = [v + 16 * (h >> part & 1) for v, h in zip(low, b[16:48])]
        yield d * scales[part], (1, 1), (-(dmin * minimums[part]),), q


def read_q6_k(b):
    ql, qh, scales, d = b[0:128], b[128:192], np.frombuffer(b[192:208], np.int8).astype(int), half(b[208:210])
    for part in range(8):
        side, quarter = divmod(part, 4)
        values = []
        for i in range(32):
            low = ql[64 * side + 32 * (quarter % 2) + i] >> (4 * (quarter // 2)) & 15
            values.append(low + 16 * (qh[32 * side + i] >> (2 * quarter) & 3) - 32)
        yield d, (int(scales[2 * part]), int(scales[2 * part + 1])), (), values


QUANTISED = {  # reader, offsets of the float16 fields in a block
    "Q4_0": (read_q4_0, [0]), "Q4_1": (read_q4_1, [0, 2]), "Q5_0": (read_q5_0, [0]), "Q5_1": (read_q5_1, [0, 2]),
    "Q8_0": (read_q8_0, [0]), "Q2_K": (read_q2_k, [80, 82]), "Q3_K": (read_q3_k, [108]), "Q4_K": (read_q4_k, [0, 2]),
    "Q5_K": (read_q5_k, [0, 2]), "Q6_K": (read_q6_k, [208]), "IQ4_NL": (read_iq4_nl, [0]), "IQ4_XS": (read_iq4_xs, [0]),
}


def random_half(rng):
    """Ordinary weights' scales, with zero, negative, subnormal and large ones among them."""
    kind = rng.integers(10)
    if kind == 0:
        return np.float16(0)
    if kind == 1:
        return np.frombuffer(np.uint16(rng.integers(1, 1024)).tobytes(), np.float16)[0]
    if kind == 2:
        return np.float16(rng.uniform(-60000, 60000))
    return np.float16(rng.uniform(-0.02, 0.02))


def random_blocks(rng, name):
    block_values, block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    data = rng.integers(0, 256, (ROWS, K // block_values, block_bytes), dtype=np.uint8)
    for row in data:
        for block in row:
            for at in QUANTISED[name][1]:
                block[at:at + 2] = np.frombuffer(random_half(rng).tobytes(), np.uint8)
    return data


def check_meaning(name, data, parts):
    """Our reading of the block against the gguf package's."""
    theirs = gguf.dequantize(data.reshape(ROWS, -1), gguf.GGMLQuantizationType[name])
    for row in range(ROWS):
        ours = []
        for scale, sub, minimum, values in parts[row]:
            for i, value in enumerate(values):
                part = i // 16
                offset = minimum[part] if len(minimum) == 2 else (minimum[0] if minimum else 0)
                ours.append(float(scale * sub[part] * value + offset))
        np.testing.assert_allclose(np.array(ours), theirs[row], rtol=1e-6, atol=1e-5 * np.abs(theirs[row]).max(), err_msg=name)


def quantised_case(rng, name):
    data = random_blocks(rng, name)
    block_bytes = data.shape[2]
    parts = [[p for b in range(data.shape[1]) for p in QUANTISED[name][0](data[r, b].tobytes())] for r in range(ROWS)]
    assert all(len(p) * 32 == K for p in parts) and block_bytes > 0
    check_meaning(name, data, parts)
    q = rng.integers(-127, 128, (TOKENS, K)).astype(np.int8)
    scale = rng.uniform(0, 0.1, (TOKENS, K // 32)).astype(np.float32)
    scale[0, 3], q[0, 96:128] = 0, 0
    expected = np.zeros((TOKENS, ROWS), np.float32)
    for t in range(TOKENS):
        for r in range(ROWS):
            acc = Fraction(0)
            for b, (w_scale, sub, minimum, values) in enumerate(parts[r]):
                s = Fraction(float(scale[t, b]))
                a = [int(v) for v in q[t, 32 * b:32 * b + 32]]
                dot = sum(sub[i // 16] * values[i] * a[i] for i in range(32))
                assert abs(dot) < 2 ** 24
                acc = fma(Fraction(dot), round_f32(w_scale * s), acc)
                if len(minimum) == 1:
                    acc = fma(minimum[0], round_f32(s * sum(a)), acc)
                if len(minimum) == 2:
                    acc = fma(minimum[0], round_f32(s * sum(a[:16])), acc)
                    acc = fma(minimum[1], round_f32(s * sum(a[16:])), acc)
            expected[t, r] = np.float32(float(acc))
    x = np.zeros((TOKENS, K), np.float32)
    return data.reshape(ROWS, -1), q, scale, x, expected


def float_case(rng, name):
    w = rng.normal(0, 0.05, (ROWS, K)).astype(np.float32)
    if name == "F16":
        raw = w.astype(np.float16)
        raw[0, :16] = np.frombuffer(np.arange(1, 17, dtype=np.uint16).tobytes(), np.float16)  # subnormals
        values = raw.astype(np.float32)
    elif name == "BF16":
        raw = (w.view(np.uint32) >> 16).astype(np.uint16)
        values = (raw.astype(np.uint32) << 16).view(np.float32)
    else:
        raw, values = w, w
    x = rng.normal(0, 1, (TOKENS, K)).astype(np.float32)
    expected = np.zeros((TOKENS, ROWS), np.float32)
    for t in range(TOKENS):
        for r in range(ROWS):
            acc = Fraction(0)
            for i in range(K):
                acc = fma(Fraction(float(x[t, i])), Fraction(float(values[r, i])), acc)
            expected[t, r] = np.float32(float(acc))
    q, scale = np.zeros((TOKENS, K), np.int8), np.zeros((TOKENS, K // 32), np.float32)
    return raw.view(np.uint8).reshape(ROWS, -1), q, scale, x, expected


def main():
    out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "goldens/kernels/linear.bin")
    rng = np.random.default_rng(20240717)
    names = ["F32", "F16", "BF16"] + list(QUANTISED)
    with open(out, "wb") as file:
        file.write(b"HKG1" + struct.pack("<I", len(names)))
        for name in names:
            weights, q, scale, x, expected = (quantised_case if name in QUANTISED else float_case)(rng, name)
            number = int(gguf.GGMLQuantizationType[name])
            file.write(struct.pack("<5I", number, ROWS, K, TOKENS, weights.shape[1]))
            for array in (weights, q, scale, x, expected):
                file.write(np.ascontiguousarray(array).tobytes())
    print(f"{out}: {len(names)} cases")


if __name__ == "__main__":
    main()
