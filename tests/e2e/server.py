"""A running `hearth serve` for tests: a port of its own, a HEARTH_HOME of its own, the small real model, and plain HTTP."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

from program import PROGRAM, TIMEOUT_SECONDS, model_path


class Answer:
    """What came back: status, headers (names in lower case) and body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def lines(self):
        """The objects of a stream of lines of JSON."""
        return [json.loads(line) for line in self.text.splitlines() if line]

    @property
    def events(self):
        """(name or None, data) of a stream of server-sent events; data is parsed unless it is [DONE]."""
        found = []
        for block in self.text.split("\n\n"):
            fields = [line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":")]
            data = [value for name, value in fields if name == "data"]
            if data:
                name = next((value for name, value in fields if name == "event"), None)
                found.append((name, data[0] if data[0] == "[DONE]" else json.loads(data[0])))
        return found


def fill_library(home, environment, models):
    """Gives files of the model cache names in the library of `home`: {name: file}."""
    home.mkdir(parents=True, exist_ok=True)
    entries = [f'[[model]]\nname = "{name}"\nlicence = "test"\nlicence_class = "unknown"\nsources = [["file:{model_path(file)}"]]\n'
               for name, file in models.items()]
    (home / "catalogue.toml").write_text("".join(entries))
    for name in models:
        subprocess.run([PROGRAM, "pull", name, "--quiet"], env=environment, check=True, timeout=TIMEOUT_SECONDS)


class Server:
    """Serves `model` (a file of the model cache, or a path), or the library {name: file}, until it is stopped; use it with `with`."""

    def __init__(self, *arguments, model="smollm2-135m.gguf", environment=None, library=None, home="home"):
        self.folder = tempfile.TemporaryDirectory()
        self.home = pathlib.Path(self.folder.name) / home
        path = str(model) if isinstance(model, pathlib.Path) else model_path(model)
        models = [path] if library is None else []
        self.arguments = [PROGRAM, "serve", *models, "--listen", "127.0.0.1:0", *map(str, arguments)]
        self.environment = {**os.environ, "HEARTH_HOME": str(self.home), **(environment or {})}
        if library:
            fill_library(self.home, self.environment, library)
        self.model = pathlib.Path(model).stem
        self.stderr = ""
        self.process = None
        self.address = None
        self.ready = threading.Event()

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace", env=self.environment)
        self.reader = threading.Thread(target=self._read_stderr, daemon=True)
        self.reader.start()
        if not self.ready.wait(TIMEOUT_SECONDS) or self.address is None:
            self.__exit__()
            raise AssertionError(f"the server did not start: {self.stderr}")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stderr.close()
        self.folder.cleanup()

    def _read_stderr(self):
        for line in self.process.stderr:
            self.stderr += line
            found = re.search(r"listening on (?:http://)?(127\.0\.0\.1:\d+)", line)
            if found and self.address is None:
                self.address = found.group(1)
                self.ready.set()
        self.ready.set()

    @property
    def url(self):
        return f"http://{self.address}"

    def stop(self, seconds=TIMEOUT_SECONDS):
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def request(self, method, path, body=None, headers=None):
        """`body`: text or bytes as they are, anything else as JSON."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body, headers=None):
        return self.request("POST", path, body, headers)
