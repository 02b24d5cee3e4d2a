#!/usr/bin/env python3
"""Writes tests/goldens/text/sampler_chain.json: what llama.cpp's samplers leave of given logits.

Stages: typical, top-n-sigma, XTC (at probability 1, as its random numbers are its own), dynamic temperature, DRY with and
without sequence breakers, whole chains in the default order, and mirostat as sequences of steps (how many tokens stay, and
which one was drawn). Needs llama-cpp-python; the vocabulary is that of a .gguf file, of which nothing else is read.
Usage: python3 tests/oracle/sampler_chain_goldens.py ../shared/models/stories260K/stories260K.gguf \\
       > tests/goldens/text/sampler_chain.json
"""
import ctypes
import itertools
import json
import math
import random
import sys

import llama_cpp as peer

from llamacpp import silence


class Chain:
    """llama.cpp's samplers, asked one after the other."""

    def __init__(self, vocabulary):
        self.vocabulary = vocabulary
        self.samplers = []

    def add(self, name, *arguments):
        self.samplers.append(getattr(peer, f"llama_sampler_init_{name}")(*arguments))

    def add_dry(self, options):
        breakers = [text.encode() for text in options.get("dry_sequence_breakers", [])]
        texts = (ctypes.c_char_p * len(breakers))(*breakers) if breakers else None
        self.add("dry", self.vocabulary, options["dry_multiplier"], options["dry_base"], options["dry_allowed_length"],
                 options["dry_penalty_last_n"], texts, len(breakers))

    def accept(self, history):
        for sampler, token in itertools.product(self.samplers, history):
            peer.llama_sampler_accept(sampler, token)

    def apply(self, logits):
        """(ids and logits that are left, index of the drawn one or -1)"""
        data = (peer.llama_token_data * len(logits))(*[peer.llama_token_data(i, logit, 0.0) for i, logit in enumerate(logits)])
        array = peer.llama_token_data_array(ctypes.cast(data, peer.llama_token_data_p), len(logits), -1, False)
        for sampler in self.samplers:
            peer.llama_sampler_apply(sampler, ctypes.byref(array))
        return [(array.data[i].id, array.data[i].logit) for i in range(array.size)], array.selected

    def free(self):
        for sampler in self.samplers:
            peer.llama_sampler_free(sampler)


def probabilities(left):
    most = max(logit for _, logit in left)
    weights = sorted((i, math.exp(logit - most)) for i, logit in left if logit > -math.inf)
    total = sum(weight for _, weight in weights)
    return [[i, float(f"{weight / total:.9g}")] for i, weight in weights if weight / total > 1e-30]


def add_stage(chain, stage, options, size):
    keep = options.get("min_keep", 0)
    if stage == "penalties":
        chain.add("penalties", size, options.get("repeat_last_n", 64), options.get("repeat_penalty", 1.0),
                  options.get("frequency_penalty", 0.0), options.get("presence_penalty", 0.0))
    elif stage == "dry" and "dry_multiplier" in options:
        chain.add_dry(options)
    elif stage == "top_n_sigma" and "top_n_sigma" in options:
        chain.add("top_n_sigma", options["top_n_sigma"])
    elif stage == "top_k" and "top_k" in options:
        chain.add("top_k", options["top_k"])
    elif stage == "typ_p" and "typical_p" in options:
        chain.add("typical", options["typical_p"], keep)
    elif stage == "top_p" and "top_p" in options:
        chain.add("top_p", options["top_p"], keep)
    elif stage == "min_p" and "min_p" in options:
        chain.add("min_p", options["min_p"], keep)
    elif stage == "xtc" and "xtc_threshold" in options:
        chain.add("xtc", 1.0, options["xtc_threshold"], keep, 1)
    elif stage == "temperature":
        chain.add("temp_ext", options.get("temperature", 1.0), options.get("dynatemp_range", 0.0),
                  options.get("dynatemp_exponent", 1.0))


ORDER = ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"]


def some_logits(size, spread):
    return random.sample([round(-6 * spread + spread * 0.01 * i, 4) for i in range(1200)], size)


