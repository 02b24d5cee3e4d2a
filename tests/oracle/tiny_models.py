"""Tiny random models of every architecture and block format: GGUF files with the logits PyTorch computes for them.

`--all DIR` writes every model, `--goldens DIR` the few that are committed. Beside NAME.gguf lie NAME.N.ids (token ids),
NAME.N.positions (which positions have logits) and NAME.N.logits (little-endian float32 [positions, vocabulary]), N = 0, 1.
NAME.N.pooled has the mean, the first and the last of the hidden states ([3, width]).
Models with quantised weights also have NAME.N.contract: the same logits with activations rounded as our numeric contract
says. NAME.bound holds the accepted difference, maximum difference over maximum magnitude of a position: "relative R" at
every position, or "contract R" from NAME.N.contract at the median position (where a value lies on the border of two
integers, float32 in another order may round it the other way, and a whole position moves).
Weights come from numpy's frozen RandomState, so that the files are the same wherever they are made.
"""

import argparse
import dataclasses
import pathlib
import sys

import numpy as np

import reference
import tiny_gguf

FORMATS = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
           "IQ4_NL", "IQ4_XS"]
MIXED = {"token_embd": "Q6_K", "attn_q": "Q4_K", "attn_k": "Q5_K", "attn_v": "Q8_0", "attn_output": "Q5_0",
         "ffn_gate": "Q3_K", "ffn_up": "IQ4_XS", "ffn_down": "Q2_K"}


