"""Writes adapters (LoRA) with random values for any model, as llama.cpp's convert_lora_to_gguf would: float32 pairs for chosen weights.

Run: python3 tests/oracle/random_adapter.py PROGRAM MODEL.gguf OUT.gguf [--seed N] [--rank N] [--strength X]
The model's shapes come from `PROGRAM show MODEL`. A file depends on its arguments alone: nothing here is rounded otherwise by another
C library. Needs no Python packages.
"""

import argparse
import array
import json
import math
import pathlib
import random
import struct
import subprocess
import sys

STRING, FLOAT32 = 8, 6
ALIGNMENT = 32
MIDDLES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]


def read_shapes(program, model):
    """({middle name: (outputs, inputs)}, layers, architecture)"""
    shown = json.loads(subprocess.run([program, "show", model, "--json", "--verbose"], stdout=subprocess.PIPE, check=True).stdout)
    metadata, architecture = shown["metadata"], shown["architecture"]
    width, heads, inner = shown["embedding"], shown["heads"], int(metadata[f"{architecture}.feed_forward_length"])
    head_dim = int(metadata.get(f"{architecture}.attention.key_length", width // heads))
    query, key = heads * head_dim, shown["kv_heads"] * head_dim
    shapes = {"attn_q": (query, width), "attn_k": (key, width), "attn_v": (key, width), "attn_output": (width, query),
              "ffn_gate": (inner, width), "ffn_up": (inner, width), "ffn_down": (width, inner)}
    return shapes, shown["layers"], architecture


def packed(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def draws(draw, count, deviation):
    """Sums of four uniform numbers, which are normal enough."""
    one, scale = draw.random, math.sqrt(3) * deviation
    return array.array("f", ((one() + one() + one() + one() - 2) * scale for _ in range(count)))


def matrices(shapes, layers, rank, strength, middles, seed):
    """(name, rows, columns, values): products of the deviation `strength` for inputs of deviation one."""
    draw = random.Random(seed)
    for layer in range(layers):
        for middle in middles:
            outputs, inputs = shapes[middle]
            name = f"blk.{layer}.{middle}.weight"
            yield name + ".lora_a", rank, inputs, draws(draw, rank * inputs, 1 / math.sqrt(inputs))
            yield name + ".lora_b", outputs, rank, draws(draw, outputs * rank, strength / math.sqrt(rank))


def write_adapter(program, model, path, seed=1, rank=4, alpha=8.0, strength=0.1, middles=None):
    """`strength` is that of alpha / rank * B A at scale 1."""
    shapes, layers, architecture = read_shapes(program, model)
    pairs = list(matrices(shapes, layers, rank, strength * rank / alpha, middles or MIDDLES, seed))
    texts = {"general.type": "adapter", "general.architecture": architecture, "general.name": f"random {seed}", "adapter.type": "lora"}
    header = b"GGUF" + struct.pack("<IQQ", 3, len(pairs), len(texts) + 1)
    for key, text in texts.items():
        header += packed(key) + struct.pack("<I", STRING) + packed(text)
    header += packed("adapter.lora.alpha") + struct.pack("<If", FLOAT32, alpha)
    offset = 0
    for name, rows, columns, values in pairs:
        header += packed(name) + struct.pack("<IQQIQ", 2, columns, rows, 0, offset)
        offset += -(-4 * len(values) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for *_, values in pairs:
            if sys.byteorder == "big":
                values.byteswap()
            file.write(values.tobytes() + bytes(-4 * len(values) % ALIGNMENT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--strength", type=float, default=0.1)
    options = parser.parse_args()
    write_adapter(options.program, options.model, options.out, options.seed, options.rank, strength=options.strength)
    return 0


if __name__ == "__main__":
    sys.exit(main())
