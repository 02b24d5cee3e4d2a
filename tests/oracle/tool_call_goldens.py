#!/usr/bin/env python3
"""Writes tests/goldens/tools/rendered_calls.json: tool calls as transformers renders them with the models' own templates.

For each template of conversations.json (template_goldens.py) and of the tokenizer configurations given: the text of an
assistant's turn with calls, cut out between the prompt of the turn and the token that ends it. What a template cannot
render (it raises, or drops the calls) is left out.
Usage: python3 tests/oracle/tool_call_goldens.py --templates tests/goldens/templates/conversations.json
           [--config FILE.tokenizer_config.json ...] [--out tests/goldens/tools]
"""
import argparse
import json
import pathlib

import template_oracle

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
ENDS = ["<|im_end|>", "<|eot_id|>", "<|eom_id|>", "</s>", "<｜end▁of▁sentence｜>", "<|END_OF_TURN_TOKEN|>", "<|end|>", "<end_of_turn>"]

# Addresses every part of an answer to a recipient, text too: not a form of calls among text.
LEFT_OUT = "meetkai-functionary-medium-v3.2"

TOOLS = [
    {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city", "parameters": {
        "type": "object", "properties": {"city": {"type": "string", "description": "name"},
                                         "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "description": "unit"}},
        "required": ["city"]}}},
    {"type": "function", "function": {"name": "save-note", "description": "Keeps a note", "parameters": {
        "type": "object", "properties": {"text": {"type": "string", "description": "text"},
                                         "tags": {"type": "array", "items": {"type": "string"}, "description": "tags"},
                                         "level": {"type": "number", "description": "level"}},
        "required": ["text"]}}},
    {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}},
]
WEATHER = ("get_weather", {"city": "Paris", "unit": "celsius"})
NOTE = ("save-note", {"text": "a \"quoted\" line\nand <b>Zoë</b> {x} \\ </tool_call", "tags": ["a", "b,c"], "level": -1.5})
CASES = [("", [WEATHER]), ("", [NOTE]), ("", [WEATHER, NOTE]), ("I will look.", [WEATHER]), ("", [("now", {})])]
IDS = ["call00001", "call00002"]


def assistant(content, calls, as_text):
    made = []
    for call_id, (name, arguments) in zip(IDS, calls):
        made.append({"id": call_id, "type": "function", "function": {
            "name": name, "arguments": json.dumps(arguments, ensure_ascii=False) if as_text else arguments}})
    return {"role": "assistant", "content": content, "tool_calls": made}


def turn(source, content, calls):
    """The turn's text, from the first way of handing over calls that the template understands."""
    before = [{"role": "user", "content": "question"}]
    needles = [name for name, _ in calls] + [key for _, arguments in calls for key in arguments]
    for as_text in (False, True):
        for text in ([content, None] if not content else [content]):
            variables = {"tools": TOOLS, **TOKENS}
            prompt = template_oracle.render(source, {"messages": before, "add_generation_prompt": True, **variables})
            whole = template_oracle.render(source, {"messages": before + [assistant(text, calls, as_text)],
                                                    "add_generation_prompt": False, **variables})
            if "error" in prompt or "error" in whole:
                continue
            # Reasoning that the prompt opens is not part of the turns of the past.
            opened = prompt["text"].removesuffix("<think>\n")
            if not whole["text"].startswith(opened):
                continue
            answer = whole["text"][len(opened):].rstrip("\n")
            for end in ENDS:
                answer = answer.split(end)[0]
            if all(needle in answer for needle in needles) and '\\"' * 2 not in answer and '{\\"' not in answer:
                return answer
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", required=True)
    parser.add_argument("--config", action="append", default=[])
    parser.add_argument("--out", default="tests/goldens/tools")
    arguments = parser.parse_args()
    templates = dict(json.loads(pathlib.Path(arguments.templates).read_text(encoding="utf-8"))["templates"])
    more = {}
    for path in map(pathlib.Path, arguments.config):
        source = json.loads(path.read_text(encoding="utf-8")).get("chat_template")
        if source:
            more[path.name.split(".")[0]] = source
    rendered = {}
    for name, source in {**templates, **more}.items():
        if name == LEFT_OUT:
            continue
        turns = []
        for content, calls in CASES:
            answer = turn(source, content, calls)
            if answer is not None:
                turns.append({"content": content, "calls": [{"name": n, "arguments": a} for n, a in calls], "answer": answer})
        if turns:
            rendered[name] = turns
        print(f"{name}: {len(turns)} of {len(CASES)}")
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    golden = {"tools": TOOLS, "templates": more, "rendered": rendered}
    (out / "rendered_calls.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
