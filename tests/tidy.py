#!/usr/bin/env python3
"""The limits of the source that reviews would otherwise have to remember; exit code 1 and one line per breach.

Holds: file and function length, include direction between the folders of src/, no architecture named outside
src/model/archs/, an opening comment in every source file, no words of unfinished work, no paths of one machine.
Needs nothing but Python. `tidy.py --self-test` proves that each rule can fail.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 70
# Outermost last; a folder includes only itself and folders before it.
LAYERS = ["base", "quant", "gguf", "tensor", "kernels", "backend", "dist", "model", "media", "text", "engine", "train",
          "library", "knowledge", "server", "cli"]
ARCHITECTURES = re.compile(r"llama|qwen|gemma|mistral|smollm|falcon|starcoder|deepseek|bert\b|whisper|gpt[-_]?neox|phi[-_]?[234]",
                           re.IGNORECASE)
# text/ knows pre-tokenizers by the names that files carry; the catalogue and its test name models, not architectures.
ARCHITECTURE_EXEMPT = ("src/model/archs/", "src/text/", "src/library/catalogue.toml")
# What a comment, a help text or an error may name: models, and other programs whose clients or speed concern us.
ARCHITECTURE_NEUTRAL = re.compile(r"llama\.cpp|llama-cpp-python|llama-server|llamacpp:|llama\.vim|llama_config|ollama|smollm2:135m|qwen2\.5-coder:[0-9.]+b|gemma3:270m|"
                                  r"qwen2\.5-coder|\"deepseek\"|deepseek-legacy", re.IGNORECASE)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\bplaceholder\b|\bnot yet\b|\bfor now\b|\bcoming soon\b", re.IGNORECASE)
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:work/|home/\w+|root|Users/\w+|opt/oracle|var/cache/hearth)")
SOURCE_SUFFIXES = {".cpp", ".h"}
TEXT_SUFFIXES = SOURCE_SUFFIXES | {".py", ".sh", ".md", ".cmake", ".txt", ".toml", ".json", ".yml", ""}
FREE_LENGTH = ("tests/goldens/", "tests/oracle/peer_accuracy.json", "LICENSE")


def strip_code(text):
    """The text with comments and literals blanked, of the same length and lines, so that braces can be counted."""
    pattern = re.compile(r'R"([^(\s]{0,16})\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])+\'',
                         re.DOTALL)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def function_lengths(text):
    """(line, length) of every block that a parameter list opens: functions, methods and lambdas that are not inside one."""
    code = strip_code(text)
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda match: re.sub(r"[^\n]", " ", match.group()), code, flags=re.MULTILINE)
    stack, found, line, head_start = [], [], 1, 0
    inside = 0
    for index, char in enumerate(code):
        if char == "\n":
            line += 1
        elif char == "{":
            head = code[head_start:index]
            scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", head)
            function = not inside and not scope and ")" in head
            start = line - head.lstrip().count("\n")
            stack.append((function, start))
            inside += function
            head_start = index + 1
        elif char == "}":
            if stack:
                function, start = stack.pop()
                inside -= function
                if function:
                    found.append((start, line - start + 1))
            head_start = index + 1
        elif char == ";" and not inside:
            head_start = index + 1
    return found


def check_length(path, text):
    lines = text.count("\n")
    if lines > MAX_FILE_LINES and not path.startswith(FREE_LENGTH):
        yield 1, f"{lines} lines; a file has at most {MAX_FILE_LINES}"


def check_functions(path, text):
    for line, length in function_lengths(text):
        if length > MAX_FUNCTION_LINES:
            yield line, f"a function of {length} lines; at most {MAX_FUNCTION_LINES}"


def check_includes(path, text):
    parts = path.split("/")
    if parts[0] != "src" or len(parts) < 3:
        return
    if parts[1] not in LAYERS:
        yield 1, f"the folder src/{parts[1]} has no place in the order of folders"
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([a-z_0-9]+)/', line)
        if match and match.group(1) in LAYERS and LAYERS.index(match.group(1)) > LAYERS.index(parts[1]):
            yield number, f"src/{parts[1]} includes {match.group(1)}/, which lies above it"


def check_architectures(path, text):
    if not path.startswith(("src/", "include/")) or path.startswith(ARCHITECTURE_EXEMPT) or is_test(path):
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = ARCHITECTURES.search(ARCHITECTURE_NEUTRAL.sub("", re.sub(r"//.*", "", line)))
        if match:
            yield number, f"names the architecture '{match.group()}' outside src/model/archs/"


def check_opening(path, text):
    first = text.lstrip("\ufeff")
    if path.endswith(".py"):
        good = re.match(r'(#!.*\n)?(#.*\n)*\s*(""")', first)
    elif path.endswith(".sh"):
        good = re.match(r"(#!.*\n)?# \S", first)
    else:
        good = first.startswith("// ") or first.startswith("#pragma once\n//")
    if not good:
        yield 1, "does not open with a comment that says what the file is"


