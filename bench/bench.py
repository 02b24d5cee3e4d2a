#!/usr/bin/env python3
"""Speed of Hearth beside llama.cpp on the same files and machine, and what share of the machine's limits each reaches.

The programs run in turn, several rounds, and medians are taken: other work on the machine then hits all. The limits are
measured here and now (probes/ceilings.cpp): a step takes at least the time to read every weight once, and at least that of
its multiply-adds at the peak of this processor. A table is printed as figures come, all figures are written as JSON.
Compare ratios of one run only; figures of different machines or days say little. Run it on a machine that does nothing else.

Models are catalogue names, .gguf files, or files with random weights in the shapes of larger models (shaped_models.py),
written on demand: --list names them. A pattern stands for several: 'llama-3.2-1b:*'.
"""

import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

import engines
import limits as limits_of
import plan as plans
import report
import shaped_models

ROOT = pathlib.Path(__file__).resolve().parent.parent
REAL = ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]
LARGE = ["llama-3.1-8b:bf16"]  # 16 GB: only when named
ALL = [*REAL, *shaped_models.NAMES]

DEFAULT = {"models": [*REAL, "llama-3.2-1b:q4_k_m"], "prefill": (1, 2, 4, 8, 16, 32, 64, 128, 512, 2048), "streams": (1, 4, 8),
           "depth": (0, 4096), "rounds": 3, "longest": 60.0}
QUICK = {"models": ["smollm2:135m", "qwen2.5-coder:0.5b"], "prefill": (1, 4, 16, 128, 512), "streams": (1, 4), "depth": (),
         "rounds": 1, "longest": 10.0}
FULL = DEFAULT | {"models": [name for name in ALL if name not in LARGE], "depth": (0, 4096, 16384), "longest": float("inf")}


def counts(text):
    values = tuple(int(count) for count in text.split(",") if count)
    if any(count < 0 for count in values):
        raise argparse.ArgumentTypeError("counts are not negative")
    return values


def peer_names(text):
    names = [name for name in text.split(",") if name]
    for name in names:
        if name not in engines.PEERS:
            raise argparse.ArgumentTypeError(f"there is no {name}; there are {', '.join(engines.PEERS)}")
    return names


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="two small models, few sizes: a few minutes")
    size.add_argument("--full", action="store_true", help="every model and size: many hours on a small machine")
    parser.add_argument("--models", help="names, patterns or .gguf files, with commas between")
    parser.add_argument("--prefill", type=counts, help="prompt lengths")
    parser.add_argument("--decode", type=int, default=64, help="tokens decoded per stream (default: %(default)s)")
    parser.add_argument("--streams", type=counts, help="answers decoded together")
    parser.add_argument("--depth", type=counts, help="tokens in the context when decoding starts")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--threads", type=counts, default=(cores,) if cores == 1 else (cores, 1),
                        help="thread counts; after the first only a few sizes, unless --full (default: all, then 1)")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--longest", type=float, metavar="SECONDS", help="leave out what takes longer for one run (default: 60, quick 10, full no limit)")
    parser.add_argument("--no-start", action="store_true", help="leave out loading, warm and cold")
    parser.add_argument("--peers", type=peer_names, default=["llama.cpp"],
                        help=f"with whom to compare, of {', '.join(engines.PEERS)} (default: llama.cpp)")
    parser.add_argument("--only", choices=[engines.OURS, *engines.PEERS], help="measure one program")
    parser.add_argument("--isa", choices=engines.INSTRUCTION_SETS, default=engines.NATIVE,
                        help="what all programs and the limits may use of this processor (default: everything)")
    parser.add_argument("--program", default=ROOT / "build" / "hearth", type=pathlib.Path)
    parser.add_argument("--shaped-folder", type=pathlib.Path, default=shaped_models.cache_folder(),
                        help="where files with random weights are kept (default: %(default)s)")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "build" / "bench.json")
    parser.add_argument("--list", action="store_true", help="the models, and what of them is here")
    options = parser.parse_args(arguments)
    for name, value in (QUICK if options.quick else FULL if options.full else DEFAULT).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if isinstance(options.models, str):
        options.models = [match for name in options.models.split(",") for match in expand(parser, name)]
    if options.rounds < 1 or options.decode < 1 or min(options.threads) < 1:
        parser.error("rounds, decoded tokens and threads are at least 1")
    return options


