#!/usr/bin/env python3
"""One hash of logits per model and type of keys and values, whatever else differs, and one of answers with and without
guessing ahead; exit code 1 otherwise.

Runs `hearth logits` over {f16, int8 keys and values} x {ref, avx2, avxvnni, avx512 where the CPU can} x {fresh, shared prefix} x
{1, 2, 6, 7, 17, 33, 64, 512 tokens per step} x {threads 1, 2, 3} and prints SHA-256 (its first ten digits) of the bytes. Every
pair of session and tokens per step is run, with two of the numbers of threads in turn, or one (int8 and the scalar table). That
table is slow: on real models it runs fewer positions and pairs, and is compared with the same positions of the others. So do
tables that this CPU cannot run, where --emulated names a program that has them through SIMDe (hearth_simde).
Real models take their tokens from tests/oracle/peer_accuracy.json, tiny ones from tests/goldens/models; those that have adapters in
tests/goldens/adapters are run a second time with two of them. Needs no Python
packages. Models are found in $HEARTH_MODEL_CACHE, else in the cache folder of the tests.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOLDENS = HERE / "goldens" / "models"
ADAPTERS = HERE / "goldens" / "adapters"
REAL_MODELS = ["smollm2:135m", "gemma3:270m", "qwen2.5-coder:0.5b", "qwen2.5-coder:1.5b"]
KV_TYPES = ["f16", "int8"]
SESSIONS = ["fresh", "shared"]  # one session; a second one that shares the first one's prefix
THREADS = [1, 2, 3]
STEPS = [1, 2, 6, 7, 17, 33, 64, 512]  # tokens
POSITIONS = 300  # past the first border of 256, and of every prompt chunk but the largest
SPECULATION_PROMPT = "one two three four five six seven eight nine ten, " * 3 + "one two"
SPECULATION_TOKENS = 60
REF_POSITIONS = 20
# (threads, tokens per step, session) on real models.
REF_RUNS = {"f16": [(1, 1, "fresh"), (2, 2, "shared"), (3, 17, "fresh"), (2, 33, "shared")],
            "int8": [(3, 6, "fresh"), (2, 7, "shared")]}
ISA_FLAGS = {"ref": set(), "avx2": {"avx2", "fma", "f16c"}, "avxvnni": {"avx2", "fma", "f16c", "avx_vnni"},
             "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}}


def cpu_flags():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def model_path(name):
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("HEARTH_MODEL_CACHE") or pathlib.Path(cache) / "hearth" / "models")
    path = folder / (name.replace(":", "-") + ".gguf")
    if not path.exists():
        raise SystemExit(f"determinism: {name} is not at {path}; `make test` fetches it, or set HEARTH_MODEL_CACHE")
    return path


class Hashes:
    """SHA-256 of all bytes and, on the way, of the first rows alone."""

    def __init__(self, program, command, positions):
        with subprocess.Popen([program, *command], stdout=subprocess.PIPE) as process:
            self.total, self.start = self.read(process.stdout, positions)
        if process.returncode != 0:
            raise SystemExit(f"determinism: {' '.join(map(str, command))} ended with {process.returncode}")

    @staticmethod
    def read(stream, positions):
        size, start_at = positions
        whole, start = hashlib.sha256(), None
        count = 0
        while block := stream.read(1 << 20):
            if start is None and count + len(block) >= start_at:
                start = whole.copy()
                start.update(block[:start_at - count])
            whole.update(block)
            count += len(block)
        if count != size:
            raise SystemExit(f"determinism: {count} bytes of logits instead of {size}")
        return whole.hexdigest(), start.hexdigest()


@dataclasses.dataclass(frozen=True)
class Run:
    """What must not be seen in the result, but for kv."""
    kv: str
    isa: str
    session: str
    step: int
    threads: int
    slow: bool  # the scalar table, and emulated ones

    def is_short(self, real):
        return real and self.slow

    def is_chosen(self, real):
        """Whether it is worth its time."""
        if self.is_short(real):
            return (self.threads, self.step, self.session) in REF_RUNS[self.kv]
        turn = (STEPS.index(self.step) + SESSIONS.index(self.session)) % len(THREADS)
        one = self.kv == "int8" or self.slow
        return (self.threads == THREADS[turn]) == one


class Subject:
    """One model with its tokens, and its adapters as options of the program."""

    def __init__(self, options, name, path, ids, adapters=()):
        self.options, self.name, self.path, self.ids, self.adapters = options, name, path, ids, adapters
        self.vocabulary = json.loads(subprocess.run(
            [options.program, "show", path, "--json"], stdout=subprocess.PIPE, check=True).stdout)["vocabulary"]

    def hashes(self, run, count, scratch):
        (scratch / "ids").write_text(" ".join(map(str, self.ids[:count])))
        command = ["logits", self.path, scratch / "ids", "--tokens", "-o", "/dev/stdout", "--quiet", "--isa", run.isa,
                   "--threads", str(run.threads), "--chunk", str(run.step), "--kv", run.kv, *self.adapters]
        if run.session == "shared":
            command += ["--shared-prefix", str(count * 2 // 5 + 1)]
        row = 4 * self.vocabulary
        program = self.options.emulated if run.isa in self.options.emulated_isas else self.options.program
        return Hashes(program, command, (count * row, min(count, REF_POSITIONS) * row))


def check(subject, kv, isas, real, scratch):
    """Prints the table of one model and type of keys and values; true if every hash is the same."""
    totals, starts = set(), set()
    print(f"{subject.name}: {len(subject.ids)} positions, keys and values in {kv}")
    print(f"  {'':7} {'session':8} {'step':>5}  " + "  ".join(f"{f'{threads} thr.':10}" for threads in THREADS))
    for isa, session, step in itertools.product(isas, SESSIONS, STEPS):
        row = []
        slow = isa == "ref" or isa in subject.options.emulated_isas
        for threads in THREADS:
            run = Run(kv, isa, session, step, threads, slow)
            if not run.is_chosen(real):
                row.append("-")
                continue
            hashes = subject.hashes(run, REF_POSITIONS if run.is_short(real) else len(subject.ids), scratch)
            starts.add(hashes.start)
            if not run.is_short(real):
                totals.add(hashes.total)
            row.append(hashes.total[:10])
        note = f"  (first {REF_POSITIONS} positions)" if real and slow else ""
        if set(row) != {"-"}:
            print(f"  {isa:7} {session:8} {step:5}  " + "  ".join(f"{cell:10}" for cell in row) + note, flush=True)
    good = len(starts) == 1 and len(totals) <= 1
    print(f"  {'one hash' if good else f'FAILED: {len(totals)} hashes'} {' '.join(sorted(totals))}"
          f" (first {REF_POSITIONS}: {' '.join(value[:10] for value in sorted(starts))})")
    return good


def check_speculation(subject, kv):
    """Answers with and without guessing ahead: the hash of their tokens and log-probabilities, which are made of the logits."""
    good = True
    for sampling in (["--temp", "0"], ["--temp", "0.8", "--seed", "3", "--repeat-penalty", "1.1"]):
        row = []
        for draft in (["off"], ["auto"], ["auto", "--draft-depth", "3"], ["auto", "--draft-depth", "20"]):
            command = [subject.options.program, "run", subject.path, SPECULATION_PROMPT, "--raw", "--json", "--logprobs", "3",
                       "--ignore-stop", "--max-tokens", str(SPECULATION_TOKENS), *sampling, "--kv", kv, "--draft",
                       *draft, *subject.adapters]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
            answer = json.loads(done.stdout)
            digest = hashlib.sha256(json.dumps([answer["logprobs"], answer["text"]]).encode()).hexdigest()
            row.append((digest[:10], answer["drafted_tokens"]))
        same = len({digest for digest, _ in row}) == 1
        good = good and same
        print(f"  {' '.join(sampling[:2]):10} without guesses {row[0][0]}, with " +
              ", ".join(f"{digest} ({drafted} guesses)" for digest, drafted in row[1:]) + ("" if same else "  FAILED"), flush=True)
    return good


def subjects(options, names):
    stored = json.loads((HERE / "oracle" / "peer_accuracy.json").read_text())
    for name in names:
        if name == "tiny":
            for path in sorted(GOLDENS.glob("*.gguf")):
                ids = path.with_suffix(".0.ids").read_text().split()
                yield Subject(options, path.stem, path, ids[:options.positions]), False
                one, two = (ADAPTERS / f"{path.stem}.{which}.gguf" for which in ("one", "two"))
                if one.exists():
                    adapters = ["--lora", f"{one}=0.75", "--lora", f"{two}=-0.5"]
                    yield Subject(options, f"{path.stem} with two adapters", path, ids[:options.positions], adapters), False
        else:
            ids = stored[name]["windows"][0]
            yield Subject(options, name, model_path(name), ids[:options.positions]), True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(["tiny", *REAL_MODELS]),
                        help="names separated by commas; tiny: those of tests/goldens (default: %(default)s)")
    parser.add_argument("--positions", type=int, default=POSITIONS, help="at most 512 (default: %(default)s)")
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--emulated", type=pathlib.Path, help="a program that runs the tables which this CPU cannot")
    options = parser.parse_args()
    names = options.models.split(",")
    unknown = [name for name in names if name not in ["tiny", *REAL_MODELS]]
    if unknown or not REF_POSITIONS < options.positions <= 512:
        parser.error(f"unknown: {', '.join(unknown)}" if unknown else "--positions lies between 21 and 512")
    options.program = options.program.resolve()
    options.emulated = options.emulated and options.emulated.resolve()
    flags = cpu_flags()
    isas = [isa for isa, wanted in ISA_FLAGS.items() if wanted <= flags]
    others = [isa for isa in ISA_FLAGS if isa not in isas]
    options.emulated_isas = others if options.emulated and "avx2" in isas else []
    for isa in others:
        print(f"{isa}: this CPU cannot run it, so it is {'emulated' if isa in options.emulated_isas else 'not compared'}")
    isas += options.emulated_isas
    with tempfile.TemporaryDirectory() as scratch:
        passed = []
        for (subject, real), kv in itertools.product(subjects(options, names), KV_TYPES):
            passed.append(check(subject, kv, isas, real, pathlib.Path(scratch)))
            passed.append(check_speculation(subject, kv))
    return 0 if passed and all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
