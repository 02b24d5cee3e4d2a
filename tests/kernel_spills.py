#!/usr/bin/env python3
"""The accumulators of attention tiles stay in vector registers.

A tile whose accumulators live on the stack runs at less than half speed, and a compiler's small change of mind is enough. Looks
at every innermost loop with at least MINIMUM multiply-adds in the functions named by TILES.
"""

import pathlib
import re
import subprocess
import sys

MINIMUM = 6
TILES = ("score_groups<", "value_columns<")  # int8_score_groups< too
MULTIPLY_ADD = re.compile(r"\bv(fmadd|fmsub|fnmadd|pdpbusd|pmaddubsw|pmaddwd)")
STACK_MOVE = re.compile(r"\bvmov\w*\s.*(%[xyz]mm\d+,-?(0x)?[0-9a-f]*\(%r[sb]p|\(%r[sb]p\),%[xyz]mm)")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(.*)$")
JUMP = re.compile(r"^j\w+\s+([0-9a-f]+) <")


def functions(path):
    """Name and [(address, instruction)] of each function of an object file."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "--demangle", path], check=True, capture_output=True,
                          text=True).stdout
    name, lines = None, []
    for line in text.splitlines():
        header = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        if header:
            if name:
                yield name, lines
            name, lines = header.group(1), []
        elif match := LINE.match(line):
            lines.append((int(match.group(1), 16), match.group(2)))
    if name:
        yield name, lines


def innermost_loops(lines):
    """Instructions of each backward jump's range that holds no other backward jump."""
    jumps = []
    for address, instruction in lines:
        match = JUMP.match(instruction)
        if match and int(match.group(1), 16) <= address:
            jumps.append((int(match.group(1), 16), address))
    for start, end in jumps:
        if not any((s, e) != (start, end) and start <= s and e <= end for s, e in jumps):
            yield start, [instruction for address, instruction in lines if start <= address <= end]


def spills(path):
    """Each offending loop, and how many hot loops there are."""
    found, hot = [], 0
    for name, lines in functions(path):
        if not any(tile in name for tile in TILES):
            continue
        for start, body in innermost_loops(lines):
            if sum(bool(MULTIPLY_ADD.search(i)) for i in body) < MINIMUM:
                continue
            hot += 1
            moves = [i for i in body if STACK_MOVE.search(i)]
            if moves:
                found.append(f"{path.name}: {name} at {start:#x}: {len(moves)} moves, such as {moves[0]}")
    return found, hot


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
    objects = sorted(path for path in build.rglob("*.o")
                     if "kernels" in path.parts and path.name.endswith(("_avx2.cpp.o", "_avxvnni.cpp.o", "_avx512.cpp.o")) and "simde" not in str(path))
    hot, found = 0, []
    for path in objects:
        loops, count = spills(path)
        found += loops
        hot += count
    print("\n".join(found + [f"{len(objects)} kernel objects, {hot} hot loops, {len(found)} with vector registers on the stack"]))
    return 1 if found or not hot else 0


if __name__ == "__main__":
    sys.exit(main())
