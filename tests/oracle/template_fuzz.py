#!/usr/bin/env python3
"""Compares our interpreter with jinja2 on random templates: prints each difference, exits 1 if there is one.

Templates are drawn from a grammar over the variables of template_cases.py; errors must coincide too.
Usage: python3 tests/oracle/template_fuzz.py --driver build/release/tests/template_driver [--count 3000] [--seed 1]
"""
import argparse
import json
import random
import re
import subprocess
import sys

import template_cases
import template_oracle

NAMES = ["name", "n", "x", "numbers", "words", "user", "users", "text", "unicode", "html", "mixed", "nested", "yes", "no",
         "nothing", "missing", "empty", "minus", "zero", "a", "b", "i", "k"]
FILTERS = ["upper", "lower", "trim", "title", "capitalize", "length", "list", "first", "last", "join", "join(',')", "sort",
           "reverse", "string", "int", "float", "abs", "round", "round(1)", "tojson", "tojson(indent=2)", "default('d')",
           "default('d', true)", "e", "safe", "map('string')", "map('upper')", "map(attribute='name')", "select", "reject",
           "select('string')", "selectattr('age')", "rejectattr('age', 'gt', 30)", "unique", "sum", "min", "max", "items",
           "replace('a', 'b')", "replace('o', '')", "indent", "indent(2, true)", "center(12)", "truncate(9)", "wordcount",
           "batch(2)", "slice(2)", "dictsort", "groupby('age')", "attr('name')", "striptags", "urlencode", "forceescape",
           "sort(attribute='age')", "sort(reverse=true)", "filesizeformat", "format(1)", "xmlattr", "map('length')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence",
         "iterable", "callable", "odd", "even", "true", "false", "lower", "upper", "in numbers", "in 'abc'", "eq 1",
         "divisibleby 3", "sameas none", "escaped", "gt 2", "ne 'a'"]
METHODS = ["upper()", "lower()", "strip()", "split()", "split(',')", "title()", "replace('a', 'e')", "startswith('a')",
           "endswith('d')", "find('o')", "keys()", "values()", "items()", "get('name')", "get('zz', 1)", "count(1)",
           "index(1)", "isdigit()", "format(1, 2)", "join(words)", "splitlines()", "rsplit(' ', 1)", "partition(' ')",
           "append(1)", "lstrip('H')", "capitalize()", "zfill(6)", "swapcase()", "isalpha()", "center(9, '*')"]
