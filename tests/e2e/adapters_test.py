#!/usr/bin/env python3
"""Adapters (LoRA) on a real model: served per request and by default, in every dialect, and on the command line."""

import concurrent.futures
import json
import pathlib
import sys
import tempfile
import unittest

from program import PROGRAM, ProgramTest, model_path
from server import Server

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
from random_adapter import write_adapter

PROMPT = "The capital of France is"
MESSAGES = [{"role": "user", "content": "What is a hearth?"}]
ONE, TWO, BOTH, NONE = [{"id": 0, "scale": 1}], [{"id": 1, "scale": 0.75}], [{"id": 0, "scale": -0.5}, {"id": 1, "scale": 1}], [{"id": 0, "scale": 0}]
# Path, body and where the text is, of every dialect.
DIALECTS = [
    ("/completion", {"prompt": PROMPT, "n_predict": 12, "temperature": 0}, lambda body: body["content"]),
    ("/v1/completions", {"prompt": PROMPT, "max_tokens": 12, "temperature": 0}, lambda body: body["choices"][0]["text"]),
    ("/v1/chat/completions", {"messages": MESSAGES, "max_tokens": 12, "temperature": 0},
     lambda body: body["choices"][0]["message"]["content"]),
    ("/v1/responses", {"input": "What is a hearth?", "max_output_tokens": 16, "temperature": 0},
     lambda body: body["output"][0]["content"][0]["text"]),
    ("/v1/messages", {"messages": MESSAGES, "max_tokens": 12, "temperature": 0}, lambda body: body["content"][0]["text"]),
    ("/api/chat", {"messages": MESSAGES, "stream": False, "options": {"num_predict": 12, "temperature": 0}},
     lambda body: body["message"]["content"]),
    ("/api/generate", {"prompt": PROMPT, "raw": True, "stream": False, "options": {"num_predict": 12, "temperature": 0}},
     lambda body: body["response"]),
    ("/api/v1/chat", {"input": "What is a hearth?", "max_output_tokens": 12, "temperature": 0}, lambda body: body["output"][0]["content"]),
    ("/infill", {"input_prefix": "def add(a, b):\n    return ", "input_suffix": "\n", "n_predict": 12, "temperature": 0},
     lambda body: body["content"]),
]


def setUpModule():
    folder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(folder.cleanup)
    global ADAPTERS  # two files
    ADAPTERS = [pathlib.Path(folder.name) / name for name in ("first.gguf", "second.gguf")]
    write_adapter(PROGRAM, model_path(), ADAPTERS[0], seed=1, strength=0.2)
    write_adapter(PROGRAM, model_path(), ADAPTERS[1], seed=2, rank=6, strength=0.2, middles=["attn_q", "attn_v", "ffn_down"])


class ServedTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 512, "--sessions", 4, "--lora", ADAPTERS[0], "--lora", f"{ADAPTERS[1]}=0")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def setUp(self):
        self.post("/lora-adapters", ONE)

    def post(self, path, body, status=200):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, status, answer.text)
        return answer.json

    def answer(self, lora=None, prompt=PROMPT, **more):
        """The text with the probabilities of its tokens and their nearest rivals: as good as its bits."""
        body = {"prompt": prompt, "n_predict": 16, "temperature": 0, "n_probs": 3, **more}
        body = self.post("/completion", body if lora is None else {**body, "lora": lora})
        return body["content"], body["completion_probabilities"]

    def test_list_and_defaults(self):
        listed = self.server.get("/lora-adapters").json
        self.assertEqual([(one["id"], one["path"], one["scale"]) for one in listed], [(0, "first.gguf", 1), (1, "second.gguf", 0)])
        one, none = self.answer(ONE), self.answer(NONE)
        self.assertNotEqual(one, none)
        self.assertEqual(self.answer(), one)
        self.assertEqual(self.answer([]), one)  # names none, as in llama-server
        self.assertEqual(self.post("/lora-adapters", BOTH), {"success": True})
        self.assertEqual([one["scale"] for one in self.server.get("/lora-adapters").json], [-0.5, 1])
        self.assertEqual(self.answer(), self.answer(BOTH))
        self.assertEqual(self.answer(NONE), none)
        self.post("/lora-adapters", [])
        self.assertEqual(self.answer(), none)
        settings = self.post("/completion", {"prompt": PROMPT, "n_predict": 1, "lora": BOTH})["generation_settings"]
        self.assertEqual(settings["lora"], BOTH)

    def test_scale_zero_is_the_model_alone(self):
        with Server("--ctx", 512) as plain:
            body = {"prompt": PROMPT, "n_predict": 16, "temperature": 0, "n_probs": 3}
            alone = plain.post("/completion", body).json
            self.assertEqual(plain.get("/lora-adapters").json, [])
            refused = plain.post("/completion", {**body, "lora": ONE})
            self.assertEqual(refused.status, 400)
            self.assertIn("no adapters are loaded", refused.json["error"]["message"])
        self.assertEqual(self.answer(NONE), (alone["content"], alone["completion_probabilities"]))

    def test_beside_others(self):
        """Different sets in flight at once, with prompts that begin alike: each answer is the one that it is alone."""
        sets = [ONE, TWO, BOTH, NONE, None]
        long = "one two three four five six seven eight nine ten, " * 8
        asked = [(lora, {"prompt": long[:200 + 10 * index] + PROMPT, "cache_prompt": index % 3 != 0, "seed": index,
                         "temperature": (index % 2) * 0.8}) for index, lora in enumerate(sets * 3)]
        alone = [self.answer(lora, **more) for lora, more in asked]
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            together = list(pool.map(lambda one: self.answer(one[0], **one[1]), asked))
        self.assertEqual(together, alone)

    def test_every_dialect(self):
        for path, body, text_of in DIALECTS:
            with self.subTest(path):
                default, none, two = (text_of(self.post(path, {**body, **more})) for more in ({}, {"lora": NONE}, {"lora": TWO}))
                self.assertEqual(text_of(self.post(path, {**body, "lora": ONE})), default)
                self.assertEqual(len({default, none, two}), 3, (default, none, two))

    def test_refusals(self):
        for lora in ([{"id": 2, "scale": 1}], [{"id": -1, "scale": 1}], [{"id": 0}], [{"scale": 1}], [0], {"id": 0}, "first", 1,
                     [{"id": "0", "scale": 1}], [{"id": 0, "scale": "1"}], [{"id": 0, "scale": 1e39}], [{"id": 2**70, "scale": 1}],
                     [{"id": 0, "scale": 1}, {"id": 0, "scale": 1}], [{"id": 0, "scale": None}]):
            for path, body, _ in DIALECTS:
                refused = self.server.post(path, {**body, "lora": lora})
                self.assertEqual(refused.status, 400, (path, lora, refused.text))
                self.assertIn("lora", refused.text)
            self.assertEqual(self.server.post("/lora-adapters", lora).status, 400, lora)

    def test_embeddings(self):
        def vector(path, **more):
            body = self.post(path, {"input": PROMPT, **more})
            return body["data"][0]["embedding"] if "data" in body else body["embeddings"][0]
        for path in ("/v1/embeddings", "/api/embed"):
            default, none = vector(path), vector(path, lora=NONE)
            self.assertNotEqual(default, none)
            self.assertEqual(vector(path, lora=ONE), default)


