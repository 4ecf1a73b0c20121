# SPDX-License-Identifier: MIT
"""Writes t/gold/tok-tiny/tokenizer.json: bytes (id 3 + byte), four merges, three special tokens."""
import json

# GPT-2's alphabet: printable bytes stand for themselves, the others from U+0100 on
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
char, spare = {}, 256
for byte in range(256):
    char[byte] = chr(byte) if byte in plain else chr(spare)
    spare += byte not in plain
special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
space = char[32]
merges = [["h", "i"], [space, "hi"], [space, "y"], [space + "y", "o"]]
vocab = {text: i for i, text in enumerate(special)}
vocab |= {char[byte]: 3 + byte for byte in range(256)}
vocab |= {a + b: 259 + i for i, (a, b) in enumerate(merges)}
level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
tokenizer = {
    "version": "1.0", "truncation": None, "padding": None,
    "added_tokens": [{"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
                      "normalized": False, "special": True} for i, text in enumerate(special)],
    "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
    "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
              "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
              "ignore_merges": False, "vocab": vocab, "merges": merges},
}
with open("t/gold/tok-tiny/tokenizer.json", "w") as f:
    json.dump(tokenizer, f, ensure_ascii=False, separators=(",", ":"))
    f.write("\n")
