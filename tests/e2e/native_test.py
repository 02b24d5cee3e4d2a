#!/usr/bin/env python3
"""What llama-server's clients ask for beside plain completions: the rarer samplers, limits by time and indentation, slots, many
prompts at once; and conversations whose turns do not alternate."""

import pathlib
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from program import ROOT
from server import Server

sys.path.insert(0, str(ROOT / "bench"))
import shaped_models  # noqa: E402

STORY = {"prompt": "Once upon a time there was a cat. The cat", "n_predict": 40, "temperature": 0}
TURNS = ("{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
         "{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}"
         "[{{ message['role'] }}]{{ message['content'] }}{% endfor %}[assistant]")


class NativeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ctx", 1024, "--sessions", 4, "--queue", 20)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def post(self, path, body, status=200):
        answer = self.server.post(path, body)
        self.assertEqual(answer.status, status, answer.text)
        return answer

    def complete(self, **more):
        return self.post("/completion", {**STORY, **more}).json

    def test_samplers_act_and_repeat(self):
        warm = {"temperature": 1.0, "seed": 11}
        plain = self.complete(**warm)["content"]
        for name, more in {"typical": {"typical_p": 0.2}, "sigma": {"top_n_sigma": 0.2}, "xtc": {"xtc_probability": 1, "xtc_threshold": 0.02},
                           "dynamic": {"dynatemp_range": 0.9}, "mirostat": {"mirostat": 1, "mirostat_tau": 1},
                           "mirostat 2": {"mirostat": 2, "mirostat_tau": 1}, "dry": {"dry_multiplier": 5, "dry_allowed_length": 1}}.items():
            with self.subTest(name):
                first = self.complete(**warm, **more)
                self.assertNotEqual(first["content"], plain)
                self.assertEqual(first["content"], self.complete(**warm, **more)["content"])
                self.assertEqual(first["content"], self.complete(**warm, **more, cache_prompt=False)["content"])
                for key, value in more.items():
                    self.assertAlmostEqual(first["generation_settings"][key], value, places=6)

    def test_ollama_has_them_too(self):
        options = {"temperature": 1.0, "seed": 11, "num_predict": 20}
        ask = lambda **more: self.post("/api/generate", {"prompt": STORY["prompt"], "raw": True, "stream": False,
                                                         "options": {**options, **more}}).json["response"]
        self.assertNotEqual(ask(), ask(typical_p=0.1))
        self.assertNotEqual(ask(), ask(mirostat=2, mirostat_tau=0.5))

    def test_dry_ends_a_repetition(self):
        loop = {"prompt": "a b c d e f g a b c d e f g a b c d e f g a b c", "n_predict": 12, "temperature": 0}
        repeated = self.post("/completion", loop).json["content"]
        self.assertIn("d e f g", repeated)
        freed = self.post("/completion", {**loop, "dry_multiplier": 20, "dry_base": 2, "dry_penalty_last_n": -1}).json["content"]
        self.assertNotIn("d e f g", freed)
        broken = self.post("/completion", {**loop, "dry_multiplier": 20, "dry_base": 2, "dry_penalty_last_n": -1,
                                           "dry_sequence_breakers": [" "]}).json["content"]
        self.assertEqual(broken, repeated)

    def test_order_by_names_and_letters(self):
        for given, expected in ((["temp", "top-k", "typical_p", "nosuch", "top_k"], ["temperature", "top_k", "typ_p"]), ("edskypmxt", [
                "penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"])):
            settings = self.complete(n_predict=0, samplers=given)["generation_settings"]
            self.assertEqual(settings["samplers"], expected)

    def test_ends_by_indentation(self):
        code = {"prompt": "def first():\n    return 1\n\ndef second():\n    return 2\n\ndef third():\n    x", "n_predict": 60, "temperature": 0}
        free = self.post("/completion", code).json["content"]
        lines = free.split("\n")
        self.assertTrue(any(line[:4].strip() or not line for line in lines[1:]), free)  # else there is nothing to end
        limited = self.post("/completion", {**code, "n_indent": 4}).json
        self.assertEqual(limited["stop_type"], "limit")
        self.assertTrue(free.startswith(limited["content"].rstrip(" ")), limited["content"])
        self.assertTrue(all(line.startswith("    ") for line in limited["content"].split("\n")[1:-1]))
        self.assertLess(len(limited["content"]), len(free))

    def test_ends_by_time_at_a_line(self):
        body = {"prompt": "1\n2\n3\n4\n5\n", "n_predict": 500, "temperature": 0, "ignore_eos": True, "t_max_predict_ms": 1}
        answer = self.post("/completion", body).json
        self.assertEqual(answer["stop_type"], "limit")
        self.assertLess(answer["tokens_predicted"], 100)
        self.assertTrue(answer["content"].endswith("\n"), answer["content"])

    def test_tokens_that_end_it_and_do_not(self):
        whole = self.complete(return_tokens=True)
        third = whole["tokens"][3]
        ended = self.complete(return_tokens=True, stop_token_ids=[third])
        self.assertEqual(ended["tokens"], whole["tokens"][:whole["tokens"].index(third)])
        later = self.complete(return_tokens=True, stop_token_ids=[third], min_tokens=10)
        self.assertGreaterEqual(len(later["tokens"]), 10)
        self.assertNotIn(third, later["tokens"])
        self.post("/completion", {**STORY, "stop_token_ids": [10**8]}, 400)

    def test_slots_tell_of_work_and_no_text(self):
        self.complete(n_predict=1)
        idle = self.server.get("/slots").json
        self.assertEqual([slot["id"] for slot in idle], [0, 1, 2, 3])
        self.assertFalse(any(slot["is_processing"] for slot in idle))
        self.assertEqual({slot["n_ctx"] for slot in idle}, {1024})
        thread = threading.Thread(target=self.complete, kwargs={"n_predict": 400, "ignore_eos": True, "stop": ["secret words"], "top_k": 7})
        thread.start()
        busy = []
        while thread.is_alive() and not busy:
            answer = self.server.get("/slots")
            busy = [slot for slot in answer.json if slot["is_processing"] and slot["next_token"]["n_decoded"] > 0]
            time.sleep(0.01)
        self.assertEqual(len(busy), 1)
        self.assertEqual(busy[0]["params"]["top_k"], 7)
        self.assertGreater(busy[0]["id_task"], 0)
        self.assertEqual(busy[0]["next_token"]["n_remain"] + busy[0]["next_token"]["n_decoded"], 400)
        self.assertNotIn("secret", answer.text)
        self.assertNotIn("upon", answer.text)
        thread.join()
        self.assertEqual(self.server.get("/slots?model=absent").status, 404)

    def test_no_slot_is_503_on_request(self):
        threads = [threading.Thread(target=self.complete, kwargs={"n_predict": 300, "ignore_eos": True}) for _ in range(4)]
        for thread in threads:
            thread.start()
        statuses = set()
        while any(thread.is_alive() for thread in threads):
            statuses.add(self.server.get("/slots?fail_on_no_slot=1").status)
            time.sleep(0.01)
        self.assertIn(503, statuses)
        self.assertEqual(self.server.get("/slots?fail_on_no_slot=1").status, 200)

    def test_more_answers_than_the_queue_holds(self):
        choices = self.post("/v1/completions", {"prompt": ["a", "b", "c", "d"] * 3, "n": 16, "max_tokens": 1, "temperature": 1.0,
                                                "seed": 3}).json["choices"]
        self.assertEqual([choice["index"] for choice in choices], list(range(12 * 16)))
        texts = [choice["text"] for choice in choices]
        self.assertEqual(texts[:64], texts[64:128])  # the same prompts, choices and seed
        self.assertGreater(len(set(texts)), 4)


