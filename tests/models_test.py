#!/usr/bin/env python3
"""Checks the logits of `hearth logits` on tiny models of every architecture and block format against PyTorch's.

The models and expected logits of tests/goldens/models need nothing but numpy; `--all` makes the rest as well, one per
block format and architecture variant, with tests/oracle/tiny_models.py (needs tests/oracle/requirements.txt).
Bars: float weights 1e-4 of the largest logit at every position, with float32 keys and values; quantised weights 1e-5 at
the median position from PyTorch with activations rounded as our numeric contract says, and at most three times its mean
KL divergence from plain float32 (a rounding that falls the other way moves single positions).
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent


def log_softmax(values):
    values = values.astype(np.float64)
    values = values - values.max(axis=-1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))


def mean_kl(expected, got):
    expected, got = log_softmax(expected), log_softmax(got)
    return float((np.exp(expected) * (expected - got)).sum(axis=-1).mean())


def relative_differences(expected, got):
    """Largest difference over largest magnitude, per position."""
    return np.abs(got - expected).max(axis=1) / np.abs(expected).max(axis=1)


def judge(stem, kind, bound, expected, got):
    """(whether it passes, the figures in words)"""
    if kind == "relative":
        worst = relative_differences(expected, got).max()
        return worst <= bound, f"worst position {worst:.1e}"
    contract = np.fromfile(f"{stem}.contract", "<f4").reshape(expected.shape)
    middle = np.median(relative_differences(contract, got))
    divergence, accepted = mean_kl(expected, got), 3 * mean_kl(expected, contract)
    return middle <= bound and divergence <= accepted, f"median position {middle:.1e}, KL {divergence:.1e} (bound {accepted:.1e})"


def program_logits(options, model, ids, scratch):
    output = scratch / "logits.bin"
    command = [options.program, "logits", model, ids, "-o", output, "--tokens", "--kv", "f32", "--threads", "2", "--quiet"]
    if options.isa:
        command += ["--isa", options.isa]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    count = len(ids.read_text().split())
    return np.fromfile(output, "<f4").reshape(count, -1)


def check_model(options, model, scratch):
    kind, bound = model.with_suffix(".bound").read_text().split()
    passed = True
    for index in (0, 1):
        stem = f"{model.with_suffix('')}.{index}"
        positions = list(map(int, pathlib.Path(f"{stem}.positions").read_text().split()))
        expected = np.fromfile(f"{stem}.logits", "<f4").reshape(len(positions), -1)
        try:
            got = program_logits(options, model, pathlib.Path(f"{stem}.ids"), scratch)[positions]
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{model.stem:22} {index}  FAILED: {error}")
            return False
        good, figures = judge(stem, kind, float(bound), expected, got)  # a NaN compares as false
        print(f"{model.stem:22} {index}  {figures}, bound {bound}{'' if good else '  FAILED'}", flush=True)
        passed = passed and good
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--isa", default="", help="ref, avx2, avxvnni or avx512; the best by default")
    parser.add_argument("--all", action="store_true", help="also the models that are made on the spot")
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        folders = [HERE / "goldens" / "models"]
        if options.all:
            maker = [sys.executable, HERE / "oracle" / "tiny_models.py", "--all", scratch / "models"]
            subprocess.run(maker, check=True, stdout=subprocess.DEVNULL)
            folders.append(scratch / "models")
        models = {model.name: model for folder in reversed(folders) for model in sorted(folder.glob("*.gguf"))}
        for model in models.values():
            if not check_model(options, model, scratch):
                failed.append(model.stem)
    if failed or not models:
        print(f"{len(failed)} of {len(models)} models failed: {' '.join(failed)}")
        return 1
    print(f"{len(models)} models agree with PyTorch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
