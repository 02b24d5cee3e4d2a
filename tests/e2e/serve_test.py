#!/usr/bin/env python3
"""The server as a client meets it, on a real model: the same answer in every dialect, who may ask, clear refusals, draining,
cancelling, many at once, and the air gap in a network of its own."""

import concurrent.futures
import http.client
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from program import PROGRAM, model_path
from server import Server

MESSAGES = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY = {"messages": MESSAGES, "temperature": 0, "max_tokens": 24}


class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 1024, "--sessions", 8)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, path, body, status=200, headers=None):
        answer = self.server.post(path, body, headers)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def chat(self, **more):
        return self.post("/v1/chat/completions", {**GREEDY, **more})

    def test_every_dialect_gives_the_same_text(self):
        expected = self.chat().json["choices"][0]["message"]["content"]
        self.assertGreater(len(expected), 10)
        options = {"temperature": 0, "num_predict": 24}
        chunks = [event["choices"][0]["delta"].get("content", "")
                  for _, event in self.chat(stream=True).events if event != "[DONE]" and event["choices"]]
        texts = {
            "chat, streamed": "".join(chunks),
            "ollama": self.post("/api/chat", {"messages": MESSAGES, "stream": False, "options": options}).json["message"]["content"],
            "ollama, streamed": "".join(line["message"]["content"]
                                        for line in self.post("/api/chat", {"messages": MESSAGES, "options": options}).lines),
            "anthropic": self.post("/v1/messages", GREEDY).json["content"][0]["text"],
            "anthropic, streamed": "".join(event["delta"].get("text", "") for name, event in
                                           self.post("/v1/messages", {**GREEDY, "stream": True}).events
                                           if name == "content_block_delta"),
            "no /v1": self.post("/chat/completions", GREEDY).json["choices"][0]["message"]["content"],
        }
        for name, text in texts.items():
            self.assertEqual(text, expected, name)

    def test_a_stream_ends_with_reason_usage_and_done(self):
        events = [event for _, event in self.chat(stream=True, stream_options={"include_usage": True}).events]
        self.assertEqual(events[-1], "[DONE]")
        self.assertEqual(events[-2]["choices"], [])
        self.assertEqual(events[-2]["usage"]["completion_tokens"], 24)
        self.assertEqual(events[-3]["choices"][0]["finish_reason"], "length")
        self.assertEqual(events[0]["choices"][0]["delta"]["role"], "assistant")

    def test_the_seed_comes_back_and_repeats_the_answer(self):
        body = {"temperature": 1.5, "max_tokens": 30}
        first = self.chat(**body)
        again = self.chat(**body, seed=int(first.headers["x-hearth-seed"]))
        self.assertEqual(first.json["choices"][0]["message"], again.json["choices"][0]["message"])
        both = self.chat(**body, n=2, seed=5).json["choices"]
        self.assertNotEqual(both[0]["message"], both[1]["message"])
        self.assertEqual(both[0]["message"], self.chat(**body, seed=5).json["choices"][0]["message"])

    def test_answers_made_together_are_those_made_alone(self):
        bodies = [{"messages": [{"role": "user", "content": f"Tell me about the number {i}."}], "temperature": 0.9, "seed": i,
                   "max_tokens": 20} for i in range(12)]
        text = lambda body: self.post("/v1/chat/completions", body).json["choices"][0]["message"]["content"]
        alone = [text(body) for body in bodies]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            self.assertEqual(list(pool.map(text, bodies)), alone)

    def test_what_is_wrong_is_named(self):
        for body, word in [({"messages": MESSAGES, "temperature": -1}, "temperature"), ({"messages": MESSAGES, "max_tokens": -2}, "max_tokens"),
                           ({}, "messages"), ({"messages": []}, "messages"), ({"messages": MESSAGES, "model": "nobody"}, "nobody"),
                           ({"messages": MESSAGES, "tools": [{"type": "function"}]}, "tools"),
                           ({"messages": MESSAGES, "response_format": {"type": "yaml"}}, "response_format"),
                           ({"messages": MESSAGES, "n_discard": -1}, "n_discard"), ("[", "JSON"), ("[]", "object")]:
            answer = self.server.post("/v1/chat/completions", body)
            self.assertIn(answer.status, (400, 404), body)
            self.assertIn(word, answer.json["error"]["message"])
        self.assertEqual(self.server.get("/v1/nothing").status, 404)
        wrong = self.server.get("/v1/chat/completions")
        self.assertEqual((wrong.status, wrong.headers["allow"]), (405, "POST"))

    def test_a_prompt_that_does_not_fit_says_by_how_much(self):
        long = {"messages": [{"role": "user", "content": "word " * 3000}]}
        error = self.post("/v1/chat/completions", long, 400).json["error"]
        self.assertRegex(error["message"], r"^request \(\d+ tokens\) exceeds the available context size \(1024 tokens\), try increasing it$")
        self.assertEqual(error["code"], "context_length_exceeded")
        self.assertRegex(self.post("/api/chat", long, 400).json["error"], "exceeds the available context size")
        self.assertRegex(self.post("/v1/messages", {**long, "max_tokens": 5}, 400).json["error"]["message"], "exceeds the available")

    def test_other_pages_and_names_get_nothing(self):
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
            for path in ("/v1/models", "/health", "/", "/nothing"):
                answer = self.server.get(path, headers)
                self.assertEqual(answer.status, 403, (headers, path))
                self.assertNotIn("access-control-allow-origin", answer.headers)
        allowed = self.server.get("/v1/models", {"Origin": "app://obsidian.md"})
        self.assertEqual((allowed.status, allowed.headers["access-control-allow-origin"]), (200, "app://obsidian.md"))

    def test_a_client_that_goes_away_frees_its_session(self):
        host, port = self.server.address.split(":")
        body = json.dumps({"messages": MESSAGES, "stream": True, "ignore_eos": True}).encode()
        for _ in range(24):  # more than there are sessions
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                self.assertTrue(connection.recv(100))
        begun = time.monotonic()
        self.chat()
        self.assertLess(time.monotonic() - begun, 60)

    def test_bytes_that_are_no_request(self):
        host, port = self.server.address.split(":")
        for raw in (b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                    b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
                    b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n"):
            with socket.create_connection((host, int(port)), timeout=30) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
        self.assertEqual(self.server.get("/health").json, {"status": "ok"})


class ServeOnceTest(unittest.TestCase):
    def test_draining_lets_a_running_answer_end(self):
        with Server("--ctx", 512) as server, concurrent.futures.ThreadPoolExecutor(1) as pool:
            running = pool.submit(server.post, "/v1/chat/completions", {**GREEDY, "max_tokens": 200, "ignore_eos": True})
            deadline = time.monotonic() + 60
            while not server.get("/api/ps").json["models"] and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.3)
            self.assertEqual(server.stop(), 0)
            answer = running.result()
            self.assertEqual((answer.status, answer.json["usage"]["completion_tokens"]), (200, 200))

    def test_a_key_is_asked_for_and_knows_its_scope(self):
        server = Server("--ctx", 256)
        made = subprocess.run([PROGRAM, "key", "add", "reader"], env={**server.environment}, capture_output=True, text=True, check=True)
        with server:
            key = made.stdout.strip()
            self.assertEqual(server.get("/v1/models").status, 401)
            self.assertEqual(server.get("/health").status, 200)
            self.assertEqual(server.get("/v1/models", {"Authorization": "Bearer " + key}).status, 200)
            self.assertEqual(server.get("/v1/models", {"x-api-key": key}).status, 200)
            self.assertEqual(server.get("/v1/models", {"x-api-key": key + "0"}).status, 401)

    def test_other_addresses_need_a_key(self):
        with self.assertRaisesRegex(AssertionError, "hearth key add"):
            with Server("--listen", "0.0.0.0:0"):
                pass

    def test_a_taken_port_is_said(self):
        with Server() as server:
            with self.assertRaisesRegex(AssertionError, "hearth"):
                with Server("--listen", server.address):
                    pass

    @unittest.skipUnless(shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True).returncode == 0,
                         "this machine gives no network of one's own (unshare -rn)")
    def test_the_air_gap_serves_loopback_and_nothing_else(self):
        script = ("ip link set lo up 2>/dev/null || ifconfig lo up; exec python3 - \"$@\"")
        inside = f"""
import sys
sys.path.insert(0, {str(pathlib.Path(__file__).resolve().parent)!r})
from server import Server
with Server("--airgap", "--ctx", "256") as server:
    answer = server.post("/v1/chat/completions", {GREEDY!r})
    assert answer.status == 200, answer.text
    print(answer.json["choices"][0]["message"]["content"])
"""
        done = subprocess.run(["unshare", "-rn", "sh", "-c", script, "sh"], input=inside, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.strip())

    def test_doctor_finds_every_way_shut(self):
        done = subprocess.run([PROGRAM, "doctor", "--net", "--json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        ways = json.loads(done.stdout)
        self.assertGreater(len(ways), 15)
        self.assertTrue(all(way["refused"] for way in ways))


if __name__ == "__main__":
    unittest.main()
