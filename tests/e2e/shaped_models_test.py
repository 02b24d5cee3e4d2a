#!/usr/bin/env python3
"""The files with random weights that speed is measured on: they load, compute sane logits, and are made of what they say."""

import collections
import json
import math
import struct
import sys
import unittest

from program import ROOT, ProgramTest

sys.path.insert(0, str(ROOT / "bench"))
import gguf_file  # noqa: E402
import shaped_models  # noqa: E402

TINY = shaped_models.Shape("tiny", layers=2, hidden=512, inner=768, heads=8, kv_heads=2, head=64, tied=True, rope_factor=32.0,
                           vocabulary=2000)
UNTIED = shaped_models.Shape("untied", layers=1, hidden=256, inner=512, heads=2, kv_heads=1, head=128, tied=False,
                             rope_factor=8.0, vocabulary=600)


class ShapedModelsTest(ProgramTest):
    def logits(self, model):
        ids, out = self.folder / "ids", self.folder / "logits"
        ids.write_text("5 100 320 41 99 7 550 12")
        self.hearth("logits", model, ids, "--tokens", "-o", out, "--ctx", "64")
        data = out.read_bytes()
        return struct.unpack(f"<{len(data) // 4}f", data)

    def test_every_format_loads_and_computes(self):
        for shape in (TINY, UNTIED):
            for quantisation in shaped_models.FORMATS:
                path = self.folder / f"{shape.name}-{quantisation}.gguf"
                shaped_models.write(path, shape, quantisation)
                self.assertEqual(path.stat().st_size, shaped_models.file_bytes(shape, quantisation))
                values = self.logits(path)
                self.assertEqual(len(values), 8 * shape.vocabulary)
                # A normalised state times a head of deviation 0.02.
                expected = 0.02 * math.sqrt(shape.hidden)
                deviation = math.sqrt(math.fsum(value * value for value in values) / len(values))
                self.assertTrue(0.8 * expected < deviation < 1.25 * expected, f"{path.name}: {deviation}, not {expected}")

    def test_text_survives_the_vocabulary(self):
        path = self.folder / "tiny.gguf"
        shaped_models.write(path, TINY, "q4_0")
        text = "Zürich, 12 km <|eot_id|>"
        ids = json.loads(self.hearth("tokenize", path, "--json", text=text).stdout)
        alphabet = {character: byte for byte, character in enumerate(shaped_models.byte_alphabet())}
        tokens = shaped_models.vocabulary(TINY.vocabulary)["tokenizer.ggml.tokens"]
        self.assertEqual(tokens[ids[-1]], "<|eot_id|>")
        decoded = bytes(alphabet[character] for index in ids[:-1] for character in tokens[index])
        self.assertEqual(decoded.decode() + "<|eot_id|>", text)

    def test_the_same_everywhere(self):
        first, second = self.folder / "first", self.folder / "second"
        for path in (first, second):
            shaped_models.write(path, UNTIED, "q4_k_m")
        self.assertEqual(first.read_bytes(), second.read_bytes())

    def test_formats_of_the_mixed_files(self):
        # What llama.cpp prints on loading the public files of these names.
        for name, expected in (("llama-3.2-1b", {"F32": 34, "Q4_K": 96, "Q6_K": 17}),
                               ("llama-3.1-8b", {"F32": 66, "Q4_K": 193, "Q6_K": 33})):
            tensors = shaped_models.tensors_of(shaped_models.SHAPES[name], "q4_k_m")
            self.assertEqual(collections.Counter(tensor.format for tensor in tensors), expected)

    def test_directory_reads_back(self):
        path = self.folder / "tiny.gguf"
        shaped_models.write(path, TINY, "q6_k")
        metadata, tensors = gguf_file.read(path)
        self.assertEqual(metadata["llama.embedding_length"], TINY.hidden)
        self.assertEqual(tensors, list(shaped_models.tensors_of(TINY, "q6_k")))
        last = max(tensors, key=lambda tensor: tensor.at)
        self.assertEqual(last.at + gguf_file.aligned(last.bytes), path.stat().st_size)


if __name__ == "__main__":
    unittest.main()
