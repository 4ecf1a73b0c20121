# SPDX-License-Identifier: MIT
"""full.py - gradients and ten AdamW steps of all weights, for every tiny model.

    HF_HUB_OFFLINE=1 python3 t/gold/full.py         (after models.py)

full.json, by model: "grad", by tensor: the norm of sum_i weight_i grad l(theta; z_i) and
entries of it at even steps; "loss": the losses of rows.json before each of ten
steps on their mean; "moved", by tensor: the norm of its change.  Values are from float64.
"""
import json

import torch
from transformers.utils import logging

from models import NAMES
from tiny import loss, open_model, path, read_rows

STEPS, ENTRIES, RATE, DECAY = 10, 12, 0.003, 0.01


def digits(x):
    return float(f"{x:.8g}")


def whole(name):
    """The model, and its parameters by the names in its folder."""
    model = open_model(name, torch.float64)
    theta = dict(model.named_parameters())
    if name == "tiny-neox":         # whose folder has the name of all released models
        theta["embed_out.weight"] = theta.pop("lm_head.weight")
    for p in theta.values():
        p.requires_grad_(True)
    return model, theta


def gradient(name, rows):
    model, theta = whole(name)
    for row in rows:
        (row["weight"] * loss(model, row)).backward()
    return {k: {"norm": digits(p.grad.norm().item()),
                "at": [digits(v) for v in p.grad.flatten()[::p.numel() // ENTRIES + 1].tolist()]}
            for k, p in sorted(theta.items())}


def train(name, rows):
    model, theta = whole(name)
    start = {k: p.detach().clone() for k, p in theta.items()}
    adam = torch.optim.AdamW(theta.values(), lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=DECAY)
    said = []
    for _ in range(STEPS):
        losses = torch.stack([loss(model, row) for row in rows])
        said.append([digits(v) for v in losses.tolist()])
        adam.zero_grad()
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(theta.values(), 1.0)
        adam.step()
    print(name, sum(said[0]), sum(said[-1]))
    return said, {k: digits((p - start[k]).norm().item()) for k, p in sorted(theta.items())}


def write(names, file):
    rows, gold = read_rows(), {}
    for name in names:
        steps, moved = train(name, rows)
        gold[name] = {"grad": gradient(name, rows), "loss": steps, "moved": moved}
    with open(path(file), "w") as f:
        f.write("{" + ",\n".join(f'"{k}": {{' + ",\n".join(f'"{p}": {json.dumps(v)}' for p, v in g.items()) + "}"
                                 for k, g in gold.items()) + "}\n")


if __name__ == "__main__":
    logging.disable_progress_bar()
    write(NAMES, "full.json")
