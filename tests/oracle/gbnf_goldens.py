#!/usr/bin/env python3
"""Writes tests/goldens/grammar/gbnf.json: what llama.cpp's own grammar sampler allows, token by token, on a real vocabulary.

    python gbnf_goldens.py MODEL.gguf OUTPUT     (needs llama-cpp-python 0.3.36; only the vocabulary of MODEL is read)

For each grammar seeded walks: after each token the number of allowed tokens, a hash of their ids, and whether the text may
end. Left out of the counts are tokens that end an answer, since programs differ in which those are; control tokens, which
llama.cpp takes for the text of their names; and a token with a zero byte, where llama.cpp's texts end. For texts that are
no grammars: that llama.cpp refuses them. Not here: grammars that refer to tokens; {3,2} and ("a"?)*, on which it hangs.
"""

import ctypes
import hashlib
import json
import random
import sys

import llama_cpp
import numpy

JSON_GRAMMAR = r'''root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::=
  "{" ws (
            string ":" ws value
    ("," ws string ":" ws value)*
  )? "}" ws
array  ::=
  "[" ws (
            value
    ("," ws value)*
  )? "]" ws
string ::=
  "\"" (
    [^"\\\x7F\x00-\x1F] |
    "\\" (["\\bfnrt] | "u" [0-9a-fA-F]{4})
  )* "\"" ws
number ::= ("-"? ([0-9] | [1-9] [0-9]{0,15})) ("." [0-9]+)? ([eE] [-+]? [0-9] [1-9]{0,15})? ws
ws ::= | " " | "\n" [ \t]{0,20}
'''
GRAMMARS = [
    JSON_GRAMMAR,
    'root ::= "yes" | "no" | "maybe not"',
    'root ::= [a-z]+ (" " [a-z]+){2,4} "."',
    'root ::= (expr "=" term "\\n")+\nexpr ::= term ([-+*/] term)*\nterm ::= ident | num | "(" ws expr ")" ws\n'
    'ident ::= [a-z] [a-z0-9_]* ws\nnum ::= [0-9]+ ws\nws ::= [ \\t\\n]*',
    'root ::= "- " item+ # a list\nitem ::= [^\\n]+ "\\n"',
    'root ::= [^a-zA-Z]{3,6} .* ',
    'root ::= ("é" | "\\u00e8" | [α-ω]){1,3} [^\\x00-\\x7f]',
    'root ::= a? b{2} c{1,} d{0,2}\na ::= "aa" | "a"\nb ::= "b" | "bb"\nc ::= [c-e]\nd ::= " the"',
    'root ::= open-tag [^<]* "</" "b>"\nopen-tag ::= "<" ("b" | "bold" | "i")\\\n ">"'.replace("\\\n", ""),
    'root ::= "\\"" char{5,40} "\\""\nchar ::= [^"\\\\] | "\\\\" ["n]',
    'root ::= ("a" | "ab" | "abc" | [a-c] [a-c])* "!"',
    'root ::= "x" (\n  "y" |\n  # a comment\n  "z" root\n)?',
]
BROKEN = [
    'root ::= "a', 'root ::= [a-z', 'root ::= (“a”', 'root := "a"', 'root ::= undefined', 'root ::= root "a"', 'root ::= a\na ::= b "x"\nb ::= a',
    'root ::= *', 'root ::= "a"{2', 'root ::= "a"{x}', 'other ::= "a"', 'root ::= "a" )', 'root ::= "\\q"',
    'root ::= "\\x1"', 'root ::= | root', '= "a"',
]
FINE = ['root ::= "a"{3}', 'root ::= ""', 'root::="a"|"b"', 'root ::= "a" | # nothing\n  "b"', 'root ::= ((("a")))', 'root ::= [a-]',
        'root ::= "a"{ 1 , 2 }', '# only\n\nroot ::= "a"\n\n# end', 'root ::= "\\U0001F600" "\\x41" "\\[\\]"', "root ::= [^\\]]"]


class Oracle:
    def __init__(self, path):
        llama_cpp.llama_backend_init()
        self.quiet = llama_cpp.llama_log_callback(lambda *_: None)  # kept, since it is called later
        llama_cpp.llama_log_set(self.quiet, ctypes.c_void_p())
        options = llama_cpp.llama_model_default_params()
        options.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), options)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.size = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.left_out = {t for t in range(self.size) if self.piece(t) == b"" or b"\0" in self.piece(t)}
        self.ends = {t for t in range(self.size) if llama_cpp.llama_vocab_is_eog(self.vocab, t)}

    def sampler(self, grammar):
        return llama_cpp.llama_sampler_init_grammar(self.vocab, grammar.encode(), b"root")

    def allowed(self, sampler):
        data = (llama_cpp.llama_token_data * self.size)()
        view = numpy.frombuffer(data, dtype=[("id", "<i4"), ("logit", "<f4"), ("p", "<f4")])
        view["id"] = numpy.arange(self.size)
        array = llama_cpp.llama_token_data_array(data=data, size=self.size, selected=-1, sorted=False)
        llama_cpp.llama_sampler_apply(sampler, ctypes.byref(array))
        return [int(i) for i in view["id"][~numpy.isneginf(view["logit"])]]

    def walk(self, grammar, seed):
        sampler, rng, steps = self.sampler(grammar), random.Random(seed), []
        for _ in range(10):
            allowed = self.allowed(sampler)
            inside = sorted(set(allowed) - self.ends - self.left_out)
            digest = hashlib.sha256(numpy.array(inside, dtype="<i4").tobytes()).hexdigest()[:16]
            steps.append({"count": len(inside), "hash": digest, "end": bool(self.ends & set(allowed))})
            if not inside:
                break
            # Half of the tokens are long ones.
            picks = [rng.choice(inside) for _ in range(6)]
            chosen = picks[0] if rng.random() < 0.5 else max(picks, key=lambda token: len(self.piece(token)))
            steps[-1]["token"] = chosen
            llama_cpp.llama_sampler_accept(sampler, chosen)
        llama_cpp.llama_sampler_free(sampler)
        return steps

    def piece(self, token):
        buffer = ctypes.create_string_buffer(256)
        length = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, 256, 0, False)
        return buffer.raw[:length]


def main():
    oracle = Oracle(sys.argv[1])
    wrong = [text for text in BROKEN if oracle.sampler(text)] + [text for text in FINE if not oracle.sampler(text)]
    if wrong:
        raise SystemExit(f"llama.cpp sees these differently: {wrong}")
    walks = [{"grammar": text, "steps": oracle.walk(text, seed)} for text in GRAMMARS for seed in range(2)]
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump({"walks": walks, "broken": BROKEN, "fine": FINE}, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
