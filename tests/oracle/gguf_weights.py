"""A real GGUF file as transformers' configuration and float32 weights, decoded by the gguf package.

Contract: `load(path)` returns (architecture, configuration, weights under transformers' names). Only the keys of the
catalogue's models are known; anything else that would change the result is an error.
transformers can read such files itself; its reader takes a minute for a vocabulary of 262,144, and accuracy.py
--check-import compares the two.
Not here: taking the file apart (bench/gguf_file.py), a tokenizer, and checks of damaged files.
"""

import pathlib
import re
import sys

import gguf
import numpy as np

import tiny_gguf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import gguf_file  # noqa: E402


def read(path):
    """(metadata without long arrays, {tensor name: (format, shape outermost first, its bytes)})"""
    metadata, directory = gguf_file.read(path)
    data = np.memmap(path, np.uint8, "r")
    return metadata, {tensor.name: (gguf.GGMLQuantizationType[tensor.format], tensor.shape, data[tensor.at:tensor.at + tensor.bytes])
                      for tensor in directory}


def configuration(metadata, tensors):
    architecture = metadata["general.architecture"]

    def key(name, *default):
        name = f"{architecture}.{name}"
        return metadata.get(name, *default) if default else metadata[name]

    if "rope_freqs.weight" in tensors or key("rope.scaling.type", "none") != "none":
        raise ValueError("rope scaling is not known here")
    heads = key("attention.head_count")
    config = {
        "vocab_size": tensors["token_embd.weight"][1][0], "hidden_size": key("embedding_length"),
        "intermediate_size": key("feed_forward_length"), "num_hidden_layers": key("block_count"),
        "num_attention_heads": heads, "num_key_value_heads": key("attention.head_count_kv"),
        "head_dim": key("attention.key_length", key("embedding_length") // heads),
        "rms_norm_eps": key("attention.layer_norm_rms_epsilon"), "max_position_embeddings": key("context_length"),
        "tie_word_embeddings": "output.weight" not in tensors,
        "rope_parameters": {"rope_type": "default", "rope_theta": key("rope.freq_base", 10000.0)},
    }
    if architecture == "gemma3":
        config["sliding_window"] = key("attention.sliding_window")
        config["query_pre_attn_scalar"] = config["head_dim"]
        config["rope_parameters"] = {"full_attention": config["rope_parameters"], "sliding_attention": {
            "rope_type": "default", "rope_theta": key("rope.freq_base_swa", 10000.0)}}
        config["layer_types"] = ["full_attention" if layer % 6 == 5 else "sliding_attention"
                                 for layer in range(config["num_hidden_layers"])]
    return architecture, config


def load(path):
    metadata, tensors = read(path)
    architecture, config = configuration(metadata, tensors)
    names = tiny_gguf.SANDWICH_NAMES if architecture == "gemma3" else tiny_gguf.LAYER_NAMES
    layer_names = {short: long for long, short in names.items()}
    other_names = {short: long for long, short in tiny_gguf.OTHER_NAMES.items()}
    weights = {}
    for name, (kind, shape, data) in tensors.items():
        match = re.fullmatch(r"blk\.(\d+)\.(.+)", name)
        target = f"model.layers.{match[1]}.{layer_names[match[2]]}" if match else other_names[name]
        values = gguf.quants.dequantize(data, kind).reshape(shape).astype(np.float32)
        if architecture == "gemma3" and name.endswith("norm.weight"):
            values = values - np.float32(1)
        if architecture == "llama" and name.endswith(("attn_q.weight", "attn_k.weight")):
            heads = config["num_attention_heads" if "attn_q" in name else "num_key_value_heads"]
            values = tiny_gguf.unpermute(values, heads)
        weights[target] = values
    return architecture, config, weights
