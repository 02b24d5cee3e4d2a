#!/usr/bin/env python3
"""How far logits of real models with two adapters (LoRA) at once are from float32 arithmetic: Hearth beside llama.cpp.

As tests/accuracy.py, on its windows of 512 tokens, with adapters of random values that tests/oracle/random_adapter.py writes, at
two scales. The reference is transformers (PyTorch, float32) on the decoded weights with the products of the adapters added.
Bars, exit code 1 if one is missed: mean KL at most 1.1 times llama.cpp's and the best token the same as often, to two standard
errors of the paired difference; and the adapters must matter: without them mean KL is more than 20 times ours.
llama.cpp is measured where llama-cpp-python is installed (--peer live), else its figures for the same positions come from
tests/oracle/peer_adapters.json, which --update-peer writes.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

import numpy as np

import accuracy

HERE = pathlib.Path(__file__).resolve().parent
PEER_FILE = HERE / "oracle" / "peer_adapters.json"
MODELS = ["smollm2:135m"]
# Arguments of random_adapter.write_adapter, and the scale in effect.
ADAPTERS = [({"seed": 1, "rank": 16, "strength": 0.3}, 1.0),
            ({"seed": 2, "rank": 5, "strength": 0.3, "middles": ["attn_q", "attn_v", "ffn_down"]}, -0.5)]
KL_FACTOR = 1.1
LEAST_EFFECT = 20
LAYER_PARTS = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
               "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}


def write_adapters(options, path, folder):
    """[(file, scale)]"""
    import random_adapter
    written = []
    for index, (arguments, scale) in enumerate(ADAPTERS):
        file = folder / f"adapter{index}.gguf"
        random_adapter.write_adapter(options.program, path, file, **arguments)
        written.append((file, scale))
    return written


def add_product(weights, config, architecture, file, scale):
    """W += scale * alpha / rank * B A for every pair of the file, in float64, as the gguf package reads it."""
    import gguf
    import tiny_gguf
    reader = gguf.GGUFReader(file)
    alpha = float(reader.fields["adapter.lora.alpha"].contents())
    tensors = {tensor.name: np.asarray(tensor.data, dtype=np.float64) for tensor in reader.tensors}
    for name in [name for name in tensors if name.endswith(".lora_a")]:
        down, up = tensors[name], tensors[name.removesuffix("a") + "b"]
        _, layer, middle, _, _ = name.split(".")
        product = up @ down * (scale * alpha / down.shape[0])
        if architecture == "llama" and middle in ("attn_q", "attn_k"):
            product = tiny_gguf.unpermute(product, config["num_attention_heads" if middle == "attn_q" else "num_key_value_heads"])
        target = f"model.layers.{layer}.{LAYER_PARTS[middle]}.weight"
        weights[target] = (weights[target].astype(np.float64) + product).astype(np.float32)


def reference_model(options, path, adapters):
    import torch
    import gguf_weights
    import reference
    torch.set_num_threads(options.threads)
    architecture, config, weights = gguf_weights.load(path)
    for file, scale in adapters:
        add_product(weights, config, architecture, file, scale)
    return reference.build(architecture, config, weights)


def measure(options, path, windows, adapters, peer, scratch):
    """(ours, the peer's, ours without the adapters: on the first window)"""
    import reference
    model = reference_model(options, path, adapters)
    ours, theirs, without = accuracy.Record(), accuracy.Record(), accuracy.Record()
    used = [argument for file, scale in adapters for argument in ("--lora", f"{file}={scale}")]
    for index, ids in enumerate(windows):
        expected = reference.logits(model, ids)
        if peer:
            theirs.add(expected, peer.logits(ids))
        if options.update_peer:
            continue
        ours.add(expected, accuracy.our_logits(options, path, ids, scratch, more=used))
        if index == 0:
            without.add(expected, accuracy.our_logits(options, path, ids, scratch))
    return ours, theirs, without


def judge(ours, theirs, without):
    ratio, error = accuracy.ratios(ours, theirs)["mean_kl"]
    paired = ours.split(ours.same)[0] - theirs.split(theirs.same)[0]
    spread = paired.std(ddof=1) / np.sqrt(len(paired))
    effect = without.split(without.kl)[0].mean() / ours.split(ours.kl)[0].mean()
    missed = []
    if not ratio <= KL_FACTOR:
        missed.append(f"mean_kl is {ratio:.3f} times llama.cpp's, more than {KL_FACTOR}")
    if paired.mean() < -2 * spread:
        missed.append(f"top-1 lower by {-paired.mean():.2%}, two standard errors are {2 * spread:.2%}")
    if not effect > LEAST_EFFECT:
        missed.append(f"without the adapters mean_kl is only {effect:.1f} times ours")
    return f"mean_kl {ratio:.3f} +- {error:.3f}, top-1 {paired.mean():+.2%} +- {spread:.2%}; without adapters {effect:.0f} times ours", missed


def load_peer(options, path, adapters):
    if options.peer == "stored" and not options.update_peer:
        return None
    try:
        import llamacpp
    except ImportError:
        if options.peer == "live" or options.update_peer:
            raise SystemExit("adapter_accuracy: llama-cpp-python is not installed here: pip install llama-cpp-python==0.3.36")
        return None
    model = llamacpp.Model(path, accuracy.WINDOW, options.threads)
    model.use_adapters(adapters)
    return model


def store_peer(name, path, adapters, theirs, version):
    stored = json.loads(PEER_FILE.read_text()) if PEER_FILE.exists() else {}
    stored[name] = {"version": version, "file_sha256": accuracy.digest(path), "adapters_sha256": [accuracy.digest(file) for file, _ in adapters],
                    "summary": theirs.summary(), "same": accuracy.bits(theirs.same), "kl": [float(f"{value:.4g}") for value in theirs.kl]}
    PEER_FILE.write_text("{\n" + ",\n".join(f"{json.dumps(key)}: {json.dumps(stored[key])}" for key in sorted(stored)) + "\n}\n")


def run_model(options, name, windows, stored, scratch):
    path = accuracy.model_path(name)
    adapters = write_adapters(options, path, scratch)
    peer = load_peer(options, path, adapters)
    ours, theirs, without = measure(options, path, windows, adapters, peer, scratch)
    positions = len(windows) * (accuracy.WINDOW - accuracy.APART)
    if options.update_peer:
        store_peer(name, path, adapters, theirs, peer.version())
        accuracy.print_row(name, "llama.cpp", theirs.summary(), positions)
        return True
    if not peer:
        entry = stored[name]
        if entry["file_sha256"] != accuracy.digest(path) or entry["adapters_sha256"] != [accuracy.digest(file) for file, _ in adapters]:
            raise SystemExit(f"adapter_accuracy: {path} or its adapters are not the files that {PEER_FILE.name} speaks of")
        theirs = accuracy.stored_peer(entry, len(windows))
    words, missed = judge(ours, theirs, without)
    accuracy.print_row(name, "hearth", ours.summary(), positions)
    accuracy.print_row("", "llama.cpp" if peer else "(stored)", theirs.summary(), positions)
    print(f"{'':20} against llama.cpp: {words}")
    for line in missed:
        print(f"{'':20} MISSED: {line}")
    return not missed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help="names, separated by commas (default: %(default)s)")
    parser.add_argument("--windows", type=int, default=2, choices=range(1, accuracy.WINDOWS + 1))
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--peer", choices=["auto", "live", "stored"], default="auto", help="where llama.cpp's figures come from")
    parser.add_argument("--update-peer", action="store_true", help="measure llama.cpp and rewrite peer_adapters.json")
    options = parser.parse_args()
    options.program = options.program.resolve()
    windows = {name: entry["windows"][:options.windows] for name, entry in json.loads(accuracy.PEER_FILE.read_text()).items()}
    stored = json.loads(PEER_FILE.read_text()) if PEER_FILE.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        passed = [run_model(options, name, windows[name], stored, pathlib.Path(scratch)) for name in options.models.split(",")]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
