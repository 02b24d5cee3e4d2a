"""What llama.cpp's grammars cost along given texts, as JSON: run with a Python that has llama-cpp-python.

    peer_masks.py MODEL.gguf FOLDER

FOLDER is that of mask_bench: schemas NAME.json, texts NAME.json.K.txt. For every token of a text, the microseconds of processor
time to apply the grammar to the logits of all tokens ("mask") and to accept the token ("accept"). Schemas that the library's own
converter to GBNF refuses, and texts that its grammar does not have, are counted and left out.
"""

import ctypes
import json
import os
import pathlib
import resource
import sys
import time

import llama_cpp
from llama_cpp import llama_grammar

KINDS = ("compile", "first_mask", "mask", "accept", "token")
MEMORY_LIMIT = 12 << 30  # the reader of grammars takes whatever there is for some repeats


def figures(times):
    times = sorted(times) or [0.0]
    at = lambda part: times[int(part * (len(times) - 1))]
    return {"count": len(times), "mean_us": sum(times) / len(times), "median_us": at(0.5), "p99_us": at(0.99), "worst_us": times[-1]}


def now_us():
    return time.clock_gettime(time.CLOCK_THREAD_CPUTIME_ID) * 1e6


class Vocabulary:
    def __init__(self, path):
        self.silent = llama_cpp.llama_log_callback(lambda *_: None)  # has to live as long as the library
        llama_cpp.llama_log_set(self.silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        parameters = llama_cpp.llama_model_default_params()
        parameters.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.candidates = (llama_cpp.llama_token_data * self.size)()
        for i in range(self.size):
            self.candidates[i].id, self.candidates[i].logit, self.candidates[i].p = i, 0.0, 0.0

    def tokens(self, text):
        raw = text.encode()
        out = (llama_cpp.llama_token * (len(raw) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, raw, len(raw), out, len(out), False, False)
        return list(out[:count])


def follow(vocabulary, sampler, text, times, kept):
    """False if the grammar does not have the text."""
    for index, token in enumerate(vocabulary.tokens(text)):
        ctypes.memmove(vocabulary.candidates, kept, ctypes.sizeof(kept))
        array = llama_cpp.llama_token_data_array(data=vocabulary.candidates, size=vocabulary.size, selected=-1, sorted=False)
        start = now_us()
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
        masked = now_us()
        if vocabulary.candidates[token].logit < -1e30:
            return False
        llama_cpp.llama_sampler_accept(sampler, token)
        accepted = now_us()
        if index == 0:
            times["first_mask"].append(masked - start)
        times["mask"].append(masked - start)
        times["accept"].append(accepted - masked)
        times["token"].append(accepted - start)
    return True


def measure(vocabulary, schema, kept):
    """{"times", "left"} or {"refused": why}"""
    times = {name: [] for name in KINDS}
    start = now_us()
    try:
        grammar = llama_grammar.json_schema_to_gbnf(schema.read_text(encoding="utf-8"))
    except Exception as error:  # whatever the library raises is its refusal
        return {"refused": f"{type(error).__name__}: {error}"[:200]}
    make = lambda: llama_cpp.llama_sampler_init_grammar(vocabulary.vocab, grammar.encode(), b"root")
    llama_cpp.llama_sampler_free(make())
    times["compile"].append(now_us() - start)
    left = 0
    for text in sorted(schema.parent.glob(schema.name + ".*.txt")):
        sampler = make()
        left += not follow(vocabulary, sampler, text.read_text(encoding="utf-8"), times, kept)
        llama_cpp.llama_sampler_free(sampler)
    return {"times": times, "left": left}


def measure_apart(*arguments):
    """In a process of its own: the library ends the process where it cannot read a grammar."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with os.fdopen(writer, "w") as out:
            json.dump(measure(*arguments), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return json.loads(text) if status == 0 else {"refused": "the library ended the process"}


def main():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    vocabulary = Vocabulary(sys.argv[1])
    kept = (llama_cpp.llama_token_data * vocabulary.size).from_buffer_copy(vocabulary.candidates)
    times = {name: [] for name in KINDS}
    refused, left = [], 0
    for schema in sorted(pathlib.Path(sys.argv[2]).glob("*.json")):
        measured = measure_apart(vocabulary, schema, kept)
        if why := measured.get("refused"):
            refused.append(f"{schema.name}: {why}")
            continue
        left += measured["left"]
        for name in KINDS:
            times[name] += measured["times"][name]
    result = {"version": llama_cpp.__version__, "vocabulary": vocabulary.size, "refused": refused, "texts_left": left}
    print(json.dumps(result | {name: figures(values) for name, values in times.items()}, indent=1))


if __name__ == "__main__":
    main()