class VerbTest(ProgramTest):
    def answer(self, *arguments, **options):
        return json.loads(self.run_model(*arguments, "--json", "--temp", "0", "--max-tokens", "16", "--logprobs", "2", **options).stdout)

    def test_run(self):
        plain = self.answer("Hello", "--raw")
        first = self.answer("Hello", "--raw", "--lora", ADAPTERS[0])
        self.assertNotEqual(plain["logprobs"], first["logprobs"])
        self.assertEqual(self.answer("Hello", "--raw", "--lora", f"{ADAPTERS[0]}=0")["logprobs"], plain["logprobs"])
        self.assertEqual(self.answer("Hello", "--raw", "--lora", f"{ADAPTERS[0]}=1.0")["logprobs"], first["logprobs"])
        both = self.answer("Hello", "--raw", "--lora", ADAPTERS[0], "--lora", f"{ADAPTERS[1]}=-0.5")
        self.assertNotEqual(both["logprobs"], first["logprobs"])
        for draft in ("off", "auto"):
            again = self.answer("Hello", "--raw", "--lora", ADAPTERS[0], "--lora", f"{ADAPTERS[1]}=-0.5", "--draft", draft)
            self.assertEqual(again["logprobs"], both["logprobs"])
        verbose = self.run_model("Hello", "--max-tokens", "1", "--lora", f"{ADAPTERS[0]}=0.5", "--verbose").stderr
        self.assertIn("adapters first.gguf (0.5)", verbose)

    def test_a_running_server_is_not_asked(self):
        with Server("--ctx", 512, "--lora", ADAPTERS[0], library=None) as server:
            self.environment["HEARTH_HOME"] = str(server.home)
            self.assertFalse(self.answer("Hello", "--lora", ADAPTERS[0])["in_server"])

    def test_plan_and_show(self):
        plain = json.loads(self.hearth("plan", model_path(), "--json").stdout)
        adapted = json.loads(self.hearth("plan", model_path(), "--lora", ADAPTERS[0], "--json").stdout)
        self.assertEqual(plain["adapter_bytes"], 0)
        self.assertGreater(adapted["adapter_bytes"], ADAPTERS[0].stat().st_size // 2)
        self.assertEqual(adapted["parts"][-1]["part"], "adapter random 1")
        shown = json.loads(self.hearth("show", ADAPTERS[1], "--json").stdout)
        self.assertEqual((shown["adapter"], shown["architecture"], shown["rank"], shown["alpha"], shown["weights"]), ("lora", "llama", 6, 8, 90))
        self.assertIn("adapter (lora)", self.hearth("show", ADAPTERS[0]).stdout)
        self.assertIn("adapter", self.hearth("show", ADAPTERS[0], "--template", expect=2).stderr)

    def test_refusals(self):
        message = self.run_model("Hello", "--lora", self.folder / "absent.gguf", expect=1).stderr
        self.assertIn("absent.gguf", message)
        message = self.run_model("Hello", "--lora", model_path(), expect=1).stderr
        self.assertIn("general.type", message)
        other = self.folder / "other.gguf"
        write_adapter(PROGRAM, model_path("qwen2.5-coder-0.5b.gguf"), other, rank=1, middles=["attn_q"])
        message = self.run_model("Hello", "--lora", other, expect=1).stderr
        self.assertIn('"qwen2"', message)
        self.assertIn("--lora", self.hearth("serve", "--lora", ADAPTERS[0], "--listen", "127.0.0.1:0", expect=2).stderr)
        self.assertIn('"qwen2"', self.hearth("serve", model_path(), "--lora", other, "--listen", "127.0.0.1:0", expect=1).stderr)


if __name__ == "__main__":
    unittest.main()