@dataclasses.dataclass(frozen=True)
class Spec:
    name: str
    architecture: str
    config: dict
    tokenizer: str
    seed: int
    formats: object = "F32"           # a format's name, or a table from the tensor's middle name to one
    writes_window_keys: bool = False  # newer files say which layers are local and their rope base, older ones do not
    committed: bool = True
    pooling: str = ""                 # what the file says: "mean", "cls" or "last"; empty: nothing

    @property
    def head_dim(self):
        return self.config.get("head_dim", self.config["hidden_size"] // self.config["num_attention_heads"])

    def format_of(self, tensor):
        if isinstance(self.formats, str):
            return self.formats
        return self.formats[tensor.removesuffix(".weight").split(".")[-1]]


def base_config(**changes):
    return {
        "vocab_size": 320, "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 3, "num_key_value_heads": 1, "rms_norm_eps": 1e-5, "max_position_embeddings": 1024,
        "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    } | changes


LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 128}


def gemma_config(local_base=10000.0, scaling=None, **changes):
    full = {"rope_type": "default", "rope_theta": 1000000.0} | (scaling or {})
    config = base_config(
        hidden_size=32, intermediate_size=48, num_hidden_layers=7, num_attention_heads=2, head_dim=16,
        sliding_window=24, query_pre_attn_scalar=16, rms_norm_eps=1e-6,
        rope_parameters={"full_attention": full, "sliding_attention": {"rope_type": "default", "rope_theta": local_base}})
    config |= changes
    if "layer_types" not in config:
        config["layer_types"] = ["full_attention" if layer % 6 == 5 else "sliding_attention"
                                 for layer in range(config["num_hidden_layers"])]
    return config


def float_specs():
    short = ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"]
    return [
        Spec("llama-grouped", "llama", base_config(num_attention_heads=4, num_key_value_heads=2, hidden_size=64,
             num_hidden_layers=1, tie_word_embeddings=False), "smollm", 11),
        Spec("llama-rope-scaled", "llama", base_config(hidden_size=32, num_attention_heads=4, num_key_value_heads=2,
             head_dim=32, rope_parameters=LLAMA3_ROPE), "llama-bpe", 12, pooling="last"),
        Spec("llama-rope-linear", "llama", base_config(rope_parameters={
             "rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}), "smollm", 13, committed=False),
        Spec("llama-wide-heads", "llama", base_config(num_attention_heads=2, head_dim=32, num_key_value_heads=2,
             tie_word_embeddings=False, rms_norm_eps=1e-6), "spm", 14, committed=False),
        Spec("qwen2", "qwen2", base_config(rms_norm_eps=1e-6, rope_parameters={
             "rope_type": "default", "rope_theta": 1000000.0}), "qwen2", 15),
        Spec("qwen2-untied", "qwen2", base_config(num_attention_heads=6, num_key_value_heads=3, head_dim=8,
             tie_word_embeddings=False), "qwen2", 16, committed=False),
        Spec("gemma3", "gemma3", gemma_config(), "spm", 17),
        Spec("gemma3-window-keys", "gemma3", gemma_config(local_base=5000.0, num_hidden_layers=4, layer_types=short,
             scaling={"rope_type": "linear", "factor": 8.0}, hidden_size=64, num_attention_heads=4, head_dim=32,
             query_pre_attn_scalar=32), "spm", 18, writes_window_keys=True, committed=False),
    ]


def quantised_config():
    return base_config(hidden_size=256, intermediate_size=256, num_hidden_layers=1, num_attention_heads=4,
                       num_key_value_heads=1)


def all_specs():
    specs = float_specs()
    specs.append(Spec("llama-mixed", "llama", quantised_config(), "smollm", 30, formats=MIXED))
    for index, name in enumerate(FORMATS[1:]):
        specs.append(Spec(f"llama-{name.lower()}", "llama", quantised_config(), "smollm",
                          40 + index, formats=name, committed=False))
    return specs


def shapes(spec):
    """transformers' parameter names and shapes, [outputs, inputs] for matrices."""
    config = spec.config
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    q = config["num_attention_heads"] * spec.head_dim
    kv = config["num_key_value_heads"] * spec.head_dim
    yield "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        norms = ["input_layernorm", "post_attention_layernorm"]
        if spec.architecture == "gemma3":
            norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
            yield prefix + "self_attn.q_norm.weight", (spec.head_dim,)
            yield prefix + "self_attn.k_norm.weight", (spec.head_dim,)
        for norm in norms:
            yield prefix + norm + ".weight", (hidden,)
        for part, rows in (("q", q), ("k", kv), ("v", kv)):
            yield prefix + f"self_attn.{part}_proj.weight", (rows, hidden)
            if spec.architecture == "qwen2":
                yield prefix + f"self_attn.{part}_proj.bias", (rows,)
        yield prefix + "self_attn.o_proj.weight", (hidden, q)
        yield prefix + "mlp.gate_proj.weight", (inner, hidden)
        yield prefix + "mlp.up_proj.weight", (inner, hidden)
        yield prefix + "mlp.down_proj.weight", (hidden, inner)
    yield "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "lm_head.weight", (config["vocab_size"], hidden)


def random_weights(spec):
    """Scales that keep activations near one and attention neither uniform nor on a single position."""
    random = np.random.RandomState(spec.seed)
    weights = {}
    for name, shape in shapes(spec):
        values = random.standard_normal(shape)
        if name.endswith("norm.weight"):
            values = values * 0.2 + (0.0 if spec.architecture == "gemma3" else 1.0)
        elif name.endswith("bias"):
            values = values * 0.5
        elif name == "model.embed_tokens.weight":
            values = values * (shape[1] ** -0.5 if spec.architecture == "gemma3" else 0.3)
        else:
            gain = 1.5 if "q_proj" in name or "k_proj" in name else 1.0
            values = values * gain * shape[1] ** -0.5
        weights[name] = values.astype(np.float32)
    return weights


def sequences(spec):
    """Two sequences: one crosses several windows and a border of 256 positions, one is short."""
    random = np.random.RandomState(spec.seed + 2)
    yield random.randint(0, 300, 300), [0, 1, 2, 15, 16, 23, 24, 25, 31, 32, 47, 48, 63, 100, 177, 254, 255, 256, 257, 298, 299]
    yield random.randint(0, 300, 40), [0, 5, 10, 15, 20, 24, 30, 39]


def write_model(spec, folder):
    decoded = tiny_gguf.write(folder / f"{spec.name}.gguf", spec, random_weights(spec), spec.format_of)
    model = reference.build(spec.architecture, spec.config, decoded)
    quantised = spec.formats not in ("F32", "F16", "BF16")
    for index, (ids, positions) in enumerate(sequences(spec)):
        stem = folder / f"{spec.name}.{index}"
        pathlib.Path(f"{stem}.ids").write_text(" ".join(map(str, ids)) + "\n")
        pathlib.Path(f"{stem}.positions").write_text(" ".join(map(str, positions)) + "\n")
        logits = reference.logits(model, ids)
        logits[positions].astype("<f4").tofile(f"{stem}.logits")
        reference.pooled_states(model, ids).astype("<f4").tofile(f"{stem}.pooled")
        if quantised:
            contract = reference.logits(model, ids, quantise_activations=True)
            contract[positions].astype("<f4").tofile(f"{stem}.contract")
    bound = "contract 1e-5" if quantised else "relative 1e-4"
    (folder / f"{spec.name}.bound").write_text(bound + "\n")
    spread = logits.std(axis=1).mean()
    print(f"{spec.name:22} {(folder / f'{spec.name}.gguf').stat().st_size:8} bytes, logits' deviation {spread:.2f}, {bound}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", type=pathlib.Path, metavar="DIR", help="write every model")
    parser.add_argument("--goldens", type=pathlib.Path, metavar="DIR", help="write the committed ones")
    options = parser.parse_args()
    if not options.all and not options.goldens:
        parser.error("say --all DIR or --goldens DIR")
    for folder, wanted in ((options.all, lambda spec: True), (options.goldens, lambda spec: spec.committed)):
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for spec in filter(wanted, all_specs()):
                write_model(spec, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
