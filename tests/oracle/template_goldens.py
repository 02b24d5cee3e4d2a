#!/usr/bin/env python3
"""Writes tests/goldens/templates/: what transformers makes of chat templates and of the language cases.

conversations.json: templates (those of --templates and, with --model, those inside GGUF files), conversations, and the
text of each pair with and without add_generation_prompt; null where Python raises. language.json: the cases of
template_cases.py. Equal results of one template are stored once.
Usage: python3 tests/oracle/template_goldens.py --templates FOLDER [--model FILE.gguf ...] [--out tests/goldens/templates]
"""
import argparse
import json
import pathlib

import template_cases
import template_conversations
import template_oracle

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def model_template(path):
    import gguf

    field = gguf.GGUFReader(path).get_field("tokenizer.chat_template")
    return None if field is None else field.contents()


def collect_templates(arguments):
    templates = {}
    for path in sorted(pathlib.Path(arguments.templates).glob("*.jinja")):
        templates[path.stem] = path.read_text(encoding="utf-8")
    for path in arguments.model:
        source = model_template(path)
        if source is not None:
            templates["model:" + pathlib.Path(path).stem] = source
    return templates


def conversation_goldens(templates):
    conversations = template_conversations.conversations()
    results = {}
    by_source = {}
    for name, source in templates.items():
        if source in by_source:
            continue
        by_source[source] = name
        rows = []
        for _, variables in conversations:
            texts = []
            for prompt in (False, True):
                given = {**TOKENS, "tools": None, "documents": None, **variables, "add_generation_prompt": prompt}
                texts.append(template_oracle.render(source, given).get("text"))
            with_prompt = texts[1]
            if texts[0] is not None and with_prompt is not None and with_prompt.startswith(texts[0]):
                with_prompt = {"adds": with_prompt[len(texts[0]):]}
            rows.append([texts[0], with_prompt])
        results[name] = rows
    return {
        "tokens": TOKENS,
        "now": template_oracle.NOW,
        "templates": {name: source for source, name in by_source.items()},
        "conversations": [{"name": name, "variables": variables} for name, variables in conversations],
        "results": results,
    }


def language_goldens():
    cases = []
    for template, variables in template_cases.all_cases():
        cases.append([template, template_oracle.render(template, variables).get("text")])
    return {"now": template_oracle.NOW, "variables": template_cases.VARIABLES, "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", required=True)
    parser.add_argument("--model", nargs="*", default=[])
    parser.add_argument("--out", default="tests/goldens/templates")
    arguments = parser.parse_args()
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    for name, goldens in (
        ("conversations", conversation_goldens(collect_templates(arguments))),
        ("language", language_goldens()),
    ):
        text = json.dumps(goldens, ensure_ascii=False, separators=(",", ":"))
        (out / f"{name}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
