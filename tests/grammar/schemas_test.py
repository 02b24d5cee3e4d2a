"""Random walks through the grammars of real schemas pass ajv, and texts near them that ajv rejects are not in the grammars.

    schemas_test.py [--all] DRIVER MODEL.gguf SCHEMAS NODE MODULES

DRIVER is grammar_driver, SCHEMAS the folder with the archives of schemas, MODULES a folder with node_modules that has ajv.
Three walks per schema; without --all every fifteenth schema. Exit code 1 and one line per contradiction.
Not here: which schemas must compile (src/text/grammar/schema_test.cpp).
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
SEED, WALKS, STRIDE = 1, 3, 15


def run(command, lines, **options):
    done = subprocess.run([str(part) for part in command], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr[:2000]}")
    return done.stdout.splitlines()


def main():
    arguments = sys.argv[1:]
    every = "--all" in arguments
    driver, model, schemas, node, modules = [pathlib.Path(a) for a in arguments if a != "--all"]
    with tempfile.TemporaryDirectory() as folder:
        for archive in sorted(schemas.glob("*.tar.gz")):
            with tarfile.open(archive) as tar:
                tar.extractall(folder, filter="data")
        files = sorted(str(path) for path in pathlib.Path(folder).rglob("*.json"))
        files = files if every else files[::STRIDE]
        walks = run([driver, "walks", model, SEED, WALKS], files)
        # Packages are looked for beside the program.
        shutil.copy(FOLDER / "validate.mjs", folder)
        (pathlib.Path(folder) / "node_modules").symlink_to(modules / "node_modules")
        verdicts = [json.loads(line) for line in run([node, "validate.mjs"], walks, cwd=folder)]
        wrong = [f"{v['file']}: ajv rejects {w['text'][:300]}: {w['error']}" for v in verdicts for w in v.get("wrong", [])]
        skipped = [f"{v['file']}: {v['skipped']}" for v in verdicts if "skipped" in v]
        mutants = [v["file"] + "\t" + text for v in verdicts for text in v.get("mutants", [])]
        answers = run([driver, "check"], mutants)
        wrong += [f"the grammar has what ajv rejects: {m[:300]}" for m, answer in zip(mutants, answers, strict=True) if answer == "1"]
        print("\n".join(wrong + [f"ajv cannot read {line}" for line in skipped]))
        print(f"{len(files)} schemas, {len(walks)} compiled, {len(verdicts) - len(skipped)} compared with ajv, "
              f"{len(walks) * WALKS} walks, {len(mutants)} mutants, {len(wrong)} contradictions")
        # A comparison of almost nothing is none.
        return 1 if wrong or len(walks) < 0.95 * len(files) or len(mutants) < 5 * len(walks) else 0


if __name__ == "__main__":
    sys.exit(main())
