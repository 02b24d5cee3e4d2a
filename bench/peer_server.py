#!/usr/bin/env python3
"""llama.cpp's own HTTP server, run from the Python package xllamacpp until SIGTERM, with settings that are fast on processors:
as many slots as streams, keys and values of each apart, memory map with weights repacked, batches of 512, flash attention
where the model allows it.

Prints "listening on HOST:PORT". Not here: our side, and what is asked (serve_bench.py).
"""

import argparse
import os
import signal
import sys

import xllamacpp


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--describe", action="store_true")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--context", type=int, default=1024, help="tokens of each stream")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.describe:
        print(f"xllamacpp {xllamacpp.__version__}; {xllamacpp.get_system_info().strip()}")
        return 0
    if not options.model:
        parser.error("say which model")
    settings = xllamacpp.CommonParams()
    settings.model.path = options.model
    settings.n_parallel = options.streams
    settings.n_ctx = options.context * options.streams
    settings.n_batch = settings.n_ubatch = 512
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = options.threads
    settings.kv_unified = False
    settings.cache_ram_mib = 0
    settings.hostnames, settings.port = ["127.0.0.1"], 0
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = xllamacpp.Server(settings)
    print(f"listening on {server.listening_address}", flush=True)
    while True:
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
