"""Tool calls with the unmodified public packages, against a model that was made for tools: auto, required, named and none, whole
and streamed, and the loop from the call over its result to the answer."""

import json
import unittest

import anthropic
import ollama
import openai
import openai.types.chat
import openai.types.responses
import anthropic.types

from environment import run_program, tool_server
from strict import checked

SYSTEM = "Call a tool when you need one. When its result is there, answer in plain words."
QUESTION = "What is the weather in Paris?"
MESSAGES = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
RESULT = '{"city": "Paris", "degrees": 18, "sky": "rain"}'
WEATHER = {"name": "get_weather", "description": "Tells the current weather of a city.",
           "parameters": {"type": "object", "properties": {"city": {"type": "string", "description": "Name of the city"}},
                          "required": ["city"], "additionalProperties": False}}
PARIS = [("get_weather", {"city": "Paris"})]
TOKENS = 60


class PythonTest(unittest.TestCase):
    def assert_choices(self, ask, choices):
        """`ask(choice, stream)` gives the calls. Forced ones have arguments of the schema, whatever they say."""
        for stream in (False, True):
            self.assertEqual(ask(choices["auto"], stream), PARIS)
            self.assertEqual(ask(choices["none"], stream), [])
            for choice in ("required", "named"):
                (name, arguments), = ask(choices[choice], stream)
                self.assertEqual((name, list(arguments)), ("get_weather", ["city"]))

    def test_openai_chat(self):
        client = openai.OpenAI(base_url=tool_server().url + "/v1", api_key="any", max_retries=0)
        request = {"model": tool_server().model, "messages": [*MESSAGES], "temperature": 0,
                   "max_tokens": TOKENS, "tools": [{"type": "function", "function": {**WEATHER, "strict": True}}]}

        def message_of(choice, stream):
            asked = {**request, "tool_choice": choice, "parallel_tool_calls": False}
            if not stream:
                return client.chat.completions.create(**asked).choices[0].message
            with client.chat.completions.stream(**asked) as events:
                return events.get_final_completion().choices[0].message

        def ask(choice, stream):
            return [(call.function.name, json.loads(call.function.arguments)) for call in message_of(choice, stream).tool_calls or []]

        self.assert_choices(ask, {"auto": "auto", "none": "none", "required": "required",
                                  "named": {"type": "function", "function": {"name": "get_weather"}}})
        message = message_of("auto", False)
        request["messages"] += [message, {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": RESULT}]
        self.assertIn("18", client.chat.completions.create(**request).choices[0].message.content)

    def test_openai_responses(self):
        client = openai.OpenAI(base_url=tool_server().url + "/v1", api_key="any", max_retries=0)
        request = {"model": tool_server().model, "instructions": SYSTEM, "input": QUESTION, "temperature": 0, "max_output_tokens": TOKENS,
                   "tools": [{"type": "function", "strict": True, **WEATHER}]}

        def response_of(choice, stream):
            asked = {**request, "tool_choice": choice, "parallel_tool_calls": False}
            if not stream:
                return client.responses.create(**asked)
            with client.responses.stream(**asked) as events:
                return events.get_final_response()

        def ask(choice, stream):
            return [(item.name, json.loads(item.arguments)) for item in response_of(choice, stream).output if item.type == "function_call"]

        self.assert_choices(ask, {"auto": "auto", "none": "none", "required": "required", "named": {"type": "function", "name": "get_weather"}})
        first = response_of("auto", False)
        result = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": RESULT}
        answer = client.responses.create(**{**request, "input": [result]}, previous_response_id=first.id)
        self.assertIn("18", answer.output_text)

    def test_anthropic(self):
        client = anthropic.Anthropic(base_url=tool_server().url, api_key="any", max_retries=0)
        tool = {"name": WEATHER["name"], "description": WEATHER["description"], "input_schema": WEATHER["parameters"]}
        request = {"model": tool_server().model, "max_tokens": TOKENS, "system": SYSTEM, "messages": MESSAGES[1:], "tools": [tool],
                   "extra_body": {"temperature": 0}}

        def message_of(choice, stream):
            if not stream:
                return client.messages.create(**request, tool_choice=choice)
            with client.messages.stream(**request, tool_choice=choice) as events:
                return events.get_final_message()

        def ask(choice, stream):
            message = message_of(choice, stream)
            calls = [(block.name, block.input) for block in message.content if block.type == "tool_use"]
            self.assertEqual(message.stop_reason == "tool_use", bool(calls))
            return calls

        self.assert_choices(ask, {"auto": {"type": "auto"}, "none": {"type": "none"},
                                  "required": {"type": "any", "disable_parallel_tool_use": True},
                                  "named": {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}})
        message = message_of({"type": "auto"}, False)
        request["messages"] += [{"role": "assistant", "content": message.content}, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": message.content[-1].id, "content": [{"type": "text", "text": RESULT}]}]}]
        self.assertIn("18", client.messages.create(**request).content[0].text)

    def test_ollama(self):
        client = ollama.Client(host=tool_server().url)

        def get_weather(city: str) -> str:
            """Tells the current weather of a city.

            Args:
                city: Name of the city
            """
            return RESULT

        request = {"model": tool_server().model, "messages": [*MESSAGES], "tools": [get_weather],
                   "options": {"temperature": 0, "num_predict": TOKENS}}
        message = client.chat(**request).message
        self.assertEqual([(call.function.name, call.function.arguments) for call in message.tool_calls], PARIS)
        parts = [part.message for part in client.chat(**request, stream=True)]
        self.assertEqual([(call.function.name, call.function.arguments) for part in parts for call in part.tool_calls or []], PARIS)
        request["messages"] += [message, {"role": "tool", "tool_name": "get_weather", "content": get_weather("Paris")}]
        self.assertIn("18", client.chat(**request).message.content)

    def test_answers_are_what_the_packages_say(self):
        """Strictly their types."""
        message = {"messages": MESSAGES, "temperature": 0, "max_tokens": TOKENS}
        chat = {**message, "tools": [{"type": "function", "function": WEATHER}]}
        request = {"instructions": SYSTEM, "input": QUESTION, "temperature": 0, "max_output_tokens": TOKENS, "tools": [{"type": "function", **WEATHER}]}
        blocks = {**message, "tools": [{"name": WEATHER["name"], "input_schema": WEATHER["parameters"]}]}
        for kind, path, body in ((openai.types.chat.ChatCompletion, "/v1/chat/completions", chat),
                                 (openai.types.responses.Response, "/v1/responses", request),
                                 (anthropic.types.Message, "/v1/messages", blocks)):
            checked(kind, tool_server().post(path, body).json)
        for kind, path, body in ((openai.types.chat.ChatCompletionChunk, "/v1/chat/completions", chat),
                                 (openai.types.responses.ResponseStreamEvent, "/v1/responses", request),
                                 (anthropic.types.RawMessageStreamEvent, "/v1/messages", blocks)):
            for _, data in tool_server().post(path, {**body, "stream": True}).events:
                if data != "[DONE]" and data.get("type") != "ping":
                    checked(kind, data)


class NodeTest(unittest.TestCase):
    def test_tools(self):
        told = run_program("tools", tool_server)
        paris = [["get_weather", {"city": "Paris"}]]
        for client, calls in told.items():
            with self.subTest(client):
                self.assertEqual(calls["auto"], [paris, paris])
                self.assertIn("18", calls["answer"])
                self.assertEqual(calls.get("none", [[], []]), [[], []])
                for choice in {"required", "named"} & set(calls):
                    for (name, arguments), in calls[choice]:
                        self.assertEqual((name, list(arguments)), ("get_weather", ["city"]))
        self.assertIn("18", told["openaiChat"]["runner"])


if __name__ == "__main__":
    unittest.main()
