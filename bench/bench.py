#!/usr/bin/env python3
"""Speed of Hearth beside llama.cpp on the same files and machine, and what share of the hardware's limits each reaches.

Runs `hearth bench --json` and bench/peer.py (llama-cpp-python) in turn, several rounds, and takes medians: other work on
the machine then hits both. Limits are measured here and now by bench/probes/ceilings.cpp: decode is set against reading
every weight once per token, prefill against int8 multiply-adds. Prints a table and writes all figures as JSON.
Compare ratios of one run only; figures of different machines or days say little.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
sys.path.insert(0, str(HERE.parent / "tests" / "oracle"))

MODELS = ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]


def model_path(name):
    if name.endswith(".gguf"):
        return pathlib.Path(name)
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("HEARTH_MODEL_CACHE") or pathlib.Path(cache) / "hearth" / "models")
    path = folder / (name.replace(":", "-") + ".gguf")
    if not path.exists():
        raise SystemExit(f"bench: {name} is not at {path}; `make test` fetches it, or set HEARTH_MODEL_CACHE")
    return path


def ceilings(threads):
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "ceilings"
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        subprocess.run([compiler, "-std=c++20", "-O2", "-march=native", "-pthread", "-Wno-ignored-attributes",
                        HERE / "probes" / "ceilings.cpp", "-o", program], check=True)
        return json.loads(subprocess.run([program, str(threads)], check=True, stdout=subprocess.PIPE).stdout)


def work_per_token(path):
    """(bytes of weights read to decode a token, multiply-adds per prompt token): the head counts for decoding only."""
    import gguf_weights
    _, tensors = gguf_weights.read(path)
    size, products = 0, 0
    for name, (_, shape, data) in tensors.items():
        lookup = name == "token_embd.weight" and "output.weight" in tensors
        if not lookup:
            size += len(data)
        if name.startswith("blk.") and len(shape) == 2:
            products += shape[0] * shape[1]
    return size, products


def run_json(command):
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=False)
    if result.returncode != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {result.returncode}")
    return json.loads(result.stdout)


def has_peer(python):
    command = [python, "-c", "import llama_cpp"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def medians(runs):
    """Each figure's median over the rounds."""
    def middle(values):
        if isinstance(values[0], dict):
            return {key: middle([value[key] for value in values]) for key in values[0]}
        return round(statistics.median(values), 2) if isinstance(values[0], (int, float)) else values[0]

    return middle(runs)


def measure(options, path):
    arguments = ["--prefill", options.prefill, "--decode", options.decode, "--streams", options.streams,
                 "--threads", options.threads]
    engines = {"hearth": [options.program, "bench", path, "--json", *arguments],
               "llama.cpp": [options.peer_python, HERE / "peer.py", path, *arguments]}
    if options.only:
        engines = {options.only: engines[options.only]}
    elif not has_peer(options.peer_python):
        print("bench: llama-cpp-python is not installed here, so only hearth is measured"
              " (pip install llama-cpp-python==0.3.36)")
        del engines["llama.cpp"]
    runs = {name: [] for name in engines}
    for _ in range(options.rounds):
        for name, command in engines.items():
            runs[name].append(run_json(command))
    return {name: medians(values) for name, values in runs.items()}


def rows(result, limits, weights_bytes, products):
    """(label, key path, unit, the machine's limit or None, larger is better)"""
    first = next(iter(result.values()))
    for count in first["prefill"]:
        yield f"prefill {count}", ("prefill", count), "t/s", limits["int8_gop_s"] * 1e9 / (2 * products), True
    for count in first["decode"]:
        limit = limits["read_gb_s"] * 1e9 / weights_bytes if count == "1" else None
        yield f"decode x{count}", ("decode", count), "t/s", limit, True
    for key, label in (("load_ms", "load"), ("first_token_ms", "first token")):
        yield label, (key,), "ms", None, False
    yield "anonymous memory", ("anonymous_mb",), "MB", None, False


def print_table(name, result, table_rows):
    engines = list(result)
    print(f"\n{name:22}" + "".join(f"{engine:>16}" for engine in engines) + ("    times as good" if len(engines) == 2 else "")
          + "    share of the limit")
    for label, key, unit, limit, larger in table_rows:
        values = []
        for engine in engines:
            value = result[engine]
            for part in key:
                value = value[part]
            values.append(value)
        line = f"  {label:20}" + "".join(f"{value:12.1f} {unit:3}" for value in values)
        if len(values) == 2:
            ours, theirs = values if larger else values[::-1]
            line += f"   {ours / theirs if theirs else float('inf'):14.2f}"
        if limit:
            line += "    " + "  ".join(f"{value / limit:6.1%}" for value in values)
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help="names or .gguf files (default: %(default)s)")
    parser.add_argument("--prefill", default="512,128,16")
    parser.add_argument("--decode", type=int, default=64)
    parser.add_argument("--streams", default="1,4")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--peer-python", default=sys.executable, help="an interpreter that has llama-cpp-python")
    parser.add_argument("--only", choices=["hearth", "llama.cpp"])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/bench.json"))
    options = parser.parse_args()
    limits = ceilings(options.threads)
    print(f"{platform.processor() or platform.machine()}, {options.threads} threads: reads {limits['read_gb_s']} GB/s, "
          f"{limits['int8_gop_s']} GOP/s int8 ({limits['int8_loop']}), {limits['f32_gflop_s']} GFLOP/s float32")
    report = {"limits": limits, "models": {}}
    for name in options.models.split(","):
        path = model_path(name)
        result = measure(options, path)
        weights_bytes, products = work_per_token(path)
        report["models"][name] = result | {"weights_bytes": weights_bytes, "products": products}
        print_table(name, result, rows(result, limits, weights_bytes, products))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nall figures: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
