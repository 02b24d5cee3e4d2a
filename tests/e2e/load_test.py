#!/usr/bin/env python3
"""The server under load, in short: nobody is left without an answer, nothing is lost, whoever is slow or goes away harms nobody.
tests/load/load.py has the same in full, with times judged."""

import asyncio
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "load")]
import scenarios
from server import Server


class LoadTest(unittest.TestCase):
    def check(self, outcome):
        figures, flaws = outcome
        self.assertEqual(flaws, [], figures)
        return figures

    def test_many_clients_are_answered_or_refused(self):
        with Server("--ctx", 2048, "--sessions", 4, "--queue", 8, "--prefix-cache", "16MiB") as server:
            figures = self.check(asyncio.run(scenarios.many_clients(server.address, seconds=3, count=24)))
            self.assertLessEqual(set(figures["answers"]), {"200", "503", "429"})
            self.assertGreater(figures["answers"]["200"], 8)

    def test_slow_clients_and_streams_that_nobody_reads(self):
        with Server("--ctx", 1024, "--sessions", 4) as server:
            figures = self.check(asyncio.run(scenarios.slow_clients(server.address, 20, 20, 4, seconds=1, rounds=1)))
            self.assertGreater(figures["beside_tokens_s"], 0)

    def test_clients_that_go_away_leave_nothing(self):
        for cache in ("0", "16MiB"):
            with Server("--ctx", 2048, "--sessions", 4, "--prefix-cache", cache) as server:
                self.check(asyncio.run(scenarios.cancels(server.address, 24)))

    def test_a_long_beginning_outlives_short_prompts_of_others(self):
        # The short prompts together are larger than the cache; the long beginning is a third of it.
        with Server("--ctx", 4096, "--sessions", 4, "--prefix-cache", "64MiB") as server:
            first, *shares = asyncio.run(scenarios.long_beginning(server.address, 600, 150, side_calls=4, rounds=6))
            self.assertLess(first, 0.1)
            self.assertGreater(min(shares), 0.98)

    def test_a_server_that_is_told_to_stop_ends_its_answers(self):
        with Server("--ctx", 512, "--sessions", 4) as server:
            self.check(asyncio.run(scenarios.drain(server, 6, tokens=60)))


if __name__ == "__main__":
    unittest.main()
