"""The openai, anthropic and ollama packages of PyPI, unmodified, against the server: one greedy text everywhere, whole or
streamed; errors as the packages' own types."""

import base64
import math
import struct
import typing
import unittest

import anthropic
import ollama
import openai
import pydantic

from environment import GREEDY_TOKENS, PROMPT, server

MESSAGES = [{"role": "user", "content": PROMPT}]
TEXTS = ["The cat sat on the mat.", "Ein Hund läuft über die Straße."]


def expected_text():
    """What everybody must get, by plain HTTP."""
    body = {"messages": MESSAGES, "temperature": 0, "max_tokens": GREEDY_TOKENS}
    return server().post("/v1/chat/completions", body).json["choices"][0]["message"]["content"]


def expected_vectors():
    """The vectors of TEXTS, by plain HTTP."""
    return [entry["embedding"] for entry in server().post("/v1/embeddings", {"input": TEXTS}).json["data"]]


class Place(pydantic.BaseModel):
    """What answers are to look like; the packages make a schema of it and read the answer back."""
    city: typing.Literal["Lisbon", "Oslo", "Vienna"]
    people: int
    coast: bool


class OpenAiTest(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=server().url + "/v1", api_key="any", max_retries=0)
        self.chat = {"model": server().model, "messages": MESSAGES, "temperature": 0, "max_tokens": GREEDY_TOKENS}
        self.request = {"model": server().model, "input": PROMPT, "temperature": 0, "max_output_tokens": GREEDY_TOKENS}

    def test_chat(self):
        self.assertEqual(self.client.chat.completions.create(**self.chat).choices[0].message.content, expected_text())
        chunks = list(self.client.chat.completions.create(**self.chat, stream=True, stream_options={"include_usage": True}))
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), expected_text())
        self.assertEqual(chunks[-1].usage.completion_tokens, GREEDY_TOKENS)

    def test_answers_of_a_schema(self):
        answer = self.client.chat.completions.parse(**{**self.chat, "max_tokens": 200}, response_format=Place).choices[0].message
        self.assertEqual(answer.parsed, Place.model_validate_json(answer.content))
        with self.client.chat.completions.stream(**{**self.chat, "max_tokens": 200}, response_format=Place) as stream:
            self.assertEqual(stream.get_final_completion().choices[0].message.parsed, answer.parsed)
        response = self.client.responses.parse(**{**self.request, "max_output_tokens": 200}, text_format=Place)
        self.assertEqual(response.output_parsed, answer.parsed)
        with self.assertRaisesRegex(openai.BadRequestError, "response_format.json_schema.schema"):
            self.client.chat.completions.create(**self.chat, response_format={
                "type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "strange"}}})

    def test_responses(self):
        response = self.client.responses.create(**self.request)
        self.assertEqual(response.output_text, expected_text())
        self.assertEqual((response.status, response.incomplete_details.reason), ("incomplete", "max_output_tokens"))
        with self.client.responses.stream(**self.request) as stream:
            events = list(stream)
        deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        self.assertEqual(deltas, expected_text())
        self.assertEqual(events[-1].type, "response.incomplete")
        final = events[-1].response
        self.assertEqual(final.output_text, expected_text())
        self.assertEqual(final.usage.output_tokens, GREEDY_TOKENS)

    def test_responses_go_on_from_earlier_ones(self):
        first = self.client.responses.create(**self.request)
        again = self.client.responses.retrieve(first.id)
        self.assertEqual(again.output_text, first.output_text)
        items = self.client.responses.input_items.list(first.id).data
        self.assertEqual(items[0].content[0].text, PROMPT)
        second = self.client.responses.create(**{**self.request, "input": "Why?"}, previous_response_id=first.id)
        by_hand = self.client.responses.create(**{**self.request, "input": [
            *MESSAGES, {"role": "assistant", "content": first.output_text}, {"role": "user", "content": "Why?"}]})
        self.assertEqual(second.output_text, by_hand.output_text)
        self.assertEqual(second.usage.input_tokens, by_hand.usage.input_tokens)
        self.client.responses.delete(first.id)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(first.id)
        with self.assertRaisesRegex(openai.BadRequestError, "previous_response_id"):
            self.client.responses.create(**self.request, previous_response_id=first.id)
        unstored = self.client.responses.create(**self.request, store=False)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(unstored.id)

    def test_models_and_errors(self):
        self.assertIn(server().model, [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve(server().model).id, server().model)
        with self.assertRaisesRegex(openai.NotFoundError, server().model):
            self.client.chat.completions.create(**{**self.chat, "model": "absent"})
        with self.assertRaisesRegex(openai.BadRequestError, "temperature"):
            self.client.chat.completions.create(**{**self.chat, "temperature": -1})
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.chat.completions.create(**{**self.chat, "messages": [{"role": "user", "content": "word " * 5000}]})
        self.assertEqual(caught.exception.code, "context_length_exceeded")
        self.assertRegex(str(caught.exception), r"request \(\d+ tokens\) exceeds the available context size \(\d+ tokens\), try increasing it")

    def test_embeddings(self):
        """The package asks for base64 where nothing is said; numbers must be the same float32."""
        asked = {"model": server().model, "input": TEXTS}
        coded = self.client.embeddings.create(**asked)
        plain = self.client.embeddings.create(**asked, encoding_format="float")
        self.assertEqual([entry.embedding for entry in coded.data], [entry.embedding for entry in plain.data])
        self.assertEqual([entry.embedding for entry in plain.data], expected_vectors())
        self.assertEqual([entry.index for entry in coded.data], [0, 1])
        self.assertEqual(coded.usage.prompt_tokens, coded.usage.total_tokens)
        raw = self.client.embeddings.create(**asked, encoding_format="base64").data[0].embedding
        self.assertEqual(list(struct.unpack(f"<{len(expected_vectors()[0])}f", base64.b64decode(raw))), expected_vectors()[0])
        self.assertEqual(len(self.client.embeddings.create(**asked, dimensions=16).data[1].embedding), 16)
        with self.assertRaisesRegex(openai.BadRequestError, "empty"):
            self.client.embeddings.create(model=server().model, input="")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.embeddings.create(model=server().model, input="word " * 5000)
        self.assertEqual(caught.exception.code, "context_length_exceeded")

    def test_responses_refuse_or_truncate_what_is_too_long(self):
        turns = [{"role": role, "content": f"word {n} " * 100} for n in range(20) for role in ("user", "assistant")]
        long = {**self.request, "input": [*turns, *MESSAGES], "instructions": "Answer."}
        with self.assertRaisesRegex(openai.BadRequestError, "exceeds the available context size"):
            self.client.responses.create(**long)
        raw = self.client.responses.with_raw_response.create(**long, truncation="auto")
        response = raw.parse()
        self.assertEqual(response.truncation, "auto")
        told = response.truncated
        self.assertGreater(told["dropped_messages"], 0)
        self.assertIn(f"messages={told['dropped_messages']}", raw.headers["x-hearth-truncated"])
        self.assertLessEqual(response.usage.input_tokens + GREEDY_TOKENS, 2048)
        kept = turns[told["dropped_messages"]:]
        by_hand = self.client.responses.create(**{**long, "input": [*kept, *MESSAGES]})
        self.assertEqual(response.output_text, by_hand.output_text)


class AnthropicTest(unittest.TestCase):
    def setUp(self):
        self.client = anthropic.Anthropic(base_url=server().url, api_key="any", max_retries=0)
        self.request = {"model": server().model, "max_tokens": GREEDY_TOKENS, "messages": MESSAGES,
                        "extra_body": {"temperature": 0}}  # the package has no argument for it
        self.plain = {"max_tokens": GREEDY_TOKENS, "messages": MESSAGES, "temperature": 0}

    def test_messages(self):
        message = self.client.messages.create(**self.request)
        self.assertEqual(message.content[0].text, expected_text())
        self.assertEqual((message.stop_reason, message.usage.output_tokens), ("max_tokens", GREEDY_TOKENS))
        with self.client.messages.stream(**self.request) as stream:
            self.assertEqual("".join(stream.text_stream), expected_text())
            final = stream.get_final_message()
        self.assertEqual((final.stop_reason, final.content[0].text), ("max_tokens", expected_text()))

    def test_answers_of_a_schema(self):
        message = self.client.messages.parse(**{**self.request, "max_tokens": 200}, output_format=Place)
        self.assertEqual(message.parsed_output, Place.model_validate_json(message.content[0].text))

    def test_events(self):
        names = [event.type for event in self.client.messages.create(**self.request, stream=True)]
        self.assertEqual(names[:2], ["message_start", "content_block_start"])
        self.assertEqual(names[-3:], ["content_block_stop", "message_delta", "message_stop"])
        self.assertEqual(set(names[2:-3]), {"content_block_delta"})
        raw = server().post("/v1/messages?beta=true", {**self.plain, "stream": True}).events
        self.assertEqual([name for name, _ in raw][:3], ["message_start", "content_block_start", "ping"])
        self.assertTrue(all(data["type"] == name for name, data in raw))

    def test_stop_sequences_and_beginnings(self):
        text = expected_text()
        stop = text[8:12]
        message = self.client.messages.create(**self.request, stop_sequences=[stop])
        self.assertEqual((message.stop_reason, message.stop_sequence), ("stop_sequence", stop))
        self.assertEqual(message.content[0].text, text[:text.index(stop)])
        begun = [*MESSAGES, {"role": "assistant", "content": text[:10]}]
        longer = self.client.messages.create(**{**self.request, "messages": begun})
        self.assertLess(longer.usage.input_tokens + longer.usage.cache_read_input_tokens,
                        self.client.messages.count_tokens(model=server().model, messages=[*begun, *MESSAGES]).input_tokens)

    def test_counting_is_what_an_answer_counts(self):
        counted = self.client.messages.count_tokens(model=server().model, system="Be brief.", messages=MESSAGES).input_tokens
        usage = self.client.messages.create(**self.request, system=[{"type": "text", "text": "Be brief."}]).usage
        self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, counted)

    def test_what_agents_send_is_tolerated(self):
        message = self.client.beta.messages.create(
            **self.request, betas=["claude-code-20250219", "context-management-2025-06-27"], thinking={"type": "adaptive"},
            context_management={"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}, output_config={"effort": "high"},
            metadata={"user_id": "somebody"}, tools=[])
        self.assertEqual(message.content[0].text, expected_text())

    def test_models_and_errors(self):
        self.assertIn(server().model, [model.id for model in self.client.models.list()])
        self.assertEqual(self.client.models.retrieve(server().model).display_name, server().model)
        with self.assertRaisesRegex(anthropic.NotFoundError, server().model) as caught:
            self.client.messages.create(**{**self.request, "model": "absent"})
        self.assertTrue(caught.exception.request_id)
        self.assertEqual(caught.exception.body["request_id"], caught.exception.request_id)
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
        for name, wrong in (("temperature", {"extra_body": {"temperature": -1}}), ("top_k", {"extra_body": {"top_k": 1.5}}),
                            ("tools", {"tools": [{"name": "f", "input_schema": {"type": "string"}}]}),
                            ("content", {"messages": [{"role": "user", "content": [image]}]})):
            with self.assertRaisesRegex(anthropic.BadRequestError, name):
                self.client.messages.create(**{**self.request, **wrong})
        tools = [{"name": "f", "input_schema": {"type": "object"}}]
        message = self.client.messages.create(**self.request, tools=tools, tool_choice={"type": "none"})
        self.assertEqual(message.content[0].text, expected_text())


class OllamaTest(unittest.TestCase):
    def setUp(self):
        self.client = ollama.Client(host=server().url)
        self.request = {"model": server().model, "messages": MESSAGES, "options": {"temperature": 0, "num_predict": GREEDY_TOKENS}}

    def test_chat(self):
        self.assertEqual(self.client.chat(**self.request).message.content, expected_text())
        parts = list(self.client.chat(**self.request, stream=True))
        self.assertEqual("".join(part.message.content for part in parts), expected_text())
        self.assertEqual((parts[-1].done_reason, parts[-1].eval_count), ("length", GREEDY_TOKENS))

    def test_embeddings(self):
        whole = self.client.embed(model=server().model, input=TEXTS)
        self.assertEqual(list(map(list, whole.embeddings)), expected_vectors())
        self.assertGreater(whole.prompt_eval_count, 0)
        self.assertEqual(len(self.client.embed(server().model, TEXTS[0], dimensions=16).embeddings[0]), 16)
        self.assertEqual(self.client.embed(server().model, "").embeddings, [])
        old = list(self.client.embeddings(server().model, TEXTS[0]).embedding)
        length = math.hypot(*old)
        for got, expected in zip(old, expected_vectors()[0]):
            self.assertAlmostEqual(got / length, expected, places=6)
        self.assertEqual(len(self.client.embed(server().model, "word " * 5000).embeddings), 1)
        with self.assertRaisesRegex(ollama.ResponseError, "exceeds the available context size"):
            self.client.embed(server().model, "word " * 5000, truncate=False)

    def test_answers_of_a_schema(self):
        request = {**self.request, "options": {"temperature": 0, "num_predict": 200}, "format": Place.model_json_schema()}
        whole = self.client.chat(**request).message.content
        Place.model_validate_json(whole)
        self.assertEqual("".join(part.message.content for part in self.client.chat(**request, stream=True)), whole)

    def test_lists_and_errors(self):
        self.assertTrue(any(model.model.startswith(server().model) for model in self.client.list().models))
        self.assertIn("completion", self.client.show(server().model).capabilities)
        with self.assertRaisesRegex(ollama.ResponseError, server().model) as caught:
            self.client.chat(**{**self.request, "model": "absent"})
        self.assertEqual(caught.exception.status_code, 404)
        with self.assertRaisesRegex(ollama.ResponseError, "temperature"):
            self.client.chat(**{**self.request, "options": {"temperature": -1}})


if __name__ == "__main__":
    unittest.main()
