#!/usr/bin/env python3
"""The embedding routes of `hearth serve` on a real model: vectors as transformers makes them (goldens by
tests/oracle/embedding_goldens.py), the same in every dialect, alone and beside answers."""

import base64
import concurrent.futures
import json
import math
import pathlib
import struct
import unittest

from server import Server

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "embeddings"
MODEL = "smollm2-135m"
LEAST_COSINE = 0.999999
TEXTS = ["The cat sat on the mat.", "Ein Hund läuft über die Straße.", "def add(a, b):\n    return a + b"]


def cosine(a, b):
    product = sum(x * y for x, y in zip(a, b))
    return product / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


class EmbeddingsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 1024)
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.__enter__()

    def post(self, path, body, status=200):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def vectors(self, path, body):
        return [entry["embedding"] for entry in self.post(path, body).json["data"]]

    def test_vectors_are_those_of_transformers(self):
        golden = json.loads((GOLDENS / f"{MODEL}.json").read_text(encoding="utf-8"))
        answer = self.post("/v1/embeddings", {"input": [entry["text"] for entry in golden]}).json
        self.assertEqual(answer["usage"]["prompt_tokens"], sum(len(entry["ids"]) for entry in golden))
        for entry, got in zip(golden, answer["data"]):
            self.assertGreaterEqual(cosine(got["embedding"], entry["mean"]), LEAST_COSINE, entry["text"])
            self.assertAlmostEqual(math.hypot(*got["embedding"]), 1, places=5)
        by_ids = self.vectors("/v1/embeddings", {"input": [entry["ids"] for entry in golden]})
        self.assertEqual(by_ids, [entry["embedding"] for entry in answer["data"]])

    def test_every_dialect_gives_the_same_vectors(self):
        expected = self.vectors("/v1/embeddings", {"model": MODEL, "input": TEXTS, "user": "somebody"})
        self.assertEqual([len(vector) for vector in expected], [576] * 3)
        self.assertEqual(self.vectors("/api/v0/embeddings", {"input": TEXTS}), expected)
        self.assertEqual(self.vectors("/embeddings", {"input": TEXTS}), expected)
        native = self.post("/embedding", {"content": TEXTS}).json
        self.assertEqual([entry["embedding"] for entry in native], [[vector] for vector in expected])
        self.assertEqual([entry["index"] for entry in native], [0, 1, 2])
        ollama = self.post("/api/embed", {"model": MODEL, "input": TEXTS}).json
        self.assertEqual(ollama["embeddings"], expected)
        self.assertEqual(ollama["model"], MODEL)
        self.assertGreater(ollama["total_duration"], 0)
        old = self.post("/api/embeddings", {"model": MODEL, "prompt": TEXTS[0]}).json
        self.assertEqual(list(old), ["embedding"])
        self.assertGreater(math.hypot(*old["embedding"]), 2)  # as it comes out of the model
        self.assertAlmostEqual(cosine(old["embedding"], expected[0]), 1, places=6)
        coded = self.vectors("/v1/embeddings", {"input": TEXTS, "encoding_format": "base64"})
        self.assertEqual([list(struct.unpack("<576f", base64.b64decode(text))) for text in coded], expected)

    def test_fewer_dimensions_have_length_one_again(self):
        whole = self.vectors("/v1/embeddings", {"input": TEXTS[0]})[0]
        for path, body in (("/v1/embeddings", {"input": TEXTS[0]}), ("/api/embed", {"input": TEXTS[0]})):
            answer = self.post(path, {**body, "dimensions": 64}).json
            cut = answer["embeddings"][0] if path == "/api/embed" else answer["data"][0]["embedding"]
            self.assertEqual(len(cut), 64)
            self.assertAlmostEqual(math.hypot(*cut), 1, places=5)
            self.assertAlmostEqual(cosine(cut, whole[:64]), 1, places=6)

    def test_beside_answers_and_in_crowds_the_bits_are_the_same(self):
        texts = [f"Sentence number {i}: " + "word " * (i * 13 % 90) for i in range(40)]
        alone = [self.vectors("/v1/embeddings", {"input": text})[0] for text in texts[:8]]
        chat = {"messages": [{"role": "user", "content": "Count."}], "temperature": 0, "max_tokens": 60, "ignore_eos": True}
        said = self.post("/v1/chat/completions", chat).json["choices"][0]["message"]["content"]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            talks = [pool.submit(self.post, "/v1/chat/completions", chat) for _ in range(2)]
            crowds = [pool.submit(self.vectors, "/v1/embeddings", {"input": texts}) for _ in range(3)]
            for crowd in crowds:
                self.assertEqual(crowd.result()[:8], alone)
            for talk in talks:
                self.assertEqual(talk.result().json["choices"][0]["message"]["content"], said)

    def test_what_does_not_fit(self):
        long = "word " * 3000
        sentence = r"request \(\d+ tokens\) exceeds the available context size \(1024 tokens\), try increasing it"
        error = self.post("/v1/embeddings", {"input": ["a", long]}, 400).json["error"]
        self.assertRegex(error["message"], "^" + sentence + "$")
        self.assertEqual((error["code"], error["param"]), ("context_length_exceeded", "input[1]"))
        native = self.post("/embedding", {"content": long}, 400).json["error"]
        self.assertEqual((native["type"], native["n_ctx"]), ("exceed_context_size_error", 1024))
        for path, body in (("/api/embed", {"input": long, "truncate": False}), ("/api/embeddings", {"prompt": long})):
            self.assertRegex(self.post(path, body, 400).json["error"], sentence)
        cut = self.post("/api/embed", {"input": [long, "a"]})
        tokens = len(self.post("/tokenize", {"content": long, "add_special": True}).json["tokens"])
        self.assertEqual(cut.headers["x-hearth-truncated"], f"inputs=1, tokens={tokens - 1024}")
        self.assertIn(f"inputs=1, tokens={tokens - 1024}", self.server.stderr)
        self.assertNotIn("x-hearth-truncated", self.post("/api/embed", {"input": "a"}).headers)

    def test_what_is_wrong_is_named_in_each_dialects_form(self):
        for path, body, part in (("/v1/embeddings", {"input": ""}, "'input' is empty"), ("/v1/embeddings", {}, "input"),
                                 ("/v1/embeddings", {"input": [["a"]]}, "input"), ("/api/v0/embeddings", {"input": [10 ** 9]}, "token id"),
                                 ("/embeddings", {"input": "a", "encoding_format": "hex"}, "encoding_format"),
                                 ("/embeddings", {"content": []}, "content"), ("/embedding", {}, "content"),
                                 ("/v1/embeddings", {"input": "a", "dimensions": 577}, "576")):
            self.assertIn(part, self.post(path, body, 400).json["error"]["message"])
        for path, body, part in (("/api/embed", {"input": [1]}, "invalid input type"), ("/api/embeddings", {"prompt": 1}, "prompt"),
                                 ("/api/embed", {"input": "a", "options": {"num_ctx": "big"}}, "num_ctx")):
            self.assertIn(part, self.post(path, body, 400).json["error"])
        self.assertIn(MODEL, self.post("/api/embed", {"model": "absent", "input": "a"}, 404).json["error"])

    def test_texts_are_counted(self):
        def counted():
            lines = self.server.get("/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith("hearth_embeddings_total{"))

        before = counted()
        self.post("/v1/embeddings", {"input": TEXTS})
        self.assertEqual(counted() - before, 3)


if __name__ == "__main__":
    unittest.main()
