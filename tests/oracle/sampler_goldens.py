#!/usr/bin/env python3
"""Writes tests/goldens/text/sampler.json: what each sampler stage keeps, computed by transformers' logits processors.

Repetition penalty, temperature, top-k, top-p and min-p are transformers' classes run in double precision; presence and
frequency penalties and the logit bias follow the definition in the OpenAI API reference. Values are drawn without ties:
ties are the business of the brute-force test in src/text/sampler_test.cpp.
Usage: python3 tests/oracle/sampler_goldens.py > tests/goldens/text/sampler.json
"""
import itertools
import json
import random

import torch
from transformers import (
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


def window_of(options, history):
    window = options.get("penalty_window", 64)
    return history if window < 0 else history[max(0, len(history) - window):] if window else []


def penalise(scores, options, history):
    window = window_of(options, history)
    if not window:
        return scores
    scores = RepetitionPenaltyLogitsProcessor(options.get("repetition_penalty", 1.0))(torch.tensor([window]), scores)
    for token in set(window):
        scores[0, token] -= window.count(token) * options.get("frequency_penalty", 0.0)
        scores[0, token] -= options.get("presence_penalty", 0.0)
    return scores


def run(logits, options, history, order):
    scores = torch.tensor([logits], dtype=torch.float64)
    for token, bias in options.get("logit_bias", []):
        scores[0, token] += float("-inf") if bias == "-inf" else bias
    ids = torch.tensor([history or [0]])
    for stage in order:
        if stage == "penalties":
            scores = penalise(scores, options, history)
        elif stage == "temperature":
            scores = TemperatureLogitsWarper(options["temperature"])(ids, scores)
        elif stage == "top_k" and options.get("top_k", 0) > 0:
            scores = TopKLogitsWarper(min(options["top_k"], len(logits)))(ids, scores)
        elif stage == "top_p" and options.get("top_p", 1.0) < 1.0:
            scores = TopPLogitsWarper(options["top_p"])(ids, scores)
        elif stage == "min_p" and options.get("min_p", 0.0) > 0.0:
            scores = MinPLogitsWarper(options["min_p"])(ids, scores)
    probabilities = torch.softmax(scores, dim=-1)[0]
    return [[i, float(f"{p:.9g}")] for i, p in enumerate(probabilities.tolist()) if p > 1e-30]


def cases():
    random.seed(20240607)
    default = ["penalties", "top_k", "top_p", "min_p", "temperature"]
    transformers_order = ["penalties", "temperature", "top_k", "top_p", "min_p"]
    late_penalties = ["temperature", "top_p", "penalties", "top_k", "min_p"]
    settings = [
        {"temperature": 1.0},
        {"temperature": 0.7, "top_k": 5},
        {"temperature": 1.3, "top_p": 0.9},
        {"temperature": 0.5, "min_p": 0.1},
        {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
        {"temperature": 2.0, "top_k": 200, "top_p": 0.6},
        {"temperature": 0.9, "repetition_penalty": 1.3, "penalty_window": 16},
        {"temperature": 0.9, "presence_penalty": 0.8, "frequency_penalty": 0.4, "penalty_window": -1, "top_p": 0.8},
        {"temperature": 1.1, "repetition_penalty": 0.7, "frequency_penalty": -0.3, "penalty_window": 8, "top_k": 20},
        {"temperature": 0.6, "logit_bias": [[3, 5.5], [7, "-inf"], [11, -2.25]], "min_p": 0.02},
        {"temperature": 1.7, "top_k": 1},
        {"temperature": 0.3, "top_p": 0.0},
        {"temperature": 5.0, "min_p": 1.0},
    ]
    for (number, options), order in itertools.product(enumerate(settings), (default, transformers_order, late_penalties)):
        size = (17, 64, 300)[number % 3]
        spread = (1.0, 3.0)[number % 2]
        logits = random.sample([round(-6 * spread + spread * 0.01 * i, 4) for i in range(1200)], size)
        history = [random.randrange(size) for _ in range(40)]
        # top_k 0 is off in Hearth, so a case that does not name it must say so.
        options = {"top_k": 0, "top_p": 1.0, **options}
        yield {"options": options, "order": order, "logits": logits, "history": history,
               "expected": run(logits, options, history, order)}


def main():
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases())
    print("[" + lines + "]")


if __name__ == "__main__":
    main()
