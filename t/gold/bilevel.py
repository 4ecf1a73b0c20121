# SPDX-License-Identifier: MIT
"""bilevel.py - three steps of SEAL's Algorithms 1 and 2 in PyTorch, in float64.

    HF_HUB_OFFLINE=1 python3 t/gold/bilevel.py          (after models.py)

tiny-llama with the adapter tiny-llama-qv on q_proj and v_proj.  data and safe
rows are in bilevel-rows.json; data is visited in file order, four rows a step,
so that the third step begins the second epoch; safe rows are cycled likewise.

bilevel.json holds the settings and for every case the losses of each step;
bilevel.safetensors holds, after three steps, CASE.theta.NAME, CASE.hat.NAME
and CASE.omega, where CASE is e.g. "softmax.sgd.1" and NAME is PEFT's.
"""
import json
import os
import random

import torch
from safetensors.torch import load_file, save_file
from torch.func import functional_call
from transformers.utils import logging

from tiny import exact, open_model, path

BATCH, STEPS = 4, 3
SET = {"batch": BATCH, "steps": STEPS, "rate": 0.01, "clip": 1.0, "gamma": 0.3, "gamma_step": 0.1,
       "sgd_rate": 0.1, "adam_rate": 0.05,
       "moved": [0.5, -0.8, 0.2, 1.1, -0.3, 0.9, -1.2, 0.4]}    # added to the logits' start: no two weights alike
SCALE = 8 / 4           # lora_alpha / r


