#!/usr/bin/env python3
"""Checks the logits of `hearth logits` on tiny models of every architecture and block format against PyTorch's.

The models and expected logits of tests/goldens/models need nothing but numpy; `--all` makes the rest as well, one per
block format and architecture variant, with tests/oracle/tiny_models.py (needs tests/oracle/requirements.txt).
Bars: float weights 1e-4 of the largest logit at every position, with float32 keys and values; quantised weights the mean
KL divergence beside the model, twice what rounding activations by our rule costs in PyTorch.
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


def relative_difference(expected, got):
    return float((np.abs(got - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def program_logits(options, model, ids, scratch):
    output = scratch / "logits.bin"
    command = [options.program, "logits", model, ids, "-o", output, "--tokens", "--kv", "f32", "--threads", "2",
               "--isa", options.isa]
    if not options.isa:
        command = command[:-2]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    count = len(ids.read_text().split())
    return np.fromfile(output, "<f4").reshape(count, -1)


def check_model(options, model, scratch):
    kind, bound = model.with_suffix(".bound").read_text().split()
    measure = relative_difference if kind == "relative" else mean_kl
    passed = True
    for index in (0, 1):
        stem = f"{model.with_suffix('')}.{index}"
        positions = list(map(int, pathlib.Path(f"{stem}.positions").read_text().split()))
        expected = np.fromfile(f"{stem}.logits", "<f4").reshape(len(positions), -1)
        try:
            got = program_logits(options, model, pathlib.Path(f"{stem}.ids"), scratch)[positions]
            value = measure(expected, got)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{model.stem:22} {index}  FAILED: {error}")
            return False
        good = value <= float(bound)  # false for NaN too
        agreement = (expected.argmax(axis=1) == got.argmax(axis=1)).mean()
        print(f"{model.stem:22} {index}  {kind:8} {value:.2e}  bound {bound}  top-1 {agreement:6.1%}  {'' if good else 'FAILED'}")
        passed = passed and good
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--isa", default="", help="ref, avx2 or avx512; the best by default")
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
