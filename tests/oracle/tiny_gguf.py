"""GGUF files for the tiny models: tensor names, the Q/K order, metadata and a small tokenizer, as converters write them.

Contract: `write(path, spec, weights, formats)` takes weights under their transformers names and returns the values that
the file holds after quantisation, under the same names, so that a reference can compute with exactly those.
Not here: the models themselves (tiny_models.py) and their expected logits (reference.py).
"""

import re

import gguf
import numpy as np

FORMATS = gguf.GGMLQuantizationType

# Bytes per block of 256 and where the float16 scales lie in it, for formats the gguf package can read but not write.
# A scale other than the first is multiplied by the factor beside it, which centres the decoded values on zero.
RANDOM_BLOCKS = {
    "Q2_K": (256, [(80, 1.0), (82, 1.5)]),
    "Q3_K": (256, [(108, 1.0)]),
    "Q4_K": (256, [(0, 1.0), (2, 7.5)]),
    "Q5_K": (256, [(0, 1.0), (2, 15.5)]),
    "Q6_K": (256, [(208, 1.0)]),
    "IQ4_NL": (32, [(0, 1.0)]),
    "IQ4_XS": (256, [(0, 1.0)]),
}

LAYER_NAMES = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.q_proj.bias": "attn_q.bias",
    "self_attn.k_proj.bias": "attn_k.bias",
    "self_attn.v_proj.bias": "attn_v.bias",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "post_attention_layernorm.weight": "ffn_norm.weight",
}
# With norms on both sides of each half, "post_attention_layernorm" is what its name says.
SANDWICH_NAMES = LAYER_NAMES | {
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
}
OTHER_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def tensor_name(name, architecture):
    match = re.fullmatch(r"model\.layers\.(\d+)\.(.+)", name)
    if not match:
        return OTHER_NAMES[name]
    names = SANDWICH_NAMES if architecture == "gemma3" else LAYER_NAMES
    return f"blk.{match[1]}.{names[match[2]]}"


