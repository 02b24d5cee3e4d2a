"""GET /openapi.json against what the server does: every route of it is asked, whole and streamed, and answers as described;
and the same answers are, strictly, what the types of the public packages say."""

import typing
import unittest

import anthropic.types
import jsonschema
import ollama._types
import openai.types
import openai.types.chat
import openai.types.responses

from environment import PROMPT, server
from examples import MESSAGES, SHORT, Example, examples
from strict import checked

STREAMS = {"text/event-stream", "application/x-ndjson"}
LAST = ("post", "/api/v1/models/unload")  # others need the model


class DescriptionTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.document = server().get("/openapi.json").json

    def validator(self, schema):
        return jsonschema.Draft202012Validator({**schema, "components": self.document["components"]})

    def assert_described(self, operation, answer, where):
        """The answer is one of those that the description has, in the form of its content type."""
        described = operation["responses"]["200" if answer.status == 200 else "default"]
        kind = answer.headers["content-type"].split(";")[0]
        self.assertIn(kind, described["content"], where)
        if kind == "text/plain":
            return
        values = {"text/event-stream": lambda: [data for _, data in answer.events if data != "[DONE]"],
                  "application/x-ndjson": lambda: answer.lines, "application/json": lambda: [answer.json]}[kind]()
        self.assertTrue(values, where)
        for value in values:
            error = jsonschema.exceptions.best_match(self.validator(described["content"][kind]["schema"]).iter_errors(value))
            self.assertIsNone(error, f"{where}: {error and error.message}\nin {value}")

    def test_schemas_are_schemas(self):
        for name, schema in self.document["components"]["schemas"].items():
            with self.subTest(name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_every_route_answers_as_described(self):
        requests = examples()
        routes = [(method, path) for path, methods in self.document["paths"].items() for method in methods]
        for route in sorted(routes, key=lambda route: route == LAST):
            method, path = route
            operation = self.document["paths"][path][method]
            with self.subTest(f"{method} {path}"):
                if route not in requests and method == "post":
                    self.fail("examples.py has no request for it")
                example = requests.get(route, Example(path))
                if example.body is not None:
                    schema = operation["requestBody"]["content"]["application/json"]["schema"]
                    self.assertEqual(list(self.validator(schema).iter_errors(example.body)), [])
                kinds = operation["responses"].get("200", {}).get("content", {})
                for stream in (False, True) if STREAMS & set(kinds) else (False,):
                    body = {**example.body, "stream": stream} if STREAMS & set(kinds) else example.body
                    answer = server().request(method.upper(), example.target, body)
                    self.assertEqual(answer.status, example.status, answer.text)
                    self.assert_described(operation, answer, f"{method} {path}")

    def test_errors_are_described(self):
        for (method, path), example in examples().items():
            if example.body is None or example.status == 501:
                continue
            with self.subTest(path):
                operation = self.document["paths"][path][method]
                for wrong in ({"model": "absent", "instance_id": "absent", "source": "absent"},
                              {"temperature": "hot", "model": 5, "instance_id": 5, "source": 5}):
                    body = {**example.body, **wrong} if isinstance(example.body, dict) else wrong  # a list has no members
                    answer = server().request(method.upper(), example.target, body)
                    self.assertIn(answer.status, (400, 404), answer.text)
                    self.assert_described(operation, answer, path)


class TypesTest(unittest.TestCase):
    def post(self, path, body):
        answer = server().post(path, body)
        self.assertEqual(answer.status, 200, answer.text)
        return answer

    def data_of(self, path, body):
        return [data for _, data in self.post(path, {**body, "stream": True}).events if data != "[DONE]"]

    def test_openai(self):
        chat = {"messages": MESSAGES, **SHORT, "logprobs": True, "top_logprobs": 2, "n": 2}
        checked(openai.types.chat.ChatCompletion, self.post("/v1/chat/completions", chat).json)
        for chunk in self.data_of("/v1/chat/completions", {**chat, "stream_options": {"include_usage": True}}):
            checked(openai.types.chat.ChatCompletionChunk, chunk)
        request = {"input": PROMPT, **SHORT, "include": ["message.output_text.logprobs"], "top_logprobs": 2}
        checked(openai.types.responses.Response, self.post("/v1/responses", request).json)
        for event in self.data_of("/v1/responses", request):
            # The union of all events: its members are told apart by their type.
            kinds = [kind for kind in typing.get_args(typing.get_args(openai.types.responses.ResponseStreamEvent)[0])
                     if typing.get_args(kind.model_fields["type"].annotation) == (event["type"],)]
            self.assertEqual(len(kinds), 1, event["type"])
            checked(kinds[0], event)
        checked(openai.types.responses.InputTokenCountResponse, self.post("/v1/responses/input_tokens", request).json)
        for form in ({}, {"dimensions": 8}):
            checked(openai.types.CreateEmbeddingResponse, self.post("/v1/embeddings", {"input": [PROMPT, "b"], **form}).json)
        models = server().get("/v1/models").json["data"]
        self.assertTrue(models)
        for model in models:
            checked(openai.types.Model, model)

    def test_anthropic(self):
        request = {"messages": MESSAGES, **SHORT}
        checked(anthropic.types.Message, self.post("/v1/messages", request).json)
        events = [event for event in self.data_of("/v1/messages", request) if event["type"] != "ping"]
        for event in events:
            checked(anthropic.types.RawMessageStreamEvent, event)
        checked(anthropic.types.MessageTokensCount, self.post("/v1/messages/count_tokens", {"messages": MESSAGES}).json)
        models = server().get("/v1/models", {"anthropic-version": "2023-06-01"}).json["data"]
        self.assertTrue(models)
        for model in models:
            checked(anthropic.types.ModelInfo, model)

    def test_ollama(self):
        options = {"model": server().model, "options": {"temperature": 0, "num_predict": 6}}
        for path, more, kind in (("/api/chat", {"messages": MESSAGES}, ollama._types.ChatResponse),
                                 ("/api/generate", {"prompt": PROMPT}, ollama._types.GenerateResponse)):
            checked(kind, self.post(path, {**options, **more, "stream": False}).json)
            for line in self.post(path, {**options, **more}).lines:
                checked(kind, line)
        model = {"model": server().model}
        checked(ollama._types.EmbedResponse, self.post("/api/embed", {**model, "input": [PROMPT, "b"]}).json)
        checked(ollama._types.EmbeddingsResponse, self.post("/api/embeddings", {**model, "prompt": PROMPT}).json)
        checked(ollama._types.ListResponse, server().get("/api/tags").json)
        checked(ollama._types.ProcessResponse, server().get("/api/ps").json)
        checked(ollama._types.ShowResponse, self.post("/api/show", {"model": server().model}).json)


if __name__ == "__main__":
    unittest.main()
