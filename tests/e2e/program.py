"""What the end-to-end tests share: the program, the small real model, running verbs, and a chat on a pseudo-terminal."""

import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("HEARTH_PROGRAM", str(ROOT / "build" / "hearth"))
TIMEOUT_SECONDS = 120


def model_path(name="smollm2-135m.gguf"):
    """The model that `make test` fetches; see HACKING.md for the folder."""
    folder = os.environ.get("HEARTH_MODEL_CACHE")
    if not folder:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        folder = os.path.join(cache, "hearth", "models")
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} is missing: make test fetches it, or set HEARTH_MODEL_CACHE")
    return path


class ProgramTest(unittest.TestCase):
    """A test with a HEARTH_HOME of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.home = self.folder / "home"
        self.environment = {**os.environ, "HEARTH_HOME": str(self.home), "TERM": "xterm", "NO_COLOR": "1"}
        self.environment.pop("LC_ALL", None)

    def hearth(self, *arguments, text=None, expect=0):
        """Runs a verb; `text` is its standard input (none: empty)."""
        done = subprocess.run([PROGRAM, *map(str, arguments)], input=text if text is not None else "", text=True,
                              capture_output=True, env=self.environment, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(done.returncode, expect, f"{arguments}\nstdout: {done.stdout}\nstderr: {done.stderr}")
        return done

    def run_model(self, *arguments, **options):
        return self.hearth("run", model_path(), *arguments, **options)


class Terminal:
    """A program on a pseudo-terminal, driven by what it shows."""

    def __init__(self, arguments, environment):
        self.seen = ""
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            os.execve(arguments[0], arguments, environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.descriptor)

    def _read(self, seconds):
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the program has ended
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def wait_for(self, pattern, seconds=TIMEOUT_SECONDS):
        """Reads until the pattern appears; returns what came up to its end and forgets it."""
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen, re.DOTALL)
            if found:
                text, self.seen = self.seen[:found.end()], self.seen[found.end():]
                return text
            if time.monotonic() > deadline or not self._read(0.2):
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")

    def send(self, text):
        os.write(self.descriptor, text.encode())

    def exit_code(self):
        while self._read(1.0):
            pass
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        return os.waitstatus_to_exitcode(status)
