"""Logits and token ids by llama.cpp (llama-cpp-python's low-level interface), with the defaults of that library.

Contract: `Model(path).logits(ids)` is float32 [positions, vocabulary] from an empty cache; f16 keys and values, flash
attention as the library chooses. Import fails where llama-cpp-python is absent; callers say what that means.
Not here: timing (bench/peer.py).
"""

import ctypes

import llama_cpp as peer
import numpy as np


@peer.llama_log_callback
def silence(_level, _text, _data):
    pass


class Model:
    def __init__(self, path, context=512, threads=2):
        peer.llama_log_set(silence, ctypes.c_void_p(0))
        peer.llama_backend_init()
        self.model = peer.llama_model_load_from_file(str(path).encode(), peer.llama_model_default_params())
        if not self.model:
            raise ValueError(f"llama.cpp cannot load {path}")
        settings = peer.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = context
        settings.n_threads = settings.n_threads_batch = threads
        self.context = peer.llama_init_from_model(self.model, settings)
        self.batch = peer.llama_batch_init(context, 0, 1)
        self.vocabulary = peer.llama_model_get_vocab(self.model)

    def version(self):
        return f"llama-cpp-python {peer.__version__}"

    def adds_start_token(self):
        return peer.llama_vocab_get_add_bos(self.vocabulary)

    def start_token(self):
        return peer.llama_vocab_bos(self.vocabulary)

    def tokenize(self, text):
        data = text.encode()
        ids = (peer.llama_token * (len(data) + 8))()
        count = peer.llama_tokenize(self.vocabulary, data, len(data), ids, len(ids), False, False)
        if count < 0:
            raise ValueError("llama_tokenize failed")
        return list(ids[:count])

    def use_adapters(self, adapters):
        """[(path, scale)] are in effect from now on."""
        loaded = [peer.llama_adapter_lora_init(self.model, str(path).encode()) for path, _ in adapters]
        if not all(loaded):
            raise ValueError(f"llama.cpp cannot load one of {[str(path) for path, _ in adapters]}")
        pointers = (peer.llama_adapter_lora_p_ctypes * len(loaded))(*[ctypes.cast(one, peer.llama_adapter_lora_p_ctypes) for one in loaded])
        scales = (ctypes.c_float * len(loaded))(*[scale for _, scale in adapters])
        if peer.llama_set_adapters_lora(self.context, pointers, len(loaded), scales) != 0:
            raise ValueError("llama_set_adapters_lora failed")

    def logits(self, ids):
        peer.llama_memory_clear(peer.llama_get_memory(self.context), True)
        self.batch.n_tokens = len(ids)
        for index, token in enumerate(ids):
            self.batch.token[index] = token
            self.batch.pos[index] = index
            self.batch.n_seq_id[index] = 1
            self.batch.seq_id[index][0] = 0
            self.batch.logits[index] = True
        if peer.llama_decode(self.context, self.batch) != 0:
            raise ValueError("llama_decode failed")
        shape = (len(ids), peer.llama_vocab_n_tokens(self.vocabulary))
        return np.ctypeslib.as_array(peer.llama_get_logits(self.context), shape)
