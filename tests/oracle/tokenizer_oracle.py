#!/usr/bin/env python3
"""Token ids of generated strings, by the public `tokenizers` and `sentencepiece` packages.

Two uses:
  tokenizer_oracle.py --out DIR [--count 10000] [--only NAME]   one DIR/NAME.ids per real vocabulary that is found
  tokenizer_oracle.py --goldens DIR                             tiny vocabularies with few strings, for the unit tests

Where a model has a tokenizer.json it is the truth. Where there is none (SmolLM2) the oracle is built from the file's
vocabulary and merges and the pre-tokenizer that the model's authors published.

File format, little endian: "HTOK1\\n", u32 length + source name, then per string u32 length + UTF-8 text,
u32 count + i32 ids with special tokens parsed, u32 count + i32 ids with special tokens taken as plain text.
"""
import argparse
import gzip
import json
import os
import random
import struct
import sys
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

GPT2_BYTES = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")
LLAMA3 = QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
DEEPSEEK3 = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^" "\r\n"
    r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[" "\r\n" r"]*|\s*[" "\r\n" r"]+|\s+(?!\S)|\s+",
]
IDEOGRAPHS = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"

# ---------------------------------------------------------------- strings

WORDS = """the of and to in is was he for it with as his on be at by I'm don't we're they've she'll he'd it's O'Neill
information international characteristics Hello World tokenizer antidisestablishmentarianism Pierre Bolkónski naïve
café résumé Zürich façade coöperate jalapeño Ångström Łódź Dvořák Čapek İstanbul ſtraße STRAßE Iñtërnâtiônàlizætiøn
x86_64 foo_bar fooBar FOO_BAR v1.2.3 e.g. i.e. U.S.A. http://example.com/a?b=c#d user@example.org C:\\path\\file.txt
""".split()
CODE = ["def f(x):\n    return x + 1\n", "for (int i = 0; i < n; ++i) {\n\t\ta[i] += b[i];\n}\n", "#include <stdio.h>\r\n",
        "SELECT * FROM t WHERE a >= 10;\n", "\t\tif not x:\n\t\t\tpass\n", "<div class=\"a\">\n  <p>text</p>\n</div>\n",
        "let v: Vec<u8> = vec![0; 16];\n", "{\"a\": [1, 2.5e-3, null], \"b\": \"c\\n\"}", "// --------\n", "a->b(c)->d[e]++;",
        "    \n        x = 1\n\n\n", "```python\nprint('hi')\n```\n", "x = y if z else w  # note\n", "1<<20 | 0xFF & ~mask"]
RANGES = [(0x00C0, 0x024F), (0x0250, 0x02AF), (0x0370, 0x03FF), (0x0400, 0x04FF), (0x0531, 0x0587), (0x0590, 0x05F4),
          (0x0600, 0x06FF), (0x0700, 0x074F), (0x0900, 0x097F), (0x0980, 0x09FE), (0x0A01, 0x0A76), (0x0B82, 0x0BFA),
          (0x0C00, 0x0C7F), (0x0D00, 0x0D7F), (0x0E01, 0x0E5B), (0x0E81, 0x0EDF), (0x0F00, 0x0FDA), (0x1000, 0x109F),
          (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137C), (0x13A0, 0x13FD), (0x1780, 0x17F9), (0x1800, 0x18AA),
          (0x1C90, 0x1CBF), (0x1E00, 0x1EFF), (0x1F00, 0x1FFE), (0x2000, 0x206F), (0x2070, 0x20BF), (0x2100, 0x218B),
          (0x2190, 0x23FF), (0x2460, 0x27BF), (0x2C00, 0x2DFF), (0x3000, 0x30FF), (0x3100, 0x31FF), (0x3400, 0x34FF),
          (0x4E00, 0x9FA5), (0xA000, 0xA0FF), (0xA640, 0xA69F), (0xA720, 0xA7FF), (0xAB30, 0xABBF), (0xAC00, 0xD7A3),
          (0xE000, 0xE0FF), (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFB50, 0xFDFB), (0xFE10, 0xFE6F), (0xFF01, 0xFFEE),
          (0x10000, 0x100FF), (0x10400, 0x104FF), (0x11000, 0x1107F), (0x12000, 0x1202F), (0x1D100, 0x1D1FF),
          (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F), (0x1F000, 0x1FAFF), (0x20000, 0x200FF), (0x2F800, 0x2F8FF)]
