"""Logits by transformers (PyTorch, CPU, float32): the answer the engine is held to.

Contract: `build` takes weights under transformers' names; `logits` runs one sequence from an empty cache. With
`quantise_activations` every matrix product reads activations rounded as our numeric contract says (int8 per 32 values),
which tells how far a correct engine with quantised weights may be from plain float32.
Not here: anything that reads or writes GGUF.
"""

import contextlib

import numpy as np
import torch
import transformers

CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
}


def without_random_weights():
    """Skips drawing weights that are replaced at once: a minute for a billion of them."""
    try:
        from transformers.initialization import no_init_weights
    except ImportError:
        return contextlib.nullcontext()
    return no_init_weights()


def build(architecture, config, weights):
    config_class, model_class = CLASSES[architecture]
    with without_random_weights():
        model = model_class(config_class(**config, attn_implementation="eager", pad_token_id=None))
    model = model.to(torch.float32).eval()
    state = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in weights.items()}
    if config["tie_word_embeddings"]:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    if missing or unexpected:
        raise ValueError(f"missing {missing}, unexpected {unexpected}")
    return model


STEPS = (127.0, 125.0, 122.0)  # that the largest magnitude of a block may be divided into


def fused_square_sum(distance):
    """[..., 32] -> [...]: squares summed by fma in 16 lanes, then folded by 8, 4, 2, 1. A float32 square is exact in float64."""
    squares = distance.double() ** 2
    lanes = (squares[..., :16].float().double() + squares[..., 16:]).float()
    for width in (8, 4, 2, 1):
        lanes = lanes[..., :width] + lanes[..., width:2 * width]
    return lanes


def round_activations(values):
    """int8 in blocks of 32 along the last axis, one scale each: of three step widths the one that loses least."""
    blocks = values.reshape(*values.shape[:-1], -1, 32)
    amax = blocks.abs().amax(-1, keepdim=True)
    best = least = None
    for steps in STEPS:
        scaled = blocks * torch.where(amax > 0, steps / amax, torch.zeros_like(amax))
        rounded = torch.round(scaled)
        area = torch.tensor(127.0 * 127.0, dtype=torch.float32) / (steps * steps)
        loss = fused_square_sum(scaled - rounded) * area
        result = rounded * (amax / steps)
        better = loss < least if best is not None else torch.ones_like(loss, dtype=torch.bool)
        best = torch.where(better, result, best) if best is not None else result
        least = torch.where(better, loss, least) if least is not None else loss
    return best.reshape(values.shape)


def logits(model, ids, quantise_activations=False):
    hooks = []
    if quantise_activations:
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and ".lora_" not in name:  # adapters read them as they are
                hooks.append(module.register_forward_pre_hook(lambda _, inputs: (round_activations(inputs[0]),)))
    with torch.no_grad():
        result = model(torch.from_numpy(np.asarray(ids, dtype=np.int64))[None], use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return result.float().numpy()


def pooled_states(model, ids):
    """[3, width]: mean, first and last of the hidden states after the final norm."""
    with torch.no_grad():
        states = model.model(torch.from_numpy(np.asarray(ids, dtype=np.int64))[None], use_cache=False).last_hidden_state[0]
    return torch.stack([states.double().mean(0).float(), states[0], states[-1]]).numpy()
