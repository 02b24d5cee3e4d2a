#!/usr/bin/env python3
"""What it costs to keep answers to a schema, beside llama.cpp: a table of mean and 99th percentile per token.

    mask_cost.py [--schemas FOLDER] [--peer PYTHON | --store] MODEL...

Takes COUNT of the real schemas in FOLDER at even distances, lets grammar_driver write three texts of each, and measures both
engines along the same texts (mask_bench, peer_masks.py): processor time, so that other programs count little. The share of a
decoded token is of this machine's own `hearth bench`. Without --peer the peer's figures are those of peer_masks.json, which
--store writes, with the machine they were measured on. No figure is a condition: the exit code is 1 only if a measurement fails.
"""

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
STORED = HERE / "peer_masks.json"
COUNT, SEED, WALKS = 50, 7, 3


def answer(command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"mask_cost: {' '.join(map(str, command))[:200]}: {done.stderr.strip()[-1000:]}")
    return done.stdout


def collect(schemas, driver, model, folder):
    """COUNT schemas that compile, and texts of each, as files in `folder`."""
    unpacked = folder / "all"
    for archive in sorted(schemas.glob("*.tar.gz")):
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked, filter="data")
    files = sorted(unpacked.rglob("*.json"))
    chosen = files[::max(1, len(files) // COUNT)]
    lines = answer([driver, "walks", model, SEED, WALKS], input="\n".join(map(str, chosen)) + "\n").splitlines()
    texts = folder / "texts"
    texts.mkdir()
    taken = 0
    for walk in map(json.loads, lines):
        if taken == COUNT:
            break
        taken += 1
        path = pathlib.Path(walk["file"])
        target = texts / f"{taken:02}-{path.name}"
        target.write_bytes(path.read_bytes())
        for index, text in enumerate(walk["texts"]):
            pathlib.Path(f"{target}.{index}.txt").write_text(text, encoding="utf-8")
    return texts, taken


def machine():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def row(name, engine, result, decode_ms):
    token, first = result["token"], result["first_mask"]["mean_us"] + result["compile"]["mean_us"]
    share = f"{token['mean_us'] / decode_ms / 10:.2f} %" if decode_ms else ""
    return (f"{name:24} {engine:22} {result['compile']['count']:7} {token['count']:7} {token['mean_us']:10.1f} "
            f"{token['p99_us']:10.1f} {share:>9} {first / 1000:14.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemas", type=pathlib.Path, default=HERE.parent.parent / "shared" / "data" / "jsonschema")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--peer", help="a Python with llama-cpp-python")
    parser.add_argument("--store", action="store_true", help="keep what --peer measures in peer_masks.json")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    rows, notes = [], []
    with tempfile.TemporaryDirectory() as temporary:
        texts, count = collect(options.schemas, options.build / "tests" / "grammar_driver", options.models[0], pathlib.Path(temporary))
        for model in options.models:
            ours = json.loads(answer([options.build / "mask_bench", model, texts]))
            speed = json.loads(answer([options.build / "hearth", "bench", model, "--prefill", "16", "--decode", "32", "--json"]))
            decode_ms = 1000 / speed["decode"]["1"]
            rows.append(row(model.stem, "hearth", ours, decode_ms))
            notes.append(f"{model.stem}: the vocabulary is prepared once per model in {ours['vocabulary_ms']:.0f} ms, beside its loading; "
                         f"a token takes {decode_ms:.1f} ms here")
            if options.peer:
                stored[model.stem] = json.loads(answer([options.peer, HERE / "peer_masks.py", model, texts])) | {"machine": machine()}
            if peer := stored.get(model.stem):
                rows.append(row("", f"llama.cpp {peer['version']}", peer, None))
                notes.append(f"llama.cpp on {peer['machine']}{'' if options.peer else ' (stored)'}: {len(peer['refused'])} schemas refused, "
                             f"{peer['texts_left']} texts that its grammars do not have")
    if options.peer and options.store:
        STORED.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    print(f"{'model':24} {'engine':22} {'schemas':>7} {'tokens':>7} {'mean, us':>10} {'p99, us':>10} {'of token':>9} {'first token, ms':>14}")
    print("\n".join(rows + notes))
    return 0 if count == COUNT else 1


if __name__ == "__main__":
    sys.exit(main())
