#!/usr/bin/env python3
"""`hearth run` without a terminal: one answer, its JSON, its errors."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

from program import PROGRAM, TIMEOUT_SECONDS, ProgramTest, Terminal, model_path


class RunTest(ProgramTest):
    def test_only_the_answer_is_on_stdout(self):
        done = self.run_model("The capital of France is", "--raw", "--temp", "0", "--max-tokens", "12")
        self.assertTrue(done.stdout.startswith(" Paris"), done.stdout)
        self.assertTrue(done.stdout.endswith("\n"))
        self.assertNotIn("tokens/s", done.stdout)
        self.assertNotIn("<|im_end|>", done.stdout)
        self.assertRegex(done.stderr, r"\d+ tokens, [\d.]+ tokens/s, context \d+ of \d+")
        quiet = self.run_model("The capital of France is", "--raw", "--temp", "0", "--max-tokens", "12", "--quiet")
        self.assertEqual(quiet.stdout, done.stdout)
        self.assertEqual(quiet.stderr, "")

    def test_answers_have_the_form_that_was_asked_for(self):
        hot = ["--temp", "1.8", "--max-tokens", "120"]
        self.assertIn(self.run_model("Is fire hot?", "--choice", "yes,no,perhaps", *hot).stdout.strip(), ("yes", "no", "perhaps"))
        schema = self.folder / "schema.json"
        schema.write_text('{"type": "object", "properties": {"name": {"enum": ["Ada", "Bo"]}, "age": {"type": "integer", '
                          '"minimum": 0, "maximum": 130}}, "required": ["name", "age"]}')
        answer = json.loads(self.run_model("Make up a person.", "--schema", schema, *hot).stdout)
        self.assertIn(answer["name"], ("Ada", "Bo"))
        self.assertTrue(0 <= answer["age"] <= 130)
        grammar = self.folder / "list.gbnf"
        grammar.write_text('root ::= ("- " [a-z]{3,9} "\\n"){2,3}')
        self.assertRegex(self.run_model("List things.", "--grammar", grammar, *hot).stdout, r"\A(- [a-z]{3,9}\n){2,3}\Z")
        grammar.write_text("root ::= nothing")
        failed = self.run_model("List things.", "--grammar", grammar, expect=2)
        self.assertIn("nothing", failed.stderr)

    def test_a_seed_decides(self):
        def answer(*options):
            return self.run_model("Tell me a story.", "--temp", "1.2", "--max-tokens", "25", *options).stdout

        first = answer("--seed", "5")
        self.assertEqual(answer("--seed", "5"), first)
        self.assertEqual(answer("--seed", "5", "--threads", "1"), first)
        self.assertNotEqual(answer("--seed", "6"), first)

    def test_a_random_seed_is_told_and_repeats(self):
        options = ["Tell me a story.", "--temp", "1.2", "--max-tokens", "20", "--json"]
        first = json.loads(self.run_model(*options).stdout)
        again = json.loads(self.run_model(*options, "--seed", first["seed"]).stdout)
        self.assertEqual(again["text"], first["text"])

    def test_standard_input_is_appended(self):
        options = ["--raw", "--temp", "0", "--max-tokens", "8", "--json"]
        both = json.loads(self.run_model("Numbers:", *options, text="one, two, three,\n").stdout)
        whole = json.loads(self.run_model("Numbers:\n\none, two, three,\n", *options).stdout)
        only = json.loads(self.run_model(*options, text="Numbers:\n\none, two, three,\n").stdout)
        self.assertEqual(both["text"], whole["text"])
        self.assertEqual(both["prompt_tokens"], whole["prompt_tokens"])
        self.assertEqual(only["text"], whole["text"])

    def test_json(self):
        done = self.run_model("Hi", "--temp", "0", "--max-tokens", "5", "--json", "--logprobs", "2", "--ctx", "256")
        answer = json.loads(done.stdout)
        self.assertEqual(done.stderr, "")
        for key in ("model", "text", "finish_reason", "seed", "prompt_tokens", "answer_tokens", "context_used", "context",
                    "load_ms", "prompt_ms", "answer_ms", "prompt_tokens_per_second", "tokens_per_second"):
            self.assertIn(key, answer)
        self.assertEqual(answer["finish_reason"], "length")
        self.assertEqual(answer["answer_tokens"], 5)
        self.assertEqual(answer["context"], 256)
        self.assertEqual(len(answer["logprobs"]), 5)
        for token in answer["logprobs"]:
            self.assertEqual(len(token["alternatives"]), 2)
            self.assertEqual(token["alternatives"][0]["id"], token["id"])
        self.assertEqual("".join(token["token"] for token in answer["logprobs"]), answer["text"])

    def test_guessing_ahead_changes_nothing_but_the_steps(self):
        options = ["red green blue yellow, " * 6 + "red green", "--raw", "--temp", "0", "--max-tokens", "40", "--ignore-stop", "--json",
                   "--logprobs", "2"]
        plain = json.loads(self.run_model(*options, "--draft", "off").stdout)
        self.assertEqual((plain["drafted_tokens"], plain["accepted_tokens"], plain["steps"]), (0, 0, 39))
        guessed = json.loads(self.run_model(*options).stdout)
        self.assertGreater(guessed["drafted_tokens"], 0)
        self.assertLessEqual(guessed["accepted_tokens"], guessed["drafted_tokens"])
        self.assertLess(guessed["steps"], 39)
        with_model = json.loads(self.run_model(*options, "--draft", model_path(), "--draft-depth", "3").stdout)
        for answer in (guessed, with_model):
            for key in ("text", "logprobs", "finish_reason", "context_used"):
                self.assertEqual(answer[key], plain[key])
        self.assertIn("vocabulary", self.run_model(*options, "--draft", model_path("qwen2.5-coder-0.5b.gguf"), expect=2).stderr)
        self.hearth("run", model_path(), "Hi", "--draft", self.folder / "absent.gguf", expect=1)

    def test_system_prompt_and_stop(self):
        plain = json.loads(self.run_model("Hi", "--temp", "0", "--max-tokens", "1", "--json").stdout)
        told = json.loads(self.run_model("Hi", "--system", "You are a pirate who says arr.", "--temp", "0",
                                         "--max-tokens", "1", "--json").stdout)
        self.assertNotEqual(plain["prompt_tokens"], told["prompt_tokens"])
        stopped = json.loads(self.run_model("Count: 1, 2, 3,", "--raw", "--temp", "0", "--max-tokens", "40", "--json",
                                            "--stop", "7").stdout)
        self.assertEqual(stopped["finish_reason"], "stop")
        self.assertEqual(stopped["stop"], "7")
        self.assertNotIn("7", stopped["text"])

    def test_a_long_prompt_is_an_error_with_ways_out(self):
        done = self.run_model("word " * 400, "--ctx", "128", expect=1)
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"the prompt has 4\d\d tokens and the context holds 128")
        self.assertIn("--ctx", done.stderr)

    def test_a_full_context_is_told(self):
        done = self.run_model("Once upon a time", "--raw", "--temp", "0", "--ctx", "64", "--ignore-stop", "--quiet", expect=1)
        self.assertGreater(len(done.stdout), 50)
        self.assertIn("the context of 64 tokens is full", done.stderr)

    def test_wrong_use(self):
        self.assertIn("temperature", self.run_model("Hi", "--temp", "-1", expect=2).stderr)
        self.assertIn("top_p", self.run_model("Hi", "--top-p", "1.5", expect=2).stderr)
        self.run_model("Hi", "--no-such-option", expect=2)
        self.assertIn("no prompt", self.run_model(expect=2).stderr)
        self.hearth("run", self.folder / "absent.gguf", "Hi", expect=1)
        text = self.folder / "text.gguf"
        text.write_text("This is no model.\n")
        self.assertIn(str(text), self.hearth("run", text, "Hi", expect=1).stderr)
        self.assertIn("sse9", self.run_model("Hi", "--isa", "sse9", expect=2).stderr)
        self.assertIn("logit-bias", self.run_model("Hi", "--logit-bias", "five=1", expect=2).stderr)
        self.assertIn("logit_bias", self.run_model("Hi", "--logit-bias", "99999999=1", expect=2).stderr)

    def test_logit_bias_bans_and_forces(self):
        def first(*options):
            answer = self.run_model("Hi", "--temp", "0", "--max-tokens", "1", "--json", "--logprobs", "1", *options)
            return json.loads(answer.stdout)["logprobs"][0]["id"]

        likeliest = first()
        self.assertNotEqual(first("--logit-bias", f"{likeliest}=-inf"), likeliest)
        self.assertEqual(first("--logit-bias", "1234=900"), 1234)

    def test_an_interrupt_ends_with_130(self):
        process = subprocess.Popen([PROGRAM, "run", model_path(), "Count to a thousand.", "--raw", "--ignore-stop"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment)
        first = os.read(process.stdout.fileno(), 1)
        self.assertTrue(first)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 130)
        self.assertIn(b"stopped", errors)

    def test_every_verb_has_help_with_examples(self):
        for verb in ("run", "plan", "tokenize", "logits", "perplexity", "bench"):
            self.assertIn("Examples:", self.hearth(verb, "--help").stdout)


class DamagedModelTest(ProgramTest):
    def copy_of_model(self):
        path = self.folder / "model.gguf"
        shutil.copyfile(model_path(), path)
        return path

    def test_a_file_cut_short_while_it_answers_is_an_error(self):
        path = self.copy_of_model()
        arguments = [PROGRAM, "run", path, "Count to a thousand.", "--raw", "--temp", "0", "--ignore-stop"]
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.environment) as running:
            self.assertTrue(running.stdout.read(1))
            os.truncate(path, path.stat().st_size // 2)
            _, errors = running.communicate(timeout=TIMEOUT_SECONDS)
        self.assertEqual(running.returncode, 1, errors)
        self.assertIn(str(path), errors.decode())
        self.assertIn("was cut short", errors.decode())

    def test_a_chat_outlives_the_loss_of_its_model(self):
        path = self.copy_of_model()
        with Terminal([PROGRAM, "run", str(path), "--temp", "0", "--max-tokens", "4"], self.environment) as terminal:
            terminal.wait_for(r"/\? for help")
            terminal.wait_for(">>> ")
            terminal.send("Hello\r")
            terminal.wait_for(r"context \d+ of \d+")
            terminal.wait_for(">>> ")
            os.truncate(path, 1000)
            terminal.send("Hello again\r")
            terminal.wait_for(r"was cut short")
            terminal.wait_for(">>> ")
            terminal.send("/bye\r")
            self.assertEqual(terminal.exit_code(), 0)


if __name__ == "__main__":
    unittest.main()
