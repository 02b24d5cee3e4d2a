#!/usr/bin/env python3
"""Checks compiled kernel objects: no symbol that could leak into other files, no register spilled in a hot loop.

usage: kernel_objects.py [--no-loops] OBJECT...
A file compiled for AVX-512 must not define weak symbols (inline functions, templates of the standard library): the linker
may choose its copy for the whole program, which then dies on a processor without AVX-512. And a tile whose accumulators do
not fit the registers runs at half speed without any other sign. --no-loops: for builds with sanitizers.
"""
import re
import subprocess
import sys

HOT = re.compile(r"\b(vpmaddubsw|vpdpbusd|vfmadd\w+ps)\b")
STACK_STORE = re.compile(r"\bvmov\w+\s+%[yz]mm\d+,-?(0x[0-9a-f]+)?\(%r[sb]p")
JUMP = re.compile(r"^j\w+\s+([0-9a-f]+)\b")
HOT_PER_LOOP = 12  # fewer: not an unrolled tile
# Some AVX2 tiles hold the sums of one half while the other is summed: a few of them wait on the stack, which measures faster
# than a smaller tile. An accumulator that lives there would show at every multiplication.
HOT_PER_STACK_STORE = 10


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def leaking_symbols(path):
    for line in output_of("nm", "-C", path).splitlines():
        kind, _, name = line[17:].partition(" ")
        if kind in ("W", "V", "u", "w", "v"):
            yield f"weak symbol {name}"
        elif kind == "U" and name.startswith("std::"):
            yield f"uses {name}"


def functions(path):
    name, body = None, []
    for line in output_of("objdump", "-d", "-C", "--no-show-raw-insn", path).splitlines():
        header = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        if header:
            if name:
                yield name, body
            name, body = header[1], []
        elif re.match(r"^\s+[0-9a-f]+:", line):
            address, _, text = line.partition(":")
            body.append((int(address, 16), text.strip()))
    if name:
        yield name, body


def hot_loops(body):
    """Innermost loops with enough multiplications."""
    addresses = {address: index for index, (address, _) in enumerate(body)}
    loops = []
    for index, (_, text) in enumerate(body):
        jump = JUMP.match(text)
        start = addresses.get(int(jump[1], 16)) if jump else None
        if start is not None and start < index:
            loop = body[start:index + 1]
            if sum(1 for _, line in loop if HOT.search(line)) >= HOT_PER_LOOP:
                loops.append((start, index))
    for start, end in loops:
        if not any((s, e) != (start, end) and start <= s and e <= end for s, e in loops):
            yield body[start:end + 1]


def main():
    arguments = sys.argv[1:]
    check_loops = "--no-loops" not in arguments
    failures, loops = [], 0
    for path in arguments:
        if not re.search(r"_(avx2|avxvnni|avx512)\.cpp\.o$", path):
            continue
        failures += [f"{path}: {problem}" for problem in leaking_symbols(path)]
        if not check_loops or not re.search(r"/(multiply|float)_linear_", path):
            continue
        for name, body in functions(path):
            for loop in hot_loops(body):
                loops += 1
                spills = [line for _, line in loop if STACK_STORE.search(line)]
                if len(spills) * HOT_PER_STACK_STORE > sum(1 for _, line in loop if HOT.search(line)):
                    failures.append(f"{path}: {name}: {len(spills)} vector registers go to the stack in a hot loop: {spills[0]}")
    if check_loops and loops == 0:
        failures.append("no hot loop was found: the check no longer sees the tiles")
    for failure in failures:
        print(failure)
    print(f"{loops} hot loops, {len(failures)} problems")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
