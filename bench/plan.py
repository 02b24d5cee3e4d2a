"""Which figures are measured for a model, how often, and about how long that takes.

Contract: a `Plan` is made from the options and a model's work; what would take too long is left out and named in
`left_out`. The expected speeds are rough guesses from the machine's limits and serve for nothing else.
Not here: running it (bench.py).
"""

import dataclasses

ENOUGH_SECONDS = 1.5        # each figure is measured at least so long
START_SECONDS = 1.0         # of a process beside its loading
LOAD_BYTES_PER_SECOND = 1e9
DEPTH_PATIENCE = 4          # the context is filled once, not once per run, so it may take longer
# What share of the machine's limit is expected: (reading weights, multiply-adds).
EXPECTED_SHARE = {"hearth": (0.8, 0.5), "llama.cpp": (0.5, 0.12), "ik_llama.cpp": (0.6, 0.25)}
START_ROUNDS = 5


@dataclasses.dataclass(frozen=True)
class Sizes:
    prefill: tuple
    decode: int
    streams: tuple
    depth: tuple


FEW = Sizes(prefill=(1, 16, 512), decode=64, streams=(1,), depth=())


def restricted(sizes, to):
    """Only what the other one has, too."""
    return Sizes(prefill=tuple(count for count in sizes.prefill if count in to.prefill), decode=sizes.decode,
                 streams=tuple(count for count in sizes.streams if count in to.streams), depth=())


class Plan:
    def __init__(self, sizes, work, limits, engines, longest):
        self.work, self.limits, self.engines = work, limits, engines
        self.left_out = []

        def fits(label, seconds, patience=1.0):
            if seconds <= longest * patience:
                return True
            self.left_out.append(f"{label} (about {seconds:.0f} s a run)")
            return False

        slowest = [(count, max(self.prefill_seconds(engine, count) for engine in engines)) for count in sizes.prefill]
        prefill = tuple(count for count, seconds in slowest if fits(f"prefill {count}", seconds))
        depth = tuple(count for count in sizes.depth
                      if fits(f"depth {count}", max(self.prefill_seconds(engine, count) for engine in engines), DEPTH_PATIENCE))
        self.sizes = dataclasses.replace(sizes, prefill=prefill or sizes.prefill[:1], depth=depth)

    def step_seconds(self, engine, tokens, heads):
        reading, computing = EXPECTED_SHARE[engine]
        slowed = {"read_gb_s": self.limits["read_gb_s"] * reading, "int8_gop_s": self.limits["int8_gop_s"] * computing,
                  "f32_gflop_s": self.limits["f32_gflop_s"] * max(computing, 0.3)}
        return self.work.seconds(slowed, tokens, heads)

    def prefill_seconds(self, engine, count):
        return self.step_seconds(engine, count, 1)

    def decode_seconds(self, engine, streams):
        return self.sizes.decode * self.step_seconds(engine, streams, streams)

    def load_seconds(self):
        return START_SECONDS + self.work.file_bytes / LOAD_BYTES_PER_SECOND

    def rates_seconds(self, engine):
        """One process that measures prompts and streams."""
        figures = [2 * self.prefill_seconds(engine, count) for count in self.sizes.prefill]  # a first run warms up
        figures += [2 * self.decode_seconds(engine, streams) for streams in self.sizes.streams]
        return self.load_seconds() + sum(max(ENOUGH_SECONDS, seconds) for seconds in figures)

    def depth_seconds(self, engine):
        if not self.sizes.depth:
            return 0
        return (self.load_seconds() + 2 * ENOUGH_SECONDS + self.prefill_seconds(engine, max(self.sizes.depth))
                + len(self.sizes.depth) * max(ENOUGH_SECONDS, self.decode_seconds(engine, 1)))

    def seconds(self, rounds):
        return sum(rounds * self.rates_seconds(engine) + self.depth_seconds(engine) for engine in self.engines)

    def start_seconds(self):
        return 2 * START_ROUNDS * self.load_seconds() * len(self.engines)


def joined(counts):
    return ",".join(map(str, counts))


def rates_arguments(sizes, threads):
    return ["--prefill", joined(sizes.prefill), "--decode", sizes.decode, "--streams", joined(sizes.streams), "--runs", 1,
            "--threads", threads]


def depth_arguments(sizes, threads):
    return ["--prefill", 1, "--decode", sizes.decode, "--depth", joined(sizes.depth), "--runs", 1, "--threads", threads]