SPACES = [" ", " ", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\v", "\f", "\x85", "\xa0", "\u1680", "\u2003",
          "\u2009", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u180e", "\u200b", "\ufeff", " \n", "\n ", "\t ", " \t\n"]
EMOJI = ["😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇯🇵🇫🇷", "1️⃣", "❤️", "☺", "🧑🏿‍🚀", "🫠", "©️", "™", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
DIGITS = ["0", "7", "42", "2024", "1234567890", "3.14159", "1,000,000", "٣٤٥", "१२३", "１２３", "²³", "½¾", "Ⅷⅻ", "①②", "𝟘𝟙", "〇一二", "-5", "+1e10"]
ODD = ["'S", "'ſ", "'ſt", "'LL", "'Re", "'vE", "' d", "''s", "▁", "▁▁", "a▁b", "Ġ", "ĠĊ", "Ċ", "õ", "<0x0A>", "<0xZZ>", "�", "[PAD]",
       "İi", "ŉ", "ǅ", "ﬁ", "K", "Å", "Ω", "\u0344", "\u0f73", "\u09c7\u09be", "\u0b47\u0b56", "\u1112\u1161\u11ab", "가\u11a8",
       "e\u0301\u0323", "q\u0307\u0323", "\u0301", "a\u0315\u0300\u05ae\u0300\u0062", "\u2126\u212a\u212b", "豈", "𝅗𝅥", "\u200d", "\u200c",
       "\u2060", "\ufe0f", "\u0378", "\ufdd0", "\uffff", "\U0010ffff", "\U000e0001"]
SYNTAX = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "—", "«»", "“”", "‘’", "。", "、", "！？", "==", "!=", "->", "::", "/*", "*/", "$$", "~~~"]


def assigned(code_point):
    # Characters that are newer than the oldest Unicode table in use classify differently from table to table.
    return unicodedata.category(chr(code_point)) not in ("Cn", "Cs")


def script_word(rng):
    low, high = rng.choice(RANGES)
    return "".join(chr(c) for c in (rng.randint(low, high) for _ in range(rng.randint(1, 9))) if assigned(c))


def marked_word(rng):
    out = ""
    for _ in range(rng.randint(1, 4)):
        out += rng.choice("aeiouAEIOUcnszqx\u0915\u05d0\u0627\u1100\u4e00 ")
        out += "".join(chr(rng.choice((0x300, 0x301, 0x302, 0x303, 0x308, 0x30C, 0x323, 0x327, 0x328, 0x338, 0x345, 0x93C, 0x5B0,
                                       0x64B, 0x1161, 0x11A8, 0x3099, 0x302A))) for _ in range(rng.randint(0, 3)))
    return out


def word(rng):
    pick = rng.random()
    if pick < 0.6:
        chosen = rng.choice(WORDS)
        return rng.choice((chosen, chosen, chosen.upper(), chosen.lower(), chosen.capitalize()))
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyzETAOIN") for _ in range(rng.randint(1, 12)))


def special(rng, specials):
    if not specials:
        return "<|x|>"
    text = rng.choice(specials)
    pick = rng.random()
    if pick < 0.65:
        return text
    if pick < 0.8:
        return text[:rng.randint(0, len(text))]
    if pick < 0.9:
        return text[rng.randint(0, len(text)):]
    return text + text


def piece(rng, specials):
    pick = rng.random()
    if pick < 0.30:
        return rng.choice(("", " ", " ", " ")) + word(rng)
    if pick < 0.40:
        return rng.choice(("", " ")) + script_word(rng)
    if pick < 0.46:
        return marked_word(rng)
    if pick < 0.50:
        return unicodedata.normalize("NFD", word(rng) + script_word(rng))
    if pick < 0.55:
        return rng.choice(EMOJI)
    if pick < 0.66:
        return "".join(rng.choice(SPACES) for _ in range(rng.choice((1, 1, 1, 2, 3, 8))))
    if pick < 0.67:
        return rng.choice(" \t\n") * rng.randint(2, 70)
    if pick < 0.73:
        return rng.choice(CODE)
    if pick < 0.80:
        return rng.choice(("", " ")) + rng.choice(DIGITS)
    if pick < 0.86:
        return rng.choice(("", " ")) + "".join(rng.choice(SYNTAX) for _ in range(rng.randint(1, 4)))
    if pick < 0.91:
        return special(rng, specials)
    if pick < 0.95:
        return rng.choice(ODD)
    if pick < 0.97:
        return chr(rng.choice([*range(0x00, 0x20), 0x7F, *range(0x80, 0xA0)]))
    while True:
        code_point = rng.randint(0x20, 0x10FFFF) if rng.random() < 0.3 else rng.randint(0x20, 0xFFFF)
        if assigned(code_point):
            return chr(code_point)


def long_string(rng):
    kind = rng.randrange(5)
    length = rng.randint(200, 4000)
    if kind == 0:
        return rng.choice("a- =\n\té漢😀") * length
    if kind == 1:
        return "".join(rng.choice("acgt") for _ in range(length))
    if kind == 2:
        return "".join(rng.choice(" \n\t\r") for _ in range(length))
    if kind == 3:
        return "".join(chr(rng.randint(0x4E00, 0x9FA5)) for _ in range(length // 4))
    return "".join(rng.choice("!?.,=*-") for _ in range(length))


def strings(name, count, specials):
    rng = random.Random("hearth tokenizer " + name)
    result = [""]
    while len(result) < count:
        if len(result) % 500 == 499:
            result.append(long_string(rng))
        else:
            result.append("".join(piece(rng, specials) for _ in range(rng.choice((1, 2, 3, 5, 8, 13, 30)))))
    return result


# ---------------------------------------------------------------- oracles


class PackageOracle:
    """A Tokenizer of the `tokenizers` package."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.specials = [token.content for token in tokenizer.get_added_tokens_decoder().values()]

    def ids(self, texts):
        self.tokenizer.encode_special_tokens = False
        parsed = [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]
        self.tokenizer.encode_special_tokens = True
        plain = [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]
        return parsed, plain


class SentencePieceOracle:
    def __init__(self, path):
        import sentencepiece
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        self.specials = []

    def ids(self, texts):
        ids = [self.processor.encode(text) for text in texts]
        return ids, ids


def byte_level_chars():
    chars, extra = {}, 0
    for byte in range(256):
        chars[byte] = chr(byte) if byte in GPT2_BYTES else chr(0x100 + extra)
        extra += byte not in GPT2_BYTES
    return chars


def gguf_fields(path):
    from gguf import GGUFReader
    fields = GGUFReader(str(path)).fields
    return {key[len("tokenizer.ggml."):]: field.contents() for key, field in fields.items() if key.startswith("tokenizer.ggml.")}


def from_gguf(path, pre_tokenizer, normalizer=None, ignore_merges=False):
    """A byte-level tokenizer out of a GGUF file's vocabulary and merges."""
    fields = gguf_fields(path)
    tokens, kinds = fields["tokens"], fields["token_type"]
    vocabulary = {text: i for i, text in enumerate(tokens) if kinds[i] == 1}
    merges = [tuple(merge.split(" ")) for merge in fields["merges"]]
    for text in {part for a, b in merges for part in (a, b, a + b)} - vocabulary.keys():
        vocabulary[text] = tokens.index(text)
    # Added tokens get their ids from the model's vocabulary, so that every id is the file's.
    for i, text in enumerate(tokens):
        if kinds[i] in (3, 4):
            vocabulary.setdefault(text, i)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for i, t in enumerate(tokens) if kinds[i] == 3])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for i, t in enumerate(tokens) if kinds[i] == 4])
    return PackageOracle(tokenizer)