def filter_settings():
    dry = {"dry_multiplier": 0.8, "dry_base": 1.75, "dry_allowed_length": 2, "dry_penalty_last_n": 64}
    yield from ({"typical_p": p, "temperature": t} for p, t in ((0.2, 1.0), (0.5, 0.7), (0.9, 1.3), (0.97, 1.0), (0.0, 1.0)))
    yield {"typical_p": 0.3, "min_keep": 9}
    yield from ({"top_n_sigma": n, "temperature": 1.5} for n in (0.3, 1.0, 2.0))
    yield from ({"xtc_threshold": t} for t in (0.02, 0.05, 0.1, 0.5))
    yield {"xtc_threshold": 0.05, "min_keep": 12}
    yield from ({"temperature": t, "dynatemp_range": r, "dynatemp_exponent": e}
                for t, r, e in ((0.8, 0.5, 1.0), (1.0, 1.0, 2.0), (0.5, 1.0, 0.5), (1.2, 0.7, 0.0)))
    yield {"top_k": 12, "temperature": 0.9, "dynatemp_range": 0.4}
    yield from ({"top_p": 0.5, "min_keep": 6}, {"min_p": 0.5, "min_keep": 5})
    yield dry
    yield {**dry, "dry_base": 1.0, "dry_allowed_length": 1, "dry_multiplier": 2.5}
    yield {**dry, "dry_base": 3.0, "dry_allowed_length": 0, "dry_penalty_last_n": 24}
    yield {**dry, "dry_penalty_last_n": 1000, "dry_allowed_length": 4}
    yield {**dry, "repeat_penalty": 1.2, "repeat_last_n": 20, "top_k": 30, "typical_p": 0.9, "top_p": 0.95, "min_p": 0.02,
           "xtc_threshold": 0.08, "temperature": 0.9}
    yield {**dry, "frequency_penalty": 0.3, "presence_penalty": 0.2, "top_k": 40, "top_p": 0.8, "temperature": 0.7,
           "dynatemp_range": 0.3}


def repeating_history(size, length):
    """Words of a few tokens over and over, so that there is something to repeat."""
    words = [[random.randrange(size) for _ in range(random.randrange(1, 6))] for _ in range(4)]
    history = []
    while len(history) < length:
        history += random.choice(words)
    return history[:length]


def run(chain, logits, history):
    chain.accept(history)
    left, _ = chain.apply(logits)
    chain.free()
    return probabilities(left)


def filter_cases(vocabulary):
    for (number, options), round_ in itertools.product(enumerate(filter_settings()), range(3)):
        size = (17, 64, 300)[(number + round_) % 3]
        logits = some_logits(size, (1.0, 3.0)[round_ % 2])
        history = repeating_history(size, 80)
        chain = Chain(vocabulary)
        for stage in ORDER:
            add_stage(chain, stage, options, size)
        yield {"options": options, "logits": logits, "history": history, "expected": run(chain, logits, history)}


def breaker_cases(vocabulary, size):
    """Repeats of texts in a real vocabulary, with breakers of one token, inside tokens, and across several."""
    texts = ["She said: \"no\" and he said: \"no\" and she said: \"no\" and he said:",
             "One day, a cat sat. One day, a cat sat. One day, a cat ran. One day, a cat",
             "the big dog\nthe big cat\nthe big dog\nthe big"]
    breakers = [[], ["\n", ":", "\"", "*"], ["day, a"], ["sat", "ig d"], ["said: \"no\" and"], [", ", "e b"]]
    for text, chosen, allowed in itertools.product(texts, breakers, (1, 2)):
        encoded = text.encode()
        tokens = (peer.llama_token * 256)()
        count = peer.llama_tokenize(vocabulary, encoded, len(encoded), tokens, 256, False, False)
        history = list(tokens[:count])
        options = {"dry_multiplier": 1.5, "dry_base": 2.0, "dry_allowed_length": allowed, "dry_penalty_last_n": 128,
                   "dry_sequence_breakers": chosen}
        chain = Chain(vocabulary)
        chain.add_dry(options)
        chain.accept(history)
        left, _ = chain.apply([0.0] * size)
        chain.free()
        lowered = [[i, float(f"{-logit:.7g}")] for i, logit in sorted(left) if logit < 0]
        yield {"options": options, "history": history, "lowered": lowered}


def mirostat_cases():
    for version, tau, eta in itertools.product((1, 2), (2.0, 5.0), (0.1, 0.4)):
        size = 300
        name, arguments = ("mirostat", (size, 7, tau, eta, 100)) if version == 1 else ("mirostat_v2", (7, tau, eta))
        sampler = Chain(None)
        sampler.add(name, *arguments)
        steps = []
        for _ in range(6):
            logits = some_logits(size, 1.0)
            left, selected = sampler.apply(logits)
            steps.append({"logits": logits, "kept": len(left), "drawn": left[selected][0]})
        sampler.free()
        yield {"options": {"mirostat": version, "mirostat_tau": tau, "mirostat_eta": eta}, "steps": steps}


def main():
    random.seed(20240608)
    peer.llama_log_set(silence, ctypes.c_void_p(0))
    settings = peer.llama_model_default_params()
    settings.vocab_only = True
    model = peer.llama_model_load_from_file(sys.argv[1].encode(), settings)
    if not model:
        sys.exit(f"llama.cpp cannot load {sys.argv[1]}")
    vocabulary = peer.llama_model_get_vocab(model)
    size = peer.llama_vocab_n_tokens(vocabulary)
    lists = {"filters": list(filter_cases(vocabulary)), "breakers": list(breaker_cases(vocabulary, size)),
             "mirostat": list(mirostat_cases())}
    parts = [json.dumps(name) + ":[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "]"
             for name, cases in lists.items()]
    print("{" + ",\n".join(parts) + "}")


if __name__ == "__main__":
    main()