def check_words(path, text):
    if path == "tests/tidy.py":
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = UNFINISHED.search(line)
        if match:
            yield number, f"'{match.group()}': unfinished work is not left in the source"


def check_paths(path, text):
    if path == "tests/tidy.py":
        return
    for number, line in enumerate(text.splitlines(), 1):
        match = MACHINE_PATH.search(line)
        if match:
            yield number, f"'{match.group()}' is a path of one machine"


def is_test(path):
    return path.endswith(("_test.cpp", "_fuzz.cpp")) or "/test_" in path or path.endswith("fake_pip.h")


def breaches(path, text):
    suffix = pathlib.PurePosixPath(path).suffix
    checks = []
    if suffix in SOURCE_SUFFIXES:
        checks = [check_length, check_functions, check_includes, check_architectures, check_opening]
    elif suffix in {".py", ".sh"}:
        checks = [check_length, check_opening]
    if not path.startswith("tests/goldens/"):
        checks += [check_words, check_paths]
    for check in checks:
        for line, message in check(path, text):
            yield f"{path}:{line}: {message}"


def tracked_files():
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                             capture_output=True).stdout.decode()
    for path in sorted(set(filter(None, listing.split("\0")))):
        file = ROOT / path
        if file.is_file() and file.suffix in TEXT_SUFFIXES:
            try:
                yield path, file.read_text()
            except UnicodeDecodeError:
                pass  # not text


def self_test():
    opening = "// What.\n"
    body = "  x();\n" * MAX_FUNCTION_LINES
    cases = [
        ("src/base/a.cpp", opening + "\n" * MAX_FILE_LINES, "a file has at most"),
        ("src/base/a.cpp", opening + "int f(int a,\n      int b) {\n" + body + "}\n", "a function of"),
        ("src/base/a.cpp", opening + "namespace n {\nstruct S {\n  void g() const {\n" + body + "  }\n};\n}\n", "a function of"),
        ("src/base/a.cpp", opening + '#include "cli/exit.h"\n', "lies above it"),
        ("src/nowhere/a.cpp", opening, "no place"),
        ("src/engine/a.cpp", opening + 'if (name == "llama") {}\n', "architecture"),
        ("src/base/a.cpp", "int x;\n", "does not open"),
        ("tests/a.py", "import os\n", "does not open"),
        ("src/base/a.cpp", opening + "// TODO: more\n", "unfinished"),
        ("docs/a.md", "see /root/x\n", "one machine"),
    ]
    fine = [
        ("src/base/a.cpp", opening + "namespace n {\n" + "void f() { x(); }\n" * 200 + "}\n"),
        ("src/cli/a.cpp", opening + '#include "base/log.h"\n// as llama.cpp does\nconst char* s = "}{(";\n'),
        ("src/base/a.cpp", opening + "const int t[] = {\n" + "  1,\n" * 100 + "};\n"),
        ("src/text/a.cpp", opening + 'if (pre == "qwen2") {}\n'),
    ]
    wrong = [f"{path} should breach '{expected}'" for path, text, expected in cases
             if not any(expected in line for line in breaches(path, text))]
    wrong += [f"{path}: {line}" for path, text in fine for line in breaches(path, text)]
    print("\n".join(wrong) if wrong else f"{len(cases)} breaches found, {len(fine)} clean texts passed")
    return 1 if wrong else 0


def main():
    if self_test() != 0:
        return 1
    if "--self-test" in sys.argv[1:]:
        return 0
    files = list(tracked_files())
    found = [line for path, text in files for line in breaches(path, text)]
    print("\n".join(found + [f"{len(files)} files, {len(found)} breaches"]))
    return 1 if found or not files else 0


if __name__ == "__main__":
    sys.exit(main())
