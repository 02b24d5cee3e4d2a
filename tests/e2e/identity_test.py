#!/usr/bin/env python3
"""The same request has the same answer, to the last bit of every log-probability, whatever else the server does: alone or among
many, streamed or whole, with the beginning of its prompt computed or remembered, beside clients that go away.

HEARTH_IDENTITY=full runs every number of sessions with and without a prefix cache; otherwise a part of them."""

import asyncio
import os
import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "load")]
import clients
import scenarios
from http_client import Connection, post
from server import Server

PROMPTS = 32
ANSWER_TOKENS = 12
SHARED = clients.words(120, 1)  # several prompts begin with it
WORDS = (1, 3, 8, 20, 50, 100, 200)


def prompt(number):
    """Short ones, long ones, and some that begin alike."""
    text = clients.words(WORDS[number % len(WORDS)], 1000 + number)
    return f"{SHARED} {text}" if number % 3 == 0 else text


def request(number):
    """(path, body): greedy or seeded, on three routes that tell log-probabilities."""
    sampling = {"temperature": 0} if number % 2 == 0 else {"temperature": 0.9, "top_p": 0.95, "seed": number}
    if number % 5 == 0:
        return "/v1/chat/completions", {"messages": [{"role": "user", "content": prompt(number)}], "max_tokens": ANSWER_TOKENS,
                                        "logprobs": True, "top_logprobs": 3, **sampling}
    if number % 5 < 3:
        return "/v1/completions", {"prompt": prompt(number), "max_tokens": ANSWER_TOKENS, "logprobs": 3, **sampling}
    return "/completion", {"prompt": prompt(number), "n_predict": ANSWER_TOKENS, "n_probs": 3, "ignore_eos": True, **sampling}


def part_of(path, data):
    """(text, [what is told of each token]) of a whole answer or of one event."""
    if path == "/completion":
        return data["content"], data.get("completion_probabilities", [])
    if not data["choices"]:
        return "", []
    choice = data["choices"][0]
    told = choice.get("logprobs") or {}
    if path == "/v1/chat/completions":
        return choice.get("delta", choice.get("message")).get("content") or "", told.get("content") or []
    return choice["text"], list(zip(told["tokens"], told["token_logprobs"], told["top_logprobs"])) if told else []


def parts(path, answer, streamed):
    if not streamed:
        return part_of(path, answer.json)
    text, told = "", []
    for _, event in answer.events():
        if event is not None and not (path == "/completion" and event["stop"]):
            more, tokens = part_of(path, event)
            text, told = text + more, told + tokens
    return text, told


class IdentityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with cls.server(1, "0") as server:
            cls.expected = asyncio.run(cls.alone(server.address))

    @staticmethod
    def server(sessions, cache):
        return Server("--ctx", 2048, "--sessions", sessions, "--prefix-cache", cache)

    @staticmethod
    async def alone(address):
        connection = Connection(address)
        answers = []
        for number in range(PROMPTS):
            path, body = request(number)
            answers.append(parts(path, await connection.ask("POST", path, body), False))
        connection.close()
        return answers

    def test_answers_alone_are_whole(self):
        for number, (text, told) in enumerate(self.expected):
            self.assertTrue(text or not told, number)
            if request(number)[0] == "/completion":
                self.assertEqual(len(told), ANSWER_TOKENS, number)
        self.assertGreater(len({text for text, _ in self.expected}), PROMPTS * 3 // 4)

    async def ask_together(self, address, round_number, leavers):
        order = list(range(PROMPTS))
        random.Random(round_number).shuffle(order)

        async def one(place, number):
            path, body = request(number)
            streamed = (place + round_number) % 2 == 0
            answer = await post(address, path, {**body, "stream": streamed}, keep_pieces=True)
            self.assertEqual((answer.broken, answer.status), ("", 200), (number, answer.body[:200]))
            text, told = parts(path, answer, streamed)
            self.assertEqual(text, self.expected[number][0], f"text of request {number}, streamed: {streamed}")
            self.assertEqual(told, self.expected[number][1], f"log-probabilities of request {number}, streamed: {streamed}")

        away = [scenarios.cancel_one(address, number) for number in range(leavers)]
        await asyncio.gather(*(one(place, number) for place, number in enumerate(order)), *away)

    def check(self, sessions, cache, rounds=1, leavers=2):
        with self.subTest(sessions=sessions, cache=cache), self.server(sessions, cache) as server:
            for round_number in range(rounds):
                asyncio.run(self.ask_together(server.address, round_number, leavers))

    def test_many_sessions_and_a_cache(self):
        self.check(32, "64MiB")

    def test_few_sessions_and_what_the_last_round_left(self):
        self.check(8, "64MiB", rounds=2)

    def test_few_sessions_and_no_cache(self):
        self.check(8, "0")

    @unittest.skipUnless(os.environ.get("HEARTH_IDENTITY") == "full", "every number of sessions: HEARTH_IDENTITY=full")
    def test_every_number_of_sessions(self):
        for sessions in (1, 2, 8, 32):
            for cache in ("0", "16MiB", "256MiB"):
                self.check(sessions, cache, rounds=2, leavers=16)


if __name__ == "__main__":
    unittest.main()
