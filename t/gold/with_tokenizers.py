#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""with_tokenizers.py - random strings, and what Hugging Face's `tokenizers` makes of them.

with_tokenizers.py make N SEED              rows {"id", "t"} of hard random strings
with_tokenizers.py check FILE ROWS [special]  compares seal-tokenize --json --text t on stdin with
                                            tokenizer.json (or a rank file of Llama 3's) over ROWS
"""
import base64, json, random, sys

WORDS = """the seals lay on warm rocks and they're it's I'LL we'Ve don't 's 't 're 've 'm 'll 'd 'S 'ſ naïve straße İstanbul ŉ ﬁn
Привет мир Тюлени Γειά σου 海豹在岩石上 こんにちは アザラシ 한국어 नमस्ते क्षि สวัสดี שָׁלוֹם مَرْحَبًا ١٢٣ ² ½ Ⅷ 12345 2019 3.14 0x1F $%& ... !!! --- === ~~ ^^ {} [] () <> ▁ ▁▁ Ġ Ċ <0x41>
👩‍👩‍👧 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ☃️ 𝒳 𝟘 e\u0301 \u0301 a\u0316\u0301 \u1112\u1161\u11ab \u212b ﬀ""".split()
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<|user|>", "<|end|>", "<|assistant|>", "<|eot_id|>",
           "<|begin_of_text|>", "<|reserved_special_token_5|>", "<mask>", "[INST]", "<|im_", "seal"]
SPACES = [" ", " ", " ", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2003", "\u3000", "\u2028", "\x85", "\x0b", "\x0c", "\x1c", "    ", "        "]
# GPT-2's printable alphabet of bytes
PLAIN = [*range(33, 127), *range(161, 173), *range(174, 256)]
ALPHABET = {b: chr(b) for b in PLAIN} | {b: chr(256 + i) for i, b in enumerate(b for b in range(256) if b not in PLAIN)}
RANGES = [(1, 0x7f), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x1fff), (0x2000, 0x2fff), (0x3000, 0xd7ff), (0xe000, 0xffff),
          (0x10000, 0x1ffff), (0x1f000, 0x1faff), (0x20000, 0x3ffff), (0x40000, 0x10ffff)]


def piece(r):
    kind = r.random()
    if kind < 0.35:
        return r.choice(WORDS)
    if kind < 0.60:
        return r.choice(SPACES)
    if kind < 0.66:
        return r.choice(SPECIAL)
    if kind < 0.72:
        return r.choice("aA1 .'\n\té語\u0301\u200d_") * r.randrange(1, 40)
    if kind < 0.80:
        return "".join(r.choice("abcdefghijklmnopqrstuvwxyzABCDEF") for _ in range(r.randrange(1, 12)))
    if kind < 0.85:
        return str(r.randrange(10 ** r.randrange(1, 12)))
    low, high = r.choice(RANGES)
    return "".join(chr(r.randint(low, high)) for _ in range(r.randrange(1, 5)))


def make(n, seed):
    r = random.Random(seed)
    for i in range(n):
        text = "".join(piece(r) for _ in range(r.randrange(1, 16)))
        if not text.strip():            # seal-tokenize refuses an empty row
            text += "x"
        print(json.dumps({"id": str(i), "t": text}))


def of_ranks(lines):
    """As transformers converts a rank file."""
    rank = {base64.b64decode(line.split()[0]): int(line.split()[1]) for line in lines}
    merges = []
    for token, i in rank.items():
        cuts = [(token[:k], token[k:]) for k in range(1, len(token)) if token[:k] in rank and token[k:] in rank]
        merges += [(i, rank[a], rank[b], a, b) for a, b in cuts]
    text = lambda token: "".join(ALPHABET[b] for b in token)
    reserved = iter(f"<|reserved_special_token_{i}|>" for i in range(256))
    named = {0: "<|begin_of_text|>", 1: "<|end_of_text|>", 6: "<|start_header_id|>", 7: "<|end_header_id|>", 9: "<|eot_id|>"}
    words = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    return {
        "version": "1.0", "normalizer": None,
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True},
            {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": named[0], "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {named[0]: {"id": named[0], "ids": [len(rank)], "tokens": [named[0]]}}}]},
        "added_tokens": [{"id": len(rank) + i, "content": named.get(i) or next(reserved), "single_word": False, "lstrip": False,
                          "rstrip": False, "normalized": False, "special": True} for i in range(256)],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "ignore_merges": True, "vocab": {text(token): i for token, i in rank.items()},
                  "merges": [[text(a), text(b)] for _, _, _, a, b in sorted(merges)]}}


def load(path):
    from tokenizers import Tokenizer
    data = open(path, "rb").read()
    t = json.loads(data) if data.lstrip()[:1] == b"{" else of_ranks(data.splitlines())
    t["truncation"] = t["padding"] = None
    return Tokenizer.from_str(json.dumps(t))


def check(path, rows, special):
    t = load(path)
    t.encode_special_tokens = not special
    got = {}
    for line in sys.stdin:
        row = json.loads(line)
        got[row["id"]] = row["tokens"]
    n = differ = 0
    for line in open(rows):
        row = json.loads(line)
        want = t.encode(row["t"], add_special_tokens=False).ids
        n += 1
        # A single token is not trained, so that seal-tokenize drops the row.
        if got.get(row["id"], want if len(want) < 2 else None) != want:
            differ += 1
            if differ <= 3:
                print("#", json.dumps(row["t"]), "got", got.get(row["id"]), "want", want)
    print(n, "strings,", differ, "differ,", len(got), "seen")


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(int(sys.argv[2]), int(sys.argv[3]))
    else:
        check(sys.argv[2], sys.argv[3], "special" in sys.argv[4:])
