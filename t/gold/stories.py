# SPDX-License-Identifier: MIT
"""stories.py - gold values of stories260K for t/stories.c.

    stories.py DATA > t/gold/stories.json       DATA: the folder that holds models/stories260K

texts: our own sentences, their ids by the tokenizers library (start token
first) and the nll of every token but the first by transformers, in float64.
"""
import json
import os
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from tiny import exact, nll

TEXTS = [
    "Once upon a time, there was a small cat. The cat liked to sleep in the sun.",
    "Tom had a red ball. He threw it to Anna, and Anna threw it back. \"Good catch!\" said Tom.\n\nThey played all day.",
    "A zebra counted 17 stones: quick, vexing jumps.",
    "Mia's café",
]


def main():
    logging.disable_progress_bar()
    folder = os.path.join(sys.argv[1], "models", "stories260K")
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    model = exact(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa"))
    rows = []
    for text in TEXTS:
        ids = [1] + tokenizer.encode(text, add_special_tokens=False).ids
        with torch.no_grad():
            gold = nll(model, ids)
        rows.append({"text": text, "tokens": ids, "train": [0] + [1] * (len(ids) - 1),
                     "nll": [float(f"{x:.9g}") for x in gold.tolist()]})
    print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")


if __name__ == "__main__":
    main()
