"""Reasoning in every dialect, on a real model whose template opens it: on, off, bounded, in the field that each dialect has."""

import json
import pathlib
import tempfile
import unittest

from dialects import DIALECTS, Anthropic, Chat, LmStudio, Ollama, Responses
from gguf_template import write_with_template
from program import ProgramTest, model_path
from server import Server

# A model that thinks unless it is told not to, as those of today do.
TEMPLATE = ("{%- for message in messages %}"
            "{%- if message.role == 'assistant' %}{{ '<|im_start|>assistant\\n' + message.content.split('</think>')[-1] + '<|im_end|>\\n' }}"
            "{%- else %}{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}"
            "{%- endfor %}"
            "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}"
            "{%- if enable_thinking is defined and enable_thinking is false %}{{ '\\n</think>\\n\\n' }}{%- endif %}{%- endif %}")
QUESTION = ("user", "Is fire hot?")
BUDGET = 12


def setUpModule():
    global folder, model, server
    folder = tempfile.TemporaryDirectory()
    model = pathlib.Path(folder.name) / "thinker.gguf"
    write_with_template(pathlib.Path(model_path()), model, TEMPLATE)
    server = Server("--ctx", 1024, model=model).__enter__()


def tearDownModule():
    server.__exit__()
    folder.cleanup()


# How each dialect asks for reasoning of at most BUDGET tokens, and for none.
BOUNDED = {Chat: {"reasoning_budget": BUDGET}, LmStudio: {"reasoning_budget": BUDGET}, Responses: {"reasoning": {"max_tokens": BUDGET}},
           Anthropic: {"thinking": {"type": "enabled", "budget_tokens": BUDGET}}}
OFF = {Chat: {"reasoning_effort": "none"}, LmStudio: {"chat_template_kwargs": {"enable_thinking": False}},
       Responses: {"reasoning": {"effort": "none"}}, Anthropic: {}, Ollama: {"think": False}}


