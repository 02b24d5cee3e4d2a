"""Writes tests/fuzz/corpus/gguf/: small GGUF files made by the `gguf` Python package, one for each thing the format can hold.

Seeds for view_fuzz, and files of a foreign writer for src/gguf/corpus_test.cpp, which states their contents.
Run from the root of the repository: python tests/oracle/gguf_corpus.py
"""

import pathlib

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFValueType, GGUFWriter

OUT = pathlib.Path(__file__).resolve().parent.parent / "fuzz" / "corpus" / "gguf"
FORMATS = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def all_types():
    writer = GGUFWriter(OUT / "all_types.gguf", "none")
    writer.add_uint8("u8", 250)
    writer.add_int8("i8", -3)
    writer.add_uint16("u16", 65000)
    writer.add_int16("i16", -300)
    writer.add_uint32("u32", 4000000000)
    writer.add_int32("i32", -70000)
    writer.add_uint64("u64", 2**63 + 1)
    writer.add_int64("i64", -(2**40))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.1)
    writer.add_bool("bool", True)
    writer.add_string("string", "grüße")
    writer.add_array("strings", ["a", "bc", ""])
    writer.add_array("floats", [1.0, -2.5])
    writer.add_array("ints", [1, -2, 3])
    writer.add_array("bools", [True, False])
    finish(writer)


def tensors():
    writer = GGUFWriter(OUT / "tensors.gguf", "none")
    for name in FORMATS:
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        writer.add_tensor(name, np.full((2, size), 7, dtype=np.uint8), raw_dtype=kind)
    writer.add_tensor("F32", np.arange(6, dtype=np.float32).reshape(1, 2, 3))
    finish(writer)


def aligned():
    writer = GGUFWriter(OUT / "aligned.gguf", "none")
    writer.add_custom_alignment(256)
    writer.add_tensor("a", np.ones(3, dtype=np.float32))
    writer.add_tensor("b", np.ones(5, dtype=np.float32))
    finish(writer)


def split_part():
    writer = GGUFWriter(OUT / "split.gguf", "none")
    writer.add_key_value("split.no", 0, GGUFValueType.UINT16)
    writer.add_key_value("split.count", 2, GGUFValueType.UINT16)
    writer.add_key_value("split.tensors.count", 2, GGUFValueType.INT32)
    writer.add_tensor("a", np.ones(3, dtype=np.float32))
    finish(writer)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    all_types()
    tensors()
    aligned()
    split_part()
