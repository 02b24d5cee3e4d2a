#!/usr/bin/env python3
"""The benchmark from end to end on a tiny file, and what it counts: bytes, multiply-adds, the page cache."""

import json
import subprocess
import sys
import unittest

from program import PROGRAM, ROOT, ProgramTest

sys.path.insert(0, str(ROOT / "bench"))
import engines  # noqa: E402
import limits  # noqa: E402
import plan  # noqa: E402
import report  # noqa: E402
import shaped_models  # noqa: E402

TINY = shaped_models.Shape("tiny", layers=1, hidden=256, inner=512, heads=4, kv_heads=2, head=64, tied=False, rope_factor=8.0,
                           vocabulary=600)
MACHINE = {"read_gb_s": 10.0, "int8_gop_s": 200.0, "f32_gflop_s": 50.0}


class BenchTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "tiny.gguf"
        shaped_models.write(self.model, TINY, "q4_0")

    def bench(self, *arguments, expect=0):
        out = self.folder / "bench.json"
        command = [sys.executable, ROOT / "bench" / "bench.py", "--only", "hearth", "--program", PROGRAM, "--out", out, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=self.environment, check=False)
        self.assertEqual(done.returncode, expect, done.stdout + done.stderr)
        return done, json.loads(out.read_text()) if out.exists() else None

    def test_table_and_json(self):
        done, figures = self.bench("--models", self.model, "--prefill", "1,16", "--streams", "1,2", "--depth", "0,64",
                                   "--decode", "4", "--rounds", "1", "--threads", "1")
        self.assertEqual(list(figures), ["date", "machine", "engines", "limits", "models"])
        for limit in ("read_gb_s", "int8_gop_s", "f32_gflop_s"):
            self.assertGreater(figures["limits"]["1"][limit], 0)
        entry = figures["models"][str(self.model)]
        hearth = entry["threads"]["1"]["hearth"]
        self.assertEqual(list(hearth["prefill"]), ["1", "16"])
        self.assertEqual(list(hearth["decode"]), ["1", "2"])
        self.assertEqual(list(hearth["decode_depth"]), ["0", "64"])
        self.assertGreater(entry["start"]["warm"]["hearth"]["first_token_ms"], 0)
        for words in ("GB/s", "minutes", "prefill 16, 1 thread", "decode x2, 1 thread", "decode at 64, 1 thread", "anonymous memory",
                      "warm first token"):
            self.assertIn(words, done.stdout)

    def test_usage(self):
        self.bench("--models", "no-such-model", expect=2)
        self.bench("--threads", "0", expect=2)
        self.bench("--peers", "someone", expect=2)
        self.bench("--models", self.folder / "absent.gguf", expect=1)

    def test_work_of_a_file(self):
        work = limits.Work(self.model)
        layer = 256 * 256 * 2 + 256 * 128 * 2 + 3 * 256 * 512  # queries and output, keys and values, feed forward
        self.assertEqual(work.layers, {"int8": layer, "f32": 0})
        self.assertEqual(work.head, {"int8": 600 * 256, "f32": 0})
        self.assertEqual(work.kv_bytes, 2 * 2 * 64 * 2)
        norms = (3 * 256 + 32) * 4
        self.assertEqual(work.weights_bytes, layer // 32 * 18 + 600 * 210 + norms)
        # Reading bounds one token, multiply-adds bound many.
        self.assertAlmostEqual(work.seconds(MACHINE, 1, 1), work.weights_bytes / 10e9)
        self.assertAlmostEqual(work.seconds(MACHINE, 512, 1), 2 * (512 * layer + 600 * 256) / 200e9)
        self.assertAlmostEqual(work.seconds(MACHINE, 1, 1, depth=1000), (work.weights_bytes + 1000 * 512) / 10e9)

    def test_what_takes_too_long_is_left_out_and_named(self):
        work = limits.Work(self.model)
        slow = {"read_gb_s": 10.0, "int8_gop_s": 0.5, "f32_gflop_s": 0.5}
        sizes = plan.Sizes(prefill=(1, 16, 2048), decode=8, streams=(1,), depth=(0, 16384))
        short = plan.Plan(sizes, work, slow, ["hearth", "llama.cpp"], longest=10.0)
        self.assertEqual((short.sizes.prefill, short.sizes.depth), ((1, 16), (0,)))
        self.assertEqual(len(short.left_out), 2)
        self.assertIn("prefill 2048", short.left_out[0])
        everything = plan.Plan(sizes, work, slow, ["hearth", "llama.cpp"], longest=float("inf"))
        self.assertEqual(everything.sizes, sizes)
        self.assertGreater(everything.seconds(1), short.seconds(1))

    def test_page_cache(self):
        self.model.read_bytes()
        self.assertEqual(engines.resident_share(self.model), 1.0)
        if engines.drop_from_memory(self.model):  # a file system in memory keeps its pages
            self.assertLess(engines.resident_share(self.model), 0.02)

    def test_medians(self):
        runs = [{"prefill": {"1": value}, "load_ms": value} for value in (3.0, 1.0, 2.0)]
        self.assertEqual(report.medians(runs), {"prefill": {"1": 2.0}, "load_ms": 2.0})
        self.assertIsNone(report.medians([]))


if __name__ == "__main__":
    unittest.main()