class TurnsTest(unittest.TestCase):
    """A template that raises an exception unless user and assistant take turns."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "turns.gguf"
        shape = shaped_models.Shape("tiny", layers=1, hidden=256, inner=256, heads=4, kv_heads=1, head=64, tied=True, rope_factor=8.0,
                                    vocabulary=600)
        shaped_models.write(path, shape, "q4_0", more={"tokenizer.chat_template": TURNS})
        cls.server = Server("--ctx", 512, model=path)
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)

    def rendered(self, *messages):
        return self.server.post("/apply-template", {"messages": [{"role": role, "content": text} for role, text in messages]})

    def test_messages_in_a_row_become_one(self):
        self.assertEqual(self.rendered(("user", "a"), ("assistant", "b"), ("user", "c")).json["prompt"], "[user]a[assistant]b[user]c[assistant]")
        self.assertEqual(self.rendered(("user", "a"), ("user", "b"), ("assistant", "c"), ("assistant", "d"), ("user", "e")).json["prompt"],
                         "[user]a\n\nb[assistant]c\n\nd[user]e[assistant]")
        for path, more in (("/v1/chat/completions", {"max_tokens": 2}), ("/api/chat", {"stream": False, "options": {"num_predict": 2}}),
                           ("/v1/messages", {"max_tokens": 2})):
            body = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], **more}
            self.assertEqual(self.server.post(path, body).status, 200)

    def test_what_cannot_be_joined_is_refused_in_the_templates_words(self):
        answer = self.rendered(("assistant", "a"), ("user", "b"))
        self.assertEqual(answer.status, 400)
        self.assertIn("Conversation roles must alternate user/assistant", answer.json["error"]["message"])
        self.assertEqual(answer.json["error"]["type"], "invalid_request_error")


if __name__ == "__main__":
    unittest.main(verbosity=2)