def make_rows():
    r = random.Random(21)

    def row():
        n = r.randrange(4, 18)
        train = [0] * (n - 1) + [1]
        for t in range(1 + n // 3, n):
            train[t] = int(r.random() < 0.8) or train[t]
        return {"tokens": [r.randrange(3, 96) for _ in range(n)], "train": train}

    rows = {"data": [row() for _ in range(8)], "safe": [row() for _ in range(5)]}
    with open(path("bilevel-rows.json"), "w") as f:
        f.write("{" + ",\n".join(f'"{k}": [\n' + ",\n".join(map(json.dumps, v)) + "]" for k, v in rows.items())
                + "}\n")
    return rows


class Adam:
    """Kingma and Ba 2015, after torch's clipping of the gradient's norm."""

    def __init__(self, shapes, rate, clip):
        self.rate, self.clip, self.t = rate, clip, 0
        self.m = [torch.zeros_like(p) for p in shapes]
        self.v = [torch.zeros_like(p) for p in shapes]

    def step(self, p, g):
        norm = torch.sqrt(sum((x ** 2).sum() for x in g))
        share = min(1.0, self.clip / (norm.item() + 1e-6))
        self.t += 1
        for p, g, m, v in zip(p, g, self.m, self.v):
            g = share * g
            m.mul_(0.9).add_(0.1 * g)
            v.mul_(0.95).add_(0.05 * g * g)
            p -= self.rate * (m / (1 - 0.9 ** self.t)) / ((v / (1 - 0.95 ** self.t)).sqrt() + 1e-8)
        return norm.item()


class Lora:
    """The adapter as a change of the base's weights: W + scale B A."""

    def __init__(self, base, saved):
        self.base, self.names = base, sorted(saved)
        self.p = [saved[k].double().clone() for k in self.names]

    def losses(self, p, rows):
        """l(theta; z) of each row, differentiable in p."""
        by = dict(zip(self.names, p))
        weights = dict(self.base.named_parameters())
        for a in (k for k in self.names if ".lora_A." in k):
            w = a.replace("base_model.model.", "").replace(".lora_A", "")
            weights[w] = weights[w] + SCALE * by[a.replace("lora_A", "lora_B")] @ by[a]
        out = []
        for row in rows:
            x = torch.tensor([row["tokens"]])
            logits = functional_call(self.base, weights, kwargs={"input_ids": x, "use_cache": False}).logits[0]
            trained = torch.tensor(row["train"]).bool()
            logp = torch.log_softmax(logits, -1)[:-1].gather(1, x[0, 1:, None])[:, 0]
            out.append(-logp[trained[1:]].mean())
        return torch.stack(out)

    def grad(self, rows, weight):
        p = [x.clone().requires_grad_() for x in self.p]
        loss = self.losses(p, rows)
        return loss.detach(), torch.autograd.grad((loss * weight).sum(), p)


def weights(omega, activation):
    if activation == "softmax":
        return len(omega) * torch.softmax(omega, 0)
    return 2 * torch.sigmoid(omega)


def selector_gradient(omega, activation, rows, gap, mean):
    """sum (or mean) over the batch of gap_j grad w_j(omega)."""
    omega = omega.clone().requires_grad_()
    total = (weights(omega, activation)[rows] * gap).sum()
    return torch.autograd.grad(total / len(rows) if mean else total, omega)[0]


def run(base, saved, rows, activation, optim, algorithm):
    data, safe = rows["data"], rows["safe"]
    n = len(data)
    theta = Lora(base, saved)
    hat = Lora(base, saved) if algorithm == 1 else None
    start = 0.0 if optim == "sgd" else 0.1 if activation == "softmax" else -1e-4
    omega = start + torch.tensor(SET["moved"], dtype=torch.float64)
    theta_adam, hat_adam = (Adam(theta.p, SET["rate"], SET["clip"]) for _ in range(2))
    omega_adam = Adam([omega], SET["adam_rate"], 10.0)
    log = []
    for step in range(STEPS):
        gamma = SET["gamma"] + SET["gamma_step"] * (step * BATCH // n)
        at = [(step * BATCH + i) % n for i in range(BATCH)]
        safe_rows = [safe[(step * BATCH + i) % len(safe)] for i in range(BATCH)]
        train_rows = [data[i] for i in at]
        w = weights(omega, activation)[at]
        uniform = torch.full((BATCH,), 1 / BATCH, dtype=torch.float64)
        safe_loss, g_safe = theta.grad(safe_rows, uniform)
        loss, g_train = theta.grad(train_rows, w / BATCH)
        gap = loss
        entry = {"safe": safe_loss.tolist(), "loss": loss.tolist(), "weight": w.tolist()}
        if hat:
            hat_loss, g_hat = hat.grad(train_rows, w / BATCH)
            gap = loss - hat_loss
            entry["hat"] = hat_loss.tolist()
            entry["hat_norm"] = hat_adam.step(hat.p, g_hat)
        entry["norm"] = theta_adam.step(theta.p, [(1 - gamma) * a + gamma * b for a, b in zip(g_safe, g_train)])
        g = selector_gradient(omega, activation, at, gap, optim == "adam")
        if optim == "sgd":
            omega -= SET["sgd_rate"] * g
        else:
            omega_adam.step([omega], [g])
        log.append(entry)
    case = f"{activation}.{optim}.{algorithm}"
    result = {f"{case}.omega": omega}
    for who, adapter in (("theta", theta), ("hat", hat)):
        if adapter:
            result.update({f"{case}.{who}.{k}": p for k, p in zip(adapter.names, adapter.p)})
    return case, result, log


def main():
    os.umask(0o022)
    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    rows = make_rows()
    base = exact(open_model("tiny-llama"))
    saved = load_file(os.path.join(path("tiny-llama-qv"), "adapter_model.safetensors"))
    tensors, cases = {}, {}
    for activation in ("softmax", "sigmoid"):
        for optim in ("sgd", "adam"):
            for algorithm in (1, 2):
                case, result, log = run(base, saved, rows, activation, optim, algorithm)
                tensors.update(result)
                cases[case] = log
    save_file({k: v.float().contiguous() for k, v in tensors.items()}, path("bilevel.safetensors"))
    os.chmod(path("bilevel.safetensors"), 0o644)

    def short(x):
        if isinstance(x, list):
            return [short(v) for v in x]
        if isinstance(x, dict):
            return {k: short(v) for k, v in x.items()}
        return float(f"{x:.9g}")

    with open(path("bilevel.json"), "w") as f:
        f.write('{"settings": ' + json.dumps(SET) + ',\n"cases": {\n' + ",\n".join(
            f'"{k}": [\n' + ",\n".join(json.dumps(short(e)) for e in v) + "]" for k, v in cases.items()) + "}}\n")
    for case in cases:
        print(case, [f"{x:.4f}" for x in tensors[case + ".omega"].tolist()])
    for e in cases["softmax.sgd.1"]:
        print(e)


if __name__ == "__main__":
    main()
