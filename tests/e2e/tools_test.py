#!/usr/bin/env python3
"""tokenize, logits, perplexity, bench and plan on a real model."""

import json
import math
import struct
import unittest

from program import ProgramTest, model_path

VOCABULARY = 49152  # of smollm2:135m


def floats(path):
    data = path.read_bytes()
    return struct.unpack(f"<{len(data) // 4}f", data)


class TokenizeTest(ProgramTest):
    def ids(self, text, *options):
        return json.loads(self.hearth("tokenize", model_path(), "--json", *options, text=text).stdout)

    def test_json(self):
        # From the published tokenizer of SmolLM2: <|im_start|> is 1, <|im_end|> 2.
        self.assertEqual(self.ids("<|im_start|>"), [1])
        self.assertEqual(self.ids("<|im_end|>\n"), [2, 198])
        self.assertEqual(self.ids(""), [])
        plain = self.ids("<|im_start|>", "--no-special")
        self.assertGreater(len(plain), 1)
        self.assertNotIn(1, plain)

    def test_table(self):
        done = self.hearth("tokenize", model_path(), text="Hello\x1b[31m world")
        self.assertIn('"Hello"', done.stdout)
        self.assertNotIn("\x1b", done.stdout)
        self.assertRegex(done.stderr, r"\d+ tokens")

    def test_errors(self):
        self.hearth("tokenize", expect=2)
        self.hearth("tokenize", self.folder / "absent.gguf", text="x", expect=1)


class LogitsTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.output = self.folder / "out.f32"

    def logits(self, file, *options, expect=0):
        return self.hearth("logits", model_path(), file, "-o", self.output, *options, expect=expect)

    def test_shape_chunks_and_kernels(self):
        ids = self.folder / "ids.txt"
        ids.write_text("504 2375\n282\t4649 314\n")
        self.logits(ids, "--tokens")
        whole = self.output.read_bytes()
        self.assertEqual(len(whole), 5 * VOCABULARY * 4)
        self.assertTrue(all(math.isfinite(value) for value in floats(self.output)))
        for options in (["--chunk", "1"], ["--chunk", "2", "--threads", "1"], ["--isa", "ref"]):
            self.logits(ids, "--tokens", *options)
            self.assertEqual(self.output.read_bytes(), whole, options)

    def test_text_is_the_same_as_its_tokens(self):
        text = self.folder / "text.txt"
        text.write_text("The capital of France is")
        done = self.hearth("tokenize", model_path(), "--json", "--start", text=text.read_text())
        ids = self.folder / "ids.txt"
        ids.write_text(" ".join(map(str, json.loads(done.stdout))))
        self.logits(text)
        from_text = self.output.read_bytes()
        self.logits(ids, "--tokens")
        self.assertEqual(self.output.read_bytes(), from_text)

    def test_errors_leave_no_file(self):
        ids = self.folder / "ids.txt"
        for content, word in (("1 2 49152", "'49152'"), ("1 -1", "'-1'"), ("1 two", "'two'"), ("1 99999999999", "'9999"),
                              ("  \n", "no tokens")):
            ids.write_text(content)
            self.assertIn(word, self.logits(ids, "--tokens", expect=2).stderr)
        ids.write_text("5 " * 100)
        self.assertIn("100 tokens", self.logits(ids, "--tokens", "--ctx", "64", expect=1).stderr)
        self.logits(self.folder / "absent", expect=1)
        self.logits(self.folder, expect=2)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["ids.txt"])


class MeasureTest(ProgramTest):
    def test_perplexity(self):
        text = self.folder / "text.txt"
        text.write_text("The sun is a star. It gives light and heat to the Earth. " * 12)
        figures = json.loads(self.hearth("perplexity", model_path(), text, "--ctx", "64", "--json").stdout)
        self.assertEqual(figures["tokens_scored"], figures["windows"] * 31)
        self.assertGreater(figures["perplexity"], 1)
        self.assertLess(figures["perplexity"], 4)  # it repeats itself
        self.assertAlmostEqual(math.log(figures["perplexity"]), figures["mean_negative_log_likelihood"], places=9)
        self.assertIn("less than one window", self.hearth("perplexity", model_path(), text, "--ctx", "4096", expect=2).stderr)

    def test_perplexity_is_that_of_the_logits(self):
        text = self.folder / "text.txt"
        text.write_text("A hearth is the floor of a fireplace, usually extending into a room and paved with brick or stone.")
        ids = json.loads(self.hearth("tokenize", model_path(), "--json", "--start", text=text.read_text()).stdout)
        window = 16
        figures = json.loads(self.hearth("perplexity", model_path(), text, "--ctx", window, "--json").stdout)
        if figures["windows"] != 1:
            text.write_text(text.read_text()[:60])
            self.fail(f"the text should fill one window of {window}, not {len(ids)} tokens")
        file = self.folder / "ids.txt"
        file.write_text(" ".join(map(str, ids[:window])))
        self.hearth("logits", model_path(), file, "-o", self.folder / "out", "--tokens")
        values = floats(self.folder / "out")
        losses = []
        for position in range(window // 2, window - 1):
            row = values[position * VOCABULARY:(position + 1) * VOCABULARY]
            losses.append(math.log(math.fsum(math.exp(value) for value in row)) - row[ids[position + 1]])
        self.assertAlmostEqual(figures["mean_negative_log_likelihood"], sum(losses) / len(losses), places=4)

    def test_bench(self):
        figures = json.loads(self.hearth("bench", model_path(), "--prefill", "16,32", "--decode", "4", "--streams", "1,2",
                                         "--json").stdout)
        self.assertEqual(list(figures), ["prefill", "decode", "load_ms", "first_token_ms", "anonymous_mb", "file_mb", "peak_mb"])
        self.assertEqual(list(figures["prefill"]), ["16", "32"])
        self.assertEqual(list(figures["decode"]), ["1", "2"])
        for value in (*figures["prefill"].values(), *figures["decode"].values(), figures["load_ms"], figures["anonymous_mb"],
                      figures["file_mb"]):
            self.assertGreater(value, 0)
        self.assertGreater(figures["first_token_ms"], figures["load_ms"])
        self.assertGreaterEqual(figures["peak_mb"] * 1.01, figures["anonymous_mb"] + figures["file_mb"])
        deep = json.loads(self.hearth("bench", model_path(), "--prefill", "1", "--decode", "2", "--depth", "70,0", "--runs", "1",
                                      "--json").stdout)
        self.assertEqual(list(deep["decode_depth"]), ["0", "70"])
        start = json.loads(self.hearth("bench", model_path(), "--start-only", "--json").stdout)
        self.assertEqual((start["prefill"], start["decode"]), ({}, {}))
        self.hearth("bench", model_path(), "--prefill", "0", expect=2)
        self.hearth("bench", model_path(), "--streams", "1,x", expect=2)
        self.hearth("bench", model_path(), "--depth", "-1", expect=2)

    def test_plan(self):
        plan = json.loads(self.hearth("plan", model_path(), "--ctx", "2048", "--json").stdout)
        self.assertEqual(plan["context"], 2048)
        double = json.loads(self.hearth("plan", model_path(), "--ctx", "4096", "--json").stdout)
        self.assertEqual(double["kv_bytes"], 2 * plan["kv_bytes"])
        self.assertEqual(plan["kv_bytes"], 2048 * 30 * 2 * 3 * 64 * 2)  # layers, keys and values, KV heads, head, f16
        self.assertIn("together", self.hearth("plan", model_path(), "--ctx", "2048").stdout)


if __name__ == "__main__":
    unittest.main()
