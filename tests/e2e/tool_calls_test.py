"""Tool calls in every dialect, on a real model that knows them: the loop of call, result and answer, every choice, streamed and
not. And on the command line."""

import json
import unittest

from dialects import CALLED, DIALECTS, TIME, VISIT, WEATHER, Anthropic, Chat, Ollama, Responses
from program import ProgramTest, model_path
from server import Server

MODEL = "qwen2.5-coder-1.5b.gguf"
SYSTEM = ("system", "Call a tool when you need one. When its result is there, answer in plain words.")
QUESTION = ("user", "What is the weather in Paris?")
RESULT = '{"city": "Paris", "degrees": 18, "sky": "rain"}'


def setUpModule():
    global server
    server = Server("--ctx", 2048, model=MODEL).__enter__()


def tearDownModule():
    server.__exit__()


class LoopTest(unittest.TestCase):
    def test_call_result_answer_in_every_dialect(self):
        texts = set()
        for dialect in (kind(server) for kind in DIALECTS):
            with self.subTest(dialect.path):
                said = dialect.ask([SYSTEM, QUESTION])
                self.assertEqual([(call.name, call.arguments) for call in said.calls], [("get_weather", {"city": "Paris"})], said)
                self.assertEqual((said.text, said.reason), ("", CALLED[type(dialect)]))
                turns = [SYSTEM, QUESTION, ("assistant", said), ("result", said.calls[0].id, RESULT)]
                answer = dialect.ask(turns)
                self.assertEqual(answer.calls, [])
                self.assertIn("18", answer.text)
                texts.add(answer.text)
                self.assertEqual(dialect.ask(turns, stream=True).without_ids(), answer.without_ids())
                self.assertEqual(dialect.ask([SYSTEM, QUESTION], stream=True).without_ids(), said.without_ids())
        self.assertEqual(len(texts), 1, texts)

    def test_responses_go_on_by_id(self):
        body = {"instructions": SYSTEM[1], "input": QUESTION[1], "tools": [{"type": "function", **WEATHER}], "temperature": 0,
                "max_output_tokens": 60}
        first = server.post("/v1/responses", body).json
        call = first["output"][0]
        self.assertEqual((call["type"], call["name"], call["status"]), ("function_call", "get_weather", "completed"))
        self.assertEqual(first["tools"], [{"type": "function", **WEATHER, "strict": None}])
        second = server.post("/v1/responses", {**body, "previous_response_id": first["id"], "input": [
            {"type": "function_call_output", "call_id": call["call_id"], "output": RESULT}]}).json
        self.assertIn("18", second["output"][0]["content"][0]["text"])

    def test_lm_studio_chats_go_on_by_id(self):
        body = {"system_prompt": SYSTEM[1], "input": QUESTION[1], "tools": [{"type": "function", "function": WEATHER}], "temperature": 0,
                "max_output_tokens": 60}
        first = server.post("/api/v1/chat", body).json
        call, = first["output"]
        self.assertEqual((call["type"], call["tool"], call["arguments"]), ("tool_call", "get_weather", {"city": "Paris"}))
        events = server.post("/api/v1/chat", {**body, "stream": True}).events
        names = [name for name, _ in events]
        self.assertEqual(names[-3:], ["tool_call.start", "tool_call.arguments", "chat.end"])
        self.assertEqual(events[-2][1]["arguments"], {"city": "Paris"})
        second = server.post("/api/v1/chat", {**body, "previous_response_id": first["response_id"], "input": [
            {"type": "tool_result", "tool_call_id": call["tool_call_id"], "content": RESULT}]}).json
        self.assertIn("18", second["output"][0]["content"])

    def test_functions_of_old(self):
        body = {"messages": [{"role": role, "content": text} for role, text in (SYSTEM, QUESTION)], "functions": [WEATHER], "temperature": 0, "max_tokens": 60}
        choice = server.post("/v1/chat/completions", body).json["choices"][0]
        self.assertEqual(choice["finish_reason"], "function_call")
        self.assertEqual(json.loads(choice["message"]["function_call"]["arguments"]), {"city": "Paris"})
        self.assertNotIn("tool_calls", choice["message"])
        deltas = [data["choices"][0]["delta"] for _, data in server.post("/v1/chat/completions", {**body, "stream": True}).events
                  if data != "[DONE]" and data["choices"]]
        told = [delta["function_call"] for delta in deltas if "function_call" in delta]
        self.assertEqual(told[0], {"name": "get_weather", "arguments": ""})
        self.assertEqual("".join(part["arguments"] for part in told), choice["message"]["function_call"]["arguments"])
        body["messages"] += [choice["message"], {"role": "function", "name": "get_weather", "content": RESULT}]
        self.assertIn("18", server.post("/v1/chat/completions", body).json["choices"][0]["message"]["content"])


