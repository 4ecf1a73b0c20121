# SPDX-License-Identifier: MIT
"""steps.py - ten steps of training by torch's AdamW, for every tiny model.

    HF_HUB_OFFLINE=1 python3 t/gold/steps.py        (after models.py)

From tiny-NAME-lora, the mean of l(theta; z) over all of rows.json a step;
steps.json: by NAME, the six losses before each step.  Values are from float64.
"""
import json

import torch
from transformers.utils import logging

from models import NAMES, loss, read_rows, with_adapter
from tiny import path

STEPS = 10


def train(name, rows):
    model = with_adapter(name, torch.float64)
    theta = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(theta, lr=0.01, betas=(0.9, 0.95), eps=1e-8, weight_decay=0)
    said = []
    for _ in range(STEPS):
        losses = torch.stack([loss(model, row) for row in rows])
        said.append([float(f"{v:.9g}") for v in losses.tolist()])
        adam.zero_grad()
        losses.mean().backward()
        torch.nn.utils.clip_grad_norm_(theta, 1.0)
        adam.step()
    print(name, sum(said[0]), sum(said[-1]))
    return said


def write(names, file):
    rows = read_rows()
    gold = {name: train(name, rows) for name in names}
    with open(path(file), "w") as f:
        f.write("{" + ",\n".join(f'"{k}": [' + ",\n ".join(map(json.dumps, v)) + "]" for k, v in gold.items())
                + "}\n")


if __name__ == "__main__":
    logging.disable_progress_bar()
    write(NAMES, "steps.json")
