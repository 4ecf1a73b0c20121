# SPDX-License-Identifier: MIT
"""Writes t/gold/template.json: what transformers' apply_chat_template says of a few rows, for
the templates that are written in lib/text/template_form.c.

    python t/gold/template.py templates.json ../shared/data/tokenizers [t/gold/template.json] > new.json

templates.json: {"llama2": {"jinja", "bos", "eos"}, ...}, of each model's
tokenizer_config.json (the ones as published, which belong to others, are not kept here).
A third file gives what it has of templates that are not in the first.  No model publishes
one for alpaca: below is what this project means by it.
A template that refuses a row has null for its text.  ids: those of the text, of the
model's tokenizer where that folder has one.
"""
import json
import sys

from jinja2.exceptions import TemplateError
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast


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
    turns("\u3000 wide\u00a0", " \u2003em\u2028 ", " \x1c q\t", "r\u200b ", system=" s "),
]


ALPACA = """{%- if messages[0].role != 'system' -%}
{{ 'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n' }}
{%- endif -%}
{%- for m in messages -%}
{%- if loop.index0 and messages[loop.index0 - 1].role == 'assistant' -%}{{ '\n\n' }}{%- endif -%}
{%- if m.role == 'system' -%}{{ m.content + '\n\n' }}
{%- elif m.role == 'user' -%}{{ '### Instruction:\n' + m.content + '\n\n' }}
{%- else -%}{{ '### Response:\n' + m.content + eos_token }}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '### Response:\n' }}{%- endif -%}"""


def render(template, row, **more):
    tok = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()),
                                  bos_token=template["bos"], eos_token=template["eos"])
    try:
        return tok.apply_chat_template(row, chat_template=template["jinja"], tokenize=False, **more)
    except TemplateError:
        return None


def tokenizer(name):
    """As the models' own today: the text of a special token is not normalised."""
    spec = json.load(open(f"{sys.argv[2]}/{name.split('-')[0]}/tokenizer.json"))
    for t in spec["added_tokens"]:
        t["normalized"] = False
    return Tokenizer.from_str(json.dumps(spec))


tokenizers = {"llama2": tokenizer("llama2")}


def ids(name, text):
    if text is None or name not in tokenizers:
        return {}
    return {"ids": tokenizers[name].encode(text, add_special_tokens=False).ids}


templates = {"alpaca": {"jinja": ALPACA, "bos": "<s>", "eos": "</s>"}} | json.load(open(sys.argv[1]))
before = json.load(open(sys.argv[3])) if len(sys.argv) > 3 else [{"by": {}} for _ in rows]
out = []
for row, had in zip(rows, before):
    by = had["by"]
    for name, t in sorted(templates.items()):
        text = render(t, row)
        by[name] = {"text": text, "prompt": render(t, row[:-1], add_generation_prompt=True), **ids(name, text)}
    out.append({"messages": row, "by": dict(sorted(by.items()))})
print("[" + ",\n ".join(json.dumps(o, ensure_ascii=False) for o in out) + "]")
