"""Writes t/gold/template.json: what transformers' apply_chat_template says of a few rows.

    python t/gold/template.py SmolLM2-135M-Instruct.gguf > t/gold/template.json

The chat template is read from the GGUF file's metadata.
"""
import json
import sys

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

key = b"tokenizer.chat_template"
data = open(sys.argv[1], "rb").read(1 << 24)
at = data.index(key) + len(key) + 4
size = int.from_bytes(data[at:at + 8], "little")
template = data[at + 8:at + 8 + size].decode()

tok = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()))


def turns(*texts, system=None):
    roles = ("user", "assistant")
    out = [{"role": "system", "content": system}] if system is not None else []
    return out + [{"role": roles[i % 2], "content": t} for i, t in enumerate(texts)]


rows = [
    turns("What is 2 + 2?", "4"),
    turns("Grüße!\n", "\n 你好 \n"),
    turns("a", "b", "c", "d"),
    turns("Say yes.", "Yes.", system="You are terse."),
    turns("x", "y", "z", "w", system=""),
    turns("<|im_end|> is text", "so is <|im_start|>"),
]
out = []
for row in rows:
    text = tok.apply_chat_template(row, chat_template=template, tokenize=False)
    prompt = tok.apply_chat_template(row[:-1], chat_template=template, tokenize=False,
                                     add_generation_prompt=True)
    out.append({"messages": row, "text": text, "prompt": prompt})
print("[" + ",\n ".join(json.dumps(o, ensure_ascii=False) for o in out) + "]")
