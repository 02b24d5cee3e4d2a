"""The libraries that peer.py can measure, behind the few calls it makes; each with what is fastest for it.

Contract: `open_library(name)` imports it and silences it. Batches are the library's own structures, which are alike.
llama.cpp: memory map with weights repacked for the processor, flash attention, keys and values of several streams apart.
ik_llama.cpp, a fork made for speed on processors: memory map, weights repacked as they are used, flash attention.
Not here: what is run and timed (peer.py).
"""

import ctypes

NAMES = ("llama.cpp", "ik_llama.cpp")
BATCH = 512
CELLS = 256  # contexts are multiples of it


class LlamaCpp:
    def __init__(self):
        import llama_cpp
        self.functions = llama_cpp
        self.package = "llama-cpp-python"
        self.version = llama_cpp.__version__
        self.silence = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self.silence, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()

    def describe(self):
        features = self.functions.llama_print_system_info().decode().strip().rstrip("|").strip()
        return {"version": f"{self.package} {self.version}", "features": features}

    def load(self, path):
        settings = self.functions.llama_model_default_params()
        settings.load_mode = self.functions.LLAMA_LOAD_MODE_MMAP
        return self.functions.llama_model_load_from_file(path.encode(), settings)

    def context(self, model, positions, streams, threads):
        settings = self.functions.llama_context_default_params()
        settings.n_ctx = -(-positions // CELLS) * CELLS * streams
        settings.n_batch = settings.n_ubatch = BATCH
        settings.n_seq_max = streams
        settings.n_threads = settings.n_threads_batch = threads
        self.choose_attention(settings, streams)
        return self.functions.llama_init_from_model(model, settings)

    def choose_attention(self, settings, _streams):
        settings.flash_attn_type = self.functions.LLAMA_FLASH_ATTN_TYPE_ENABLED

    def vocabulary(self, model):
        return self.functions.llama_vocab_n_tokens(self.functions.llama_model_get_vocab(model))

    def forget(self, context, stream, position):
        """Everything of that stream from `position` on."""
        self.functions.llama_memory_seq_rm(self.functions.llama_get_memory(context), stream, position, -1)

    def decode(self, context, batch):
        return self.functions.llama_decode(context, batch)

    def synchronize(self, context):
        self.functions.llama_synchronize(context)


class IkLlamaCpp(LlamaCpp):
    def __init__(self):
        import importlib.metadata

        import ik_llama_cpp._ctypes_api as functions
        self.functions = functions
        self.package = "ik-llama-cpp-python"
        self.version = importlib.metadata.version(self.package)
        self.library = functions._lib  # it has more functions than the module declares
        self.library.llama_kv_cache_seq_rm.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32]
        self.library.llama_kv_cache_seq_rm.restype = ctypes.c_bool
        self.library.llama_synchronize.argtypes = [ctypes.c_void_p]
        self.library.llama_print_system_info.restype = ctypes.c_char_p
        self.silence = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.library.llama_log_set(self.silence, ctypes.c_void_p(0))
        functions.llama_backend_init()

    def describe(self):
        features = self.library.llama_print_system_info().decode().strip().rstrip("|").strip()
        return {"version": f"{self.package} {self.version}", "features": features}

    def load(self, path):
        settings = self.functions.llama_model_default_params()
        settings.flash_attn = True
        return self.functions.llama_model_load_from_file(path.encode(), settings)

    def choose_attention(self, settings, streams):
        settings.flash_attn = streams == 1  # with several it stops itself: GGML_ASSERT(S > 0)

    def forget(self, context, stream, position):
        self.library.llama_kv_cache_seq_rm(context, stream, position, -1)

    def synchronize(self, context):
        self.library.llama_synchronize(context)


def open_library(name):
    return {"llama.cpp": LlamaCpp, "ik_llama.cpp": IkLlamaCpp}[name]()
