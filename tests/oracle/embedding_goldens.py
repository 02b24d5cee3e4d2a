#!/usr/bin/env python3
"""Writes tests/goldens/embeddings/NAME.json: texts of several kinds, their tokens, and the mean of their hidden states after the
last norm, by transformers in float32 on the decoded weights of a real file. Scaled to length one, six digits.

embedding_goldens.py MODEL.gguf... (needs requirements.txt)
"""

import json
import pathlib
import sys

import numpy as np
import transformers

import gguf_weights
import reference

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "embeddings"
PASSAGE = ("The harbour lay quiet in the early morning. Two fishermen mended their nets on the pier and spoke of the storm that "
           "had passed in the night; further out, the ferry from the islands turned slowly around the lighthouse. ")
TEXTS = ["hello", "The cat sat on the mat.", "Ein Hund läuft über die Straße.", "def add(a, b):\n    return a + b\n",
         "今日はいい天気ですね。", PASSAGE, PASSAGE * 8]


def tokenizer_of(path):
    return transformers.AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in map(pathlib.Path, sys.argv[1:]):
        model = reference.build(*gguf_weights.load(path))
        tokenizer = tokenizer_of(path)
        entries = []
        for text in TEXTS:
            ids = tokenizer(text)["input_ids"]
            mean = reference.pooled_states(model, ids)[0].astype(np.float64)
            mean /= np.linalg.norm(mean)
            entries.append({"text": text, "ids": ids, "mean": [float(f"{value:.6g}") for value in mean]})
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in entries)
        (FOLDER / f"{path.stem}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
        print(f"{path.stem}: {len(entries)} texts, {sum(len(entry['ids']) for entry in entries)} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main() if len(sys.argv) > 1 else print(__doc__) or 2)
