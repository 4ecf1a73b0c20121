# SPDX-License-Identifier: MIT
"""adapters.py - adapters that are more than pairs of one rank, as peft writes them, and what peft makes of them.

    HF_HUB_OFFLINE=1 python3 t/gold/adapters.py        (after models.py and families.py)

adapters/NAME is a random adapter of one of the tiny models; adapters.json has of each the model, the losses in
double precision, and whether its pairs can be trained on; adapters-grad.safetensors the gradient of the sum of
weighted losses by its pairs, of those that can.
"""
import json
import os
import shutil
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers.utils import logging

from tiny import loss, open_model, path, read_rows

# model, LoraConfig, whether there are pairs alone, which can be trained on
ADAPTERS = {
    # a scale for each pair; patterns that overlap: the first that matches counts
    "llama-patterns": ("tiny-llama", dict(
        r=6, lora_alpha=9, use_rslora=True, target_modules=r".*\.(?:self_attn\.[qkv]_proj|mlp\.(up|down)_proj)",
        rank_pattern={r"layers\.1\.self_attn\.q_proj": 3, "q_proj": 5, r"(k|up)_proj": 2, "gate_proj": 7},
        alpha_pattern={r"model\.layers\.0\..*": 4, "self_attn.v_proj": 2.5}), True),
    # biases of pairs, whose scale differs within one fused layer of all
    "neox-bias": ("tiny-neox", dict(
        r=4, lora_alpha=6, lora_bias=True, target_modules=["query_key_value", "attention.dense", "dense_4h_to_h"],
        rank_pattern={"query_key_value": 3}, alpha_pattern={r"\d+.attention.dense": 1}), True),
    # whole names and ends of names; a layer for those that are named by their ends
    "phi3-layers": ("tiny-phi3", dict(
        r=3, lora_alpha=3, layers_to_transform=[1], layers_pattern=["blocks", "layers"],
        target_modules=["qkv_proj", "gate_up_proj", "model.layers.0.mlp.down_proj"]), True),
    "qwen2-one-layer": ("tiny-qwen2", dict(
        r=2, lora_alpha=5, layers_to_transform=0, target_modules=["k_proj", "o_proj", "mlp.gate_proj"],
        fan_in_fan_out=True, init_lora_weights="gaussian"), True),
    "llama-exclude": ("tiny-llama", dict(
        r=2, lora_alpha=8, target_modules="all-linear", exclude_modules=r".*\.0\.(self_attn|mlp)\.[kd]\w+"), True),
    "gemma2-exclude": ("tiny-gemma2", dict(
        r=2, lora_alpha=8, target_modules=["q_proj", "o_proj", "up_proj"],
        exclude_modules=["layers.1.self_attn.q_proj", "mlp.up_proj"]), True),
    # tensors in place of the model's
    "qwen2-saved": ("tiny-qwen2", dict(
        r=2, lora_alpha=2, target_modules=["q_proj", "down_proj"],
        modules_to_save=["lm_head", "embed_tokens", "input_layernorm", "layers.1.mlp"]), False),
    "neox-lora-only": ("tiny-neox", dict(
        r=2, lora_alpha=2, bias="lora_only", target_modules=["query_key_value", "dense_h_to_4h"]), False),
    "serial-bias-all": ("tiny-serial", dict(
        r=2, lora_alpha=2, bias="all", target_modules=["dense"]), False),
    # head and embedding, apart and tied
    "mistral-head": ("tiny-mistral", dict(r=3, lora_alpha=2, target_modules=["lm_head", "embed_tokens", "v_proj"]), False),
    "tied-head": ("tiny-tied", dict(r=3, lora_alpha=4, use_rslora=True, target_modules=r"(.*[qv]_proj|lm_head)"), False),
    "tied-embed": ("tiny-tied", dict(r=1, lora_alpha=2, target_modules=["embed_tokens"]), False),
    "tied-saved": ("tiny-tied", dict(r=2, lora_alpha=2, target_modules=["q_proj"], modules_to_save=["embed_tokens"]), False),
    "gemma3-embed": ("tiny-gemma3-layers", dict(
        r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head", "q_proj"], rank_pattern={"embed_tokens": 4}), False),
    # other values of a head that is tied are those of the embedding too
    "tied-base": ("tiny-tied", dict(r=2, lora_alpha=2, target_modules=["lm_head", "k_proj"]), False),
    # DoRA: fused, with biases of the model, a scale for each, on the head
    "phi3-dora": ("tiny-phi3", dict(
        r=4, lora_alpha=3, use_dora=True, use_rslora=True, target_modules=["qkv_proj", "gate_up_proj", "lm_head"],
        rank_pattern={"gate_up_proj": 2}), False),
    "neox-dora": ("tiny-neox", dict(r=2, lora_alpha=3, use_dora=True, target_modules="all-linear"), False),
    "llama-dora": ("tiny-llama", dict(r=2, lora_alpha=5, use_dora=True, target_modules=["q_proj", "k_proj", "mlp.up_proj"]), False),
    # GPT-NeoX's head is embed_out in the file and in older versions of transformers, lm_head in newer ones
    "neox-head": ("tiny-neox", dict(r=2, lora_alpha=5, target_modules=["lm_head", "embed_in", "dense"]), False),
}


def perturb(model, g):
    """Random values of all that is trained; magnitudes stay near what they were."""
    for key, p in sorted(model.named_parameters()):
        if "magnitude" in key:
            p.data *= 1 + 0.2 * torch.randn(p.shape, generator=g)
        elif "lora_" in key:
            p.data = 0.15 * torch.randn(p.shape, generator=g)
        elif p.requires_grad:
            p.data = p.data + 0.1 * torch.randn(p.shape, generator=g)


def tidy(folder, model):
    if os.path.exists(os.path.join(folder, "README.md")):
        os.remove(os.path.join(folder, "README.md"))
    name = os.path.join(folder, "adapter_config.json")
    with open(name) as f:
        said = json.load(f)
    said["base_model_name_or_path"] = model
    for key in "target_modules", "exclude_modules", "modules_to_save":      # sets, in any order
        if isinstance(said[key], list):
            said[key].sort()
    with open(name, "w") as f:
        json.dump(said, f, indent=1)
        f.write("\n")


def write(name, model, config, seed):
    base = open_model(model)
    g = torch.Generator().manual_seed(seed)
    if name == "tied-base":
        base.lm_head.weight.data += 0.1 * torch.randn(base.lm_head.weight.shape, generator=g)
    theta = get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **config))
    perturb(theta, g)
    folder = path(os.path.join("adapters", name))
    shutil.rmtree(folder, ignore_errors=True)
    theta.save_pretrained(folder)
    tidy(folder, model)
    return folder


