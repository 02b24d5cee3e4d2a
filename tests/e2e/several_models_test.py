#!/usr/bin/env python3
"""Two models and memory for one: they take turns, a busy one stays, and what leaves gives its memory back."""

import http.client
import json
import re
import subprocess
import time
import unittest

from program import PROGRAM, TIMEOUT_SECONDS, model_path
from server import Server

FILES = {"small": "smollm2-135m.gguf", "other": "gemma3-270m.gguf"}
CONTEXT = 1024
QUESTION = {"prompt": "The capital of France is", "temperature": 0, "max_tokens": 8}


def planned_bytes(file):
    plan = json.loads(subprocess.run([PROGRAM, "plan", model_path(file), "--ctx", str(CONTEXT), "--json"], check=True,
                                     capture_output=True, text=True).stdout)
    return sum(plan[name] for name in ("weights_bytes", "kv_bytes", "scratch_bytes", "tables_bytes"))


class SeveralModelsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        bytes_of = {name: planned_bytes(file) for name, file in FILES.items()}
        budget = max(bytes_of.values()) * 5 // 4  # a tenth of a budget stays free
        assert budget < sum(bytes_of.values()), bytes_of
        cls.server = Server("--ctx", CONTEXT, "--sessions", 1, "--memory", budget, "--prefix-cache", 0, library=FILES)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        for name in FILES:
            self.server.post("/api/generate", {"model": name, "keep_alive": 0})
        self.assertEqual(self.loaded(), {})

    def loaded(self):
        return {model["name"].removesuffix(":latest"): model for model in self.server.get("/api/ps").json["models"]}

    def ask(self, name, **more):
        return self.server.post("/v1/completions", {**QUESTION, "model": name, **more})

    def anonymous_bytes(self):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"RssAnon:\s+(\d+) kB", status.read()).group(1)) << 10

    def test_they_take_turns_and_say_the_same_each_time(self):
        said = {}
        for _ in range(2):
            for name in FILES:
                answer = self.ask(name)
                self.assertEqual(answer.status, 200, answer.text)
                text = answer.json["choices"][0]["text"]
                self.assertEqual(said.setdefault(name, text), text)
                self.assertEqual(list(self.loaded()), [name])
        self.assertEqual(len(set(said.values())), 2)
        self.assertIn("small left memory: another model needs the room", self.server.stderr)
        self.assertRegex(self.server.stderr, r"loading other: .* of memory: weights .*; .* may be used")

    def test_a_busy_one_is_not_thrown_out(self):
        body = json.dumps({**QUESTION, "model": "small", "max_tokens": 900, "ignore_eos": True, "stream": True})
        busy = http.client.HTTPConnection(self.server.address, timeout=TIMEOUT_SECONDS)
        self.addCleanup(busy.close)
        busy.request("POST", "/v1/completions", body)
        answer = busy.getresponse()
        self.assertTrue(answer.readline())
        refused = self.ask("other")
        self.assertEqual(refused.status, 503, refused.text)
        self.assertGreaterEqual(int(refused.headers["retry-after"]), 1)
        self.assertIn("MiB", refused.json["error"]["message"])
        self.assertEqual(list(self.loaded()), ["small"])
        busy.close()
        answer.close()
        deadline = time.monotonic() + 60
        while self.ask("other").status != 200:  # as a client does that heeds Retry-After
            self.assertLess(time.monotonic(), deadline, "it stays busy without anybody who listens")
            time.sleep(0.2)

    def test_keep_alive_decides_how_long_one_stays(self):
        body = {"model": "small", "prompt": "Hi", "stream": False, "options": {"num_predict": 1}}
        self.server.post("/api/generate", {**body, "keep_alive": -1})
        self.assertGreater(self.loaded()["small"]["expires_at"], "2100")
        self.server.post("/api/generate", {**body, "keep_alive": "1h"})
        self.assertLess(self.loaded()["small"]["expires_at"], "2100")
        self.server.post("/api/generate", {**body, "keep_alive": 0})
        self.wait_until_empty()
        self.server.post("/api/generate", {**body, "keep_alive": "300ms"})
        self.wait_until_empty()
        self.assertIn("small left memory: nobody asked it for a while", self.server.stderr)

    def wait_until_empty(self):
        deadline = time.monotonic() + 30
        while self.loaded():
            self.assertLess(time.monotonic(), deadline, "it stays")
            time.sleep(0.05)

    def test_memory_comes_back(self):
        self.ask("small")
        self.server.post("/api/generate", {"model": "small", "keep_alive": 0})
        empty = self.anonymous_bytes()  # with what the first load leaves behind for good
        for _ in range(3):
            for name in FILES:
                self.assertEqual(self.ask(name, max_tokens=64).status, 200)
            self.server.post("/api/generate", {"model": "other", "keep_alive": 0})
            self.wait_until_empty()
        deadline = time.monotonic() + 10  # a model is off the list a moment before its memory is given back
        while self.anonymous_bytes() >= empty + (48 << 20):
            self.assertLess(time.monotonic(), deadline, f"{self.anonymous_bytes()} bytes, {empty} after the first load")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
