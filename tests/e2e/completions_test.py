"""Completions of raw prompts on a real model, in OpenAI's and llama-server's forms."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from server import Server

PROMPT = "The capital of France is"
GREEDY = {"prompt": PROMPT, "temperature": 0, "max_tokens": 12}


class CompletionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 512)
        cls.server.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, path, body, status=200):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def greedy_text(self, **more):
        return self.post("/v1/completions", {**GREEDY, **more}).json["choices"][0]["text"]

    def test_openai_whole(self):
        body = self.post("/v1/completions", {**GREEDY, "logprobs": 2, "seed": 7}).json
        self.assertEqual(body["object"], "text_completion")
        self.assertEqual(body["usage"]["completion_tokens"], 12)
        choice = body["choices"][0]
        self.assertEqual(choice["finish_reason"], "length")
        lists = choice["logprobs"]
        self.assertEqual([len(lists[name]) for name in ("tokens", "token_logprobs", "top_logprobs", "text_offset")], [12] * 4)
        self.assertEqual("".join(lists["tokens"]), choice["text"])
        for token, offset, logprob, top in zip(lists["tokens"], lists["text_offset"], lists["token_logprobs"],
                                               lists["top_logprobs"]):
            self.assertTrue(choice["text"][offset:].startswith(token))
            self.assertEqual(logprob, max(top.values()))  # greedy takes the likeliest
            self.assertEqual(len(top), 2)

    def test_streamed_text_is_the_same(self):
        answer = self.post("/completions", {**GREEDY, "stream": True, "stream_options": {"include_usage": True}})
        events = [data for _, data in answer.events]
        self.assertEqual(events[-1], "[DONE]")
        self.assertEqual(events[-2]["choices"], [])
        self.assertEqual(events[-2]["usage"]["completion_tokens"], 12)
        text = "".join(choice["text"] for event in events[:-1] for choice in event["choices"])
        self.assertEqual(text, self.greedy_text())

    def test_prompts_of_all_forms(self):
        ids = self.post("/tokenize", {"content": PROMPT}).json["tokens"]
        self.assertEqual(self.post("/detokenize", {"tokens": ids}).json["content"], PROMPT)
        expected = self.greedy_text()
        self.assertEqual(self.greedy_text(prompt=ids), expected)
        for prompts in ([PROMPT, "2, 4, 6,"], [ids, ids]):
            choices = self.post("/v1/completions", {**GREEDY, "prompt": prompts, "n": 2}).json["choices"]
            self.assertEqual([choice["index"] for choice in choices], [0, 1, 2, 3])
            self.assertEqual([choice["text"] for choice in choices[:2]], [expected] * 2)
        self.assertEqual(self.greedy_text(echo=True), PROMPT + expected)
        native = self.post("/completion", {**GREEDY, "prompt": [*ids[:2], PROMPT[len("The capital"):]]}).json
        self.assertEqual(native["content"], expected)

    def test_native_whole(self):
        body = self.post("/completion", {"prompt": PROMPT, "n_predict": 12, "temperature": 0, "return_tokens": True,
                                         "n_probs": 3, "seed": 5}).json
        self.assertEqual(body["content"], self.greedy_text())
        self.assertEqual((body["stop"], body["stop_type"], body["stopping_word"]), (True, "limit", ""))
        self.assertIs(body["truncated"], False)
        self.assertEqual(body["generation_settings"]["seed"], 5)
        self.assertEqual(body["tokens_evaluated"], body["timings"]["prompt_n"] + body["timings"]["cache_n"])
        self.assertEqual(body["tokens_cached"], body["tokens_evaluated"] + 11)
        self.assertEqual(len(body["tokens"]), 12)
        for entry, token in zip(body["completion_probabilities"], body["tokens"]):
            self.assertEqual(entry["id"], token)
            self.assertEqual(len(entry["top_logprobs"]), 3)
            self.assertEqual(entry["top_logprobs"][0]["id"], token)

    def test_native_stop_word_and_fields(self):
        word = self.greedy_text().split()[1]
        body = self.post("/completion", {"prompt": PROMPT, "n_predict": 12, "temperature": 0, "stop": [word]}).json
        self.assertEqual((body["stop_type"], body["stopping_word"]), ("word", word))
        self.assertNotIn(word, body["content"])
        answer = self.post("/completion", {"prompt": PROMPT, "n_predict": 0,
                                           "response_fields": ["content", "timings/prompt_n", "no/such"]})
        self.assertEqual(list(answer.json), ["content", "timings/prompt_n"])
        self.assertIn('"content":"', answer.text)

    def test_samplers_in_their_order(self):
        body = self.post("/completion", {"prompt": PROMPT, "n_predict": 0, "samplers": ["top_k", "infill", "min_p", "top_k"]}).json
        self.assertEqual(body["generation_settings"]["samplers"], ["top_k", "min_p"])

    def test_native_stream(self):
        answer = self.post("/completion", {"prompt": PROMPT, "n_predict": 12, "temperature": 0, "stream": True,
                                           "return_progress": True, "cache_prompt": False})
        events = [data for _, data in answer.events]
        self.assertEqual("".join(event["content"] for event in events), self.greedy_text())
        self.assertEqual([event["stop"] for event in events], [False] * (len(events) - 1) + [True])
        progress = [event["prompt_progress"] for event in events if "prompt_progress" in event]
        self.assertTrue(progress)
        self.assertEqual(progress[-1]["processed"], progress[-1]["total"])
        self.assertEqual(events[-1]["content"], "")
        self.assertEqual(events[-1]["tokens_predicted"], 12)

    def test_several_native_prompts_are_a_list(self):
        body = self.post("/completion", {"prompt": [PROMPT, "One"], "n_predict": 2, "temperature": 0}).json
        self.assertEqual([entry["index"] for entry in body], [0, 1])

    def test_tokens(self):
        pieces = self.post("/tokenize", {"content": "a \U0001F600", "with_pieces": True}).json["tokens"]
        text = b"".join(bytes(p["piece"]) if isinstance(p["piece"], list) else p["piece"].encode() for p in pieces)
        self.assertEqual(text.decode(), "a \U0001F600")
        chat = {"messages": [{"role": "user", "content": "Hi"}]}
        prompt = self.post("/apply-template", chat).json["prompt"]
        self.assertIn("<|im_start|>user\nHi<|im_end|>", prompt)
        count = self.post("/v1/chat/completions/input_tokens", chat).json["input_tokens"]
        self.assertEqual(count, len(self.post("/tokenize", {"content": prompt}).json["tokens"]))
        plain = self.post("/tokenize", {"content": "<|im_start|>", "parse_special": False}).json["tokens"]
        self.assertGreater(len(plain), 1)

    def test_state(self):
        self.greedy_text()
        props = self.server.get("/props").json
        self.assertEqual(props["default_generation_settings"]["n_ctx"], 512)
        self.assertNotIn("/", props["model_path"])
        self.assertEqual(len(self.server.get("/slots").json), props["total_slots"])
        metrics = self.server.get("/metrics").text
        values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
        self.assertGreater(float(values["llamacpp:tokens_predicted_total"]), 0)
        self.assertEqual(self.server.get("/lora-adapters").json, [])

    def test_refusals(self):
        for path in ("/rerank", "/reranking", "/v1/rerank", "/v1/reranking"):
            error = self.post(path, {"query": "q", "documents": ["d"]}, 501).json["error"]
            self.assertEqual(error["type"], "not_supported_error")
        for body in ({}, {"prompt": {}}, {"prompt": [[1], 2.5]}, {"prompt": [10**9]}, {"prompt": True},
                     {"prompt": {"prompt_string": "a", "multimodal_data": ["x"]}}, {"prompt": "a", "n_predict": -2},
                     {"prompt": "a", "n_probs": 3, "post_sampling_probs": True}, {"prompt": "a", "grammar": "root ::= x"}):
            self.assertEqual(self.post("/completion", body, 400).json["error"]["type"], "invalid_request_error", body)
        for body in ({**GREEDY, "best_of": 3}, {**GREEDY, "echo": True, "logprobs": 1}, {"prompt": ["a"] * 1000}):
            self.assertIsNotNone(self.post("/v1/completions", body, 400).json["error"]["message"], body)
        self.assertEqual(self.post("/detokenize", {"tokens": [-1]}, 400).json["error"]["code"], 400)

    def test_overflow_is_said(self):
        long = {"prompt": "word " * 600, "max_tokens": 4}
        error = self.post("/completion", long, 400).json["error"]
        self.assertEqual((error["type"], error["n_ctx"]), ("exceed_context_size_error", 512))
        self.assertRegex(error["message"], r"^request \(\d+ tokens\) exceeds the available context size \(512 tokens\), try increasing it$")
        self.assertEqual(self.post("/v1/completions", long, 400).json["error"]["code"], "context_length_exceeded")


if __name__ == "__main__":
    unittest.main(verbosity=2)
