"""The programs that are compared, as commands that print the same JSON once the model and options are added, and the state of a file in the page cache.

Contract: `available(options)` returns them by name; `run` runs one and returns its figures, or None with the reason printed;
`drop_from_memory` makes the next load a cold one and says whether it could.
Not here: what is measured (plan.py) and what the figures mean (report.py).
"""

import ctypes
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
OURS = "hearth"
PEERS = ("llama.cpp", "ik_llama.cpp")
NATIVE = "native"
INSTRUCTION_SETS = (NATIVE, "avx2", "avxvnni")
PREPARE = '. scripts/cache.sh && . scripts/peer.sh && prepare_peer "$1" "$2" >&2 && echo "$peer_python"'


def hearth_version(program):
    try:
        return subprocess.run([program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except OSError as error:
        raise SystemExit(f"bench: {program} cannot be run ({error.strerror}); `make build` builds it") from None


def peer_command(name, isa):
    """The command of a peer, built first if it is not there."""
    prepared = subprocess.run(["sh", "-c", PREPARE, "sh", name, isa], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if prepared.returncode != 0:
        raise SystemExit(f"bench: {name} could not be built, see above; --only hearth measures without it")
    return [prepared.stdout.strip(), str(HERE / "peer.py"), "--library", name]


def peer_description(command):
    """{version, features, build}"""
    asked = subprocess.run([*command, "--describe"], stdout=subprocess.PIPE, text=True, check=False)
    if asked.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} --describe failed; is the library in that Python?")
    build = pathlib.Path(command[0]).parent.parent / "build.txt"
    return json.loads(asked.stdout) | {"build": build.read_text().strip() if build.exists() else "built elsewhere"}


def available(options):
    """({name: command before the model's path}, {name: description}), ours first."""
    commands, descriptions = {}, {}
    if options.only in (None, OURS):
        kernels = [] if options.isa == NATIVE else ["--isa", options.isa]
        commands[OURS] = [str(options.program), "bench", "--json", *kernels]
        descriptions[OURS] = {"version": hearth_version(options.program), "kernels": options.isa}
    if options.only is None:
        for name in options.peers:
            commands[name] = peer_command(name, options.isa)
            descriptions[name] = peer_description(commands[name])
    elif options.only in PEERS:
        commands[options.only] = peer_command(options.only, options.isa)
        descriptions[options.only] = peer_description(commands[options.only])
    return commands, descriptions


def run(command, path, arguments):
    parts = [*command, str(path), *map(str, arguments)]
    result = subprocess.run(parts, stdout=subprocess.PIPE, check=False)
    if result.returncode in (-2, 130):
        raise KeyboardInterrupt
    if result.returncode != 0:
        print(f"bench: {' '.join(parts)} ended with {result.returncode}", file=sys.stderr)
        return None
    return json.loads(result.stdout)


def resident_share(path):
    """How much of a file is in memory, 0 to 1."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
    size, page = os.path.getsize(path), os.sysconf("SC_PAGESIZE")
    pages = (ctypes.c_ubyte * -(-size // page))()
    with open(path, "rb") as file:
        address = libc.mmap(None, size, 1, 1, file.fileno(), 0)  # readable, shared
        if address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), f"mmap of {path} failed")
        failed = libc.mincore(address, size, pages)
        libc.munmap(address, size)
    if failed:
        raise OSError(ctypes.get_errno(), f"mincore of {path} failed")
    return sum(value & 1 for value in bytes(pages)) / len(pages)


def drop_from_memory(path):
    """Whether the file's pages left memory: they stay where another process has them mapped."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return resident_share(path) < 0.02
