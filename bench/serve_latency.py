#!/usr/bin/env python3
"""How long a client of `hearth serve` waits, over HTTP:

  gaps    between two tokens of an answer, while another client's prompt of 16k tokens is worked through (bar: 150 ms for 99 of 100)
  cancel  until the work stops when a client goes away, in its prompt (bar: 100 ms) and in its answer (bar: two tokens more)
  first   until the first token of a prompt of 4k and 16k tokens that is new, remembered, and read from disk after a restart, each
          with 64 tokens that nobody has seen (bar for the remembered one: 20 ms more than those new tokens need)
  reuse   whether a beginning of 31 KB stays remembered while 2.4 KB prompts of others come and go, with the default cache

prefix_bench measures the third inside the program. Figures depend on what else the machine does: run it alone.
"""

import argparse
import asyncio
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

import bench
import engines
import servers
from http_client import Connection, metrics, post, request_bytes

PARTS = ("gaps", "cancel", "first", "reuse")
GAP_BAR_MS = 150
CANCEL_BAR_MS = 100
FIRST_BAR_MS = 20
NEW_TOKENS = 64
WARM_ROUNDS = 5
CANCEL_ROUNDS = 8
POLL_SECONDS = 0.002
SETTLE_SECONDS = 2
PREFIX_BYTES = 31 << 10
SIDE_BYTES = 2400
SIDE_CALLS = 6          # at a time
REUSE_ROUNDS = 6
WORDS = pathlib.Path(__file__).read_text(encoding="utf-8").replace('"', "").split()


def tokens(count, seed):
    """Numbers of ordinary tokens, without a pattern."""
    source = random.Random(seed)
    return [source.randrange(1000, 40000) for _ in range(count)]


def text(size, seed):
    source = random.Random(seed)
    words, length = [], 0
    while length < size:
        words.append(source.choice(WORDS))
        length += len(words[-1]) + 1
    return " ".join(words)[:size]


def completion(prompt, count, **more):
    return {"prompt": prompt, "n_predict": count, "temperature": 0.8, "seed": 1, "ignore_eos": True, "stream": True, **more}


def token_gaps(answer, begin, end):
    """Milliseconds between one token's event and the next, within a time."""
    moments = [moment for moment, event in answer.events() if event is not None and event.get("tokens") and not event.get("stop")]
    return [1000 * (later - earlier) for earlier, later in zip(moments, moments[1:]) if begin <= later <= end]


def spread(values):
    ordered = sorted(values)
    at = lambda share: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
    return {"count": len(ordered), "p50": at(0.5), "p99": at(0.99), "max": at(1)} if ordered else {"count": 0}


