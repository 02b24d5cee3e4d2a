#!/usr/bin/env python3
"""GGUF files in the shapes of Llama-3.2-1B and Llama-3.1-8B with random weights: as fast or slow as the real ones.

`shaped_models.py NAME...` writes what is missing and prints the paths; names look like llama-3.2-1b:q4_k_m. Which tensor
gets which format is what llama.cpp's quantiser chooses. Blocks are random bits with scales that keep activations near one,
centred on zero; the vocabulary has the real size and loads in any program, but means nothing. Data is written as it is made,
so that memory stays small, and is the same everywhere. Needs nothing but Python.
Not here: anything that answers questions; measuring (bench.py).
"""

import argparse
import array
import dataclasses
import math
import os
import pathlib
import random
import shutil
import struct
import sys
import time

import gguf_file
from gguf_file import Tensor

CHUNK_BLOCKS = 1 << 14
SPARE_DISK_BYTES = 2 << 30
FILE_TYPES = {"q4_0": 2, "q8_0": 7, "q4_k_m": 15, "q6_k": 18, "bf16": 32}
FORMATS = {"q4_0": "Q4_0", "q8_0": "Q8_0", "q4_k_m": "Q4_K", "q6_k": "Q6_K", "bf16": "BF16"}


@dataclasses.dataclass(frozen=True)
class Shape:
    name: str
    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    head: int
    tied: bool
    rope_factor: float
    vocabulary: int = 128256


SHAPES = {shape.name: shape for shape in (
    Shape("llama-3.2-1b", layers=16, hidden=2048, inner=8192, heads=32, kv_heads=8, head=64, tied=True, rope_factor=32.0),
    Shape("llama-3.1-8b", layers=32, hidden=4096, inner=14336, heads=32, kv_heads=8, head=128, tied=False, rope_factor=8.0),
)}
NAMES = [f"{shape}:{quantisation}" for shape in SHAPES for quantisation in FORMATS]


def uses_more_bits(layer, layers):
    """Where a Q4_K_M file has Q6_K for values and down projections: the first and last eighth and every third between."""
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def format_of(shape, quantisation, part, layer=0):
    base = FORMATS[quantisation]
    if part.endswith("norm") or part == "rope_freqs":
        return "F32"
    if part == "output" or (part == "token_embd" and shape.tied):
        return base if base in ("Q8_0", "BF16") else "Q6_K"
    if quantisation == "q4_k_m" and part in ("attn_v", "ffn_down") and uses_more_bits(layer, shape.layers):
        return "Q6_K"
    return base


