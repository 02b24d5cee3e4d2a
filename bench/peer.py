#!/usr/bin/env python3
"""Measures llama.cpp, through llama-cpp-python's low-level interface, and prints what `hearth bench --json` prints.

Defaults of that library are kept (memory map, repacked weights, flash attention, f16 keys and values); only the thread
count and the batch are set. `first_token_ms` starts just before the model is opened, so neither Python's start nor the
import is held against it, and `anonymous_mb` leaves out what the interpreter already held.
Not here: comparisons (bench.py) and any measurement of our own program.
"""

import argparse
import ctypes
import json
import sys
import time

import llama_cpp as peer

MEASURE_SECONDS = 1.5


def anonymous_kb():
    with open("/proc/self/smaps_rollup", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


@peer.llama_log_callback
def silence(_level, _text, _data):
    pass


class Runner:
    def __init__(self, path, threads, context, streams):
        started = time.perf_counter()
        self.model = peer.llama_model_load_from_file(path.encode(), peer.llama_model_default_params())
        if not self.model:
            raise SystemExit(f"llama.cpp cannot load {path}")
        settings = peer.llama_context_default_params()
        settings.n_ctx = context
        settings.n_batch = max(512, streams)
        settings.n_ubatch = 512
        settings.n_seq_max = streams
        settings.n_threads = settings.n_threads_batch = threads
        settings.kv_unified = True
        self.context = peer.llama_init_from_model(self.model, settings)
        self.batch = peer.llama_batch_init(settings.n_batch, 0, 1)
        self.vocabulary = peer.llama_vocab_n_tokens(peer.llama_model_get_vocab(self.model))
        self.started = started
        self.load_ms = 1000 * (time.perf_counter() - started)

    def clear(self):
        peer.llama_memory_clear(peer.llama_get_memory(self.context), True)

    def decode(self, tokens, first_position, streams=1):
        """Prefill of one stream, or one token of each of several; logits of the last token of a stream."""
        batch = self.batch
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = first_position if streams > 1 else first_position + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = index if streams > 1 else 0
            batch.logits[index] = streams > 1 or index == len(tokens) - 1
        if peer.llama_decode(self.context, batch) != 0:
            raise SystemExit("llama_decode failed")
        peer.llama_synchronize(self.context)

    def best(self, index=-1):
        logits = peer.llama_get_logits_ith(self.context, index)
        values = ctypes.cast(logits, ctypes.POINTER(ctypes.c_float * self.vocabulary)).contents
        return max(range(0, self.vocabulary, 97), key=values.__getitem__)


def prompt(count):
    return [1000 + 37 * index % 20000 for index in range(count)]


def repeat(step):
    """Best-effort median: runs `step` until the time is used, at least three times; seconds of the median run."""
    seconds = []
    while len(seconds) < 3 or sum(seconds) < MEASURE_SECONDS:
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return sorted(seconds)[len(seconds) // 2]


def measure_prefill(runner, count):
    tokens = prompt(count)

    def step():
        runner.clear()
        for first in range(0, count, 512):
            runner.decode(tokens[first:first + 512], first)

    step()
    return count / repeat(step)


def measure_decode(runner, count, streams):
    def step():
        runner.clear()
        for position in range(count):
            runner.decode(prompt(streams), position, streams)

    return count * streams / repeat(step)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--prefill", default="512,128")
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--streams", default="1")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    prefills = [int(count) for count in options.prefill.split(",") if count]
    streams = [int(count) for count in options.streams.split(",")]
    peer.llama_log_set(silence, ctypes.c_void_p(0))
    peer.llama_backend_init()
    before_kb = anonymous_kb()
    context = max([*prefills, options.decode * max(streams), 64]) + 64
    runner = Runner(options.model, options.threads, context, max(streams))
    runner.decode(prompt(16), 0)
    runner.best()
    result = {"load_ms": round(runner.load_ms, 1),
              "first_token_ms": round(1000 * (time.perf_counter() - runner.started), 1)}
    result["prefill"] = {str(count): round(measure_prefill(runner, count), 2) for count in prefills}
    result["decode"] = {str(count): round(measure_decode(runner, options.decode, count), 2) for count in streams}
    result["anonymous_mb"] = round((anonymous_kb() - before_kb) / 1024, 1)
    result["version"] = f"llama-cpp-python {peer.__version__}"
    json.dump(result, sys.stdout)
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
