# SPDX-License-Identifier: MIT
"""peer.py - the peer of seal-lora-train and seal-eval: PyTorch + transformers + PEFT, at its best.

  peer.py train    MODEL ROWS --batch N --steps N [--micro N] [--order given|sorted] [--warm N]
                   [--compile [whole|layers]]
  peer.py nll      MODEL ROWS --batch N [--compile]
  peer.py generate MODEL ROWS --batch N --max-new N

ROWS is what seal-tokenize --json writes.  Rows are padded to the longest of their micro-batch;
attention is sdpa.  compile: the model as one graph, or its layers by themselves and the loss,
which takes a fraction of the time.  train: LoRA of rank 16 on q_proj and v_proj (GPT-NeoX: query_key_value), Adam; a
batch's gradient is added up over micro-batches (sum of the losses / the batch's trained tokens), so
that neither their size nor the order of the rows within the batch changes the step; order sorted: by
length within the batch.  warm N: the steps are taken N times before they count, since a GPU's memory
and products, and what is compiled, are prepared anew for each shape; 0: all but the first count.
nll and generate sort by length and pad on the right and the left.  Prints one JSON object: seconds
and processor seconds of the work (train: of the steps that count), without the loading and without
nll's compiling.
"""
import argparse
import json
import resource
import time

BEGAN = time.monotonic()                # before torch is loaded: time to first step

import torch
import torch.nn.functional as F
import transformers


def padded(rows, left=False):
    n = max(len(r) for r in rows)
    ids, mask = torch.zeros(len(rows), n, dtype=torch.long), torch.zeros(len(rows), n, dtype=torch.long)
    for k, r in enumerate(rows):
        at = slice(n - len(r), n) if left else slice(0, len(r))
        ids[k, at], mask[k, at] = torch.tensor(r), 1
    return ids, mask


def labels_of(rows, ids):
    labels = torch.full_like(ids, -100)
    for k, r in enumerate(rows):
        t = torch.tensor(r["tokens"])
        labels[k, :len(t)] = torch.where(torch.tensor(r["train"]) > 0, t, -100)
    return labels


def by_length(rows):
    return sorted(rows, key=lambda r: len(r["tokens"]))


def slices(rows, size):
    return [rows[i:i + size] for i in range(0, len(rows), size)]


def clocks():
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    u = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), u.ru_utime + u.ru_stime


def report(begun, **more):
    now = clocks()
    print(json.dumps({"seconds": now[0] - begun[0], "cpu": now[1] - begun[1],
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
                      "card_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0, **more}))


def batch_grad(m, rows, o):
    """Adds up the gradient of a batch's mean loss; the loss."""
    micros = slices(by_length(rows) if o.order == "sorted" else rows, o.micro or o.batch)
    trained = sum(sum(r["train"][1:]) for r in rows)
    total = 0
    for part in micros:
        ids, mask = padded([r["tokens"] for r in part])
        labels = labels_of(part, ids).to(o.device)
        out = m(input_ids=ids.to(o.device), attention_mask=mask.to(o.device), labels=labels, num_items_in_batch=trained,
                use_cache=False)
        out.loss.backward()
        total += out.loss.detach()
    return total


def train(m, rows, o):
    from peft import LoraConfig, get_peft_model
    targets = ["query_key_value"] if m.config.model_type == "gpt_neox" else ["q_proj", "v_proj"]
    m = get_peft_model(m, LoraConfig(r=16, lora_alpha=16, target_modules=targets, task_type="CAUSAL_LM"))
    m.train()
    if o.checkpointing:
        m.gradient_checkpointing_enable()
        m.enable_input_require_grads()
    params = [p for p in m.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=2e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0)
    call = m
    if o.compile == "layers":
        base = m.get_base_model()
        for layer in (base.gpt_neox if hasattr(base, "gpt_neox") else base.model).layers:
            layer.compile(dynamic=True)
        base.loss_function = torch.compile(base.loss_function, dynamic=True)
    elif o.compile:
        call = torch.compile(m, dynamic=True)
    batches = slices(rows, o.batch)[:o.steps]
    losses, first, begun, untimed = [], None, clocks(), o.warm * len(batches) or 1
    for step, batch in enumerate(batches * (o.warm + 1)):
        if step == untimed:
            begun = clocks()
        losses.append(batch_grad(call, batch, o))
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        opt.zero_grad()
        if step == 0:
            losses[0] = losses[0].item()
            first = time.monotonic() - BEGAN
    counted = batches if o.warm else batches[1:]
    report(begun, tokens=sum(len(r["tokens"]) for batch in counted for r in batch), steps=len(counted), first=first,
           losses=[float(x) for x in losses])


def nll(m, rows, o):
    call = torch.compile(m, dynamic=True) if o.compile else m
    for part in slices(rows, o.batch)[:2] if o.compile else []:
        ids, mask = padded([r["tokens"] for r in part])
        call(input_ids=ids, attention_mask=mask, use_cache=False)
    begun, sums, tokens = clocks(), [], 0
    for part in slices(by_length(rows), o.batch):
        ids, mask = padded([r["tokens"] for r in part])
        labels = labels_of(part, ids)[:, 1:]
        logits = call(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
        on = labels >= 0
        losses = torch.zeros(labels.shape)
        losses[on] = F.cross_entropy(logits[on].float(), labels[on], reduction="none")
        sums += (losses.sum(1) / on.sum(1)).tolist()
        tokens += int(mask.sum())
    report(begun, tokens=tokens, mean=sum(sums) / len(sums))


def generate(m, rows, o):
    prompts = sorted(([t for t, on in zip(r["tokens"], r["train"] + [1]) if not on][:r["train"].index(1)]
                      for r in rows), key=len)
    begun, new = clocks(), 0
    for part in slices(prompts, o.batch):
        ids, mask = padded(part, left=True)
        out = m.generate(input_ids=ids, attention_mask=mask, max_new_tokens=o.max_new, do_sample=False,
                         eos_token_id=o.eos, pad_token_id=o.eos[0])[:, ids.shape[1]:]
        stop = torch.isin(out, torch.tensor(o.eos)).int()
        new += int((stop.cumsum(1) == 0).sum())
    report(begun, tokens=new)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["train", "nll", "generate"])
    p.add_argument("model")
    p.add_argument("rows")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--micro", type=int, default=0)
    p.add_argument("--steps", type=int, default=3)
    p.add_argument("--warm", type=int, default=0)
    p.add_argument("--order", default="sorted")
    p.add_argument("--compile", nargs="?", const="whole", choices=["whole", "layers"])
    p.add_argument("--dtype", default="bf16")
    p.add_argument("--device", default="cpu", help="of train")
    p.add_argument("--checkpointing", action="store_true", help="recompute activations")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--max-new", type=int, default=128)
    p.add_argument("--eos", type=int, nargs="+", default=[0, 2])
    p.add_argument("--memory", type=float, default=0, help="GB, beyond which an allocation fails")
    o = p.parse_args()
    if o.threads:
        torch.set_num_threads(o.threads)
    if o.memory:
        resource.setrlimit(resource.RLIMIT_DATA, (int(o.memory * 1e9),) * 2)
    transformers.logging.set_verbosity_error()
    with open(o.rows) as f:
        rows = [json.loads(line) for line in f]
    m = transformers.AutoModelForCausalLM.from_pretrained(
        o.model, dtype={"bf16": torch.bfloat16, "f32": torch.float32}[o.dtype], attn_implementation="sdpa")
    if o.what == "train":
        train(m.to(o.device), rows, o)
        return
    with torch.no_grad():
        {"nll": nll, "generate": generate}[o.what](m.eval(), rows, o)


main()
