#!/usr/bin/env python3
"""How far the logits of real models are from float32 arithmetic on the same weights: Hearth beside llama.cpp.

Four windows of 512 tokens of WikiText-2's test split (start token first where the model adds one); the first 16
positions of a window are reported apart, since single outliers rule there. The reference is transformers (PyTorch,
float32) on the decoded weights. KL divergence in nats, in double precision over the whole vocabulary.
Bars, exit code 1 if one is missed: mean and p99 KL at most 1.05 times llama.cpp's, top-1 agreement not lower by more
than two standard errors of the paired difference. Where both engines round activations alike their KL is alike, and 2,000
positions tell mean and p99 apart only to a few per cent: the table has the standard error of each ratio.
Int8 keys and values are an option with a cost, which is printed: the first INT8_WINDOWS windows with `--kv int8`, against the same
reference and against our own logits with f16. Its only bar, mean KL of INT8_LIMIT, tells a broken cache from a coarse one.
llama.cpp is measured beside us where llama-cpp-python is installed (`--peer live`), else its figures for the same
positions come from tests/oracle/peer_accuracy.json, which `--update-peer` writes, token ids included.
Needs tests/oracle/requirements.txt. Models are found in $HEARTH_MODEL_CACHE, else in the cache folder of the tests.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "oracle"))

PEER_FILE = HERE / "oracle" / "peer_accuracy.json"
MODELS = ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]
WINDOW = 512
WINDOWS = 4
APART = 16
KL_FACTOR = 1.05
INT8_WINDOWS = 1
INT8_LIMIT = 0.1
TEXT_BYTES = 16000  # more than 2048 tokens of any vocabulary here


def model_path(name):
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("HEARTH_MODEL_CACHE") or pathlib.Path(cache) / "hearth" / "models")
    path = folder / (name.replace(":", "-") + ".gguf")
    if not path.exists():
        raise SystemExit(f"accuracy: {name} is not at {path}; `make test` fetches it, or set HEARTH_MODEL_CACHE")
    return path


def text_path():
    shared = pathlib.Path(os.environ.get("HEARTH_SHARED_DIR") or HERE.parent.parent / "shared")
    return shared / "data" / "text" / "wikitext-2-raw-test.txt"


def read_text():
    """The start of the test split, cut after a whole line."""
    data = text_path().read_bytes()[:TEXT_BYTES]
    return data[:data.rindex(b"\n") + 1].decode()


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclasses.dataclass
class Record:
    """Per position, windows one after the other: KL to the reference and whether the best token is the same."""
    kl: list = dataclasses.field(default_factory=list)
    same: list = dataclasses.field(default_factory=list)

    def add(self, expected, got):
        if expected.shape != got.shape or not np.isfinite(got).all():
            raise ValueError(f"logits of shape {got.shape}, expected {expected.shape} finite ones")
        self.same += (expected.argmax(axis=1) == got.argmax(axis=1)).tolist()
        for first in range(0, len(expected), 32):  # double precision over a large vocabulary: a few rows at a time
            a, b = log_softmax(expected[first:first + 32]), log_softmax(got[first:first + 32])
            self.kl += (np.exp(a) * (a - b)).sum(axis=1).tolist()

    def split(self, values):
        values = np.asarray(values, dtype=np.float64).reshape(-1, WINDOW)
        return values[:, APART:].ravel(), values[:, :APART].ravel()

    def summary(self):
        kl, kl_first = self.split(self.kl)
        same, same_first = self.split(self.same)
        return {"mean_kl": float(kl.mean()), "p99_kl": float(np.quantile(kl, 0.99)), "top1": float(same.mean()),
                "first_mean_kl": float(kl_first.mean()), "first_top1": float(same_first.mean())}


def log_softmax(values):
    values = values.astype(np.float64)
    values = values - values.max(axis=-1, keepdims=True)
    return values - np.log(np.exp(values).sum(axis=-1, keepdims=True))


def check_ids(name, path, program, windows):
    """Our tokenizer, and the peer's where it is, must cut the text into the tokens that are measured."""
    if not text_path().exists():
        print(f"{name}: {text_path()} is absent, so our tokenizer was not compared on it")
        return
    wanted = [token for window in windows for token in window]
    command = [program, "tokenize", path, "--json", "--no-special"]
    output = subprocess.run(command, input=read_text().encode(), stdout=subprocess.PIPE, check=True).stdout
    if start_of(windows) is not None:
        wanted = [token for window in windows for token in window[1:]]
    got = json.loads(output)[:len(wanted)]
    if got != wanted:
        at = next((index for index, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), len(got))
        raise SystemExit(f"accuracy: {name}: hearth tokenize differs from llama.cpp at token {at}")


