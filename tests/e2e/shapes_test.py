"""Answers in a given form, in every dialect, on a real model: the same text everywhere, streamed or not, and it has the form."""

import json
import unittest

from server import Server

SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}, "people": {"type": "integer", "minimum": 1, "maximum": 99999999},
                                           "coast": {"type": "boolean"}},
          "required": ["city", "people", "coast"], "additionalProperties": False}
MESSAGES = [{"role": "user", "content": "Describe Lisbon as JSON."}]
GRAMMAR = 'root ::= "yes" | "no" | "perhaps " [a-z]{2,8}'


def setUpModule():
    global server
    server = Server("--ctx", 2048).__enter__()


def tearDownModule():
    server.__exit__()


class ShapesTest(unittest.TestCase):
    def check(self, text):
        value = json.loads(text)
        self.assertEqual(list(value), ["city", "people", "coast"])
        self.assertTrue(isinstance(value["city"], str) and len(value["city"]) <= 20, text)
        self.assertTrue(type(value["people"]) is int and 1 <= value["people"] <= 99999999, text)
        self.assertIn(value["coast"], (True, False))
        return text

    def post(self, path, **body):
        answer = server.post(path, body)
        self.assertEqual(answer.status, 200, answer.text)
        return answer

    def test_a_schema_in_every_dialect(self):
        chat = {"messages": MESSAGES, "temperature": 0, "max_tokens": 200}
        named = {"name": "city", "strict": True, "schema": SCHEMA}
        text = self.check(self.post("/v1/chat/completions", response_format={"type": "json_schema", "json_schema": named}, **chat)
                          .json["choices"][0]["message"]["content"])
        for extra in ({"json_schema": SCHEMA}, {"guided_json": SCHEMA}, {"response_format": {"type": "json_object", "schema": SCHEMA}}):
            self.assertEqual(self.post("/v1/chat/completions", **extra, **chat).json["choices"][0]["message"]["content"], text)
        answer = self.post("/v1/responses", input=MESSAGES, temperature=0, max_output_tokens=200,
                           text={"format": {"type": "json_schema", **named}}).json
        self.assertEqual(answer["output"][0]["content"][0]["text"], text)
        self.assertEqual(answer["text"]["format"]["type"], "json_schema")
        answer = self.post("/api/chat", messages=MESSAGES, stream=False, format=SCHEMA, options={"temperature": 0, "repeat_penalty": 1})
        self.assertEqual(answer.json["message"]["content"], text)
        answer = self.post("/v1/messages", **chat, output_config={"format": {"type": "json_schema", "schema": SCHEMA}}).json
        self.assertEqual((answer["content"][0]["text"], answer["stop_reason"]), (text, "end_turn"))
        answer = self.post("/api/v0/chat/completions", response_format={"type": "json_schema", "json_schema": named}, **chat).json
        self.assertEqual(answer["choices"][0]["message"]["content"], text)

    def test_streamed_as_unstreamed(self):
        body = {"messages": MESSAGES, "seed": 4, "temperature": 1.2, "max_tokens": 200, "n": 3,
                "response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA}}}
        whole = self.post("/v1/chat/completions", **body).json["choices"]
        texts = ["", "", ""]
        for _, data in self.post("/v1/chat/completions", stream=True, **body).events:
            for choice in data["choices"] if data != "[DONE]" else []:
                texts[choice["index"]] += choice["delta"].get("content") or ""
        for choice, text in zip(whole, texts):
            self.assertEqual(self.check(choice["message"]["content"]), text)
            self.assertEqual(choice["finish_reason"], "stop")

    def test_any_json(self):
        answer = self.post("/api/generate", prompt="Answer as JSON: who are you?", stream=False, format="json",
                           options={"temperature": 0, "num_predict": 300})
        self.assertTrue(answer.json["response"].startswith("{"))
        if answer.json["done_reason"] == "stop":
            self.assertIsInstance(json.loads(answer.json["response"]), dict)

    def test_grammars_choices_and_patterns(self):
        for seed in range(6):
            hot = {"seed": seed, "temperature": 2, "top_k": 0, "top_p": 1, "min_p": 0}
            self.assertRegex(self.post("/completion", prompt="Is it so? ", n_predict=40, grammar=GRAMMAR, **hot).json["content"],
                             r"\A(yes|no|perhaps [a-z]{2,8})\Z")
            chat = {"messages": MESSAGES, "max_tokens": 40, **hot}
            content = lambda **more: self.post("/v1/chat/completions", **more, **chat).json["choices"][0]["message"]["content"]
            self.assertIn(content(guided_choice=["red", "green", "blue"]), ("red", "green", "blue"))
            self.assertRegex(content(guided_regex="^[a-f]{3}-[0-9]{4}$"), r"\A[a-f]{3}-[0-9]{4}\Z")
            text = self.post("/v1/completions", prompt="Is it so? ", max_tokens=40, grammar=GRAMMAR, **hot).json["choices"][0]["text"]
            self.assertRegex(text, r"\A(yes|no|perhaps [a-z]{2,8})\Z")

    def test_what_cannot_be_honoured_is_refused(self):
        for path, body, field in (
                ("/v1/chat/completions", {"messages": MESSAGES, "grammar": "root ::= x"}, "grammar"),
                ("/v1/chat/completions", {"messages": MESSAGES, "grammar": "root ::= root \"a\" | \"b\""}, "grammar"),
                ("/completion", {"prompt": "a", "grammar": "root ::= ("}, "grammar"),
                ("/completion", {"prompt": "a", "json_schema": {"type": "strange"}}, "json_schema"),
                ("/completion", {"prompt": "a", "grammar": GRAMMAR, "json_schema": SCHEMA}, "json_schema"),
                ("/v1/chat/completions", {"messages": MESSAGES, "response_format": {"type": "json_schema"}}, "response_format"),
                ("/api/chat", {"messages": MESSAGES, "format": {"type": "object", "properties": 5}}, "format"),
                ("/v1/messages", {"messages": MESSAGES, "max_tokens": 5, "output_config": {"format": {"type": "yaml"}}}, "output_config")):
            answer = server.post(path, body)
            self.assertEqual(answer.status, 400, (path, body, answer.text))
            self.assertIn(field, answer.text)

    def test_shaped_beside_free(self):
        """Answers of one batch do not see each other."""
        import concurrent.futures
        free = {"messages": MESSAGES, "temperature": 0, "max_tokens": 60}
        shaped = {**free, "max_tokens": 200, "response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA}}}
        content = lambda body: self.post("/v1/chat/completions", **body).json["choices"][0]["message"]["content"]
        alone = [content(free), content(shaped)]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            together = list(pool.map(content, [free, shaped] * 4))
        self.assertEqual(together, alone * 4)


if __name__ == "__main__":
    unittest.main()
