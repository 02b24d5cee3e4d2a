#!/usr/bin/env python3
"""Tokens a second of all streams together, over HTTP with streaming: Hearth's server beside llama.cpp's on the same machine.

Both servers answer the same POST /completion requests, 1, 2, 4 and 8 at a time, in turn, several rounds, medians. Counted is
the time in which all streams are being answered: from the last first token to the first last one. Prompts are short and
differ; nothing is remembered between requests. The bars: 8 streams give at least 3.8 times what one gives, and at least 2.5
times what llama.cpp's server gives with 8.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import sys

import bench
import engines
import report
import servers
from http_client import post

SCALING_BAR = 3.8
PEER_BAR = 2.5
PROMPT = "Write a long and detailed letter from a traveller who has reached place number {number} on a map of an unknown country.\n"
WARM_TOKENS = 8


def request(number, tokens, temperature):
    sampling = {"temperature": 0} if temperature == 0 else {"temperature": temperature, "top_k": 40, "seed": number}
    return {"prompt": PROMPT.format(number=number), "n_predict": tokens, "ignore_eos": True, "stream": True, "cache_prompt": False, **sampling}


def token_times(answer):
    """[(time, tokens)]"""
    return [(moment, len(event["tokens"])) for moment, event in answer.events() if event is not None and event.get("tokens") and not event.get("stop")]


async def together(address, streams, tokens, temperature, first):
    """Tokens a second while all of them are being answered."""
    answers = await asyncio.gather(*(post(address, "/completion", request(first + number, tokens, temperature), keep_pieces=True)
                                     for number in range(streams)))
    for answer in answers:
        if answer.status != 200 or answer.broken:
            raise SystemExit(f"bench: a request failed: {answer.status} {answer.broken} {answer.body[:300]!r}")
    times = [token_times(answer) for answer in answers]
    begin, end = max(one[0][0] for one in times), min(one[-1][0] for one in times)
    counted = sum(count for one in times for moment, count in one if begin < moment <= end)
    if counted < streams * tokens / 4:
        raise SystemExit("bench: the streams hardly overlap: ask for more --tokens")
    return counted / (end - begin)


async def rates(address, options, turn):
    """{streams: tokens a second}"""
    await together(address, 1, WARM_TOKENS, options.temperature, 0)
    return {str(streams): await together(address, streams, options.tokens, options.temperature, 100 * turn) for streams in options.streams}


def measure(path, options, python):
    runs = {name: [] for name in options.engines}
    for turn in range(options.rounds):
        for name in options.engines:
            with servers.start(name, path, streams=max(options.streams), context=options.context, threads=options.threads,
                               program=options.program, python=python) as server:
                runs[name].append(asyncio.run(rates(server.address, options, turn)))
    return {name: {streams: round(statistics.median(run[streams] for run in rounds), 2) for streams in rounds[0]}
            for name, rounds in runs.items()}


def print_model(name, result, options):
    print(f"\n{name}", end="")
    report.print_heading(options.engines, limits=False)
    for streams in map(str, options.streams):
        report.print_row(f"streams x{streams}", options.engines, [result[engine][streams] for engine in options.engines], "t/s")
    ours = result.get(servers.OURS)
    most, least = str(max(options.streams)), str(min(options.streams))
    if ours and least == "1" and most == "8":
        print(f"  8 streams over 1: {ours['8'] / ours['1']:.2f}, the bar is {SCALING_BAR}")
        if servers.PEER in result:
            print(f"  8 streams over {servers.PEER}'s: {ours['8'] / result[servers.PEER]['8']:.2f}, the bar is {PEER_BAR}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default="qwen2.5-coder:1.5b", help="names or .gguf files, with commas between (default: %(default)s)")
    parser.add_argument("--streams", type=bench.counts, default=(1, 2, 4, 8), help="answers at a time (default: 1,2,4,8)")
    parser.add_argument("--tokens", type=int, default=96, help="of each answer (default: %(default)s)")
    parser.add_argument("--context", type=int, default=512, help="tokens of each stream (default: %(default)s)")
    parser.add_argument("--temperature", type=float, default=0.8, help="0: greedy (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", choices=[servers.OURS, servers.PEER], help="measure one server")
    parser.add_argument("--program", default=engines.ROOT / "build" / "hearth", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=engines.ROOT / "build" / "serve_bench.json")
    options = parser.parse_args()
    options.engines = [options.only] if options.only else [servers.OURS, servers.PEER]
    return options


def main():
    options = parse()
    python = servers.peer_python() if servers.PEER in options.engines else None
    descriptions = {servers.OURS: engines.hearth_version(options.program)}
    if python:
        descriptions[servers.PEER] = servers.peer_description(python)
    print(f"{bench.processor()}, {options.threads} threads")
    for name in options.engines:
        print(f"  {name}: {descriptions[name]}")
    figures = {"machine": bench.processor(), "threads": options.threads, "engines": descriptions, "temperature": options.temperature, "models": {}}
    for model in options.models.split(","):
        options.shaped_folder = bench.shaped_models.cache_folder()
        result = measure(bench.model_path(model, options), options, python)
        figures["models"][model] = result
        print_model(model, result, options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"\nall figures: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