def tensors_of(shape, quantisation):
    def tensor(part, *sizes, layer=None):
        name = f"{part}.weight" if layer is None else f"blk.{layer}.{part}.weight"
        return Tensor(name, sizes, format_of(shape, quantisation, part, layer or 0))

    queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
    yield tensor("token_embd", shape.vocabulary, shape.hidden)
    yield tensor("rope_freqs", shape.head // 2)
    for layer in range(shape.layers):
        for part, *sizes in (("attn_norm", shape.hidden), ("attn_q", queries, shape.hidden), ("attn_k", keys, shape.hidden),
                             ("attn_v", keys, shape.hidden), ("attn_output", shape.hidden, queries),
                             ("ffn_norm", shape.hidden), ("ffn_gate", shape.inner, shape.hidden),
                             ("ffn_up", shape.inner, shape.hidden), ("ffn_down", shape.hidden, shape.inner)):
            yield tensor(part, *sizes, layer=layer)
    yield tensor("output_norm", shape.hidden)
    if not shape.tied:
        yield tensor("output", shape.vocabulary, shape.hidden)


def byte_alphabet():
    """The printable stand-ins of byte-level BPE, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


def vocabulary(size):
    """Bytes, then pairs and triples of bytes, each by one merge, then control tokens."""
    alphabet = byte_alphabet()
    controls = 256 if size > 1024 else 16
    plain, merges = list(alphabet), []
    for index in range(size - controls - 256):
        left, right = alphabet[index % 65536 // 256], plain[index % 256 if index < 65536 else 256 + (index - 65536)]
        if index >= 65536:
            left = alphabet[(index * 31) % 256]
        plain.append(left + right)
        merges.append(f"{left} {right}")
    names = {0: "<|begin_of_text|>", 1: "<|end_of_text|>", 9: "<|eot_id|>"}
    special = [names.get(index, f"<|reserved_special_token_{index}|>") for index in range(controls)]
    return {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.tokens": plain + special,
        "tokenizer.ggml.token_type": [1] * len(plain) + [3] * controls, "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": len(plain), "tokenizer.ggml.eos_token_id": len(plain) + 9,
    }


def metadata_of(shape, quantisation):
    return {
        "general.architecture": "llama", "general.name": f"random weights in the shape of {shape.name}",
        "general.file_type": FILE_TYPES[quantisation], "general.quantization_version": 2,
        "llama.block_count": shape.layers, "llama.context_length": 131072, "llama.embedding_length": shape.hidden,
        "llama.feed_forward_length": shape.inner, "llama.attention.head_count": shape.heads,
        "llama.attention.head_count_kv": shape.kv_heads, "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 500000.0, "llama.rope.dimension_count": shape.head, "llama.vocab_size": shape.vocabulary,
    } | vocabulary(shape.vocabulary)


def rope_divisors(shape):
    """Llama 3.1's frequency scaling: low frequencies divided by the factor, high ones kept, a ramp between."""
    low, high, original = 1.0, 4.0, 8192
    for pair in range(shape.head // 2):
        wavelength = 2 * math.pi * 500000.0 ** (2 * pair / shape.head)
        ramp = min(1.0, max(0.0, (original / wavelength - low) / (high - low)))
        yield 1 / ((1 - ramp) / shape.rope_factor + ramp)


def half_tables(scale):
    """For each byte of randomness a float16 around `scale`: the tables of its low and of its high byte."""
    halves = [struct.pack("<e", scale * (0.75 + byte / 512)) for byte in range(256)]
    return bytes(half[0] for half in halves), bytes(half[1] for half in halves)


# Each function gets random bytes for whole blocks, in a bytearray, and makes blocks of the deviation asked for out of them.
# Where values would not be centred on zero (a signed integer reaches one further down than up) they are changed so that they
# are: otherwise the means of 2,000 products add up and every token looks alike.
def set_halves(data, width, column, scale, pick):
    low, high = half_tables(scale)
    data[column::width], data[column + 1::width] = pick.translate(low), pick.translate(high)


def make_q8_0(data, deviation):
    data[:] = data.translate(bytes(0 if byte == 0x80 else byte for byte in range(256)))
    set_halves(data, 34, 0, deviation / 73.6, bytes(data[2::34]))


def make_q4_0(data, deviation):
    levels = [1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15]  # less 8
    data[:] = data.translate(bytes(levels[byte & 15] | levels[byte >> 4] << 4 for byte in range(256)))
    set_halves(data, 18, 0, deviation / 4.18, bytes(data[2::18]))


def make_q4_k(data, deviation):
    pick, scale = bytes(data[16::144]), deviation / 223.0
    set_halves(data, 144, 0, scale, pick)
    set_halves(data, 144, 2, scale * 7.5, pick)  # the minimum is the scale times the middle of 0 to 15
    large = bytes(byte | 0xA0 for byte in range(256))  # scales of 32 to 63, as in real files
    twice = bytes((byte & 15) * 17 for byte in range(256))
    for column in range(4):
        scales = data[4 + column::144].translate(large)
        data[4 + column::144], data[8 + column::144] = scales, scales
        data[12 + column::144] = data[12 + column::144].translate(twice)


def make_q6_k(data, deviation):
    signed = bytes((64 + (byte & 63)) if byte < 128 else 256 - (64 + (byte & 63)) for byte in range(256))
    for column in range(192, 208):
        data[column::210] = data[column::210].translate(signed)
    set_halves(data, 210, 208, deviation / 1796.0, bytes(data[0::210]))


def make_bf16(data, deviation):
    """The upper byte holds sign and exponent but its last bit: two neighbouring choices, mixed to get the deviation."""
    upper = math.floor((math.log2(deviation / 2.415) + 127) / 2)
    below, above = (2.415 * 2.0 ** (2 * exponent - 127) for exponent in (upper, upper + 1))
    share = round(128 * (deviation ** 2 - below ** 2) / (above ** 2 - below ** 2))
    data[1::2] = data[1::2].translate(bytes((byte & 0x80) | (upper + ((byte & 0x7F) < share)) for byte in range(256)))


MAKERS = {"Q8_0": make_q8_0, "Q4_0": make_q4_0, "Q4_K": make_q4_k, "Q6_K": make_q6_k, "BF16": make_bf16}


def deviation_of(tensor):
    if tensor.name.startswith(("token_embd", "output.")):
        return 0.02
    residual = 0.5 if "output" in tensor.name or "down" in tensor.name else 1.0
    return residual * tensor.shape[-1] ** -0.5


def data_of(shape, tensor):
    """The tensor's bytes in chunks."""
    if tensor.format == "F32":
        values = rope_divisors(shape) if tensor.name.startswith("rope_freqs") else [1.0] * tensor.values
        yield array.array("f", values).tobytes()
        return
    _, _, size = gguf_file.FORMATS[tensor.format]
    source = random.Random(f"{shape.name} {tensor.name} {tensor.format}")
    left = tensor.bytes
    chunk = size * CHUNK_BLOCKS * (64 if tensor.format == "BF16" else 1)
    while left:
        data = bytearray(source.randbytes(min(left, chunk)))
        MAKERS[tensor.format](data, deviation_of(tensor))
        left -= len(data)
        yield data


def file_bytes(shape, quantisation):
    tensors = list(tensors_of(shape, quantisation))
    return len(gguf_file.header(metadata_of(shape, quantisation), tensors)) + sum(
        gguf_file.aligned(tensor.bytes) for tensor in tensors)


def write(path, shape, quantisation, progress=lambda done: None, more=None):
    """`more`: metadata beside what every such file has."""
    tensors = list(tensors_of(shape, quantisation))
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    try:
        with open(partial, "wb") as file:
            file.write(gguf_file.header(metadata_of(shape, quantisation) | (more or {}), tensors))
            for tensor in tensors:
                for data in data_of(shape, tensor):
                    file.write(data)
                    progress(file.tell())
                file.write(bytes(gguf_file.aligned(tensor.bytes) - tensor.bytes))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def cache_folder():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "hearth" / "shaped"


def path_of(name, folder):
    return folder / (name.replace(":", "-") + ".gguf")


def ensure(name, folder):
    """The path of that file, written if it is missing; says its size first and refuses if the disk is too full."""
    shape_name, quantisation = name.split(":")
    shape, path = SHAPES[shape_name], path_of(name, folder)
    size = file_bytes(shape, quantisation)
    if path.exists() and path.stat().st_size == size:
        return path
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    print(f"writing {path}: {size / 1e9:.2f} GB of {free / 1e9:.1f} GB that are free", file=sys.stderr)
    if free < size + SPARE_DISK_BYTES:
        raise SystemExit(f"not enough disk for {name} in {folder}: {(size + SPARE_DISK_BYTES) / 1e9:.1f} GB are needed, "
                         f"{free / 1e9:.1f} GB are free. Free some, set XDG_CACHE_HOME elsewhere, or leave this model out")
    started, shown = time.monotonic(), [0.0]

    def progress(done):
        now = time.monotonic()
        if sys.stderr.isatty() and now - shown[0] > 0.5:
            shown[0] = now
            left = (now - started) * (size - done) / done
            print(f"\r  {done / size:4.0%}, {left:.0f} s left ", end="", file=sys.stderr, flush=True)

    write(path, shape, quantisation, progress)
    print(f"{chr(13) if sys.stderr.isatty() else ''}  written in {time.monotonic() - started:.0f} s ", file=sys.stderr)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(NAMES))
    parser.add_argument("--folder", type=pathlib.Path, default=cache_folder(), help="default: %(default)s")
    options = parser.parse_args()
    for name in options.names:
        if name not in NAMES:
            parser.error(f"there is no {name}; there are {', '.join(NAMES)}")
    if not options.names:
        for name in NAMES:
            shape, quantisation = name.split(":")
            there = "  (there)" if path_of(name, options.folder).exists() else ""
            print(f"{name:22}{file_bytes(SHAPES[shape], quantisation) / 1e9:8.2f} GB{there}")
    for name in options.names:
        print(ensure(name, options.folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