class ChoiceTest(unittest.TestCase):
    def test_choices_in_every_dialect(self):
        hello = ("user", "Say hello.")
        for dialect in (kind(server) for kind in DIALECTS):
            with self.subTest(dialect.path):
                plain = dialect.ask([hello], tools=(), max_tokens=12)
                self.assertEqual(dialect.ask([hello], choice="none", max_tokens=12).without_ids(), plain.without_ids())
                forced = dialect.ask([hello], tools=(VISIT,), choice="required", parallel=False)
                self.assertEqual((len(forced.calls), forced.text, forced.reason), (1, "", CALLED[type(dialect)]))
                self.assertIn(forced.calls[0].arguments["city"], ("Paris", "Rome", "Oslo"))
                named = dialect.ask([hello], True, tools=(VISIT, TIME), choice="get_time", parallel=False)
                self.assertEqual([call.name for call in named.calls], ["get_time"])
                self.assertIn(named.calls[0].arguments["hours"], (12, 24))

    def test_parallel_calls(self):
        """Where an answer may not end yet and may hold nothing but calls, another one follows."""
        turns = [("system", "For several cities call the tool once for each of them."), ("user", "Visit Paris and Rome.")]
        longer = {"min_tokens": 24}
        for kind in (Chat, Responses, Anthropic, Ollama):
            with self.subTest(kind.path):
                more = {"options": {**kind(server).body(turns, 60)["options"], **longer}} if kind is Ollama else longer
                said = kind(server).ask(turns, tools=(VISIT,), choice="required", **more)
                self.assertGreaterEqual(len(said.calls), 2)
                self.assertEqual(said.calls[0].arguments, {"city": "Paris"})
                self.assertEqual(len({call.id for call in said.calls}), len(said.calls))
                self.assertEqual(kind(server).ask(turns, True, tools=(VISIT,), choice="required", **more).without_ids(), said.without_ids())
                self.assertEqual(len(kind(server).ask(turns, tools=(VISIT,), choice="required", parallel=False).calls), 1)

    def test_several_answers_with_log_probabilities(self):
        body = {"messages": [{"role": "user", "content": QUESTION[1]}], "tools": [{"type": "function", "function": VISIT}], "seed": 5,
                "temperature": 1.5, "n": 3, "logprobs": True, "tool_choice": "required", "max_tokens": 60, "parallel_tool_calls": False}
        whole = server.post("/v1/chat/completions", body).json
        told = [{"arguments": "", "tokens": []} for _ in range(3)]
        for _, data in server.post("/v1/chat/completions", {**body, "stream": True}).events:
            for choice in data["choices"] if data != "[DONE]" else []:
                for call in choice["delta"].get("tool_calls", []):
                    told[choice["index"]]["arguments"] += call["function"]["arguments"]
                told[choice["index"]]["tokens"] += (choice["logprobs"] or {"content": []})["content"]
        for choice, streamed in zip(whole["choices"], told):
            arguments = choice["message"]["tool_calls"][0]["function"]["arguments"]
            self.assertIn(json.loads(arguments)["city"], ("Paris", "Rome", "Oslo"))
            self.assertEqual(streamed["arguments"], arguments)
            self.assertEqual(streamed["tokens"], choice["logprobs"]["content"])
        self.assertEqual(whole["usage"]["completion_tokens"], sum(len(choice["logprobs"]["content"]) for choice in whole["choices"]))

    def test_a_call_that_is_cut_off_says_so(self):
        for kind, reason in ((Chat, "length"), (Anthropic, "max_tokens"), (Ollama, "length")):
            body = {**kind(server).body([QUESTION], 12), **kind(server).wishes((WEATHER,), "required", None)}
            answer = server.post(kind.path, {**body, "stream": False})
            self.assertEqual(answer.status, 200, answer.text)
            self.assertIn(f'"{reason}"', answer.text)
            self.assertEqual(server.post(kind.path, {**body, "stream": True}).status, 200)
        self.assertEqual(server.post("/v1/responses", {"input": QUESTION[1], "tools": [{"type": "function", **WEATHER}],
                                                       "tool_choice": "required", "max_output_tokens": 12}).json["status"], "incomplete")

    def test_what_cannot_be_done_is_refused_by_name(self):
        message = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5}
        strange = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "strange"}}, "required": ["a"]}}
        for path, body, field in (
                ("/v1/chat/completions", {**message, "tools": [{"type": "function", "function": strange}]}, "f"),
                ("/v1/chat/completions", {**message, "tools": [{"type": "function"}]}, "tools[0]"),
                ("/v1/chat/completions", {**message, "tool_choice": "required"}, "tool_choice"),
                ("/v1/messages", {**message, "tools": [{"name": "f", "input_schema": 5}]}, "tools[0].input_schema"),
                ("/v1/responses", {"input": "Hi", "tools": [{"type": "mcp"}]}, "tools[0]"),
                ("/api/chat", {"messages": message["messages"], "tools": {"name": "f"}}, "tools"),
                ("/api/chat", {"messages": message["messages"], "think": True}, "does not support thinking"),
                ("/api/v1/chat", {"input": "Hi", "reasoning": "high"}, "does not support thinking"),
                ("/v1/completions", {"prompt": "Hi", "tools": [{"type": "function", "function": WEATHER}]}, "tools"),
                ("/completion", {"prompt": "Hi", "tools": [{"type": "function", "function": WEATHER}]}, "tools")):
            answer = server.post(path, body)
            self.assertEqual(answer.status, 400, (path, body, answer.text))
            self.assertIn(field, answer.text)

    def test_tools_of_other_services_are_left_out_and_told(self):
        answer = server.post("/v1/responses", {"input": "Say hello.", "tools": [{"type": "web_search"}], "temperature": 0, "max_output_tokens": 4})
        self.assertEqual((answer.status, answer.headers["x-hearth-tools-left-out"]), (200, "web_search"))

    def test_who_can_call_tools_says_so(self):
        self.assertIn("tools", server.post("/api/show", {"model": ""}).json["capabilities"])
        model, = server.get("/api/v1/models").json["models"]
        self.assertTrue(model["capabilities"]["trained_for_tool_use"])


class CommandLineTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.tools = self.folder / "tools.json"
        self.tools.write_text(json.dumps([{"type": "function", "function": WEATHER}, {**TIME, "type": "function"}]))

    def test_definitions_are_checked(self):
        self.assertRegex(self.hearth("tools", self.tools).stdout, r"get_weather +ok: city\nget_time +ok: city, hours\n")
        self.tools.write_text(json.dumps({"tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "strange"}},
                                                                                   "required": ["a"]}}]}))
        told = json.loads(self.hearth("tools", self.tools, "--json", expect=1).stdout)["tools"]
        self.assertEqual([(tool["name"], tool["ok"]) for tool in told], [("f", False)])
        self.assertIn("strange", told[0]["error"])
        for text, word in (("[", "JSON"), ("[]", "no tools"), ("[5]", "tools[0]"), ('[{"name": "a b"}]', "tools[0].name"), ("5", "list of tools")):
            self.tools.write_text(text)
            self.assertIn(word, self.hearth("tools", self.tools, expect=2).stderr)
        self.hearth("tools", self.folder / "absent.json", expect=1)

    def test_a_model_calls(self):
        greedy = ["--temp", "0", "--max-tokens", "60", "--ctx", "1024"]
        told = self.hearth("tools", self.tools, model_path(MODEL), QUESTION[1], *greedy, "-q")
        self.assertRegex(told.stdout, r'\Aget_weather \{"city": ?"Paris"\}\n\Z')
        model = model_path()  # a small one, which was not made for tools, is held to them all the same
        answer = json.loads(self.hearth("tools", self.tools, model, "Say hello.", "--choice", "get_time", "--one-call", "--json", *greedy).stdout)
        call, = answer["calls"]
        self.assertEqual((call["name"], answer["text"], answer["malformed"]), ("get_time", "", []))
        self.assertIn(call["arguments"]["hours"], (12, 24))
        cut = self.hearth("tools", self.tools, model, QUESTION[1], "--choice", "required", "--temp", "0", "--max-tokens", "8", "--ctx", "1024", expect=1)
        self.assertIn("a call that is none", cut.stderr)
        self.hearth("tools", self.tools, model, QUESTION[1], "--choice", "absent", expect=2)
        self.hearth("tools", self.tools, model, expect=2)


if __name__ == "__main__":
    unittest.main()
