#!/usr/bin/env python3
"""The server under requests that nobody should send (abuse_cases.py): every answer is well-formed and in its dialect's form, none
takes longer than its time, nothing is found by a sanitizer, and at the end the server works as before.

HEARTH_PROGRAM names the program: `make soak` gives one that was built with the sanitizers.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from abuse_cases import cases
from program import ROOT
from server import Server

sys.path.insert(0, str(ROOT / "bench"))
import shaped_models  # noqa: E402

ANSWER_SECONDS = 5 * float(os.environ.get("HEARTH_ABUSE_PATIENCE", "1"))
AT_ONCE = 4
TEMPLATE = "{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}\n{% endfor %}<assistant>"
REPORT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|stack smashing|Assertion|terminate called")
ERROR_KEYS = {"openai": {"message", "type", "param", "code"}, "lmstudio": {"message", "type", "param", "code"},
              "native": {"code", "message", "type"}, "anthropic": {"type", "message"}, "": {"message", "type"}}


class Broken(Exception):
    """What came back is no answer."""


class Reader:
    """Reads whole HTTP answers from a connection."""

    def __init__(self, connection):
        self.connection = connection
        self.bytes = b""

    def more(self):
        data = self.connection.recv(1 << 16)
        self.bytes += data
        return bool(data)

    def until(self, mark):
        while mark not in self.bytes:
            if not self.more():
                raise Broken(f"the connection ended in {self.bytes[:200]!r}")
        found, _, self.bytes = self.bytes.partition(mark)
        return found

    def count(self, length):
        while len(self.bytes) < length:
            if not self.more():
                raise Broken(f"the body ended after {len(self.bytes)} of {length} bytes")
        found, self.bytes = self.bytes[:length], self.bytes[length:]
        return found

    def chunks(self):
        body = b""
        while size := int(self.until(b"\r\n"), 16):
            body += self.count(size)
            if self.count(2) != b"\r\n":
                raise Broken("a chunk does not end where it should")
        while self.until(b"\r\n"):
            pass
        return body

    def answer(self, head_only):
        """(status, headers, body)"""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) [^\r\n]*", lines[0])
        if not found:
            raise Broken(f"no status line: {lines[0][:100]!r}")
        status = int(found.group(1))
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(": ")
            if not colon or not re.fullmatch(r"[-A-Za-z0-9]+", name):
                raise Broken(f"no header: {line[:100]!r}")
            headers[name.lower()] = value
        if status == 100:
            return self.answer(head_only)
        if head_only or status in (204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self.chunks()
        if "content-length" in headers:
            return status, headers, self.count(int(headers["content-length"]))
        while self.more():
            pass
        body, self.bytes = self.bytes, b""
        return status, headers, body


def form_of_error(case, body):
    """What is wrong with the body of an error, "" if nothing."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return f"no JSON: {body[:200]!r}"
    error = parsed.get("error") if isinstance(parsed, dict) else None
    if case.dialect == "ollama":
        return "" if isinstance(error, str) and error else f"not Ollama's form: {body[:200]!r}"
    if isinstance(error, str) and not case.dialect:
        return ""
    wanted = ERROR_KEYS[case.dialect]
    if not isinstance(error, dict) or not wanted <= set(error) or not error["message"]:
        return f"not the form of {case.dialect or 'an error'}: {body[:200]!r}"
    if case.dialect == "anthropic" and (parsed.get("type") != "error" or "request_id" not in parsed):
        return f"not Anthropic's form: {body[:200]!r}"
    return ""


def wrong_with(case, answer):
    status, headers, body = answer
    if status == 503 and "retry-after" in headers:
        return ""
    if status not in case.expected:
        return f"status {status}: {body[:200]!r}"
    if status >= 400 and case.method != "HEAD":
        return form_of_error(case, body)
    return ""


def send(connection, case):
    """False: the other side has closed; it may have answered."""
    try:
        for piece in case.pieces:
            connection.sendall(piece)
            if len(case.pieces) == 2:  # what follows waits for the first
                time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def run(address, case):
    """What went wrong, "" if nothing."""
    host, port = address.rsplit(":", 1)
    begun = time.monotonic()
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            send(connection, case)
            if case.leaves:
                return ""
            reader = Reader(connection)
            for _ in range(case.answers):
                problem = wrong_with(case, reader.answer(case.method == "HEAD"))
                if problem:
                    return problem
            return f"more than was asked for: {reader.bytes[:100]!r}" if reader.bytes else ""
    except (Broken, ValueError) as error:
        return str(error)
    except socket.timeout:
        return f"no answer within {time.monotonic() - begun:.0f} s"
    except ConnectionResetError:
        # A body that nobody reads to its end may be cut off; an answer to less must arrive.
        return "" if sum(map(len, case.pieces)) > 60000 else "the connection was reset"


class AbuseTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "tiny.gguf"
        shape = shaped_models.Shape("tiny", layers=1, hidden=256, inner=256, heads=4, kv_heads=1, head=64, tied=True, rope_factor=8.0,
                                    vocabulary=600)
        shaped_models.write(path, shape, "q4_0", more={"tokenizer.chat_template": TEMPLATE})
        self.server = Server("--ctx", 512, "--sessions", 4, model=path)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)

    def answer(self):
        answer = self.server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hi"}], "temperature": 0, "max_tokens": 8})
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json["choices"][0]["message"]["content"]

    def test_nothing_breaks_it(self):
        before = self.answer()
        every = list(cases(self.server.get("/openapi.json").json, self.server.model))
        self.assertGreater(len(every), 1500)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            problems = [f"{case.name}: {problem}" for case, problem in zip(every, pool.map(lambda case: run(self.server.address, case), every)) if problem]
        if problems:
            self.fail(f"{len(problems)} of {len(every)}:\n  " + "\n  ".join(problems[:60]) + "\n" + self.server.stderr[-3000:])
        self.assertIsNone(self.server.process.poll(), self.server.stderr)
        self.assertEqual(self.server.get("/health").json, {"status": "ok"})
        self.assertEqual(self.answer(), before)
        self.assertFalse([slot for slot in self.server.get("/slots").json if slot["is_processing"]])
        self.assertEqual(self.server.stop(), 0, self.server.stderr)
        self.server.reader.join()
        self.assertIsNone(REPORT.search(self.server.stderr), self.server.stderr)
        print(f"{len(every)} cases", file=sys.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
