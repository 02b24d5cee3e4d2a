#!/usr/bin/env python3
"""No kernel object may define a weak symbol, since the linker could hand it to the whole program.

An inline or template function compiled with AVX-512 flags is emitted as a weak symbol; where the linker keeps that copy,
a processor without AVX-512 dies in code that never asked for it. Looks at every object built with flags of its own.
"""

import pathlib
import subprocess
import sys

WEAK = {"W", "V", "w", "v", "u"}


def weak_symbols(path):
    listing = subprocess.run(["nm", "--demangle", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        _, kind, name = line.split(maxsplit=2)
        if kind in WEAK:
            yield name


def main():
    build = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build/release")
    objects = sorted(path for path in build.rglob("*.o")
                     if "kernels" in path.parts and path.name.endswith(("_avx2.cpp.o", "_avx512.cpp.o")) and "simde" not in str(path))
    found = [f"{path.name}: {name}" for path in objects for name in weak_symbols(path)]
    print("\n".join(found + [f"{len(objects)} kernel objects, {len(found)} weak symbols"]))
    return 1 if found or not objects else 0


if __name__ == "__main__":
    sys.exit(main())