def start_of(windows):
    """The token every window begins with: it is the start token if they all agree."""
    first = {window[0] for window in windows}
    return first.pop() if len(first) == 1 and len(windows) > 1 else None


def peer_windows(peer):
    ids = peer.tokenize(read_text())
    start = [peer.start_token()] if peer.adds_start_token() else []
    step = WINDOW - len(start)
    return [start + ids[index * step:(index + 1) * step] for index in range(WINDOWS)]


def our_logits(options, path, ids, scratch, kv="f16", more=()):
    (scratch / "ids").write_text(" ".join(map(str, ids)))
    command = [options.program, "logits", path, scratch / "ids", "-o", scratch / "logits", "--tokens",
               "--threads", str(options.threads), "--kv", kv, "--quiet", *more]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    logits = np.memmap(scratch / "logits", "<f4", mode="r").reshape(len(ids), -1)
    (scratch / "logits").unlink()
    return logits


@dataclasses.dataclass
class Measured:
    ours: Record = dataclasses.field(default_factory=Record)
    peer: Record = dataclasses.field(default_factory=Record)  # empty without a live one
    int8: Record = dataclasses.field(default_factory=Record)  # against the reference, over INT8_WINDOWS windows
    int8_to_f16: Record = dataclasses.field(default_factory=Record)  # against our own logits


def measure(options, path, windows, peer, scratch):
    """Measured; only the peer with --update-peer."""
    import torch
    import gguf_weights
    import reference
    torch.set_num_threads(options.threads)
    model = reference.build(*gguf_weights.load(path))
    if options.check_import:
        check_import(path, model, windows[0])
    measured = Measured()
    for index, ids in enumerate(windows):
        expected = reference.logits(model, ids)
        if not options.update_peer:
            ours = our_logits(options, path, ids, scratch)
            measured.ours.add(expected, ours)
            if index < INT8_WINDOWS:
                int8 = our_logits(options, path, ids, scratch, "int8")
                measured.int8.add(expected, int8)
                measured.int8_to_f16.add(ours, int8)
        if peer:
            measured.peer.add(expected, peer.logits(ids))
    return measured


def check_import(path, model, ids):
    """Our reading of the file against transformers' own: the same model, to the rounding of float32."""
    import reference
    import transformers
    other = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype="float32").eval()
    expected, got = reference.logits(other, ids[:64]), reference.logits(model, ids[:64])
    worst = np.abs(expected - got).max() / np.abs(expected).max()
    print(f"{path.stem}: transformers' own import differs by {worst:.1e} of the largest logit")
    if not worst <= 1e-4:
        raise SystemExit("accuracy: the reference does not read the file as transformers does")


def bits(values):
    return np.packbits(np.asarray(values, dtype=np.uint8)).tobytes().hex()


def from_bits(text, count):
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), np.uint8))[:count].tolist()


def stored_peer(entry, window_count):
    count = window_count * WINDOW
    return Record(entry["kl"][:count], from_bits(entry["same"], count))


def store_peer(name, path, windows, theirs, version):
    stored = json.loads(PEER_FILE.read_text()) if PEER_FILE.exists() else {}
    stored[name] = {"version": version, "file_sha256": digest(path), "summary": theirs.summary(),
                    "windows": windows, "same": bits(theirs.same), "kl": [float(f"{value:.4g}") for value in theirs.kl]}
    lines = [f"{json.dumps(key)}: {json.dumps(stored[key])}" for key in sorted(stored)]
    PEER_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def ratios(ours, theirs):
    """{key: (our KL over the peer's, its standard error by resampling positions)}; the seed is fixed."""
    random = np.random.RandomState(1)
    mine, peer = ours.split(ours.kl)[0], theirs.split(theirs.kl)[0]
    measures = {"mean_kl": np.mean, "p99_kl": lambda values: np.quantile(values, 0.99)}
    draws = [random.randint(0, len(mine), len(mine)) for _ in range(400)]
    return {key: (measure(mine) / measure(peer), np.std([measure(mine[draw]) / measure(peer[draw]) for draw in draws]))
            for key, measure in measures.items()}


