#!/usr/bin/env python3
"""A server under load, judged: `load.py` runs every scenario against a server of its own; exit code 1 if a bar is missed.

  many    64 clients on 4 sessions: every request is answered, or refused with 429 or 503; no connection breaks; /health answers
          in 50 ms (99 of 100); memory stays flat
  slow    200 slow heads, 200 slow bodies and 50 streams that nobody reads cost the others less than 5 %
  cancels 1,000 clients go away: no session, page or model is lost, and nobody else's bytes change
  drain   SIGTERM: running answers end, exit code 0

Figures depend on what else the machine does: run it alone. Needs a model in the model cache (see HACKING.md).
"""

import argparse
import asyncio
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import scenarios
from server import Server
from watch import HealthProbe, MemoryWatch, status_of

SCENARIOS = ("many", "slow", "cancels", "drain")
HEALTH_P99_MS = 50
MOST_COST = 0.05
MOST_GROWTH_MB = 8      # of a mean over a third of the time; a leak of 1 KB for each request shows as more
SLOW_HEAD_SECONDS = 10 + 3
SLOW_BODY_SECONDS = 30 + 3
MOST_DESCRIPTORS_LEFT = 4


class Judge:
    def __init__(self):
        self.report, self.missed = {}, []

    def note(self, name, figures, flaws):
        self.report[name] = figures | {"flaws": flaws}
        print(f"{name}: {json.dumps(figures)}", flush=True)
        for flaw in flaws:
            self.miss(name, flaw)

    def miss(self, name, what):
        self.missed.append(f"{name}: {what}")
        print(f"  MISSED {name}: {what}", flush=True)

    def bar(self, name, what, value, limit):
        if not value <= limit:
            self.miss(name, f"{what} is {value}, the bar is {limit}")


async def under_watch(server, name, judge, work):
    """Runs it beside the health probe and the memory watch, and judges those."""
    before = status_of(server.process.pid)
    probe, memory = HealthProbe(server.address), MemoryWatch(server.process.pid)
    try:
        figures, flaws = await work
    finally:
        health, held = await asyncio.to_thread(probe.finish), memory.finish()
    await asyncio.sleep(1)
    left = status_of(server.process.pid)["descriptors"] - before["descriptors"]
    judge.note(name, figures | {"health": health, "memory": held, "descriptors_left": left}, flaws)
    judge.bar(name, "/health, failed", health["failed"], 0)
    judge.bar(name, "/health p99 in ms", health["p99_ms"], HEALTH_P99_MS)
    judge.bar(name, "descriptors that stay open", left, MOST_DESCRIPTORS_LEFT)
    return figures, held


async def run_many(options, judge):
    with Server("--ctx", 2048, "--sessions", options.sessions, "--queue", options.queue, "--prefix-cache", "64MiB", model=options.model) as server:
        _, held = await under_watch(server, "many", judge, scenarios.many_clients(server.address, options.seconds, options.clients))
        judge.bar("many", "growth of anonymous memory in MB", held["growth_mb"], MOST_GROWTH_MB)


async def run_slow(options, judge):
    with Server("--ctx", 2048, "--sessions", options.sessions, "--prefix-cache", "64MiB", model=options.model) as server:
        work = scenarios.slow_clients(server.address, options.slow, options.slow, options.unread, options.slow_seconds)
        figures, _ = await under_watch(server, "slow", judge, work)
        judge.bar("slow", "cost to clients that behave", figures["cost"], MOST_COST)
        for kind, limit in (("head", SLOW_HEAD_SECONDS), ("body", SLOW_BODY_SECONDS)):
            seconds = figures[f"slow_{kind}_closed_after_s"]
            judge.bar("slow", f"seconds until a slow {kind} is closed", seconds if seconds is not None else 0, limit)


async def run_cancels(options, judge):
    for cache in ("0", "64MiB"):
        with Server("--ctx", 2048, "--sessions", options.sessions, "--prefix-cache", cache, model=options.model) as server:
            await under_watch(server, f"cancels, cache {cache}", judge, scenarios.cancels(server.address, options.cancels // 2))


async def run_drain(options, judge):
    with Server("--ctx", 1024, "--sessions", options.sessions, model=options.model) as server:
        judge.note("drain", *await scenarios.drain(server, 2 * options.sessions))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SCENARIOS), help="scenarios, with commas between (default: all)")
    parser.add_argument("--seconds", type=float, default=300, help="of many clients (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--queue", type=int, default=48, help="answers that may wait; fewer than clients, so that some are refused")
    parser.add_argument("--slow", type=int, default=200, help="slow heads, and as many slow bodies")
    parser.add_argument("--unread", type=int, default=50)
    parser.add_argument("--slow-seconds", type=float, default=20, help="of each measurement beside slow clients (default: %(default)s)")
    parser.add_argument("--cancels", type=int, default=1000)
    parser.add_argument("--model", default="smollm2-135m.gguf", help="a file of the model cache (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, help="where to write all figures, as JSON")
    options = parser.parse_args()
    wanted = options.only.split(",")
    if not set(wanted) <= set(SCENARIOS):
        parser.error(f"there are {', '.join(SCENARIOS)}")
    judge = Judge()
    runs = {"many": run_many, "slow": run_slow, "cancels": run_cancels, "drain": run_drain}
    for name in wanted:
        asyncio.run(runs[name](options, judge))
    if options.out:
        options.out.write_text(json.dumps(judge.report, indent=1) + "\n")
    print(f"{len(judge.missed)} bars missed")
    return 1 if judge.missed else 0


if __name__ == "__main__":
    sys.exit(main())
