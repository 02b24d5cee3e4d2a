"""Servers that are measured over HTTP: ours, and llama.cpp's own, which the Python package xllamacpp carries.

Contract: `start(name, path, ...)` is a context manager of a Server with `address` and `process`; it has answered /health. A
server that does not start raises SystemExit with its last words. The model is a file, all streams fit at once.
Not here: what is asked of them (serve_bench.py, serve_latency.py).
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
OURS = "hearth"
PEER = "llama.cpp"
PREPARE = '. scripts/cache.sh && . scripts/peer.sh && prepare_peer_server >&2 && echo "$peer_python"'
START_SECONDS = 120
STOP_SECONDS = 30
LAST_WORDS = 20

sys.path.append(str(ROOT / "tests" / "load"))


def peer_python():
    prepared = subprocess.run(["sh", "-c", PREPARE], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if prepared.returncode != 0:
        raise SystemExit("bench: llama.cpp's server could not be installed, see above; --only hearth measures without it")
    return prepared.stdout.strip()


def peer_description(python):
    return subprocess.run([python, str(HERE / "peer_server.py"), "--describe"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True).stdout.strip()


class Server:
    """A process that says on stderr or stdout where it listens, as http://HOST:PORT or HOST:PORT after "listening on"."""

    def __init__(self, command, environment):
        self.lines, self.address, self.known = [], None, threading.Event()
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, errors="replace", env=environment)
        threading.Thread(target=self._read, daemon=True).start()
        self.known.wait(START_SECONDS)
        if self.address is None or not self._healthy():
            self.process.kill()
            raise SystemExit("bench: a server did not start:\n" + "".join(self.lines[-LAST_WORDS:]))

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            found = re.search(r"listening on (?:http://)?([\w.]+:\d+)", line)
            if found and self.address is None:
                self.address = found.group(1)
                self.known.set()
        self.known.set()

    def _healthy(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://{self.address}/health", timeout=5) as answer:
                    if answer.status == 200:
                        return True
            except OSError:
                time.sleep(0.1)
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(name, path, *, streams, context, threads, program=None, python=None, home=None, more=()):
    """`context`: tokens of each stream. `home`: a folder of ours that may outlive the server; `more`: options of ours."""
    if name == OURS:
        folder = None if home else tempfile.TemporaryDirectory(prefix="hearth-serve-")
        environment = {**os.environ, "HEARTH_HOME": str(home or folder.name)}
        command = [program, "serve", path, "--listen", "127.0.0.1:0", "--sessions", streams, "--ctx", context, "--threads", threads, *more]
        server = Server(command, environment)
        server.folder = folder
        return server
    return Server([python, HERE / "peer_server.py", path, "--streams", streams, "--context", context, "--threads", threads], dict(os.environ))
