#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tokenizer.py - small tokenizers and the ids that Hugging Face's `tokenizers` gives.

Run in t/gold: SEAL_DATA=../../../shared/data python3 tokenizer.py

Writes tok-bytelevel/ (as SmolLM2's), tok-spm/ (as Llama-2's), tok-llama3/ (with the
rank file), tok-qwen2/, tok-phi3/, all of them as .gguf too, tok-neox/ (as Pythia's) and tok-added/ (NFC
and every rule of added tokens); tokenizer.json: hard strings with their ids as text, as
control text (null: the same), and continued.
"""
import base64, json, os, struct
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, decoders, trainers

from with_tokenizers import ALPHABET, of_ranks

CORPUS = """The seals lay on the warm rocks and watched the tide come in. They're quick in the water, slow on land,
and they don't mind the rain. We've counted 128 of them in 2019, 131 in 2020 and 140 in 2021; it's a good sign, isn't it?
Once upon a time there was a lighthouse keeper who'd count every ship: one, two, three, four... He wrote the numbers
into a book, and when the book was full, he began another. "What are you counting for?" asked the children. "I'll tell
you when I'm done," he said, and went on counting.  In the evening he made soup with onions, carrots and a little salt.
int main(void)\n{\n\tfor (int i = 0; i < 10; i++)\n\t\tprintf("%d\\n", i);\n\treturn 0;\n}\n
Les phoques dorment à l'ombre; où sont-ils allés hier? Die Robben schlafen, während der Regen fällt, und träumen über Fische.
Тюлени спят на камнях. Чайки летают над морем и кричат. 海豹在岩石上睡觉。海鸥在海上飞。 アザラシは岩の上で眠る。
!!! ??? ... --- === *** ### (a) [b] {c} <d> https://example.org/a/b?c=d&e=f  user@example.org  #tag @name 50% $3.99 €20
""" * 4

STRINGS = [
    "", " ", "  ", "   a", "a   ", "\n", "\n\n", "\r\n", " \n", "\t\tx", "a\n \n b", "Hello world", " Hello", "hello  world   again",
    "The seals lay on the warm rocks and watched the tide come in.", "I'll we've don't it's he'd I'm they're 'S 'LL ''t 's't",
    "0 12 345 6789 3.14 1,000,000 ٣٤٥ ² ½ Ⅷ 一二三 12ab34", "foo_bar(x)[1] != {y: -1}; // ~~ ^^ @@ ## $$ %%", "https://a.example/b?c=d&e=%20f",
    "naïve café façade Ångström straße ﬁn ﬀ", "nai\u0308ve cafe\u0301 A\u030angstro\u0308m \u212b \u1e9b\u0323", "a\u0316\u0301 a\u0301\u0316 \u0301\u0316\u0327 x\u08d3\u0316\u0301",
    "Привет, мир! Тюлени спят.", "Γειά σου Κόσμε", "שָׁלוֹם עולם", "مَرْحَبًا بالعالم", "नमस्ते दुनिया क्षि", "สวัสดีชาวโลก", "こんにちは世界、アザラシ。", "你好,世界!海豹在岩石上。",
    "안녕하세요 \u1112\u1161\u11ab\u1100\u1173\u11af", "ქართული Հայերեն አማርኛ ភាសាខ្មែរ ᚠᚢᚦ 𐍈𐌰 𝒳𝓎 𝟘𝟙", "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ☃️ ❤ 😀😀😀",
    "   \U00016136 1\U00011de1  \U000105c0a a\u1c89b   \U0002ebf0!! \ua7cd\U0001d2c0",
    "a\u00a0b\u2003c\u2009d\u202fe\u3000f\u200bg\u2028h\u2029i\u0085j\u1680k\ufeffl\u180em", "\x00\x01\x02\x07\x08\x0b\x0c\x0e\x1b\x1c\x1d\x1e\x1f\x7f\x80\x9f", "\u200d\u200c\ufe0f\u202e\ue000\uffff\U0010ffff\U000e0041",
    "<|endoftext|>", "a<|im_start|>user\nhi<|im_end|>\n", "<s>hello</s> <s> <unk><s", "  <s>  x  </s>  ", "<|im_<|im_start|>start|>", "[INST] say <mask> it [/INST]", "x <mask>  y<mask>z",
    "seal seals sealing a-seal seal", "sea\u006c\u0301 éseal sealé seal_ seal1 _seal", "<|user|>   \n hi <|user|>x", "▁a ▁ ▁▁b Ġa Ċ <0x41> <0x0A>", "é\u0301 e\u0301\u0301 caf\u0065\u0301seal",
    "a" * 70, "ab" * 40, " " * 75, " " * 33 + "x", "\n" * 40, "^" * 50, "." * 41, "é" * 35, "語" * 37, "\t " * 30, "1" * 45, "=-" * 33, "👍" * 9 + "🏽",
]


def added(id, content, **rules):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} | rules


def bytelevel():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator([CORPUS], trainers.BpeTrainer(
        vocab_size=480, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"]))
    return json.loads(t.to_str())


def with_added(base):
    t = json.loads(json.dumps(base))
    t["normalizer"] = {"type": "NFC"}
    t["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    rules = [("<mask>", dict(lstrip=True)), ("<|user|>", dict(rstrip=True)), ("seal", dict(single_word=True, special=False)),
             ("    ", dict(special=False, normalized=True)), ("  ", dict(special=False, normalized=True)), ("[INST]", dict(lstrip=True, rstrip=True, special=False)),
             ("caf\u00e9", dict(special=False, normalized=True)), ("e\u0301\u0301", dict(special=False)), ("\u212b", dict(special=False, normalized=True)), ("im_start", dict(special=False))]
    t["added_tokens"] += [added(len(t["model"]["vocab"]) + i, c, **r) for i, (c, r) in enumerate(rules)]
    return t


def ranks(base):
    """Lines of a rank file with the tokens of a byte-level vocabulary; the merges are found by rank, not listed."""
    byte = {c: b for b, c in ALPHABET.items()}
    tokens = [bytes(byte[c] for c in token) for token in base["model"]["vocab"] if not token.startswith("<|")]
    tokens += [b"\xe6\xb5\xb7\xe8\xb1\xb9", b" seals lay"]        # no merges make these
    return [base64.b64encode(token) + b" %d" % i for i, token in enumerate(tokens)]


def qwen2(base):
    t = json.loads(json.dumps(base))
    t["normalizer"] = {"type": "NFC"}
    words = of_ranks([])["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"].replace("{1,3}", "")
    t["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": words}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]}
    t["post_processor"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return t


def neox(base):
    """As Pythia's: runs of spaces are added tokens, which are matched after NFC."""
    t = json.loads(json.dumps(base))
    t["normalizer"] = {"type": "NFC"}
    t["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    runs = [" " * n for n in (24, 8, 4, 3, 2)]
    t["added_tokens"] += [added(len(t["model"]["vocab"]) + i, run, special=False, normalized=True) for i, run in enumerate(runs)]
    return t


def phi3(base):
    t = json.loads(json.dumps(base))
    n = len(t["model"]["vocab"])
    names = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|end|>", "<|user|>"]
    t["added_tokens"] = [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>", rstrip=True, special=False)] + \
        [added(n + i, name, rstrip=i > 0) for i, name in enumerate(names)]
    t["post_processor"] = {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {}}
    return t


def scored(tokens, score):
    """All ways to cut a token in two, as transformers converts a SentencePiece vocabulary."""
    merges = []
    for token in tokens:
        local = [(token[:i], token[i:], score[token]) for i in range(1, len(token)) if token[:i] in tokens and token[i:] in tokens]
        merges += sorted(local, key=lambda m: (tokens[m[0]], tokens[m[1]]))
    merges.sort(key=lambda m: (m[2], len(m[0]), len(m[1])), reverse=True)
    return [[a, b] for a, b, _ in merges]


def spm():
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    t.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    t.train_from_iterator(CORPUS.split("\n"), trainers.BpeTrainer(
        vocab_size=620, show_progress=False, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]))
    j = json.loads(t.to_str())
    vocab = j["model"]["vocab"]
    for extra in ("▁▁", "▁▁▁▁", "▁▁▁"):
        vocab.setdefault(extra, len(vocab))
    score = {token: -max(0.0, id - 258) for token, id in vocab.items()}
    j["model"]["merges"] = scored(vocab, score)
    j["added_tokens"] = j["added_tokens"][:3]
    j["pre_tokenizer"] = None
    j["post_processor"] = {
        "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    return j, score


def gguf(path, values):
    def text(s):
        s = s.encode()
        return struct.pack("<Q", len(s)) + s

    def value(v):
        if isinstance(v, bool):
            return struct.pack("<I?", 7, v)
        if isinstance(v, int):
            return struct.pack("<II", 4, v)
        if isinstance(v, str):
            return struct.pack("<I", 8) + text(v)
        kind, form = (8, None) if isinstance(v[0], str) else (6, "<f") if isinstance(v[0], float) else (5, "<i")
        items = b"".join(text(x) if form is None else struct.pack(form, x) for x in v)
        return struct.pack("<IIQ", 9, kind, len(v)) + items

    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(values)))
        for key, v in values.items():
            f.write(text(key) + value(v))