def with_kinds_of(oracle, path):
    """The oracle with the special tokens that a GGUF file marks as control; its vocabulary must be the file's."""
    fields = gguf_fields(path)
    tokenizer = oracle.tokenizer
    for i, text in enumerate(fields["tokens"]):
        if tokenizer.id_to_token(i).replace("▁", " ") != text.replace("▁", " "):
            sys.exit(f"{path}: token {i} is not the tokenizer's")
    control = {i for i, kind in enumerate(fields["token_type"]) if kind == 3}
    description = json.loads(tokenizer.to_str())
    for entry in description["added_tokens"]:
        entry["special"] = entry["id"] in control
    description["added_tokens"] = [entry for entry in description["added_tokens"] if entry["id"] < len(fields["tokens"])]
    return PackageOracle(Tokenizer.from_str(json.dumps(description)))


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(*stages, use_regex=False):
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    return pre_tokenizers.Sequence([*stages, last]) if stages else last


def targets(models_dir, shared):
    """name -> (source that the program opens, path that must exist, how to make the oracle)"""
    digits = lambda: byte_level(pre_tokenizers.Digits(individual_digits=True), use_regex=True)
    vocab, jsons = shared / "models/vocab", shared / "models/tokenizers"
    found = {}

    def add(name, source, path, make):
        found[name] = (source, path, make)

    def json_file(name):
        path = jsons / f"{name}.tokenizer.json.gz"
        return lambda: PackageOracle(Tokenizer.from_str(gzip.open(path).read().decode()))

    add("smollm2", "model:smollm2-135m.gguf", models_dir / "smollm2-135m.gguf",
        lambda: from_gguf(models_dir / "smollm2-135m.gguf", digits()))
    for size in ("0.5b", "1.5b"):
        path = models_dir / f"qwen2.5-coder-{size}.gguf"
        add(f"qwen2.5-coder-{size}", f"model:{path.name}", path,
            lambda path=path: from_gguf(path, byte_level(split(QWEN2)), normalizers.NFC()))
    add("gemma3-270m", "model:gemma3-270m.gguf", models_dir / "gemma3-270m.gguf",
        lambda: with_kinds_of(json_file("gemma3")(), models_dir / "gemma3-270m.gguf"))
    for name in ("llama3", "qwen3", "deepseek_v3", "gemma3"):
        path = jsons / f"{name}.tokenizer.json.gz"
        add(f"json-{name}", f"json:{path.name}", path, json_file(name))

    def vocab_file(name, pre_tokenizer, normalizer=None):
        path = vocab / f"ggml-vocab-{name}.gguf"
        add(f"vocab-{name}", f"vocab:{path.name}", path, lambda: from_gguf(path, pre_tokenizer(), normalizer))

    vocab_file("gpt-2", lambda: byte_level(use_regex=True))
    vocab_file("mpt", lambda: byte_level(use_regex=True), normalizers.NFC())
    vocab_file("starcoder", digits)
    vocab_file("refact", digits)
    vocab_file("deepseek-coder", lambda: byte_level(
        split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split(IDEOGRAPHS),
        pre_tokenizers.Digits(individual_digits=True)))
    add("vocab-llama-spm", "vocab:ggml-vocab-llama-spm.gguf", vocab / "llama2-tokenizer.model",
        lambda: SentencePieceOracle(vocab / "llama2-tokenizer.model"))
    return found