def expand(parser, name):
    if name.endswith(".gguf"):
        return [name]
    found = [model for model in ALL if fnmatch.fnmatch(model, name) and (model == name or model not in LARGE)]
    return found or parser.error(f"there is no model {name}; there are {', '.join(ALL)} and .gguf files")


def cached_path(name, options):
    if name.endswith(".gguf"):
        return pathlib.Path(name)
    if name in shaped_models.NAMES:
        return shaped_models.path_of(name, options.shaped_folder)
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("HEARTH_MODEL_CACHE") or pathlib.Path(cache) / "hearth" / "models")
    return folder / (name.replace(":", "-") + ".gguf")


def model_path(name, options):
    """The file, fetched or written if it is missing."""
    path = cached_path(name, options)
    if name in shaped_models.NAMES:
        return shaped_models.ensure(name, options.shaped_folder)
    if not path.exists() and not name.endswith(".gguf"):
        fetch = '. scripts/cache.sh && fetch_models "$1"'
        subprocess.run(["sh", "-c", fetch, "sh", name], cwd=ROOT, check=False)
    if not path.exists():
        raise SystemExit(f"bench: there is no {path}")
    return path


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


class Progress:
    """One line on stderr per step: on a terminal it is redrawn, elsewhere only each model says how far it is."""

    def __init__(self, total_seconds):
        self.total = total_seconds
        self.started = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def show(self, text, keep=False):
        minutes = (time.monotonic() - self.started) / 60
        line = f"[{minutes:.0f} of about {max(1, round(self.total / 60))} min] {text}"
        if self.terminal:
            print(f"\r\033[K{line}", end="\n" if keep else "", file=sys.stderr, flush=True)
        elif keep:
            print(line, file=sys.stderr, flush=True)

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.commands, self.descriptions = engines.available(options)
        self.engines = list(self.commands)
        self.limits = limits_of.measure(options.threads, options.isa)
        self.report = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                       "machine": {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "kernel": platform.release()},
                       "engines": self.descriptions, "limits": self.limits, "models": {}}
        self.progress = None

    def sizes(self, threads):
        chosen = plans.Sizes(self.options.prefill, self.options.decode, self.options.streams, self.options.depth)
        return chosen if threads == self.options.threads[0] or self.options.full else plans.restricted(chosen, plans.FEW)

    def plan(self, work, threads):
        return plans.Plan(self.sizes(threads), work, self.limits[threads], self.engines, self.options.longest)

    def load_works(self):
        """{name: (path, Work)} of the models that fit into memory."""
        works = {}
        for name in self.options.models:
            path = model_path(name, self.options)
            work = limits_of.Work(path)
            if work.file_bytes * 1.1 > memory_available():
                print(f"bench: {name} is left out: {work.file_bytes / 1e9:.1f} GB do not fit into the "
                      f"{memory_available() / 1e9:.1f} GB of memory that are free", file=sys.stderr)
                continue
            works[name] = path, work
        return works

    def estimate(self, works):
        seconds = 0
        for _, work in works.values():
            seconds += sum(self.plan(work, threads).seconds(self.options.rounds) for threads in self.options.threads)
            seconds += 0 if self.options.no_start else self.plan(work, self.options.threads[0]).start_seconds()
        return seconds

    def alternate(self, label, path, arguments, rounds, before=lambda: True):
        """{engine: medians over the rounds}, the engines taking turns; `before` each process may call it off."""
        runs = {engine: [] for engine in self.engines}
        for turn in range(rounds):
            for engine, command in self.commands.items():
                self.progress.show(f"{label}, {engine}, round {turn + 1} of {rounds}")
                if not before():
                    return None
                figures = engines.run(command, path, arguments)
                if figures:
                    runs[engine].append(figures)
        self.progress.clear()
        return {engine: report.medians(values) for engine, values in runs.items()}

    def measure_rates(self, name, path, work, threads):
        plan = self.plan(work, threads)
        result = self.alternate(f"{name}, {threads} threads", path, plans.rates_arguments(plan.sizes, threads), self.options.rounds)
        if plan.sizes.depth:
            deep = self.alternate(f"{name}, {threads} threads, deep context", path, plans.depth_arguments(plan.sizes, threads), 1)
            for engine, figures in deep.items():
                if figures and result[engine]:
                    result[engine]["decode_depth"] = figures["decode_depth"]
        report.print_rates(self.engines, threads, result, work, self.limits[threads])
        return result | ({"left_out": plan.left_out} if plan.left_out else {})

    def measure_start(self, name, path, threads):
        arguments = ["--start-only", "--threads", threads]
        result = {"warm": self.alternate(f"{name}, warm start", path, arguments, plans.START_ROUNDS)}
        report.print_start(self.engines, "warm", result["warm"])
        cold = self.alternate(f"{name}, cold start", path, arguments, plans.START_ROUNDS, lambda: engines.drop_from_memory(path))
        if cold:
            result["cold"] = cold
            report.print_start(self.engines, "cold", cold)
        else:
            self.progress.clear()
            print("  cold start: left out, another process keeps the file in memory")
        return result

    def measure(self, name, path, work):
        self.progress.show(name, keep=True)
        print(f"\n{name}: {work.file_bytes / 1e9:.2f} GB")
        entry = {"path": str(path), "work": work.as_json(), "threads": {}}
        self.report["models"][name] = entry
        left_out = []
        for threads in self.options.threads:
            entry["threads"][str(threads)] = self.measure_rates(name, path, work, threads)
            left_out += entry["threads"][str(threads)].get("left_out", [])
        if not self.options.no_start:
            entry["start"] = self.measure_start(name, path, self.options.threads[0])
        if left_out:
            print(f"  left out, see --longest: {'; '.join(left_out)}")
        self.save()

    def save(self):
        self.options.out.parent.mkdir(parents=True, exist_ok=True)
        self.options.out.write_text(json.dumps(self.report, indent=1) + "\n")

    def print_machine(self):
        print(f"{processor()}, {len(os.sched_getaffinity(0))} cores, {self.report['date']}")
        for threads, limits in self.limits.items():
            print(f"  {threads} thread{'s' if threads != 1 else ''}: reads {limits['read_gb_s']} GB/s, {limits['int8_gop_s']} GOP/s int8 "
                  f"({limits['int8_loop']}), {limits['f32_gflop_s']} GFLOP/s float32")
        for name, description in self.descriptions.items():
            print(f"  {name}: {'; '.join(description.values())}")

    def run(self):
        self.print_machine()
        works = self.load_works()
        seconds = self.estimate(works)
        print(f"  models: {len(works)}, rounds: {self.options.rounds}; about {max(1, round(seconds / 60))} minutes", flush=True)
        self.progress = Progress(seconds)
        report.print_heading(self.engines)
        for name, (path, work) in works.items():
            self.measure(name, path, work)
        print(f"\nall figures: {self.options.out}")


def main():
    options = parse(sys.argv[1:])
    if options.list:
        for name in ALL:
            path = cached_path(name, options)
            print(f"{name:22} {path if path.exists() else 'is fetched or written when it is measured'}")
        return 0
    try:
        Bench(options).run()
    except KeyboardInterrupt:
        print("\nbench: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