class ReasoningTest(unittest.TestCase):
    def test_it_stands_apart_and_keeps_to_its_budget(self):
        seen = set()
        for kind, wish in BOUNDED.items():
            with self.subTest(kind.path):
                dialect = kind(server)
                said = dialect.ask([QUESTION], tools=(), max_tokens=40, **wish)
                self.assertTrue(said.reasoning.strip())
                self.assertTrue(said.text.strip())
                self.assertNotIn("think>", said.reasoning + said.text)
                seen.add((said.text, said.reasoning))
                self.assertEqual(dialect.ask([QUESTION], stream=True, tools=(), max_tokens=40, **wish).without_ids(), said.without_ids())
        self.assertEqual(len(seen), 1, seen)

    def test_without_it_the_answer_comes_at_once(self):
        texts = set()
        for kind in DIALECTS:
            with self.subTest(kind.path):
                for stream in (False, True):
                    said = kind(server).ask([QUESTION], stream, tools=(), max_tokens=16, **OFF[kind])
                    self.assertEqual(said.reasoning, "")
                    self.assertNotIn("think>", said.text)
                    texts.add(said.text)
        self.assertEqual(len(texts), 1, texts)

    def test_ollama_has_it_as_thinking(self):
        for stream in (False, True):
            said = Ollama(server).ask([QUESTION], stream, tools=(), max_tokens=10, think=True)
            self.assertTrue(said.reasoning.strip())
        body = {"prompt": QUESTION[1], "think": True, "options": {"temperature": 0, "num_predict": 10}}
        self.assertEqual(server.post("/api/generate", {**body, "stream": False}).json["thinking"], said.reasoning)
        lines = server.post("/api/generate", body).lines
        self.assertEqual("".join(line.get("thinking", "") for line in lines), said.reasoning)
        self.assertEqual("".join(line["response"] for line in lines), "")
        self.assertIn("thinking", server.post("/api/show", {"model": ""}).json["capabilities"])

    def test_lm_studio_has_it_as_an_item(self):
        body = {"input": QUESTION[1], "temperature": 0, "max_output_tokens": 10}
        item, = server.post("/api/v1/chat", {**body, "reasoning": "on"}).json["output"]
        self.assertEqual(item["type"], "reasoning")
        events = server.post("/api/v1/chat", {**body, "reasoning": "on", "stream": True}).events
        self.assertEqual("".join(data["content"] for name, data in events if name == "reasoning.delta"), item["content"])
        answer = server.post("/api/v1/chat", {**body, "reasoning": "off"}).json
        self.assertEqual([item["type"] for item in answer["output"]], ["message"])
        self.assertEqual(answer["stats"]["reasoning_output_tokens"], 0)

    def test_it_is_counted(self):
        body = {"messages": [{"role": "user", "content": QUESTION[1]}], "temperature": 0, "max_tokens": 40, "reasoning_budget": BUDGET}
        usage = server.post("/v1/chat/completions", body).json["usage"]
        count = usage["completion_tokens_details"]["reasoning_tokens"]
        self.assertTrue(BUDGET <= count <= BUDGET + 6 < usage["completion_tokens"], usage)
        off = server.post("/v1/chat/completions", {**body, "reasoning_budget": 0}).json["usage"]
        self.assertEqual(off["completion_tokens_details"]["reasoning_tokens"], 0)
        request = {"input": QUESTION[1], "temperature": 0, "max_output_tokens": 40, "reasoning": {"max_tokens": BUDGET}}
        self.assertEqual(server.post("/v1/responses", request).json["usage"]["output_tokens_details"]["reasoning_tokens"], count)

    def test_it_can_stay_in_the_text(self):
        body = {"messages": [{"role": "user", "content": QUESTION[1]}], "temperature": 0, "max_tokens": 40, "reasoning_budget": BUDGET}
        apart = server.post("/v1/chat/completions", body).json["choices"][0]["message"]
        message = server.post("/v1/chat/completions", {**body, "reasoning_format": "none"}).json["choices"][0]["message"]
        self.assertNotIn("reasoning_content", message)
        self.assertIn("</think>", message["content"])
        self.assertTrue(message["content"].endswith(apart["content"]))

    def test_a_form_is_of_what_is_said_after_it(self):
        body = {"messages": [{"role": "user", "content": QUESTION[1]}], "temperature": 0, "max_tokens": 60, "reasoning_budget": BUDGET,
                "guided_choice": ["yes", "no"]}
        message = server.post("/v1/chat/completions", body).json["choices"][0]["message"]
        self.assertTrue(message["reasoning_content"].strip())
        self.assertIn(message["content"], ("yes", "no"))

    def test_responses_can_have_it_as_a_summary(self):
        request = {"input": QUESTION[1], "temperature": 0, "max_output_tokens": 40, "reasoning": {"max_tokens": BUDGET, "summary": "auto"}}
        answer = server.post("/v1/responses", request)
        item = answer.json["output"][0]
        self.assertEqual((item["type"], [part["type"] for part in item["summary"]]), ("reasoning", ["summary_text"]))
        said = Responses(server).ask([QUESTION], stream=True, tools=(), max_tokens=40, reasoning=request["reasoning"])
        self.assertEqual(said.reasoning, item["summary"][0]["text"])

    def test_what_is_wrong_is_refused_by_name(self):
        chat = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
        for path, body, field in (("/v1/chat/completions", {"reasoning_effort": "much"}, "reasoning_effort"),
                                  ("/v1/chat/completions", {"reasoning_format": "raw"}, "reasoning_format"),
                                  ("/v1/messages", {"thinking": {"type": "deep"}}, "thinking.type"),
                                  ("/api/chat", {"think": 5}, "think")):
            answer = server.post(path, {**chat, **body})
            self.assertEqual(answer.status, 400, answer.text)
            self.assertIn(field, answer.text)


class CommandLineTest(ProgramTest):
    def ask(self, *options):
        return self.hearth("run", model, QUESTION[1], "--temp", "0", "--max-tokens", "10", "--ctx", "512", *options)

    def test_think_and_no_think(self):
        thought = json.loads(self.ask("--think", "--json").stdout)
        self.assertTrue(thought["reasoning"].strip())
        self.assertEqual((thought["text"], thought["reasoning_tokens"]), ("", thought["answer_tokens"]))
        shown = self.ask("--think")
        self.assertEqual(shown.stdout, "")
        self.assertIn(thought["reasoning"].strip(), shown.stderr)
        plain = json.loads(self.ask("--no-think", "--json").stdout)
        self.assertNotIn("reasoning", plain)
        self.assertTrue(plain["text"].strip())
        self.assertEqual(self.ask("--no-think", "-q").stdout, plain["text"] + "\n")
        self.hearth("run", model, "Hi", "--think", "--no-think", expect=2)


if __name__ == "__main__":
    unittest.main()