def measure(model, folder, gradient):
    """Losses, and gradients by peft's names, in double precision."""
    theta = PeftModel.from_pretrained(open_model(model, torch.float64), folder, is_trainable=gradient).double().eval()
    rows = read_rows()
    if not gradient:
        with torch.no_grad():
            return [loss(theta, row).item() for row in rows], {}
    losses = [loss(theta, row) for row in rows]
    sum(row["weight"] * l for row, l in zip(rows, losses)).backward()
    grads = {k.replace(".default", ""): p.grad.float() for k, p in theta.named_parameters() if p.requires_grad}
    assert set(grads) == set(load_file(os.path.join(folder, "adapter_model.safetensors")))
    return [l.item() for l in losses], grads


def copy_for_images():
    """gemma3-embed for tiny-gemma3-image, whose text is the same model by other names."""
    old, folder = path("adapters/gemma3-embed"), path("adapters/gemma3-image")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    state = load_file(os.path.join(old, "adapter_model.safetensors"))
    state = {k.replace("base_model.model.model.", "base_model.model.model.language_model."): v for k, v in state.items()}
    save_file(state, os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    shutil.copy(os.path.join(old, "adapter_config.json"), folder)
    tidy(folder, "tiny-gemma3-image")


def copy_for_older():
    """neox-head by the older name of the head."""
    old, folder = path("adapters/neox-head"), path("adapters/neox-head-older")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    state = load_file(os.path.join(old, "adapter_model.safetensors"))
    save_file({k.replace("lm_head", "embed_out"): v for k, v in state.items()},
              os.path.join(folder, "adapter_model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(old, "adapter_config.json")) as f:
        said = f.read().replace("lm_head", "embed_out")
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        f.write(said)
    tidy(folder, "tiny-neox")


def main():
    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    gold, grads = [], {}
    for seed, (name, (model, config, pairs)) in enumerate(ADAPTERS.items()):
        losses, by = measure(model, write(name, model, config, 100 + seed), pairs)
        gold.append({"name": name, "model": model, "pairs": pairs, "loss": losses})
        grads |= {f"{name}.{k}": v for k, v in by.items()}
        print(name, losses[:2], file=sys.stderr)
    copy_for_images()
    copy_for_older()
    for name, model, like in ("gemma3-image", "tiny-gemma3-image", "gemma3-embed"), ("neox-head-older", "tiny-neox", "neox-head"):
        same = next(g for g in gold if g["name"] == like)
        gold.append({"name": name, "model": model, "pairs": False, "loss": same["loss"]})
    with open(path("adapters.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(g) for g in gold) + "\n]\n")
    save_file(grads, path("adapters-grad.safetensors"))


if __name__ == "__main__":
    main()
