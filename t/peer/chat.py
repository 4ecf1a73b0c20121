# SPDX-License-Identifier: MIT
"""chat.py - chat templates end to end: rows that seal-tokenize puts into a model's own template, against
transformers' apply_chat_template.

    chat.py SEAL_TOKENIZE TEMPLATES TOKENIZER COUNT SEED

TEMPLATES: a folder of .jinja files; TOKENIZER: a tokenizer.json.  For each template COUNT random conversations are
written by both.  The text must be the same but for what the template writes behind the mark that ends the last
answer, the mask must begin where the text with add_generation_prompt ends, and refusals must be the same.  A line for
each difference, and at last how many rows agree.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

from transformers import PreTrainedTokenizerFast

WORDS = ["a", "Hello there", "\u00fcber", "x\ny", "  lead", "trail \n", "\u4f60\u597d", "it's", "1 + 1 = 2", "<b>&\"'", "{{ x }}", "<think>", "\u3000wide"]


def text(r):
    return r.choice(["", " ", "\n"]) .join(r.choice(WORDS) for _ in range(r.randint(1, 4)))


def answer(r):
    return r.choice(["", "<think>\nhm\n</think>\n\n", "<think>x</think>"]) * (r.random() < 0.2) + "yes " + text(r)


def conversation(r):
    turns = [{"role": "system", "content": text(r)}] if r.random() < 0.3 else []
    for _ in range(r.randint(1, 3)):
        turns.append({"role": "user", "content": text(r)})
        if r.random() < 0.03:
            turns.append({"role": "user", "content": text(r)})
        turns.append({"role": "assistant", "content": answer(r)})
    if r.random() < 0.1:
        turns[-1]["reasoning_content"] = "so it is"
    return turns


def in_parts(turns):
    return [t | {"content": [{"type": "text", "text": t["content"]}]} for t in turns]


def peer(tok, turns, **more):
    """The text, or None where the template refuses the row.  Some templates want content in parts."""
    try:
        probe = tok.apply_chat_template([{"role": "user", "content": "probe"}], tokenize=False)
    except Exception:
        probe = ""
    try:
        return tok.apply_chat_template(turns if "probe" in probe else in_parts(turns), tokenize=False, **more)
    except Exception:
        return None


def run(seal, folder, rows):
    """What seal makes of each row: text and mask, or why it is broken."""
    path = os.path.join(folder, "rows.jsonl")
    with open(path, "w") as f:
        f.writelines(json.dumps({"id": str(i), "messages": m}) + "\n" for i, m in enumerate(rows))
    made = subprocess.run(f"'{seal}' -q -t '{folder}/tokenizer.json' --max-tokens 100000 --on-error skip --allow-empty --fates '{folder}/fates' '{path}' -o '{folder}/tok' && "
                          f"'{seal}' -q -t '{folder}/tokenizer.json' --decode '{folder}/tok'", shell=True, capture_output=True)
    if made.returncode:
        return None, made.stderr.decode()
    return {o["id"]: o for o in map(json.loads, made.stdout.decode().splitlines())}, ""


def check(name, tok, turns, o):
    """None where both agree, else what differs."""
    whole, before = peer(tok, turns), peer(tok, turns[:-1], add_generation_prompt=True)
    if o is None:
        # seal refuses more: an answer that is not where it is asked for, and thinking that is not written
        if whole is None or before is None or not whole.startswith(before) or "reasoning_content" in turns[-1]:
            return None
        return "refused by seal"
    if whole is None:
        return "refused by transformers"
    if not whole.startswith(o["text"]):
        return f"text {o['text']!r}, not {whole!r}"
    tail = whole[len(o["text"]):]
    if turns[-1]["content"].strip()[-1] not in o["text"] or len(tail) > 40:
        return f"left off {tail!r}"
    if "{% generation" in tok.chat_template.replace("{%-", "{%"):
        ids = tok.apply_chat_template(in_parts(turns) if "idefics" in name or "llava" in name else turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
        masked = tok.decode([t for t, m in zip(ids["input_ids"], ids["assistant_masks"]) if m])
        if o["train"] and not masked.endswith(o["text"][o["train"][-1][0]:o["train"][-1][1]]):
            return f"trained {o['text'][o['train'][-1][0]:]!r}, not the end of {masked!r}"
        return None
    start = len(before) - before.endswith(" ")
    if [a for a, _ in o["train"]] != [start]:
        return f"trained from {o['train']}, not {start}"
    return None


def main():
    seal, templates, tokenizer, count, seed = sys.argv[1:]
    r, agree, all_rows, refused = random.Random(int(seed)), 0, 0, 0
    for name in sorted(n for n in os.listdir(templates) if n.endswith(".jinja")):
        source = open(os.path.join(templates, name), encoding="utf-8").read()
        if "strftime_now" in source:                    # transformers writes today's date
            continue
        with tempfile.TemporaryDirectory() as folder:
            spec = json.load(open(tokenizer))
            json.dump(spec, open(folder + "/tokenizer.json", "w"))
            special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
            tok = PreTrainedTokenizerFast(tokenizer_file=folder + "/tokenizer.json", chat_template=source, **special)
            tok.save_pretrained(folder)
            rows = [conversation(r) for _ in range(int(count))]
            out, why = run(seal, folder, rows)
            if out is None:
                print(f"# {name}: {why.strip()}")
                all_rows += len(rows)
                continue
            for i, turns in enumerate(rows):
                wrong = check(name, tok, turns, out.get(str(i)))
                all_rows += 1
                refused += str(i) not in out
                agree += wrong is None
                if wrong:
                    print(f"# {name}: {wrong}\n#   {json.dumps(turns)}")
    print(f"# {refused} rows are refused")
    if 2 * refused > all_rows:
        sys.exit("most rows were compared with nothing")
    print(f"{agree} of {all_rows} rows agree")


main()
