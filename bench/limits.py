"""What the machine could do at most, and how long a model's work takes at least on it.

Contract: `measure(threads, isa)` compiles and runs probes/ceilings.cpp; `Work(path)` counts a file's bytes and multiply-adds;
`Work.seconds` is the larger of reading every weight once and of all multiply-adds at the peak of their kind: int8 for
quantised weights, float32 for float ones. Attention is counted in bytes of keys and values only.
Not here: measured speeds.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import gguf_file

FLOATS = ("F32", "F16", "BF16")
MACHINE_FLAGS = {"native": ["-march=native"], "avx2": ["-march=x86-64-v3"], "avxvnni": ["-march=x86-64-v3", "-mavxvnni"]}
PROBE = pathlib.Path(__file__).resolve().parent / "probes" / "ceilings.cpp"


def measure(thread_counts, isa="native"):
    """{threads: figures of the probe}, with the instructions of that set"""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "ceilings"
        compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
        if not compiler:
            raise SystemExit("bench: no C++ compiler for the probes of the machine's limits; install g++ or set CXX")
        subprocess.run([compiler, "-std=c++20", "-O2", *MACHINE_FLAGS[isa], "-pthread", "-Wno-ignored-attributes", PROBE,
                        "-o", program], check=True)
        return {threads: json.loads(subprocess.run([program, str(threads)], check=True, stdout=subprocess.PIPE).stdout)
                for threads in thread_counts}


class Work:
    def __init__(self, path):
        metadata, tensors = gguf_file.read(path)
        names = {tensor.name for tensor in tensors}
        self.file_bytes = os.path.getsize(path)
        self.weights_bytes = 0
        self.layers = {"int8": 0, "f32": 0}  # multiply-adds per token
        self.head = {"int8": 0, "f32": 0}    # per token whose logits are wanted
        for tensor in tensors:
            if tensor.name == "token_embd.weight" and "output.weight" in names:
                continue  # only looked up
            self.weights_bytes += tensor.bytes
            if len(tensor.shape) == 2:
                part = self.layers if tensor.name.startswith("blk.") else self.head
                part["f32" if tensor.format in FLOATS else "int8"] += tensor.values
        self._read_attention(metadata)

    def _read_attention(self, metadata):
        architecture = metadata["general.architecture"]

        def key(name, default=None):
            return metadata.get(f"{architecture}.{name}", default)

        heads = key("attention.head_count")
        head = key("attention.key_length", key("embedding_length") // heads)
        self.kv_bytes = key("block_count") * key("attention.head_count_kv", heads) * head * 2 * 2  # f16
        self.window = key("attention.sliding_window")  # how many layers have it is not in every file

    def seconds(self, limits, tokens, heads, depth=0):
        """The least time of one step, or None where the file does not tell how much of the context it reads."""
        if self.window and depth > self.window:
            return None
        reading = (self.weights_bytes + depth * self.kv_bytes) / (limits["read_gb_s"] * 1e9)
        computing = sum(2 * (tokens * self.layers[kind] + heads * self.head[kind]) / (limits[speed] * 1e9)
                        for kind, speed in (("int8", "int8_gop_s"), ("f32", "f32_gflop_s")))
        return max(reading, computing)

    def prefill_rate(self, limits, count):
        # Two runs of 512 read the weights twice, but no prompt of that length is bound by reading.
        return count / self.seconds(limits, count, 1)

    def decode_rate(self, limits, streams, depth=0):
        seconds = self.seconds(limits, streams, streams, depth)
        return streams / seconds if seconds else None

    def as_json(self):
        return {"file_bytes": self.file_bytes, "weights_bytes": self.weights_bytes, "layer_products": self.layers,
                "head_products": self.head, "kv_bytes_per_position": self.kv_bytes}
