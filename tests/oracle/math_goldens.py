#!/usr/bin/env python3
"""Writes tests/goldens/math/*.txt: arguments and 60-digit results of the elementary functions and rope tables.

Each line of functions.txt: name, arguments as hexadecimal floats, result as two hexadecimal doubles (value, remainder).
Each line of rope.txt: a case of src/kernels/rope_table.h; frequencies come from transformers' own rope initialisers.
Needs: mpmath, numpy, torch, transformers. Run from the repository root.
"""
import pathlib
import random

import mpmath
import numpy
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

mpmath.mp.dps = 60
OUT = pathlib.Path("tests/goldens/math")


def pair(value):
    high = float(value)
    low = float(value - mpmath.mpf(high)) if numpy.isfinite(high) else 0.0
    return f"{high.hex()} {low.hex()}"


def f32(value):
    return float(numpy.float32(value))


def function_lines():
    rng = random.Random(1)
    lines = []

    def add(name, function, arguments, rounding=float):
        for argument in arguments:
            values = argument if isinstance(argument, tuple) else (argument,)
            values = tuple(rounding(v) for v in values)
            exact = function(*[mpmath.mpf(v) for v in values])
            lines.append(f"{name} {' '.join(v.hex() for v in values)} {pair(exact)}")

    spread = [rng.uniform(-87, 88.7) for _ in range(400)] + [rng.uniform(-1, 1) for _ in range(300)]
    tiny = [s * 10.0**e for e in range(-40, 1, 2) for s in (-1, 1)]
    halves = [(k + 0.5) * 0.6931471805599453 + rng.uniform(-1e-4, 1e-4) for k in range(-125, 127, 3)]
    add("exp32", mpmath.exp, spread + tiny + halves + [0.0, -87.0, 88.7228317], f32)
    add("tanh32", mpmath.tanh, [rng.uniform(-1, 1) for _ in range(400)] + [rng.uniform(-12, 12) for _ in range(200)]
        + tiny + [0.625, 0.62499994, 9.5, 50.0, 1e30], f32)
    add("exp64", mpmath.exp, [rng.uniform(-700, 700) for _ in range(200)] + spread[:200] + [0.0, 1e-300, -707.9, 709.7])
    add("log64", mpmath.log, [10.0 ** rng.uniform(-300, 300) for _ in range(200)] + [rng.uniform(0.4, 2.5) for _ in range(300)]
        + [5e-324, 1.0, 1.0 + 2**-52, 1.0 - 2**-53, 10000.0, 500000.0, 1e6])
    add("pow64", mpmath.power, [(rng.choice([10000.0, 500000.0, 1e6, 160000.0]), -rng.random()) for _ in range(300)]
        + [(2.0, 0.5), (10.0, -2.0), (3.0, 0.0)])
    angles = ([rng.uniform(0, 10) for _ in range(200)] + [float(rng.randrange(1 << 20)) for _ in range(200)]
              + [rng.uniform(-2e9, 2e9) for _ in range(200)] + [k * 1.5707963267948966 for k in range(0, 4000, 61)] + [0.0, 1e-9])
    add("sin64", mpmath.sin, angles)
    add("cos64", mpmath.cos, angles)
    return lines


def rope_cases():
    """kind, dimension, base, factor, low, high, original context, beta fast, beta slow, frequencies of the oracle."""
    cases = [
        ("none", 64, 10000.0, {"rope_type": "default"}),
        ("none", 128, 1000000.0, {"rope_type": "default"}),
        ("linear", 256, 1000000.0, {"rope_type": "linear", "factor": 8.0}),
        ("llama3", 64, 500000.0, {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                  "original_max_position_embeddings": 8192}),
        ("llama3", 128, 500000.0, {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                   "original_max_position_embeddings": 8192}),
        ("yarn", 128, 1000000.0, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}),
        ("yarn", 64, 10000.0, {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 4096,
                               "beta_fast": 24.0, "beta_slow": 2.0}),
    ]
    for kind, dim, base, scaling in cases:
        config = LlamaConfig(hidden_size=dim * 4, num_attention_heads=4, head_dim=dim, max_position_embeddings=131072,
                             rope_parameters={"rope_theta": base, **scaling})
        if kind == "none":
            frequencies = [f32(mpmath.power(mpmath.mpf(base), mpmath.mpf(-2 * i) / dim)) for i in range(dim // 2)]
            magnitude = 1.0
        else:
            tensor, magnitude = ROPE_INIT_FUNCTIONS[scaling["rope_type"]](config, "cpu")
            frequencies = tensor.tolist()
        fields = [scaling.get("factor", 1.0), scaling.get("low_freq_factor", 1.0), scaling.get("high_freq_factor", 4.0),
                  scaling.get("original_max_position_embeddings", 8192), scaling.get("beta_fast", 32.0),
                  scaling.get("beta_slow", 1.0), float(magnitude)]
        yield f"{kind} {dim} {base!r} {' '.join(repr(float(f)) for f in fields)} " + " ".join(f32(f).hex() for f in frequencies)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "functions.txt").write_text("\n".join(function_lines()) + "\n")
    (OUT / "rope.txt").write_text("\n".join(rope_cases()) + "\n")


if __name__ == "__main__":
    main()
