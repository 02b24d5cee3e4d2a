#!/usr/bin/env python3
"""Ollama's routes of `hearth serve`, over plain HTTP, with a real model."""

import json
import os
import re
import socket
import subprocess
import time
import unittest

from program import PROGRAM, TIMEOUT_SECONDS, model_path
from server import Server

MODEL = "smollm2-135m"
GREEDY = {"temperature": 0, "num_predict": 16, "seed": 1}
QUESTION = [{"role": "user", "content": "What is the capital of France?"}]
COUNTS = ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")


class OllamaTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.enterClassContext(cls.server) if hasattr(cls, "enterClassContext") else cls.server.__enter__()
        if not hasattr(cls, "enterClassContext"):
            cls.addClassCleanup(cls.server.__exit__)

    def post(self, path, expect=200, **body):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, expect, answer.text)
        return answer

    def refused(self, path, status, needle, **body):
        error = self.post(path, expect=status, **body).json["error"]
        self.assertIn(needle, error)

    def test_chat_streams_by_default_and_gives_the_same_text_as_one_object(self):
        streamed = self.post("/api/chat", model=MODEL, messages=QUESTION, options=GREEDY)
        self.assertEqual(streamed.headers["content-type"], "application/x-ndjson")
        self.assertIn("x-hearth-seed", streamed.headers)
        lines = streamed.lines
        self.assertTrue(all(not line["done"] for line in lines[:-1]))
        for line in lines:
            self.assertEqual(line["model"], MODEL)
            self.assertEqual(line["message"]["role"], "assistant")
            self.assertRegex(line["created_at"], TIME)
        last = lines[-1]
        self.assertTrue(last["done"])
        self.assertEqual(last["done_reason"], "length")
        self.assertEqual(last["eval_count"], 16)
        for name in COUNTS:
            self.assertIsInstance(last[name], int)
        whole = self.post("/api/chat", model=MODEL, messages=QUESTION, options=GREEDY, stream=False)
        self.assertEqual(whole.headers["content-type"], "application/json; charset=utf-8")
        self.assertNotIn('": ', whole.text.replace(whole.json["message"]["content"], ""))
        self.assertEqual("".join(line["message"]["content"] for line in lines), whole.json["message"]["content"])
        other = self.post("/v1/chat/completions", model=MODEL, messages=QUESTION, temperature=0, max_tokens=16)
        self.assertEqual(other.json["choices"][0]["message"]["content"], whole.json["message"]["content"])

    def test_generate_says_what_chat_says_and_its_context_goes_on(self):
        options = {"temperature": 0, "num_predict": 64}
        chat = self.post("/api/chat", messages=QUESTION, options=options, stream=False).json
        first = self.post("/api/generate", prompt=QUESTION[0]["content"], options=options, stream=False).json
        self.assertEqual(first["response"], chat["message"]["content"])
        self.assertEqual(first["model"], MODEL)  # a blank name is the default model, named
        self.assertEqual(first["done_reason"], chat["done_reason"])
        self.assertEqual(len(first["context"]), first["prompt_eval_count"] + first["eval_count"])
        follow = "And of Spain?"
        second = self.post("/api/generate", prompt=follow, context=first["context"], options=options, stream=False).json
        turns = [*QUESTION, chat["message"], {"role": "user", "content": follow}]
        same = self.post("/api/chat", messages=turns, options=options, stream=False).json
        self.assertEqual(second["response"], same["message"]["content"])
        self.assertEqual(second["prompt_eval_count"], same["prompt_eval_count"])

    def test_template_of_show_gives_the_same_answer(self):
        shown = self.post("/api/show", model=MODEL).json
        fields = {"prompt": "Name a colour.", "system": "Be brief.", "options": GREEDY, "stream": False}
        plain = self.post("/api/generate", **fields).json
        again = self.post("/api/generate", template=shown["template"], **fields).json
        self.assertEqual(again["response"], plain["response"])
        self.assertEqual(again["prompt_eval_count"], plain["prompt_eval_count"])
        self.refused("/api/generate", 400, "range", template="{{ range .Messages }}{{ end }}", prompt="x")

    def test_raw_takes_the_prompt_as_it_is(self):
        raw = self.post("/api/generate", prompt="The capital of France is", raw=True, options=GREEDY, stream=False).json
        self.assertIn("Paris", raw["response"])
        self.assertNotIn("context", raw)
        self.refused("/api/generate", 400, "raw", prompt="x", raw=True, system="y")

    def test_an_answer_that_has_begun_is_gone_on_with(self):
        begun = [*QUESTION, {"role": "assistant", "content": "The capital of France is"}]
        text = self.post("/api/chat", messages=begun, options=GREEDY, stream=False).json["message"]["content"]
        self.assertTrue(text.startswith(" Paris"), text)

    def test_stop_and_logprobs(self):
        whole = self.post("/api/chat", messages=QUESTION, options=GREEDY, stream=False).json["message"]["content"]
        word = whole.split()[-2]
        stopped = self.post("/api/chat", messages=QUESTION, options={**GREEDY, "stop": [word]}, stream=False).json
        self.assertEqual(stopped["done_reason"], "stop")
        self.assertEqual(stopped["message"]["content"], whole[:whole.index(word)])
        lines = self.post("/api/chat", messages=QUESTION, options=GREEDY, logprobs=True, top_logprobs=2).lines
        entries = [entry for line in lines for entry in line.get("logprobs", [])]
        self.assertEqual(len(entries), 16)
        for entry in entries:
            self.assertEqual(len(entry["top_logprobs"]), 2)
            self.assertAlmostEqual(entry["logprob"], entry["top_logprobs"][0]["logprob"], places=5)

    def test_what_is_not_done_is_refused(self):
        tool = [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]
        chat = {"model": MODEL, "messages": QUESTION}
        self.refused("/api/chat", 400, "tools[0]", tools=tool, **chat)
        self.refused("/api/chat", 400, "format", format="yaml", **chat)
        self.refused("/api/chat", 400, "does not support thinking", think=True, **chat)
        self.refused("/api/chat", 400, "images", model=MODEL, messages=[{"role": "user", "content": "x", "images": ["aGk="]}])
        self.refused("/api/generate", 400, "images", model=MODEL, prompt="x", images=["aGk="])
        self.refused("/api/chat", 400, "num_predict", options={"num_predict": -3}, **chat)
        self.refused("/api/chat", 400, "temperature", options={"temperature": "warm"}, **chat)
        self.refused("/api/chat", 400, "options", options=[1], **chat)
        self.refused("/api/chat", 400, "keep_alive", keep_alive="soon", **chat)
        self.refused("/api/generate", 400, "context", prompt="x", context=[10**9])
        self.refused("/api/generate", 400, "prompt", prompt=["x"])
        self.refused("/api/chat", 404, "model 'nothing' not found", model="nothing", messages=QUESTION)
        self.refused("/api/chat", 404, "not found", model="../../etc/passwd", messages=QUESTION)
        fine = self.post("/api/chat", tools=[], format="", think=False, options={**GREEDY, "num_ctx": 10**6, "unheard_of": 1},
                         unheard_of=True, stream=False, **chat)
        self.assertTrue(fine.json["done"])
        self.assertEqual(self.server.post("/api/chat", "{").status, 400)
        for path in ("/api/create", "/api/push", "/api/blobs/sha256:00"):
            self.assertIn("error", self.post(path, expect=501, model=MODEL).json)

    def test_a_prompt_that_does_not_fit_is_an_error(self):
        self.refused("/api/generate", 400, "exceeds the available context size", prompt="word " * 20000)

    def test_lists(self):
        entry = self.server.get("/api/tags").json["models"][0]
        self.assertEqual(entry["name"], f"{MODEL}:latest")
        self.assertEqual(entry["model"], entry["name"])
        self.assertRegex(entry["digest"], "^[0-9a-f]{64}$")
        self.assertRegex(entry["modified_at"], TIME)
        self.assertEqual(entry["details"]["format"], "gguf")
        self.assertEqual(entry["details"]["families"], [entry["details"]["family"]])
        self.assertEqual(entry["details"]["parameter_size"], "135M")
        self.assertEqual(self.server.request("HEAD", "/api/tags").status, 200)
        self.assertEqual(self.server.request("HEAD", "/").status, 200)
        self.assertRegex(self.server.get("/api/version").json["version"], r"^\d+\.\d+\.\d+\+hearth")
        self.assertTrue(self.server.get("/api/status").json["cloud"]["disabled"])

    def test_show(self):
        shown = self.post("/api/show", model=f"{MODEL}:latest").json
        self.assertIn("{{ .Prompt }}", shown["template"])
        self.assertNotIn(".Suffix", shown["template"])
        self.assertRegex(shown["parameters"], r"(?m)^num_ctx +\d+$")
        self.assertIn('"<|im_end|>"', shown["parameters"])
        self.assertIn("completion", shown["capabilities"])
        self.assertIn("apache-2.0", shown["license"])
        info = shown["model_info"]
        family = info["general.architecture"]
        self.assertEqual(info[f"{family}.context_length"], 8192)
        self.assertEqual(info[f"{family}.embedding_length"], 576)
        self.assertIsNone(info["tokenizer.ggml.tokens"])
        self.assertNotIn("tensors", shown)
        verbose = self.post("/api/show", name=MODEL, verbose=True).json
        self.assertEqual(len(verbose["model_info"]["tokenizer.ggml.tokens"]), 49152)
        self.assertIn("token_embd.weight", [tensor["name"] for tensor in verbose["tensors"]])
        self.refused("/api/show", 404, "not found", model="nothing")

    def test_loading_and_unloading(self):
        loaded = self.post("/api/generate", model=MODEL, keep_alive="10m").json
        self.assertEqual((loaded["done"], loaded["done_reason"], loaded["response"]), (True, "load", ""))
        running = self.server.get("/api/ps").json["models"]
        self.assertEqual([model["name"] for model in running], [f"{MODEL}:latest"])
        self.assertEqual(running[0]["context_length"], 8192)
        self.assertGreater(running[0]["size"], 0)
        self.assertRegex(running[0]["expires_at"], TIME)
        unloaded = self.post("/api/chat", model=MODEL, messages=[], keep_alive=0).json
        self.assertEqual((unloaded["done_reason"], unloaded["message"]["content"]), ("unload", ""))
        self.assertEqual(self.server.get("/api/ps").json["models"], [])
        self.refused("/api/generate", 404, "not found", model="nothing", keep_alive=0)

    def test_a_client_that_leaves_ends_its_answer(self):
        connection = self.server.address.rsplit(":", 1)
        with socket.create_connection((connection[0], int(connection[1]))) as client:
            body = json.dumps({"model": MODEL, "prompt": "Count.", "raw": True, "options": {"num_predict": 4000}}).encode()
            client.sendall(b"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            client.recv(1000)
        deadline = time.monotonic() + 30
        while self.post("/api/generate", model=MODEL, keep_alive=0).json and self.server.get("/api/ps").json["models"]:
            self.assertLess(time.monotonic(), deadline, "the answer goes on without anyone to read it")


    def verb(self, *arguments, address=None, expect=0):
        done = subprocess.run([PROGRAM, *arguments], text=True, capture_output=True, timeout=TIMEOUT_SECONDS, check=False,
                              env={**os.environ, "HEARTH_HOST": address or self.server.address})
        self.assertEqual(done.returncode, expect, done.stderr)
        return done

    def test_verbs_ps_and_stop(self):
        self.post("/api/generate", model=MODEL, keep_alive=-1)
        table = self.verb("ps").stdout.splitlines()
        self.assertEqual(table[0].split(), ["NAME", "ID", "SIZE", "CONTEXT", "UNTIL"])
        self.assertRegex(table[1], rf"^{MODEL}:latest +[0-9a-f]{{12}} +\S+ MB +8192 +forever$")
        self.assertEqual(json.loads(self.verb("ps", "--json").stdout)[0]["context_length"], 8192)
        self.verb("stop", MODEL)
        self.assertEqual(json.loads(self.verb("ps", "--json").stdout), [])
        self.assertIn("not found", self.verb("stop", "nothing", expect=1).stderr)
        self.assertIn("no server answers", self.verb("ps", address="127.0.0.1:1", expect=1).stderr)


class GapTest(unittest.TestCase):
    """A model with tokens of its own for filling a gap."""

    def test_a_gap_is_filled(self):
        with Server(model="qwen2.5-coder-0.5b.gguf") as server:
            shown = server.post("/api/show", {"model": ""}).json
            self.assertIn(".Suffix", shown["template"])
            self.assertIn("insert", shown["capabilities"])
            prefix, suffix = "def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n"
            body = {"model": "", "prompt": prefix, "suffix": suffix, "options": GREEDY, "stream": False}
            filled = server.post("/api/generate", body).json
            self.assertTrue(filled["response"].startswith("a + b"), filled["response"])
            # The same text with control tokens in it, sent without "raw", and the template that show gives.
            by_hand = f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>"
            plain = server.post("/api/generate", {"prompt": by_hand, "options": GREEDY, "stream": False}).json
            self.assertEqual(plain["response"], filled["response"])
            self.assertEqual(plain["prompt_eval_count"], filled["prompt_eval_count"])
            again = server.post("/api/generate", {**body, "template": shown["template"]}).json
            self.assertEqual(again["response"], filled["response"])
            self.assertEqual(server.post("/api/generate", {**body, "system": "x"}).status, 400)


class LibraryRoutesTest(unittest.TestCase):
    def test_pull_copy_and_delete(self):
        server = Server()
        server.home.mkdir(parents=True)
        (server.home / "catalogue.toml").write_text(
            f'[[model]]\nname = "mine:1"\nlicence = "MIT"\nlicence_class = "permissive"\n'
            f'sources = ["file:{model_path()}"]\n', encoding="utf-8")
        with server:
            lines = server.post("/api/pull", {"model": "mine:1"}).lines
            self.assertEqual(lines[0]["status"], "pulling manifest")
            self.assertEqual(lines[-1]["status"], "success")
            self.assertEqual(server.post("/api/pull", {"model": "mine", "stream": False}).json, {"status": "success"})
            self.assertEqual(server.post("/api/pull", {"model": "nothing"}).status, 404)
            self.assertEqual(server.post("/api/copy", {"source": "mine:1", "destination": "other-embed"}).status, 200)
            names = [model["name"] for model in server.get("/api/tags").json["models"]]
            self.assertEqual(names, [f"{MODEL}:latest", "mine:1", "other-embed:latest"])
            for source, destination in (("mine:1", "Bad Name"), ("mine:1", "gemma3:270m"), ("mine:1", MODEL)):
                self.assertEqual(server.post("/api/copy", {"source": source, "destination": destination}).status, 400)
            self.assertEqual(server.post("/api/copy", {"source": "nothing", "destination": "x"}).status, 404)
            answer = server.post("/api/generate", {"model": "other-embed", "prompt": "Hi", "stream": False, "options": GREEDY})
            self.assertEqual(answer.json["model"], "other-embed")
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "mine"}).status, 404)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "mine:1"}).status, 200)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "other-embed:latest"}).status, 200)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": "other-embed"}).status, 404)
            self.assertEqual(server.request("DELETE", "/api/delete", {"model": MODEL}).status, 400)
            self.assertEqual([model["name"] for model in server.get("/api/tags").json["models"]], [f"{MODEL}:latest"])


if __name__ == "__main__":
    unittest.main()