def judge(ours, theirs):
    """(the ratios in words, the bars that are missed in words)"""
    missed, words = [], []
    for key, (ratio, error) in ratios(ours, theirs).items():
        words.append(f"{key} {ratio:.3f} +- {error:.3f}")
        if not ratio <= KL_FACTOR:
            missed.append(f"{key} is {ratio:.3f} times llama.cpp's, more than {KL_FACTOR}")
    paired = ours.split(ours.same)[0] - theirs.split(theirs.same)[0]
    error = paired.std(ddof=1) / np.sqrt(len(paired))
    words.append(f"top-1 {paired.mean():+.2%} +- {error:.2%}")
    if paired.mean() < -2 * error:
        missed.append(f"top-1 lower by {-paired.mean():.2%}, two standard errors are {2 * error:.2%}")
    return ", ".join(words), missed


def judge_int8(measured):
    """The same for int8 keys and values against f16 ones, both measured from the reference at the same positions."""
    count = len(measured.int8.kl)
    first = Record(measured.ours.kl[:count], measured.ours.same[:count])
    f16, int8 = (record.split(record.kl)[0].mean() for record in (first, measured.int8))
    missed = [f"int8 KV: mean_kl {int8:.5f} is more than {INT8_LIMIT}"] if not int8 <= INT8_LIMIT else []
    return f"int8 KV: mean_kl {int8:.5f}, {int8 / f16:.3f} times f16's {f16:.5f} at the same positions", missed


def print_row(name, engine, summary, positions):
    print(f"{name:20} {positions:>9}  {engine:10} {summary['mean_kl']:9.5f} {summary['p99_kl']:9.4f} {summary['top1']:7.2%}"
          f"   {summary['first_mean_kl']:9.5f} {summary['first_top1']:7.1%}", flush=True)


def load_peer(options, path):
    if options.peer == "stored" and not options.update_peer:
        return None
    try:
        import llamacpp
    except ImportError:
        if options.peer == "live" or options.update_peer:
            raise SystemExit("accuracy: llama-cpp-python is not installed here: pip install llama-cpp-python==0.3.36")
        return None
    return llamacpp.Model(path, WINDOW, options.threads)


def run_model(options, name, stored, scratch):
    path = model_path(name)
    peer = load_peer(options, path)
    if options.update_peer:
        windows = peer_windows(peer)
        theirs = measure(options, path, windows, peer, scratch).peer
        store_peer(name, path, windows, theirs, peer.version())
        print_row(name, "llama.cpp", theirs.summary(), len(windows) * WINDOW)
        return True
    entry = stored[name]
    if entry["file_sha256"] != digest(path):
        raise SystemExit(f"accuracy: {path} is not the file that peer_accuracy.json speaks of")
    check_ids(name, path, options.program, entry["windows"])
    windows = entry["windows"][:options.windows]
    measured = measure(options, path, windows, peer, scratch)
    ours, theirs = measured.ours, measured.peer if peer else stored_peer(entry, len(windows))
    words, missed = judge(ours, theirs)
    int8_words, int8_missed = judge_int8(measured)
    missed += int8_missed
    positions = len(windows) * (WINDOW - APART)
    print_row(name, "hearth", ours.summary(), positions)
    print_row("", "llama.cpp" if peer else "(stored)", theirs.summary(), positions)
    print(f"{'':20} against llama.cpp: {words}")
    print_row("", "int8 KV", measured.int8.summary(), len(measured.int8.split(measured.int8.kl)[0]))
    print_row("", "  to f16", measured.int8_to_f16.summary(), len(measured.int8.split(measured.int8.kl)[0]))
    print(f"{'':20} {int8_words}")
    for line in missed:
        print(f"{'':20} MISSED: {line}")
    return not missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help="names, separated by commas (default: %(default)s)")
    parser.add_argument("--windows", type=int, default=WINDOWS, choices=range(1, WINDOWS + 1))
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peer", choices=["auto", "live", "stored"], default="auto", help="where llama.cpp's figures come from")
    parser.add_argument("--update-peer", action="store_true", help="measure llama.cpp and rewrite peer_accuracy.json")
    parser.add_argument("--check-import", action="store_true", help="compare the reference with transformers' GGUF import")
    options = parser.parse_args()
    names = options.models.split(",")
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(MODELS)}")
    stored = json.loads(PEER_FILE.read_text()) if PEER_FILE.exists() else {}
    print(f"{'model':20} {'positions':>9}  {'engine':10} {'mean KL':>9} {'p99 KL':>9} {'top-1':>7}   {'first 16:':>9} {'top-1':>7}")
    with tempfile.TemporaryDirectory() as scratch:
        passed = [run_model(options, name, stored, pathlib.Path(scratch)) for name in names]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
