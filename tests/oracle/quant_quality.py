"""Writes tests/goldens/quant/quality.f32 and quality.txt: how close ggml's own encoders of the K formats come.

quality.f32 holds float32 rows as weights look: normal, heavy-tailed, and shifted. quality.txt has a line for each format: name and
relative error (root of summed squares) of ggml's encoding without an importance matrix, decoded by the `gguf` package.
src/quant/traits_test.cpp holds the encoders here to these figures.
Needs llama-cpp-python beside requirements.txt. Run from the root of the repository: python tests/oracle/quant_quality.py
"""

import ctypes
import pathlib

import llama_cpp
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

OUT = pathlib.Path(__file__).resolve().parent.parent / "goldens" / "quant"


def ggml_library():
    folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
    for name in ["libggml-base.so", "libggml.so", "libllama.so"]:
        if (folder / name).exists():
            library = ctypes.CDLL(str(folder / name))
            if hasattr(library, "ggml_quantize_chunk"):
                return library
    raise SystemExit("no ggml_quantize_chunk in " + str(folder))


def encode(library, kind, rows):
    values, size = GGML_QUANT_SIZES[kind]
    out = np.zeros((rows.shape[0], rows.shape[1] // values * size), dtype=np.uint8)
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    written = library.ggml_quantize_chunk(kind.value, rows.ctypes.data, out.ctypes.data, 0, rows.shape[0], rows.shape[1], None)
    assert written == out.nbytes
    return out


def main():
    random = np.random.default_rng(11)
    normal = random.standard_normal((8, 512)) * 0.02
    heavy = random.standard_t(4, (8, 512)) * 0.01
    shifted = random.standard_normal((4, 512)) * 0.01 + 0.02
    rows = np.ascontiguousarray(np.concatenate([normal, heavy, shifted]).astype(np.float32))
    library = ggml_library()
    lines = []
    for name in ["Q4_K", "Q5_K", "Q6_K"]:
        kind = GGMLQuantizationType[name]
        decoded = dequantize(encode(library, kind, rows), kind).astype(np.float64)
        error = np.sqrt(((decoded - rows) ** 2).sum() / (rows.astype(np.float64) ** 2).sum())
        lines.append(f"{name} {error:.6f}")
    (OUT / "quality.f32").write_bytes(rows.tobytes())
    (OUT / "quality.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