class Latency:
    def __init__(self, path, options):
        self.path, self.options = path, options

    def server(self, *more, context=None, home=None):
        return servers.start(servers.OURS, self.path, streams=4, context=context or self.options.tokens + 2048, threads=self.options.threads,
                             program=self.options.program, home=home, more=more)

    async def gaps_beside(self, address):
        """(gaps in ms, seconds of the long prompt) of one answer, while another's prompt is worked through."""
        enough = asyncio.Event()
        stop = lambda _: enough.is_set()
        running = asyncio.create_task(post(address, "/completion", completion(tokens(16, 1), -1), keep_pieces=True, on_piece=stop))
        await asyncio.sleep(SETTLE_SECONDS)
        long = await post(address, "/completion", completion(tokens(self.options.tokens, 2), 1), keep_pieces=True)
        enough.set()
        answer = await running
        if long.status != 200 or answer.status != 200:
            raise SystemExit(f"bench: a request failed: {long.body[:300]!r} {answer.body[-300:]!r}")
        return token_gaps(answer, long.sent, long.first_event), long.first_event - long.sent, token_gaps(answer, 0, long.sent)

    def gaps(self):
        with self.server("--prefix-cache", "0") as server:
            beside, seconds, alone = asyncio.run(self.gaps_beside(server.address))
        return {"alone_ms": spread(alone), "beside_ms": spread(beside), "prompt_seconds": round(seconds, 1)}

    async def stop_ms(self, address, number, in_prompt):
        """From a client's leaving until nothing is worked on."""
        connection, watch = Connection(address), Connection(address)
        count = self.options.tokens if in_prompt else 16
        await connection.send(request_bytes("POST", "/completion", completion(tokens(count, 100 + number), -1)))
        await asyncio.sleep(random.Random(number).uniform(0.5, 1.5))
        connection.close(abort=number % 2 == 0)
        begun = time.perf_counter()
        while True:
            answer = await watch.ask("GET", "/metrics")
            if b"llamacpp:requests_processing 0\n" in answer.body and b"llamacpp:requests_deferred 0\n" in answer.body:
                watch.close()
                return 1000 * (time.perf_counter() - begun)
            await asyncio.sleep(POLL_SECONDS)

    def cancel(self):
        async def all_of():
            figures = {name: spread([await self.stop_ms(server.address, number, name == "in_prompt_ms") for number in range(CANCEL_ROUNDS)])
                       for name in ("in_prompt_ms", "in_answer_ms")}
            answer = await post(server.address, "/completion", completion(tokens(16, 99), 32), keep_pieces=True)
            return figures | {"token_ms": spread(token_gaps(answer, 0, float("inf")))}

        with self.server("--prefix-cache", "0") as server:
            return asyncio.run(all_of())

    async def first_ms(self, address, old, seed, cached):
        """Milliseconds to the first token of `old` and new tokens; `cached` of them must have been remembered."""
        answer = await post(address, "/completion", completion(old + tokens(NEW_TOKENS, seed), 1), keep_pieces=True)
        if answer.status != 200:
            raise SystemExit(f"bench: a request failed: {answer.body[:300]!r}")
        found = answer.events()[-1][1]["timings"]["cache_n"]
        if found != cached:
            raise SystemExit(f"bench: {found} tokens were remembered, not {cached}")
        return 1000 * (answer.first_event - answer.sent)

    async def new_alone_ms(self, address, seed):
        return await self.first_ms(address, [], seed, 0)

    def first(self):
        result = {}
        for count in self.options.depths:
            with tempfile.TemporaryDirectory(prefix="hearth-first-") as home:
                result[str(count)] = self.first_at(count, home)
        return result

    def first_at(self, count, home):
        cache = ("--prefix-cache", "4GiB", "--prefix-cache-disk", "8GiB")
        old = tokens(count, 3)
        figures = {}

        async def fresh(address):
            await self.new_alone_ms(address, 10)  # the model is loaded now
            figures["cold_ms"] = round(await self.first_ms(address, old, 11, 0), 1)
            figures["warm_ms"] = [await self.first_ms(address, old, 20 + turn, count) for turn in range(WARM_ROUNDS)]
            figures["new_alone_ms"] = [await self.new_alone_ms(address, 40 + turn) for turn in range(WARM_ROUNDS)]

        async def again(address):
            await self.new_alone_ms(address, 60)
            figures["restart_ms"] = round(await self.first_ms(address, old, 61, count), 1)

        with self.server(*cache, context=count + 1024, home=home) as server:
            asyncio.run(fresh(server.address))
        with self.server(*cache, context=count + 1024, home=home) as server:
            asyncio.run(again(server.address))
        for name in ("warm_ms", "new_alone_ms"):
            figures[name] = round(statistics.median(figures[name]), 1)
        return figures

    async def chat(self, address, content):
        """(tokens of the prompt, those remembered)"""
        answer = await post(address, "/v1/chat/completions", {"messages": [{"role": "user", "content": content}], "max_tokens": 4, "temperature": 0})
        if answer.status != 200:
            raise SystemExit(f"bench: a request failed: {answer.body[:300]!r}")
        usage = answer.json["usage"]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    async def reuse_beside(self, address):
        prefix = text(PREFIX_BYTES, 5)
        shares = []
        await self.chat(address, prefix + " What is this?")
        await self.chat(address, prefix + " Who wrote this?")
        for turn in range(REUSE_ROUNDS):
            sides = [self.chat(address, text(SIDE_BYTES, 1000 + turn * SIDE_CALLS + side)) for side in range(SIDE_CALLS)]
            (whole, found), *_ = await asyncio.gather(self.chat(address, f"{prefix} Question {turn}?"), *sides)
            shares.append(found / whole)
        return {"prompt_tokens": whole, "least_share": round(min(shares), 4), "side_calls": REUSE_ROUNDS * SIDE_CALLS}

    def reuse(self):
        with self.server(context=16384) as server:
            return asyncio.run(self.reuse_beside(server.address))


def verdicts(part, figures):
    """[(what, value, bar)]"""
    if part == "gaps":
        return [("p99 gap in ms", figures["beside_ms"].get("p99", float("inf")), GAP_BAR_MS)]
    if part == "cancel":
        return [("in a prompt, longest, ms", figures["in_prompt_ms"]["max"], CANCEL_BAR_MS),
                ("in an answer, longest, beyond two tokens, ms", round(figures["in_answer_ms"]["max"] - 2 * figures["token_ms"]["p50"], 1), CANCEL_BAR_MS)]
    if part == "first":
        return [(f"{count} tokens, remembered over the new ones alone, ms", round(one["warm_ms"] - one["new_alone_ms"], 1), FIRST_BAR_MS)
                for count, one in figures.items()]
    return [("share that was forgotten", round(1 - figures["least_share"], 4), 0.02)]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="qwen2.5-coder:0.5b,qwen2.5-coder:1.5b", help="names or .gguf files (default: %(default)s)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between (default: all)")
    parser.add_argument("--tokens", type=int, default=16384, help="of the long prompt beside an answer (default: %(default)s)")
    parser.add_argument("--depths", type=bench.counts, default=(4096, 16384), help="tokens of remembered prompts (default: 4096,16384)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--program", default=engines.ROOT / "build" / "hearth", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=engines.ROOT / "build" / "serve_latency.json")
    options = parser.parse_args()
    options.parts = options.only.split(",")
    if not set(options.parts) <= set(PARTS):
        parser.error(f"there are {', '.join(PARTS)}")
    options.shaped_folder = bench.shaped_models.cache_folder()
    return options


def main():
    options = parse()
    report = {"machine": bench.processor(), "threads": options.threads, "models": {}}
    for model in options.models.split(","):
        latency = Latency(bench.model_path(model, options), options)
        print(model, flush=True)
        for part in options.parts:
            figures = getattr(latency, part)()
            report["models"].setdefault(model, {})[part] = figures
            print(f"  {part}: {json.dumps(figures)}", flush=True)
            for what, value, bar in verdicts(part, figures):
                print(f"    {'fine  ' if value <= bar else 'MISSED'} {what}: {value}, the bar is {bar}", flush=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"all figures: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
