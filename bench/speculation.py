#!/usr/bin/env python3
"""How much faster answers are with guessing ahead: repeated code with one name changed, and free prose.

Runs `hearth bench --speculation` for each model, which answers with and without in turn and fails if one token differs, and
prints the ratios; for the larger coder model also with the smaller one as its draft model. Compare ratios of one run only.
"""

import argparse
import json
import os
import pathlib
import subprocess

CASES = [("smollm2:135m", "auto"), ("qwen2.5-coder:0.5b", "auto"), ("qwen2.5-coder:1.5b", "auto"),
         ("qwen2.5-coder:1.5b", "qwen2.5-coder:0.5b")]


def model_path(name):
    if name.endswith(".gguf"):
        return pathlib.Path(name)
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    folder = pathlib.Path(os.environ.get("HEARTH_MODEL_CACHE") or pathlib.Path(cache) / "hearth" / "models")
    path = folder / (name.replace(":", "-") + ".gguf")
    if not path.exists():
        raise SystemExit(f"speculation: {name} is not at {path}; `make test` fetches it, or set HEARTH_MODEL_CACHE")
    return path


def measure(options, model, draft):
    command = [options.program, "bench", model_path(model), "--speculation", "--json", "--runs", str(options.runs),
               "--draft", draft if draft == "auto" else model_path(draft)]
    if options.threads:
        command += ["--threads", str(options.threads)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join("+".join(case) for case in CASES),
                        help="MODEL+DRAFT, separated by commas; DRAFT is auto or a model (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--program", default="build/hearth", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/speculation.json"))
    options = parser.parse_args()
    results = {}
    print(f"{'model':20} {'draft':20} {'text':6} {'without':>9} {'with':>9} {'times':>6} {'tokens':>7} {'steps':>6} {'right/tried':>12}")
    for case in options.cases.split(","):
        model, draft = case.split("+")
        results[case] = measure(options, model, draft)
        for text, figures in results[case].items():
            print(f"{model:20} {draft:20} {text:6} {figures['plain']:9.1f} {figures['guessing']:9.1f} {figures['ratio']:6.2f} "
                  f"{figures['tokens']:7} {figures['steps']:6} {figures['accepted']:>5}/{figures['drafted']}", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