def permute(rows, heads):
    """transformers rotates the halves of a head, llama's GGUF tensors neighbouring pairs: rows [heads * head_dim, ...]."""
    shape = rows.shape
    return rows.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def unpermute(rows, heads):
    shape = rows.shape
    return rows.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def random_blocks(shape, format_name, deviation, random):
    """Random bits of a block format whose decoded values have about the standard deviation asked for."""
    block_values, scales = RANDOM_BLOCKS[format_name]
    block_bytes = gguf.GGML_QUANT_SIZES[FORMATS[format_name]][1]
    blocks = random.randint(0, 256, (int(np.prod(shape)) // block_values, block_bytes)).astype(np.uint8)
    spread = random.uniform(0.5, 1.5, len(blocks))

    def set_scales(unit):
        for offset, factor in scales:
            values = (unit * factor * spread).astype(np.float16)
            blocks[:, offset:offset + 2] = values.view(np.uint8).reshape(-1, 2)

    set_scales(2.0**-10)
    measured = gguf.quants.dequantize(blocks.reshape(-1), FORMATS[format_name]).std()
    set_scales(2.0**-10 * deviation / measured)
    return blocks.reshape(shape[0], -1)


def encode(values, format_name, random):
    """Returns (data for the writer, the values it decodes to)."""
    if format_name == "F32":
        return values, values
    if format_name == "F16":
        return values.astype(np.float16), values.astype(np.float16).astype(np.float32)
    kind = FORMATS[format_name]
    if format_name in RANDOM_BLOCKS:
        data = random_blocks(values.shape, format_name, float(values.std()), random)
    else:
        data = gguf.quants.quantize(values, kind)
    return data, gguf.quants.dequantize(data, kind).reshape(values.shape).astype(np.float32)


def byte_alphabet():
    """The printable stand-ins of byte-level BPE, in byte order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)]


MERGES = ("Ġ t,h e,Ġ a,i n,r e,o n,Ġt he,e r,Ġ s,a t,Ġ w,o u,Ġ o,e s,e n,i t,o r,i s,n d,Ġ b,a n,Ġ c,Ġ f,in g,Ġ p,e d,"
          "Ġ m,Ġa nd,a l,a r,l l,Ġt o,Ġo f,o m,Ġ in,l e,Ġ h,Ġ d,r o,a s,Ġ l,i c,v e,Ġ n,Ġ e,e l,Ġ g,s t,i l,u r").split(",")


def bpe_vocabulary(size, start_token):
    merges = MERGES
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] if start_token is None else [start_token, "<|eot_id|>"]
    tokens = byte_alphabet() + [merge.replace(" ", "") for merge in merges]
    kinds = [gguf.TokenType.NORMAL] * len(tokens)
    tokens += specials
    kinds += [gguf.TokenType.CONTROL] * len(specials)
    while len(tokens) < size:
        tokens.append(f"<|unused_{len(tokens)}|>")
        kinds.append(gguf.TokenType.UNUSED)
    return tokens, kinds, merges


def spm_vocabulary(size, specials):
    tokens = list(specials)
    kinds = [gguf.TokenType.UNKNOWN if token == "<unk>" else gguf.TokenType.CONTROL for token in specials]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    kinds += [gguf.TokenType.BYTE] * 256
    pieces = ["▁t", "he", "▁a", "in", "▁the", "er", "on", "▁s", "re", "▁w", "an", "at", "▁o", "▁and", "nd", "ou",
              "▁", *"etaoinsrhldcumfpgwybvkxjqz.,'-", *"TAISHWBMCPFDRNLEGOJKUVYQXZ"]
    if len(tokens) + len(pieces) < size:
        raise ValueError(f"the vocabulary has {len(tokens) + len(pieces)} tokens, {size} are asked for")
    tokens += pieces[:size - len(tokens)]
    kinds += [gguf.TokenType.NORMAL] * (size - len(kinds))
    first = len(specials) + 256
    scores = [0.0] * first + [-float(index) for index in range(size - first)]
    return tokens, kinds, scores


CHATML = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
          "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def add_tokenizer(writer, spec):
    size = spec.config["vocab_size"]
    if spec.tokenizer == "spm":
        gemma = spec.architecture == "gemma3"
        specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"] if gemma else ["<unk>", "<s>", "</s>"]
        tokens, kinds, scores = spm_vocabulary(size, specials)
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types(kinds)
        writer.add_bos_token_id(2 if gemma else 1)
        writer.add_eos_token_id(1 if gemma else 2)
        writer.add_unk_token_id(3 if gemma else 0)
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(False)
        writer.add_add_space_prefix(not gemma)
        return
    start = "<|begin_of_text|>" if spec.tokenizer == "llama-bpe" else None
    tokens, kinds, merges = bpe_vocabulary(size, start)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(spec.tokenizer)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index(start or "<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|eot_id|>" if start else "<|im_end|>"))
    writer.add_add_bos_token(start is not None)
    if start is None:
        writer.add_chat_template(CHATML)


def add_rope(writer, spec):
    rope = spec.config["rope_parameters"]
    full = rope.get("full_attention", rope)
    writer.add_rope_freq_base(full["rope_theta"])
    if full["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(full["factor"])
    if spec.writes_window_keys:
        writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
        writer.add_sliding_window_pattern([kind == "sliding_attention" for kind in spec.config["layer_types"]])


def rope_factors(spec):
    """The llama3 rule: divisors of the inverse frequencies, [head_dim / 2]."""
    rope = spec.config["rope_parameters"]
    exponents = np.arange(0, spec.head_dim, 2, dtype=np.float64) / spec.head_dim
    wavelengths = 2 * np.pi * rope["rope_theta"] ** exponents
    context = rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    smooth = np.clip((context / wavelengths - low) / (high - low), 0, 1)
    return (1 / ((1 - smooth) / rope["factor"] + smooth)).astype(np.float32)


def add_hyper_parameters(writer, spec):
    config = spec.config
    writer.add_name(f"tiny {spec.name}")
    writer.add_license("cc0-1.0")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    if spec.pooling:
        writer.add_pooling_type(gguf.PoolingType[spec.pooling.upper()])
        writer.add_add_eos_token(True)  # whose state stands for the text
    if spec.architecture == "llama":
        writer.add_vocab_size(config["vocab_size"])
        writer.add_rope_dimension_count(spec.head_dim)
    if "head_dim" in config:
        writer.add_key_length(config["head_dim"])
        writer.add_value_length(config["head_dim"])
    if spec.architecture == "gemma3":
        writer.add_sliding_window(config["sliding_window"])
    add_rope(writer, spec)


def heads_of(name, spec):
    """Head count of a llama Q or K projection, whose rows change places; None for every other tensor."""
    if spec.architecture != "llama":
        return None
    if name.endswith("q_proj.weight"):
        return spec.config["num_attention_heads"]
    return spec.config["num_key_value_heads"] if name.endswith("k_proj.weight") else None


def write(path, spec, weights, formats):
    """`formats(tensor name)` gives the block format of a matrix; vectors stay float32."""
    writer = gguf.GGUFWriter(str(path), spec.architecture)
    add_hyper_parameters(writer, spec)
    add_tokenizer(writer, spec)
    random = np.random.RandomState(spec.seed + 1)
    decoded = {}
    if spec.config["rope_parameters"].get("rope_type") == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_factors(spec))
    for name, values in weights.items():
        target = tensor_name(name, spec.architecture)
        heads = heads_of(name, spec)
        stored = permute(values, heads) if heads else values
        shift = 1.0 if spec.architecture == "gemma3" and name.endswith("norm.weight") else 0.0
        stored = np.ascontiguousarray(stored + np.float32(shift)) if shift else np.ascontiguousarray(stored)
        kind = formats(target) if stored.ndim == 2 else "F32"
        data, values_back = encode(stored, kind, random)
        writer.add_tensor(target, data, raw_dtype=FORMATS[kind])
        values_back = values_back - np.float32(shift) if shift else values_back
        decoded[name] = unpermute(values_back, heads) if heads else values_back
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return decoded
