"""A real GGUF file as transformers' configuration and float32 weights, decoded by the gguf package.

Contract: `load(path)` returns (architecture, configuration, weights under transformers' names). Only the keys of the
catalogue's models are known; anything else that would change the result is an error.
transformers can read such files itself; its reader takes a minute for a vocabulary of 262,144, and accuracy.py
--check-import compares the two.
Not here: a tokenizer, and checks of damaged files.
"""

import mmap
import re
import struct

import gguf
import numpy as np

import tiny_gguf

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
KEPT_ARRAY = 1024


class Cursor:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def scalar(self, kind):
        value = struct.unpack_from(SCALARS[kind], self.data, self.at)[0]
        self.at += struct.calcsize(SCALARS[kind])
        return value

    def string(self):
        size = self.scalar(10)
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.scalar(kind)
        kind, count = self.scalar(4), self.scalar(10)
        if kind != STRING and count > KEPT_ARRAY:
            self.at += count * struct.calcsize(SCALARS[kind])
            return None
        values = [self.value(kind) for _ in range(count)]
        return values if count <= KEPT_ARRAY else None


def read(path):
    """(metadata without long arrays, {tensor name: (format, shape outermost first, its bytes)})"""
    with open(path, "rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    cursor = Cursor(data)
    if data[:4] != b"GGUF" or struct.unpack_from("<I", data, 4)[0] not in (2, 3):
        raise ValueError(f"{path} is no GGUF file of version 2 or 3")
    cursor.at = 8
    tensor_count, key_count = cursor.scalar(10), cursor.scalar(10)
    metadata = {}
    for _ in range(key_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.scalar(4))
    directory = []
    for _ in range(tensor_count):
        name = cursor.string()
        shape = [cursor.scalar(10) for _ in range(cursor.scalar(4))][::-1]
        directory.append((name, shape, gguf.GGMLQuantizationType(cursor.scalar(4)), cursor.scalar(10)))
    alignment = metadata.get("general.alignment", 32)
    start = -(-cursor.at // alignment) * alignment
    tensors = {}
    for name, shape, kind, offset in directory:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        count = int(np.prod(shape)) // block * size
        tensors[name] = (kind, shape, np.frombuffer(data, np.uint8, count, start + offset))
    return metadata, tensors


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