LITERALS = ["0", "1", "-3", "2.5", "1e3", "'a'", "\"it's\"", "''", "'é世😀'", "true", "false", "none", "[]", "{}", "()", "[1, 'a']",
            "{'a': 1, 'b': [2]}", "(1, 2)", "range(4)", "'%s-%s'", "'{} {}'", "'<b>'", "1_000", "0x1f", "'a\\tb\\n'"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, items):
        return self.random.choice(items)

    def expression(self, depth=3):
        roll = self.random.random()
        if depth == 0 or roll < 0.22:
            return self.pick(NAMES) if self.random.random() < 0.65 else self.pick(LITERALS)
        if roll < 0.42:
            return f"{self.expression(depth - 1)} | {self.pick(FILTERS)}"
        if roll < 0.55:
            return f"{self.expression(depth - 1)} {self.pick(BINARY)} {self.expression(depth - 1)}"
        if roll < 0.62:
            return f"({self.expression(depth - 1)})"
        if roll < 0.70:
            return f"{self.pick(NAMES)}.{self.pick(METHODS)}"
        if roll < 0.76:
            return f"{self.expression(0)}[{self.subscript()}]"
        if roll < 0.82:
            return f"{self.expression(depth - 1)} is {self.pick(['', 'not '])}{self.pick(TESTS)}"
        if roll < 0.87:
            return f"{self.expression(depth - 1)} if {self.expression(depth - 1)} else {self.expression(depth - 1)}"
        if roll < 0.90:
            return f"[{self.expression(depth - 1)}, {self.expression(0)}]"
        if roll < 0.93:
            return f"{{'k': {self.expression(depth - 1)}, {self.expression(0)}: 1}}"
        if roll < 0.96:
            return f"not {self.expression(depth - 1)}"
        return f"-{self.expression(depth - 1)}"

    def subscript(self):
        return self.pick(["0", "-1", "1:", ":2", "::-1", "'name'", "n", "-2:", "1:3", "'a'", "99", "none:2", "::2", "name"])

    def space(self):
        return self.pick(["", " ", "\n", "  \n  ", "text", "\n\n", " x ", "{", "}", "\t", "#"])

    def tag(self, inside):
        return "{%" + self.pick(["", "", "", "-", "+"]) + f" {inside} " + self.pick(["", "", "", "-", "+"]) + "%}"

    def output(self):
        return "{{" + self.pick(["", "", "-"]) + f" {self.expression()} " + self.pick(["", "", "-"]) + "}}"

    def statement(self, depth, loop):
        body = lambda inner=loop: self.body(depth - 1, inner)
        roll = self.random.random()
        if depth == 0 or roll < 0.35:
            return self.output()
        if roll < 0.47:
            middle = self.tag("else") + body() if self.random.random() < 0.5 else ""
            middle = self.tag(f"elif {self.expression(2)}") + body() + middle if self.random.random() < 0.3 else middle
            return self.tag(f"if {self.expression(2)}") + body() + middle + self.tag("endif")
        if roll < 0.62:
            target = self.pick(["i", "i", "a", "k, b", "name"])
            source = self.pick(["numbers", "words", "users", "user.items()", "range(3)", "nested", "mixed", "[[1, 2], 'ab']", self.expression(1)])
            test = f" if {self.expression(1)}" if self.random.random() < 0.2 else ""
            info = self.pick(["", "{{ loop.index }}", "{{ loop.last }}{{ loop.length }}", "{{ loop.previtem }}", "{{ loop.changed(i) }}"])
            other = self.tag("else") + body() if self.random.random() < 0.25 else ""
            return self.tag(f"for {target} in {source}{test}") + info + body(True) + other + self.tag("endfor")
        if roll < 0.74:
            return self.tag(f"set {self.pick(['a', 'b', 'i', 'name', 'ns.v'])} = {self.expression(2)}")
        if roll < 0.78:
            return self.tag(f"set {self.pick(['a', 'b'])}") + body() + self.tag("endset")
        if roll < 0.82:
            return self.tag(f"with a = {self.expression(2)}, b = a") + body() + self.tag("endwith")
        if roll < 0.86:
            return self.tag(f"filter {self.pick(['upper', 'trim', 'indent', 'length', 'e | title'])}") + body() + self.tag("endfilter")
        if roll < 0.90:
            return self.tag(f"macro m(a, b={self.expression(1)})") + body(False) + self.tag("endmacro")
        if roll < 0.93:
            return "{{ m(" + self.pick(["", "1", "1, 2", "b=3", "n, a=1", "*numbers"]) + ") }}"
        if roll < 0.95:
            return self.tag("call m(1)") + body(False) + self.tag("endcall")
        if roll < 0.97:
            return "{#" + self.pick(["", "-"]) + " c " + self.pick(["", "-"]) + "#}"
        return self.tag(self.pick(["break", "continue"])) if loop else self.tag("raw") + "{{ x }}" + self.tag("endraw")

    def body(self, depth, loop):
        return "".join(self.space() + self.statement(depth, loop) for _ in range(self.random.randint(1, 3))) + self.space()

    def template(self):
        return "{% set ns = namespace(v=1) %}" * self.random.randint(0, 1) + self.body(3, False)


# Memory addresses and what only Python has: complex numbers, integers beyond 127 bits.
NOT_COMPARED = re.compile(r"0x[0-9a-f]{8,}|<generator|<built-in|<bound|<function|<jinja2|\d+j\)|\d{39}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--driver", required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    grammar = Grammar(arguments.seed)
    templates = [grammar.template() for _ in range(arguments.count)]
    requests = "".join(
        json.dumps({"template": template, "variables": template_cases.VARIABLES, "now": template_oracle.NOW}) + "\n"
        for template in templates
    )
    done = subprocess.run([arguments.driver], input=requests, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(answers) != len(templates):
        sys.exit(f"the driver ended with {done.returncode} after {len(answers)} templates: {done.stderr[-2000:]}")
    different = texts = 0
    for template, ours in zip(templates, answers):
        expected = template_oracle.render(template, template_cases.VARIABLES)
        texts += "text" in expected
        if expected.get("text") == ours.get("text") or NOT_COMPARED.search(expected.get("text", "")):
            continue
        different += 1
        print(f"--- {template!r}\n  jinja2: {str(expected)[:600]!r}\n  ours:   {str(ours)[:600]!r}")
    print(f"{len(templates)} templates, {texts} of them render, {different} differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
