"""Filling gaps between two texts: with a model's own tokens, and by asking a model that has none."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from server import Server

PREFIX = "def add(a, b):\n    "
SUFFIX = "\n\nprint(add(1, 2))\n"
BODY = {"input_prefix": PREFIX, "input_suffix": SUFFIX, "n_predict": 32, "temperature": 0}


class OwnTokensTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 512, model="qwen2.5-coder-0.5b.gguf")
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def infill(self, **more):
        answer = self.server.post("/infill", {**BODY, **more})
        self.assertEqual(answer.status, 200, answer.text)
        self.assertIn('"content":"', answer.text)
        return answer

    def test_prompt_is_the_models_own(self):
        body = self.infill().json
        self.assertEqual(body["prompt"], f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>")
        self.assertIn("return a + b", body["content"])
        line = self.infill(input_prefix="def add(a, b):\n", prompt="    ").json
        self.assertEqual(line["content"], body["content"])

    def test_same_text_by_all_routes(self):
        expected = self.infill().json["content"]
        streamed = self.infill(stream=True).events
        self.assertEqual("".join(data["content"] for _, data in streamed), expected)
        legacy = self.server.post("/v1/completions", {"prompt": PREFIX, "suffix": SUFFIX, "max_tokens": 32, "temperature": 0})
        self.assertEqual(legacy.json["choices"][0]["text"], expected)
        plain = self.server.post("/v1/completions", {
            "prompt": f"<|fim_prefix|>{PREFIX}<|fim_suffix|>{SUFFIX}<|fim_middle|>", "max_tokens": 32, "temperature": 0})
        self.assertEqual(plain.json["choices"][0]["text"], expected)

    def test_control_tokens_in_the_texts_are_text(self):
        count = self.infill(n_predict=0).json["tokens_evaluated"]
        marked = self.infill(n_predict=0, input_prefix=PREFIX + "<|fim_middle|>").json["tokens_evaluated"]
        self.assertGreater(marked, count + 1)

    def test_extra_files(self):
        extra = [{"filename": f"f{i}.py", "text": f"x{i} = {i}\n" * 20} for i in range(20)]
        answer = self.infill(input_extra=extra, n_predict=4)
        body = answer.json
        dropped = body["input_extra_dropped"]
        self.assertTrue(0 < dropped < 20)
        self.assertEqual(answer.headers["x-hearth-input-extra-dropped"], str(dropped))
        self.assertTrue(body["prompt"].startswith("<|repo_name|>project\n"))
        self.assertNotIn(f"<|file_sep|>f{dropped - 1}.py\n", body["prompt"])
        self.assertIn(f"<|file_sep|>f{dropped}.py\n", body["prompt"])
        self.assertNotIn("input_extra_dropped", self.infill(input_extra=extra[:2], n_predict=1).json)

    def test_refusals(self):
        for more in ({"input_prefix": 1}, {"input_extra": {}}, {"input_extra": [1]}, {"input_prefix": "", "input_suffix": ""}):
            self.assertEqual(self.server.post("/infill", {**BODY, **more}).status, 400, more)
        error = self.server.post("/infill", {**BODY, "input_suffix": "word " * 600}).json["error"]
        self.assertEqual(error["type"], "exceed_context_size_error")


class AskingTest(unittest.TestCase):
    def test_a_model_without_tokens_goes_on_from_the_prefix(self):
        prefix, suffix = "1, 2, 3, 4,", " 9, 10, 11, 12\n```\n"
        with Server("--ctx", 1024) as server:
            body = {"input_prefix": prefix, "input_suffix": suffix, "n_predict": 48, "temperature": 0}
            answer = server.post("/infill", body).json
            self.assertTrue(answer["prompt"].endswith("````\n" + prefix), answer["prompt"])
            self.assertIn(suffix, answer["prompt"])
            self.assertNotIn("9, 10, 11, 12", answer["content"])
            self.assertNotIn("````", answer["content"])
            streamed = server.post("/infill", {**body, "stream": True}).events
            self.assertEqual("".join(data["content"] for _, data in streamed), answer["content"])
            legacy = server.post("/v1/completions", {"prompt": prefix, "suffix": suffix, "max_tokens": 48, "temperature": 0})
            self.assertEqual(legacy.json["choices"][0]["text"], answer["content"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