# ---------------------------------------------------------------- output


def write(path, source, texts, parsed, plain):
    with open(path, "wb") as out:
        out.write(b"HTOK1\n")
        for text in [source]:
            out.write(struct.pack("<I", len(text.encode())) + text.encode())
        for text, with_special, without in zip(texts, parsed, plain, strict=True):
            data = text.encode()
            out.write(struct.pack("<I", len(data)) + data)
            for ids in (with_special, without):
                out.write(struct.pack(f"<I{len(ids)}i", len(ids), *ids))


def write_real(args):
    os.makedirs(args.out, exist_ok=True)
    for name, (source, needed, make) in targets(args.models, args.shared).items():
        if args.only and args.only != name:
            continue
        if not needed.exists():
            print(f"not run: {name}: {needed} is absent")
            continue
        oracle = make()
        texts = strings(name, args.count, oracle.specials)
        parsed, plain = oracle.ids(texts)
        write(Path(args.out) / f"{name}.ids", source, texts, parsed, plain)
        print(f"{name}: {len(texts)} strings, {sum(map(len, parsed))} ids")


def tiny_corpus():
    rng = random.Random("hearth tiny corpus")
    return [" ".join(rng.choice(WORDS) for _ in range(12)) + "\n" + rng.choice(CODE) + rng.choice(DIGITS) for _ in range(300)] + [
        "Мир и война, 世界和平。平和な世界 안녕하세요 세계 नमस्ते दुनिया"] * 5


