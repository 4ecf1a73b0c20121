# SPDX-License-Identifier: MIT
"""finetune.py - six steps of fine-tuning with what keeps a model safe, by torch's AdamW in float64.

    HF_HUB_OFFLINE=1 python3 t/gold/finetune.py          (after bilevel.py)

tiny-llama with the adapter tiny-llama-qv.  The rows are bilevel.py's, three safe ones among them, in
file order, four a step beside four safe ones.  Weights that unlearn two of the three make a
gradient that opposes the safe rows' in one step and not in the next.
finetune.json: the settings of each case, and of each of its steps the losses, the norm of the
gradient that the optimiser sees, and the cosine before it is projected; then how far theta went.
"""
import json
import os

import torch
from safetensors.torch import load_file
from transformers.utils import logging

from bilevel import Lora
from tiny import exact, open_model, path

BATCH, STEPS, RATE, CLIP = 4, 6, 0.01, 1.0
WEIGHTS = [-1.0, -1.0, 0.25, 0.5, 1.0, 1.0, 0.5, 1.0]
CASES = {
    "plain": {},
    "pull": {"pull": 20.0},
    "pull-decay": {"pull": 20.0, "decay": 5.0},
    "share": {"share": 0.3},
    "share-weights": {"share": 0.3, "weights": WEIGHTS},
    "project": {"project": 1, "weights": WEIGHTS},
    "all": {"pull": 20.0, "decay": 5.0, "share": 0.2, "project": 1, "weights": WEIGHTS},
}


def product(a, b):
    return sum((x * y).sum() for x, y in zip(a, b)).item()


def run(base, saved, rows, case):
    safe, data = rows["safe"], rows["data"]
    data = safe[:2] + data[:2] + safe[2:3] + data[2:5]
    weights = torch.tensor(case.get("weights", [1.0] * len(data)), dtype=torch.float64)
    pull, decay, share = (case.get(k, 0.0) for k in ("pull", "decay", "share"))
    theta = Lora(base, saved)
    theta.p = [x.requires_grad_() for x in theta.p]
    begin = [x.detach().clone() for x in theta.p]
    adam = torch.optim.AdamW(theta.p, lr=RATE, betas=(0.9, 0.95), eps=1e-8, weight_decay=decay)
    log = []
    for step in range(STEPS):
        at = [(step * BATCH + i) % len(data) for i in range(BATCH)]
        w = weights[at] / weights[at].abs().sum()
        with torch.no_grad():
            before = [x.clone() for x in theta.p]
        with torch.enable_grad():
            loss, g = theta.grad([data[i] for i in at], w)
            safe_loss, s = theta.grad([safe[(step * BATCH + i) % len(safe)] for i in range(BATCH)],
                                      torch.full((BATCH,), 1 / BATCH, dtype=torch.float64))
        entry = {"loss": (loss * w).sum().item()}
        if share or case.get("project"):
            entry["loss_safe"] = safe_loss.mean().item()
        if case.get("project"):
            entry["cosine"] = product(g, s) / (product(g, g) * product(s, s)) ** 0.5
            if product(g, s) < 0:
                part = product(g, s) / product(s, s)
                g = [x - part * y for x, y in zip(g, s)]
                assert abs(product(g, s)) < 1e-12
        for p, x, y in zip(theta.p, g, s):
            p.grad = (1 - share) * x + share * y
        entry["norm"] = torch.nn.utils.clip_grad_norm_(theta.p, CLIP).item()
        adam.step()
        with torch.no_grad():
            for p, x, x0 in zip(theta.p, before, begin):
                p -= RATE * pull * (x - x0)
        log.append(entry)
    moved = [p.detach() - x for p, x in zip(theta.p, begin)]
    return log, product(moved, moved) ** 0.5


def short(x):
    return {k: float(f"{v:.9g}") for k, v in x.items()}


def main():
    os.umask(0o022)
    logging.disable_progress_bar()
    with open(path("bilevel-rows.json")) as f:
        rows = json.load(f)
    base = exact(open_model("tiny-llama"))
    saved = load_file(os.path.join(path("tiny-llama-qv"), "adapter_model.safetensors"))
    said = {}
    for name, case in CASES.items():
        log, moved = run(base, saved, rows, case)
        said[name] = {"settings": case, "steps": [short(e) for e in log], "moved": float(f"{moved:.9g}")}
        print(name, moved, log[-1], [e.get("cosine") for e in log])
    with open(path("finetune.json"), "w") as f:
        f.write('{"batch": %d, "rate": %g, "clip": %g,\n"cases": {\n' % (BATCH, RATE, CLIP) + ",\n".join(
            f'"{k}": {{"settings": {json.dumps(v["settings"])}, "moved": {v["moved"]}, "steps": [\n'
            + ",\n".join(map(json.dumps, v["steps"])) + "]}" for k, v in said.items()) + "}}\n")


if __name__ == "__main__":
    main()
