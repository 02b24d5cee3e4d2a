#!/usr/bin/env python3
"""`hearth run` where a server of the same HEARTH_HOME runs: it answers, to the bit as the verb would itself."""

import json
import os
import signal
import stat
import subprocess
import time
import unittest

from program import PROGRAM, TIMEOUT_SECONDS, Terminal, model_path
from server import Server

MODEL = "small"
COMPLETES = "plain"  # a model without chat template
LIBRARY = {MODEL: "smollm2-135m.gguf"}
SAME = {"model", "text", "finish_reason", "seed", "prompt_tokens", "answer_tokens", "context_used", "context", "stop", "logprobs"}


class ServerTest(unittest.TestCase):
    def run_verb(self, server, *arguments, expect=0, text=""):
        environment = {**server.environment, "TERM": "xterm", "NO_COLOR": "1"}
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=text, text=True, capture_output=True, env=environment,
                              timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, expect, f"{arguments}\nstdout: {done.stdout}\nstderr: {done.stderr}\nserver: {server.stderr}")
        return done

    def answer(self, server, *arguments, **options):
        return json.loads(self.run_verb(server, "run", MODEL, *arguments, "--json", **options).stdout)

    def start(self, server):
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server


class SameAnswerTest(ServerTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--sessions", 2, library={**LIBRARY, COMPLETES: "gemma3-270m.gguf"})
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def both(self, *arguments):
        there, here = self.answer(self.server, *arguments), self.answer(self.server, *arguments, "--local")
        self.assertEqual((there["in_server"], here["in_server"]), (True, False))
        return there, here

    def test_answers_are_the_same_to_the_bit(self):
        for options in (["--temp", "0"],
                        ["--temp", "1.3", "--seed", 2**64 - 1, "--top-k", "0", "--top-p", "0.93", "--min-p", "0.013"],
                        ["--seed", "7", "--repeat-penalty", "1.17", "--presence-penalty", "0.3", "--frequency-penalty", "-0.1",
                         "--repeat-last-n", "-1", "--samplers", "temperature,penalties,top_p"],
                        ["--temp", "0", "--logprobs", "3", "--ignore-stop"],
                        ["--temp", "0", "--stop", "e", "--stop", "never"],
                        ["--temp", "0", "--logit-bias", "1234=900", "--logit-bias", "28=-inf", "--logprobs", "1"],
                        ["--temp", "0", "--system", "You are a pirate."]):
            there, here = self.both("What is a hearth?", "--max-tokens", "24", *options)
            for key in SAME if "--seed" in options else SAME - {"seed"}:  # at random else, and without effect
                self.assertEqual(there.get(key), here.get(key), (options, key))

    def test_a_model_without_chat_template_continues_the_text(self):
        options = ["run", COMPLETES, "The capital of France is", "--temp", "0", "--max-tokens", "6", "--json"]
        there, here = (json.loads(self.run_verb(self.server, *options, *more).stdout) for more in ([], ["--local"]))
        self.assertEqual((there["in_server"], here["in_server"]), (True, False))
        for key in SAME - {"seed", "context"}:  # each reduces the context to the memory that it finds
            self.assertEqual(there.get(key), here.get(key), key)

    def test_plain_text_is_streamed_and_followed_by_figures(self):
        options = ["run", MODEL, "Count to ten.", "--temp", "0", "--max-tokens", "20"]
        there, here = self.run_verb(self.server, *options), self.run_verb(self.server, *options, "--local")
        self.assertEqual(there.stdout, here.stdout)
        self.assertRegex(there.stderr, r"^\[20 tokens, [\d.]+ tokens/s, context \d+ of \d+; ended at the token limit\]\n$")
        verbose = self.run_verb(self.server, *options, "--verbose").stderr
        self.assertIn("in the running server", verbose)
        self.assertRegex(verbose, r"already there")
        self.assertEqual(self.run_verb(self.server, *options, "--quiet").stderr, "")

    def test_what_a_server_decides_for_itself_is_done_here(self):
        for options in (["--raw"], ["--threads", "1"], ["--isa", "ref"], ["--ctx", "256"], ["--kv", "int8"], ["--draft", "off"], ["--local"]):
            self.assertFalse(self.answer(self.server, "Hi", "--max-tokens", "2", *options)["in_server"], options)
        path = self.run_verb(self.server, "run", model_path(), "Hi", "--max-tokens", "2", "--json")
        self.assertFalse(json.loads(path.stdout)["in_server"])

    def test_errors_are_those_of_the_verb(self):
        for options, code in ((["word " * 9000], 1), (["Hi", "--logit-bias", "99999999=1"], 2)):
            there = self.run_verb(self.server, "run", MODEL, *options, expect=code)
            here = self.run_verb(self.server, "run", MODEL, *options, "--local", expect=code)
            self.assertEqual(there.stderr, here.stderr)
            self.assertEqual(there.stdout, "")

    def test_ctrl_c_ends_the_answer_in_the_server_too(self):
        with subprocess.Popen([PROGRAM, "run", MODEL, "Count to a thousand.", "--ignore-stop"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.server.environment) as running:
            self.assertTrue(running.stdout.read(1))
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 130)
        self.assertIn(b"stopped", errors)
        deadline = time.monotonic() + 30
        while "client went away" not in self.server.stderr and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIn("client went away", self.server.stderr)

    def test_ps_and_stop_find_it(self):
        self.answer(self.server, "Hi", "--max-tokens", "1")
        environment = {name: value for name, value in self.server.environment.items() if name not in ("HEARTH_HOST", "OLLAMA_HOST")}
        ask = lambda *verb: subprocess.run([PROGRAM, *verb], env=environment, capture_output=True, text=True, check=True).stdout
        names = lambda: [model["name"] for model in json.loads(ask("ps", "--json"))]
        self.assertIn(MODEL + ":latest", names())
        ask("stop", MODEL)
        self.assertNotIn(MODEL + ":latest", names())

    def test_a_chat(self):
        environment = {**self.server.environment, "TERM": "xterm", "NO_COLOR": "1"}
        figures = r"\[(\d+) tokens?, .*?context (\d+) of (\d+).*?\]"
        # --ignore-stop: the long story must not have ended by itself when it is to be stopped.
        with Terminal([PROGRAM, "run", MODEL, "--temp", "0", "--max-tokens", "8", "--ignore-stop"], environment) as chat:
            def command(text, pattern):
                chat.send(text + "\r")
                found = chat.wait_for(pattern)
                chat.wait_for(">>> ")
                return found

            self.assertIn("in the running server", chat.wait_for(r"/\? for help"))
            chat.wait_for(">>> ")
            command("My name is Ada.", figures)
            command("/set system You are brief.", "system prompt is set")
            command("/set parameter temperature 0.5", "temperature is 0.5")
            command("What is my name?", figures)
            command("/show info", r"messages +4\r\n.*in the running server")
            command("/show template", "im_start")
            command("/set verbose", "figures")
            command("And now?", r"already there.*seed +\d+")
            command("/set parameter num_predict -1", "-1")
            chat.send("Tell me a very long story.\r")
            chat.wait_for(r"story\.\r\n.{20}")
            chat.send("\x03")
            chat.wait_for(r"ended by +cancelled")
            chat.wait_for(">>> ")
            command("/set parameter num_predict 4", "4")
            command("/set parameter num_ctx 300", "num_ctx is 300")  # a wish of its own: here from now on
            command("/show info", "in this process")
            chat.send("/bye\r")
            self.assertEqual(chat.exit_code(), 0)


class LifeTest(ServerTest):
    def test_the_socket_belongs_to_its_user_and_goes_with_the_server(self):
        server = self.start(Server(library=LIBRARY))
        path = server.home / "server.sock"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertTrue(stat.S_ISSOCK(path.stat().st_mode))
        second = subprocess.Popen(server.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  text=True, env=server.environment)
        line = ""
        while "will not use this server" not in line:
            line = second.stderr.readline()
            self.assertTrue(line, "the second server ended")
        second.send_signal(signal.SIGTERM)
        second.communicate(timeout=60)
        self.assertEqual(second.returncode, 0)
        self.assertTrue(path.exists(), "the second one took the socket of the first with it")
        self.assertTrue(self.answer(server, "Hi", "--max-tokens", "1")["in_server"])
        self.assertEqual(server.stop(), 0)
        self.assertFalse(path.exists())
        self.assertFalse(self.answer(server, "Hi", "--max-tokens", "1")["in_server"])

    def test_a_socket_that_a_crash_left_is_replaced(self):
        server = self.start(Server(library=LIBRARY))
        server.process.kill()
        server.process.wait()
        self.assertTrue((server.home / "server.sock").exists())
        self.assertFalse(self.answer(server, "Hi", "--max-tokens", "1")["in_server"])
        again = Server(library=LIBRARY)
        again.environment = server.environment
        self.start(again)
        self.assertTrue(self.answer(server, "Hi", "--max-tokens", "1")["in_server"])

    def test_a_server_that_goes_away_in_the_middle_is_an_error(self):
        server = self.start(Server(library=LIBRARY))
        with subprocess.Popen([PROGRAM, "run", MODEL, "Count to a thousand.", "--ignore-stop"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=server.environment) as running:
            self.assertTrue(running.stdout.read(1))
            server.process.kill()
            _, errors = running.communicate(timeout=30)
        self.assertEqual(running.returncode, 1)
        self.assertIn(b"went away in the middle", errors)

    def test_a_chat_outlives_its_server(self):
        server = self.start(Server(library=LIBRARY))
        with Terminal([PROGRAM, "run", MODEL, "--temp", "0", "--max-tokens", "4"], {**server.environment, "TERM": "xterm"}) as chat:
            chat.wait_for(">>> ")
            chat.send("Hello.\r")
            chat.wait_for(r"context \d+ of \d+")
            chat.wait_for(">>> ")
            server.process.kill()
            server.process.wait()
            chat.send("Hello again.\r")
            chat.wait_for("going on in this process")
            chat.wait_for(r"context \d+ of \d+")
            chat.wait_for(">>> ")
            chat.send("/bye\r")
            self.assertEqual(chat.exit_code(), 0)

    def test_behind_an_air_gap(self):
        server = self.start(Server("--airgap", library=LIBRARY))
        self.assertTrue(self.answer(server, "Hi", "--max-tokens", "1")["in_server"])

    def test_other_context_memory_is_not_used(self):
        server = self.start(Server("--kv", "int8", library=LIBRARY))
        done = self.run_verb(server, "run", MODEL, "Hi", "--max-tokens", "1")
        self.assertIn("keeps its context as int8", done.stderr)
        self.assertTrue(self.answer(server, "Hi", "--max-tokens", "1", "--kv", "int8")["in_server"])

    def test_a_home_whose_path_is_too_long_is_told(self):
        server = self.start(Server(library=LIBRARY, home="h" * 110))
        deadline = time.monotonic() + 30
        while "shorter HEARTH_HOME" not in server.stderr and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIn("shorter HEARTH_HOME", server.stderr)
        done = self.run_verb(server, "run", MODEL, "Hi", "--max-tokens", "1", "--json")
        self.assertFalse(json.loads(done.stdout)["in_server"])
        self.assertEqual(done.stderr, "")

    def test_a_folder_that_everybody_may_write_to_is_not_trusted(self):
        server = Server(library=LIBRARY)
        os.chmod(server.home, 0o777)
        self.start(server)
        deadline = time.monotonic() + 30
        while "chmod o-w" not in server.stderr and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertIn("chmod o-w", server.stderr)
        self.assertFalse((server.home / "server.sock").exists())


if __name__ == "__main__":
    unittest.main()
