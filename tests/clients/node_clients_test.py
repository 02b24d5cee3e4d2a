"""The clients of npm, unmodified, against the server: each program of node/ asks the same question in its client's ways and
tells what it got."""

import json
import pathlib
import struct
import tempfile
import unittest

from environment import GREEDY_TOKENS, PROMPT, modules, run_node, run_program, server
from python_clients_test import expected_text, expected_vectors


class NodeClientsTest(unittest.TestCase):
    def assert_texts(self, told, *names):
        for name in names:
            self.assertEqual(told[name], expected_text(), name)

    def assert_vectors(self, told, *names):
        """Some clients hand float32 on, which JSON may write with fewer digits."""
        for name in names:
            self.assertEqual(len(told[name]), len(expected_vectors()), name)
            for got, expected in zip(told[name], expected_vectors()):
                self.assertEqual(struct.pack(f"<{len(got)}f", *got), struct.pack(f"<{len(expected)}f", *expected), name)

    def assert_error(self, error, status, part):
        self.assertNotIn("wrong", error)
        self.assertEqual(error["status"], status)
        self.assertIn(part, error["message"])

    def test_openai(self):
        told = run_program("openai")
        self.assert_texts(told, "chat", "chatStreamed", "chatHelper", "responses", "responsesStreamed", "retrieved")
        self.assert_vectors(told, "embedded", "embeddedPlain")
        self.assertEqual([usage["completion_tokens"] for usage in told["usage"]], [GREEDY_TOKENS] * 2)
        deltas = told["events"].count("response.output_text.delta")
        self.assertEqual(told["events"], ["response.created", "response.in_progress", "response.output_item.added",
                                          "response.content_part.added", *["response.output_text.delta"] * deltas,
                                          "response.output_text.done", "response.content_part.done", "response.output_item.done",
                                          "response.incomplete"])
        self.assertTrue(told["nextInput"])
        self.assertIn(server().model, told["models"])
        self.assert_error(told["unknown"], 404, server().model)
        self.assert_error(told["range"], 400, "temperature")
        self.assert_error(told["tools"], 400, "tools")
        self.assert_error(told["gone"], 404, "no response")

    def test_anthropic(self):
        told = run_program("anthropic")
        self.assert_texts(told, "chat", "chatStreamed", "beta")
        self.assertEqual(told["stopReasons"], ["max_tokens"] * 2)
        self.assertEqual([usage["output_tokens"] for usage in told["usage"]], [GREEDY_TOKENS] * 2)
        for usage in told["usage"]:
            self.assertEqual(usage["input_tokens"] + usage["cache_read_input_tokens"], told["counted"])
        deltas = told["events"].count("content_block_delta")
        self.assertEqual(told["events"], ["message_start", "content_block_start", *["content_block_delta"] * deltas,
                                          "content_block_stop", "message_delta", "message_stop"])
        self.assertIn(server().model, told["models"])
        self.assert_error(told["unknown"], 404, server().model)
        self.assert_error(told["range"], 400, "temperature")
        self.assert_error(told["tools"], 400, "tools")

    def test_ollama(self):
        told = run_program("ollama")
        self.assert_texts(told, "chat", "chatStreamed", "generated")
        self.assert_vectors(told, "embedded")
        self.assertEqual(len(told["embeddedOld"]), len(expected_vectors()[0]))
        self.assertEqual(told["doneReasons"], ["length"] * 2)
        self.assertEqual(told["evalCounts"], [GREEDY_TOKENS] * 2)
        for names in ("models", "running"):
            self.assertTrue(any(name.startswith(server().model) for name in told[names]), told[names])
        self.assertIn("completion", told["capabilities"])
        self.assert_error(told["unknown"], 404, server().model)
        self.assert_error(told["range"], 400, "temperature")

    def test_ai_sdk(self):
        told = run_program("ai")
        self.assert_texts(told, "chat", "chatStreamed")
        self.assert_vectors(told, "embedded")
        self.assertGreater(told["embeddedTokens"], 0)
        self.assertEqual(told["finishReasons"], ["length"] * 2)
        self.assertEqual(told["outputTokens"], [GREEDY_TOKENS] * 2)
        self.assert_error(told["unknown"], 404, server().model)

    def test_langchain(self):
        told = run_program("langchain")
        self.assert_texts(told, "chat", "chatStreamed")
        self.assert_vectors(told, "embedded")
        self.assertEqual(told["query"], told["embedded"][0])
        self.assertEqual(told["outputTokens"], GREEDY_TOKENS)

    def test_continue(self):
        """cn -p, without tools; it writes a prompt of its own, so the text is known only to be the same each time."""
        program = modules() / "node_modules" / "@continuedev" / "cli" / "dist" / "cn.js"
        with tempfile.TemporaryDirectory() as folder:
            def ask(model):
                config = pathlib.Path(folder) / f"{model}.yaml"
                config.write_text(json.dumps({
                    "name": "test", "version": "1.0.0", "schema": "v1",
                    "models": [{"name": "model", "provider": "openai", "model": model, "apiBase": server().url + "/v1",
                                "apiKey": "any", "roles": ["chat"],
                                "defaultCompletionOptions": {"temperature": 0, "maxTokens": GREEDY_TOKENS}}]}))
                return run_node([program, "-p", "--config", config, "--exclude", "*", PROMPT], cwd=folder)

            first, second = ask(server().model), ask(server().model)
            self.assertEqual(first.returncode, 0, first.stderr)
            self.assertTrue(first.stdout.strip())
            self.assertEqual(first.stdout, second.stdout)
            absent = ask("absent")
            self.assertNotEqual(absent.returncode, 0)
            self.assertIn(server().model, absent.stdout + absent.stderr)


if __name__ == "__main__":
    unittest.main()
