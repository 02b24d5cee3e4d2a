#!/usr/bin/env python3
"""Measures another program through its library, and prints what `hearth bench --json` prints.

The same options, numbers of tokens, repetitions and kinds of run as there, with the best settings of the library
(peer_libraries.py) and one run before the clock starts. `first_token_ms` starts just before the model is opened, so neither
Python's start nor the import is held against it, and `anonymous_mb` leaves out what the interpreter already held.
--describe prints the library's version and the processor features it uses.
Not here: comparisons (bench.py) and any measurement of our own program.
"""

import argparse
import json
import random
import sys
import time

import numpy
import peer_libraries
from peer_libraries import BATCH

PROMPT = 16
ENOUGH_SECONDS, MAX_RUNS = 1.5, 20


def memory_mb():
    """(anonymous, of files, most ever resident)"""
    fields = {}
    with open("/proc/self/status", encoding="ascii") as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name in ("RssAnon", "RssFile", "VmHWM"):
                fields[name] = int(value.split()[0]) * 1024 / 1e6
    return fields["RssAnon"], fields["RssFile"], fields["VmHWM"]


def make_tokens(count, vocabulary):
    source = random.Random(1)
    return [source.randrange(vocabulary) for _ in range(count)]


class Context:
    """Keys and values of some streams; freed when left."""

    def __init__(self, library, model, threads, positions, streams=1):
        self.library = library
        self.streams = streams
        self.context = library.context(model, positions, streams, threads)
        if not self.context:
            raise SystemExit("the peer cannot make a context: not enough memory?")
        self.batches = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for batch in self.batches:
            self.library.functions.llama_batch_free(batch)
        self.library.functions.llama_free(self.context)

    def batch(self, entries):
        """One batch of (token, position, stream, wants logits); made before the clock starts."""
        batch = self.library.functions.llama_batch_init(len(entries), 0, 1)
        batch.n_tokens = len(entries)
        for index, (token, position, stream, logits) in enumerate(entries):
            batch.token[index], batch.pos[index], batch.logits[index] = token, position, logits
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, stream
        self.batches.append(batch)
        return batch

    def prompt(self, tokens, first=0, stream=0):
        """The batches of a prompt; logits after its last token only."""
        last = first + len(tokens) - 1
        entries = [(token, first + index, stream, first + index == last) for index, token in enumerate(tokens)]
        return [self.batch(entries[start:start + BATCH]) for start in range(0, len(entries), BATCH)]

    def steps(self, tokens, first):
        """One token for every stream, position by position."""
        return [self.batch([(token, first + index, stream, True) for stream in range(self.streams)])
                for index, token in enumerate(tokens)]

    def run(self, batches):
        for batch in batches:
            if self.library.decode(self.context, batch) != 0:
                raise SystemExit("the peer's llama_decode failed")
        self.library.synchronize(self.context)

    def seconds(self, batches):
        started = time.perf_counter()
        self.run(batches)
        return time.perf_counter() - started

    def rewind(self, size):
        for stream in range(self.streams):
            self.library.forget(self.context, stream, size)


def repeated_seconds(runs, step):
    """The median of at least `runs` runs, more if they are short."""
    seconds = []
    while len(seconds) < runs or (sum(seconds) < ENOUGH_SECONDS and len(seconds) < MAX_RUNS):
        seconds.append(step())
    return sorted(seconds)[len(seconds) // 2]


class Measurement:
    def __init__(self, library, options):
        self.library, self.options = library, options
        self.before_mb = memory_mb()[0]
        self.anonymous_mb = 0
        self.started = time.perf_counter()
        self.model = library.load(options.model)
        if not self.model:
            raise SystemExit(f"{options.library} cannot load {options.model}")
        self.vocabulary = library.vocabulary(self.model)

    def context(self, positions, streams=1):
        return Context(self.library, self.model, self.options.threads, positions, streams)

    def note_memory(self):
        self.anonymous_mb = max(self.anonymous_mb, memory_mb()[0] - self.before_mb)

    def start(self):
        """(load, first token) in milliseconds since just before the model was opened."""
        with self.context(BATCH) as context:
            load = time.perf_counter()
            context.run(context.prompt(make_tokens(PROMPT, self.vocabulary)))
            logits = self.library.functions.llama_get_logits_ith(context.context, -1)
            numpy.ctypeslib.as_array(logits, (self.vocabulary,)).argmax()
            done = time.perf_counter()
            self.note_memory()
        return 1000 * (load - self.started), 1000 * (done - self.started)

    def prefill(self, counts):
        rates = {}
        with self.context(max(counts)) as context:
            for count in counts:
                batches = context.prompt(make_tokens(count, self.vocabulary))

                def step(batches=batches):
                    context.rewind(0)
                    return context.seconds(batches)

                if count <= BATCH:
                    step()
                rates[str(count)] = round(count / repeated_seconds(self.options.runs, step), 2)
            self.note_memory()
        return rates

    def decode(self, streams):
        count = self.options.decode
        with self.context(PROMPT + count, streams) as context:
            prompts = [context.prompt(make_tokens(PROMPT, self.vocabulary), 0, stream) for stream in range(streams)]
            steps = context.steps(make_tokens(count, self.vocabulary), PROMPT)

            def step():
                context.rewind(0)
                for prompt in prompts:
                    context.run(prompt)
                return context.seconds(steps)

            context.run(prompts[0])
            rate = count * streams / repeated_seconds(self.options.runs, step)
            self.note_memory()
        return round(rate, 2)

    def depth(self, depths):
        rates, filled = {}, 0
        count = self.options.decode
        tokens = make_tokens(max(depths), self.vocabulary)
        with self.context(max(depths) + count) as context:
            context.run(context.prompt(tokens[:PROMPT] or [0]))
            context.rewind(0)
            for depth in sorted(depths):
                if depth > filled:
                    context.run(context.prompt(tokens[filled:depth], filled))
                filled = depth
                steps = context.steps(make_tokens(count, self.vocabulary), depth)

                def step(steps=steps, depth=depth):
                    context.rewind(depth)
                    return context.seconds(steps)

                rates[str(depth)] = round(count / repeated_seconds(self.options.runs, step), 2)
                context.rewind(depth)
            self.note_memory()
        return rates


def counts_of(text):
    return [int(count) for count in text.split(",") if count]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--library", choices=peer_libraries.NAMES, default=peer_libraries.NAMES[0])
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--prefill", default="512", type=counts_of)
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--streams", default="1", type=counts_of)
    parser.add_argument("--depth", default="", type=counts_of)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--start-only", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    library = peer_libraries.open_library(options.library)
    if options.describe:
        print(json.dumps(library.describe()))
        return 0
    if not options.model:
        parser.error("say which model")
    measurement = Measurement(library, options)
    load_ms, first_token_ms = measurement.start()
    result = {"prefill": {}, "decode": {}}
    if not options.start_only:
        result["prefill"] = measurement.prefill(options.prefill)
        result["decode"] = {str(streams): measurement.decode(streams) for streams in options.streams}
        if options.depth:
            result["decode_depth"] = measurement.depth(options.depth)
    _, file_mb, peak_mb = memory_mb()
    result |= {"load_ms": load_ms, "first_token_ms": first_token_ms, "anonymous_mb": measurement.anonymous_mb,
               "file_mb": file_mb, "peak_mb": peak_mb - measurement.before_mb}
    json.dump(result, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
