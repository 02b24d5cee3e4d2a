#!/usr/bin/env python3
"""What `hearth serve` tells: its log as text and as JSON, and a service manager that listens at NOTIFY_SOCKET."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from program import PROGRAM, TIMEOUT_SECONDS, model_path
from server import Server

SECRET = "xylophone marmalade"
QUESTION = {"messages": [{"role": "user", "content": f"What is a {SECRET}?"}], "temperature": 0, "max_tokens": 6}


def wait_for(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.02)


def lines_of(server):
    return [json.loads(line) for line in server.stderr.splitlines() if line.startswith("{")]


def about(server, request_id):
    wait_for(lambda: any(line.get("request_id") == request_id for line in lines_of(server)), f"no line about {request_id}: {server.stderr}")
    found = [line for line in lines_of(server) if line.get("request_id") == request_id]
    assert len(found) == 1, found
    return found[0]


class LogTest(unittest.TestCase):
    def test_json_has_one_line_for_every_request(self):
        server = Server("--ctx", 256, "--log-format", "json")
        key = subprocess.run([PROGRAM, "key", "add", "reader"], env=server.environment, capture_output=True, text=True, check=True).stdout.strip()
        with server:
            bearer = {"Authorization": "Bearer " + key}
            for path, body, dialect, status in (("/v1/chat/completions", QUESTION, "openai", 200),
                                                ("/v1/chat/completions", {**QUESTION, "stream": True}, "openai", 200),
                                                ("/api/chat", {**QUESTION, "options": {"num_predict": 6}}, "ollama", 200),
                                                ("/v1/messages", QUESTION, "anthropic", 200),
                                                ("/completion", {"prompt": SECRET, "n_predict": 3}, "native", 200),
                                                ("/v1/chat/completions", {**QUESTION, "temperature": -1}, "openai", 400),
                                                ("/v1/chat/completions", {**QUESTION, "model": "nobody"}, "openai", 404)):
                answer = server.post(path, body, bearer)
                self.assertEqual(answer.status, status, answer.text)
                line = about(server, answer.headers["x-request-id"])
                self.assertEqual((line["status"], line["path"], line["route"], line["dialect"], line["key"], line["method"]),
                                 (status, path, path, dialect, "reader", "POST"))
                self.assertEqual(line["level"], "info")
                self.assertGreater(line["seconds"], 0)
                if status == 200:
                    self.assertEqual(line["model"], server.model)
                    self.assertGreater(line["prompt_tokens"], 0)
                    self.assertEqual(line["answer_tokens"], 3 if path == "/completion" else 6)
                    self.assertEqual(line["finish_reason"], "length")
                else:
                    self.assertIn("nobody" if status == 404 else "temperature", line["error"])
            refused = server.get("/v1/models")
            line = about(server, refused.headers["x-request-id"])
            self.assertEqual((line["status"], line.get("key")), (401, None))
            server.get("/health")
            self.assertEqual(server.stop(), 0)
        for line in server.stderr.splitlines():
            self.assertEqual({"time", "level", "message"} - json.loads(line).keys(), set(), line)
        self.assertFalse(any(line.get("path") == "/health" for line in lines_of(server)))
        self.assertNotIn("xylophone", server.stderr)
        self.assertTrue(any(line.get("weights_bytes", 0) > 0 for line in lines_of(server)), "the plan of the load is missing")

    def test_texts_only_if_asked_for_and_a_client_that_leaves(self):
        with Server("--ctx", 256, "--log-format", "json", "--log-prompts", "--log-level", "debug") as server:
            answer = server.post("/v1/chat/completions", QUESTION)
            line = about(server, answer.headers["x-request-id"])
            self.assertIn(SECRET, line["asked"])
            self.assertEqual(line["answered"], answer.json["choices"][0]["message"]["content"])
            self.assertEqual(about(server, server.get("/health").headers["x-request-id"])["level"], "debug")
            host, port = server.address.split(":")
            body = json.dumps({**QUESTION, "max_tokens": 100000, "stream": True, "ignore_eos": True}).encode()
            with socket.create_connection((host, int(port))) as client:
                client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                client.recv(100)
            wait_for(lambda: any(line.get("client_gone") for line in lines_of(server)), "nobody tells that the client went")

    def test_text_is_for_people(self):
        with Server("--ctx", 256) as server:
            server.post("/v1/chat/completions", QUESTION)
            wait_for(lambda: "/v1/chat/completions 200 in " in server.stderr, server.stderr)
            self.assertRegex(server.stderr, r"loading \S+: [\d.]+ MB of memory: weights [\d.]+ MB, context of 256 tokens")
            self.assertRegex(server.stderr, r"hearth: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d POST /v1/chat/completions 200 in [\d.]+ s; "
                                            r"smollm2-135m, \d+ tokens of prompt, 6 of answer at [\d.]+/s, length; req-")
            self.assertNotIn("xylophone", server.stderr)

    def test_a_file_and_the_environment_may_say_it(self):
        server = Server("--ctx", 256, environment={"HEARTH_LOG": "warning"})
        server.home.mkdir()
        (server.home / "serve.toml").write_text('log-format = "json"\n')
        process = subprocess.Popen(server.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True, env=server.environment)
        wait_for((server.home / "server.sock").exists, "the server does not start")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        server.folder.cleanup()
        self.assertEqual((process.returncode, errors), (0, ""))


class ServiceManagerTest(unittest.TestCase):
    """A stand-in for systemd: Type=notify with WatchdogSec."""

    def serve(self, *arguments):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(pathlib.Path(folder.name) / "notify")
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(path)
        manager.settimeout(TIMEOUT_SECONDS)
        environment = {**os.environ, "HEARTH_HOME": folder.name + "/home", "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}
        process = subprocess.Popen([PROGRAM, "serve", model_path(), "--ctx", "256", "--listen", "127.0.0.1:0", *arguments],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
        self.addCleanup(process.kill)
        return process, lambda: manager.recv(4096).decode()

    def check(self, *arguments):
        process, hear = self.serve(*arguments)
        messages = [hear()]
        while sum("READY=1" in message for message in messages) == 0:
            messages.append(hear())
        self.assertRegex(messages[-1], r"STATUS=listening on 127\.0\.0\.1:\d+")
        for _ in range(3):
            self.assertEqual(hear(), "WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        message = hear()
        while message == "WATCHDOG=1":
            message = hear()
        self.assertRegex(message, r"^STOPPING=1\nEXTEND_TIMEOUT_USEC=\d+$")
        self.assertEqual(process.wait(TIMEOUT_SECONDS), 0)

    def test_hears_that_the_service_is_ready_lives_and_stops(self):
        self.check()

    def test_behind_an_air_gap_too(self):
        self.check("--airgap")


if __name__ == "__main__":
    unittest.main()