def tiny_byte_level(pre_tokenizer, normalizer=None, ignore_merges=False, start=None, added=()):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(tiny_corpus(), trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
    tokenizer.add_tokens([AddedToken(**entry) for entry in added])
    if start:
        from tokenizers import processors
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{start} $A", pair=f"{start} $A $B", special_tokens=[(start, tokenizer.token_to_id(start))])
    return tokenizer


def tiny_sentencepiece(prefix):
    alphabet = sorted({c for text in tiny_corpus() for c in text if c not in "\n "} | {"▁"})
    vocabulary = {t: i for i, t in enumerate(["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])}
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trained.train_from_iterator(tiny_corpus(), trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False,
                                                                   limit_alphabet=200))
    model = json.loads(trained.to_str())["model"]
    for text in sorted(model["vocab"], key=model["vocab"].get):
        vocabulary.setdefault(text, len(vocabulary))
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(m) for m in model["merges"]], unk_token="<unk>",
                                     fuse_unk=True, byte_fallback=True))
    stages = [normalizers.Prepend("▁")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*stages, normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           *([decoders.Strip(" ", 1, 0)] if prefix else [])])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("<tool>", normalized=False)])
    return tokenizer


def write_goldens(args):
    folder = Path(args.goldens)
    folder.mkdir(parents=True, exist_ok=True)
    flags = [dict(content="<left>", lstrip=True, normalized=False), dict(content="<right>", rstrip=True, normalized=False),
             dict(content="word", single_word=True, normalized=False), dict(content="café", normalized=True),
             dict(content="<|im", normalized=False), dict(content="<|im_start|><", normalized=False)]
    tiny = {
        "gpt2": tiny_byte_level(byte_level(use_regex=True)),
        "digits": tiny_byte_level(byte_level(pre_tokenizers.Digits(individual_digits=True), use_regex=True)),
        "llama3": tiny_byte_level(byte_level(split(LLAMA3)), ignore_merges=True, start="<|im_start|>"),
        "qwen2": tiny_byte_level(byte_level(split(QWEN2)), normalizer=normalizers.NFC(), added=flags),
        "deepseek3": tiny_byte_level(byte_level(*(split(p) for p in DEEPSEEK3))),
        "spaces": tiny_sentencepiece(False),
        "prefix": tiny_sentencepiece(True),
    }
    for name, tokenizer in tiny.items():
        (folder / f"{name}.tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
        oracle = PackageOracle(tokenizer)
        texts = [t[:400] for t in strings("golden " + name, args.golden_count, oracle.specials)]
        parsed, plain = oracle.ids(texts)
        write(folder / f"{name}.ids", f"golden:{name}.tokenizer.json", texts, parsed, plain)
    for name, (source, needed, make) in targets(args.models, args.shared).items():
        if name in ("smollm2", "qwen2.5-coder-0.5b", "gemma3-270m") and needed.exists():
            oracle = make()
            texts = [t[:400] for t in strings("golden " + name, args.golden_count, oracle.specials)]
            parsed, plain = oracle.ids(texts)
            write(folder / f"{name}.ids", source, texts, parsed, plain)


def main():
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out")
    parser.add_argument("--goldens")
    parser.add_argument("--only")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--golden-count", type=int, default=100)
    parser.add_argument("--models", type=Path, default=Path(os.environ.get("HEARTH_MODEL_CACHE", cache / "hearth/models")))
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("HEARTH_SHARED_DIR", root.parent / "shared")))
    args = parser.parse_args()
    if not args.out and not args.goldens:
        parser.error("one of --out and --goldens is needed")
    if args.out:
        write_real(args)
    if args.goldens:
        write_goldens(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