def save(name, t, config=None):
    os.makedirs(name, exist_ok=True)
    with open(f"{name}/tokenizer.json", "w") as f:
        json.dump(t, f, ensure_ascii=False, separators=(",", ":"))
    if config:
        with open(f"{name}/tokenizer_config.json", "w") as f:
            json.dump(config, f, indent=1)
    return f"{name}/tokenizer.json"


def ids(path, change=None):
    return ids_of(json.load(open(path)), change)


def ids_of(t, change=None):
    t["truncation"] = t["padding"] = None
    if change:
        change(t)
    t = Tokenizer.from_str(json.dumps(t))
    out = {}
    for mode, as_text in (("text", True), ("control", False)):
        t.encode_special_tokens = as_text
        out[mode] = [t.encode(s, add_special_tokens=False).ids for s in STRINGS]
    out["decoded"] = [t.decode(i, skip_special_tokens=False) for i in out["text"]]
    out["decoded"] = [None if "\ufffd" in d else d for d in out["decoded"]]
    out["control"] = [None if a == b else a for a, b in zip(out["control"], out["text"])]
    return out


def no_prefix(t):
    n = t["normalizer"]
    if n and n["type"] == "Sequence":
        t["normalizer"] = n["normalizers"][1]


def main():
    gold = {}
    base = bytelevel()
    save("tok-bytelevel", base, {"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"}, "chat_template": "{{ messages }}"})
    vocab = list(base["model"]["vocab"])
    gguf("tok-bytelevel.gguf", {
        "general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "smollm", "tokenizer.ggml.tokens": vocab,
        "tokenizer.ggml.token_type": [3] * 3 + [1] * (len(vocab) - 3), "tokenizer.ggml.merges": [" ".join(m) for m in base["model"]["merges"]],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.add_bos_token": False, "tokenizer.chat_template": "{{ messages }}"})
    save("tok-added", with_added(base))
    save("tok-neox", neox(base))
    t, score = spm()
    save("tok-spm", t)
    vocab = sorted(t["model"]["vocab"], key=t["model"]["vocab"].get)
    gguf("tok-spm.gguf", {
        "general.architecture": "llama", "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": vocab, "tokenizer.ggml.scores": [score[x] for x in vocab],
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * (len(vocab) - 259), "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2})
    save("tok-phi3", phi3(t), {"bos_token": "<s>", "eos_token": "<|endoftext|>", "add_bos_token": False})
    extra = phi3(t)["added_tokens"][3:]
    gguf("tok-phi3.gguf", {
        "general.architecture": "phi3", "tokenizer.ggml.model": "llama", "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": vocab + [a["content"] for a in extra], "tokenizer.ggml.scores": [score[x] for x in vocab] + [-1000.0] * len(extra),
        "tokenizer.ggml.token_type": [2, 3, 4] + [6] * 256 + [1] * (len(vocab) - 259) + [3] * len(extra), "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": len(vocab), "tokenizer.ggml.add_bos_token": False})
    save("tok-qwen2", qwen2(base), {"bos_token": None, "eos_token": "<|im_end|>"})
    rank_lines = ranks(base)
    llama3 = of_ranks(rank_lines)
    save("tok-llama3", llama3)
    with open("tok-llama3/tokenizer.model", "wb") as f:
        f.write(b"\n".join(rank_lines) + b"\n")
    for name, pre, model in (("tok-qwen2", "qwen2", qwen2(base)), ("tok-llama3", "llama-bpe", llama3)):
        tokens = {v: k for k, v in model["model"]["vocab"].items()} | {a["id"]: a["content"] for a in model["added_tokens"]}
        special = {a["id"] for a in model["added_tokens"]}
        gguf(name + ".gguf", {
            "general.architecture": "llama", "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre,
            "tokenizer.ggml.tokens": [tokens[i] for i in range(len(tokens))], "tokenizer.ggml.token_type": [3 if i in special else 1 for i in range(len(tokens))],
            "tokenizer.ggml.merges": [" ".join(m) for m in model["model"]["merges"]], "tokenizer.ggml.add_bos_token": name == "tok-llama3",
            "tokenizer.ggml.bos_token_id": llama3["added_tokens"][0]["id"] if name == "tok-llama3" else 0, "tokenizer.ggml.eos_token_id": 2})
    for name in ("tok-bytelevel", "tok-added", "tok-neox", "tok-spm", "tok-llama3", "tok-qwen2", "tok-phi3"):
        gold[name] = ids(f"{name}/tokenizer.json")
        if name not in ("tok-added", "tok-phi3"):       # a prefix is missing where the text begins only, not after an added token
            gold[name]["continue"] = ids(f"{name}/tokenizer.json", no_prefix)["text"]
    data = os.environ.get("SEAL_DATA", "../../../shared/data")
    for name in ("smollm", "gpt2", "pythia", "llama2", "mistral"):
        gold[name] = ids(f"{data}/tokenizers/{name}/tokenizer.json")
        del gold[name]["decoded"]
    real = of_ranks(open(f"{data}/tokenizers/llama3/tokenizer.model", "rb").read().splitlines())
    gold["llama3"] = ids_of(real)
    del gold["llama3"]["decoded"]
    with open("tokenizer.json", "w") as f:
        f.write('{"strings":' + json.dumps(STRINGS) + ',\n"ids":' + json.dumps(gold, separators=(",", ":")).replace('},"', '},\n"') + "}\n")


main()
