# SPDX-License-Identifier: MIT
"""dsir.py - what DSIR makes of hard texts, with Python's own re, str.lower and hashlib.

    python3 t/gold/dsir.py

Writes dsir.json: "kinds", ranges [first, last, kind] of all characters that this
Python's Unicode knows (w: of \\w, s: of \\s, o: neither); "lower", every character
that lower() changes, and the lot of them lowered; "texts", each with its words and
the buckets of its n-grams; and "scores" of dsir-rows.jsonl for dsir-target.jsonl.
"""
import hashlib
import json
import math
import os
import re
import sys
import unicodedata

here = os.path.dirname(os.path.abspath(__file__))
WORD = re.compile(r"\w+|[^\w\s]+")


def words(text):
    return WORD.findall(text.lower())


def buckets(text):
    w = words(text)
    grams = []
    for i, x in enumerate(w):          # the order of the C code
        grams.append(x)
        if i:
            grams.append(w[i - 1] + " " + x)
    return [int(hashlib.sha256(g.encode()).hexdigest(), 16) % 10000 for g in grams]


def kind(c):
    return "w" if re.match(r"\w", c) else "s" if re.match(r"\s", c) else "o"


def kinds():
    out = []
    for i in range(1, sys.maxunicode + 1):
        c = chr(i)
        if unicodedata.category(c) in ("Cn", "Cs"):
            continue
        k = kind(c)
        if out and out[-1][2] == k and out[-1][1] == i - 1:
            out[-1][1] = i
        else:
            out.append([i, i, k])
    return out


def row_text(line):
    return "\n".join(m["content"] for m in json.loads(line)["messages"])


def count(rows):
    n = [0] * 10000
    for r in rows:
        for b in buckets(r):
            n[b] += 1
    return [x / sum(n) for x in n]


def scores(target, rows):
    p, q = count(target), count(rows)
    ratio = [math.log(a + 1e-8) - math.log(b + 1e-8) for a, b in zip(p, q)]
    return [sum(ratio[b] for b in buckets(r)) for r in rows]


TEXTS = [
    "", " ", "Alice went to the store", "don't -- stop!!", "snake_case __init__ 3.14 x²", "a\x1cb\x1dc\x1ed\x1fe\x85f\xa0g",
    "İstanbul İİ", "ΣΑΣ ΟΔΥΣΣΕΥΣ Σ", "ΑΣ. ΑΣ.Α ΑΣ'Α Α'Σ", "Σ'", "ΑΣ\u0301 ΑΣ\u0301Α .Σ ªΣ ⅠΣ ⓐΣ 中Σ ʰΣ aʰΣ", "Straße ẞ ǅ Ǆ",
    "नमस्ते दुनिया", "e\u0301te\u0301", "日本語、テキスト。", "ⅣⅧ ½ ①", "👩‍👩‍👧 emoji🎉word", "a\u200bb\u200db\u2028c\u3000d",
    "𐐀𐐁 𝐀𝟘", "x" * 300 + " " + "Y" * 300, "tab\tnew\nline\r\nend", "<|endoftext|>", "\u0345\u0345", "ᲀᏰ Ა", "Ⅷ\u00adΣ\u00ad",
]

if __name__ == "__main__":
    changed = "".join(chr(i) for i in range(sys.maxunicode + 1)
                      if not 0xd800 <= i < 0xe000 and chr(i).lower() != chr(i) and i != 0x3a3)
    with open(os.path.join(here, "dsir-target.jsonl")) as f:
        target = [row_text(x) for x in f]
    with open(os.path.join(here, "dsir-rows.jsonl")) as f:
        rows = [row_text(x) for x in f]
    out = {"kinds": kinds(), "lower": [changed, changed.lower()],
           "texts": [{"text": t, "words": words(t), "buckets": buckets(t)} for t in TEXTS],
           "scores": scores(target, rows)}
    with open(os.path.join(here, "dsir.json"), "w") as f:
        f.write("{\n" + ",\n".join(json.dumps(k) + ": " + json.dumps(v, separators=(",", ":")) for k, v in out.items()) + "\n}\n")
