#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""folders.py TOKENIZER.JSON BIN N SEED - N folders of this tokenizer, whose other files name tokens in all the ways that
there are, and whose post-processor puts some around a text: seal-tokenize's ids of bare text against AutoTokenizer's."""
import json, os, random, shutil, subprocess, sys

from transformers import AutoTokenizer

path, binary, n, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
base = json.load(open(path))
KNOWN = [t["content"] for t in base["added_tokens"]]
NEW = ["<|a|>", "<|b|>", "<c>", "<d d>", "[E]", "<|im_sep|>", "<é>", "_f"]
NAMES = ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "image_token", "my_token"]


def token(r, text, typed=False):
    t = {"content": text, "lstrip": r.random() < .2, "rstrip": r.random() < .2, "single_word": r.random() < .1,
         "normalized": r.random() < .3, "special": r.random() < .7}
    if typed:
        t["__type"] = "AddedToken"
    return t


def pick(r):
    return r.choice(NEW + KNOWN)


def names(r, objects):
    """Some tokens with names; objects: how one is written that is no text."""
    return {k: None if r.random() < .1 else objects(pick(r)) if r.random() < .3 else pick(r)
            for k in NAMES if r.random() < .35}


def lists(r):
    o = {}
    for k in ("extra_special_tokens", "additional_special_tokens"):
        if r.random() < .3:
            o[k] = [pick(r) for _ in range(r.randrange(4))]
    if r.random() < .1:
        o["extra_special_tokens"] = {"x_token": pick(r), "y": pick(r)}
    return o


def around(r, eos):
    """A post-processor: tokens before a text, and perhaps the end token behind."""
    special = lambda t: {"SpecialToken": {"id": t, "type_id": 0}}
    ids = {t["content"]: t["id"] for t in base["added_tokens"]}
    before, behind = [r.choice(KNOWN) for _ in range(r.randrange(3))], [eos] if eos in ids and r.random() < .4 else []
    template = {"type": "TemplateProcessing", "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
                "single": [*map(special, before), {"Sequence": {"id": "A", "type_id": 0}}, *map(special, behind)],
                "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]} for t in {*before, *behind}}}
    return template if r.random() < .5 else {"type": "Sequence", "processors": [template]}


def make(r, d):
    config, files = {"tokenizer_class": "PreTrainedTokenizerFast"}, {}
    config |= names(r, lambda t: token(r, t, True)) | lists(r)
    if r.random() < .4:
        config["added_tokens_decoder"] = {str(r.randrange(2000)): token(r, pick(r)) for _ in range(r.randrange(5))}
    if r.random() < .4:
        files["special_tokens_map.json"] = {k: v for k, v in (names(r, lambda t: token(r, t)) | lists(r)).items() if not isinstance(v, dict) or k in NAMES}
    if r.random() < .4:
        files["added_tokens.json"] = {t: r.randrange(2000) for t in r.sample(NEW + KNOWN, r.randrange(5))}
    if r.random() < .3:
        config["add_bos_token"] = r.random() < .5
    files["tokenizer_config.json"] = config
    tokenizer = json.loads(json.dumps(base))
    eos = config.get("eos_token")
    eos = eos["content"] if isinstance(eos, dict) else eos
    if r.random() < .5:
        tokenizer["post_processor"] = around(r, eos)
    files["tokenizer.json"] = tokenizer
    shutil.rmtree(d, ignore_errors=True)
    os.mkdir(d)
    for k, v in files.items():
        json.dump(v, open(f"{d}/{k}", "w"))


def text(r):
    return "hi " + "".join(r.choice([pick(r), pick(r), " ", "  ", "x", "hi", "\n", "é"]) for _ in range(r.randrange(1, 9))) + "."


r, differ, refused, heard = random.Random(seed), 0, 0, 0
for i in range(n):
    make(r, "f")
    texts = [text(r) for _ in range(6)]
    try:
        t = AutoTokenizer.from_pretrained("f")
    except Exception:
        refused += 1
        continue
    want = [t(x)["input_ids"] for x in texts]
    rows = "".join(json.dumps({"t": x}) + "\n" for x in texts)
    p = subprocess.run([binary + "/seal-tokenize", "-q", "-t", "f", "--text", "t", "--allow-special", "--json"], input=rows,
                       capture_output=True, text=True)
    got = [json.loads(l)["tokens"] for l in p.stdout.splitlines()]
    # An end token that special_tokens_map.json alone names is heard by us, and not by transformers where the configuration
    # has an added_tokens_decoder.
    if p.returncode and "not its end token" in p.stderr:
        heard += 1
    elif got != want:
        differ += 1
        keep = f"differs-{i}"
        shutil.rmtree(keep, ignore_errors=True)
        shutil.copytree("f", keep)
        print(i, p.stderr.strip(), [(x, a, b) for x, a, b in zip(texts, got or [None] * 6, want) if a != b][:1],
              {k: json.load(open("f/" + k)) for k in sorted(os.listdir("f")) if k != "tokenizer.json"}, file=sys.stderr)
print(f"{n} folders, {differ} differ, {refused} that transformers refuses, {heard} with another token behind a text")
