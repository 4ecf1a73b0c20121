# SPDX-License-Identifier: MIT
"""with_peft.py - what transformers and peft themselves make of a folder.

    with_peft.py losses MODEL ADAPTER      l(theta; z) of each of rows.json, as a JSON list
    with_peft.py new MODEL ADAPTER         writes a random adapter as peft does
    with_peft.py random SEED ADAPTER       the same of a random configuration, for a model whose name it prints
    with_peft.py whole FOLDER BASE ...     a line a folder: the same losses of a model that seal wrote from
                                           BASE, after a look at its tensors' names, shapes and types
"""
import json
import os
import random
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from tiny import loss, open_model, path, read_rows


def named(key):
    """A tensor's name in files."""
    for part in ".modules_to_save.default", ".default":
        key = key.replace(part, "")
    return key.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def losses(model, adapter):
    theta = PeftModel.from_pretrained(open_model(model), adapter).eval()
    said = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    has = {named(k): v for k, v in theta.state_dict().items()}
    assert sorted(k for k in said if "lora_" in k) == sorted(k for k in has if "lora_" in k), "peft did not take every tensor"
    assert all(torch.equal(said[k].float(), has[k].float()) for k in said), "peft changed a tensor"
    with torch.no_grad():
        print(json.dumps([loss(theta, row).item() for row in read_rows()]))


def state(folder):
    """Every tensor of a folder's safetensors files; what is tied may be there or not."""
    said = {}
    for name in os.listdir(folder):
        if name.endswith(".safetensors"):
            said |= load_file(os.path.join(folder, name))
    return said


def whole(*pairs):
    for folder, base in zip(pairs[::2], pairs[1::2]):
        print(json.dumps(written(folder, base)))


def written(folder, base):
    # in float32 from the start: a half-precision Gemma rounds its scale of embeddings
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(info.values()), f"not loaded as it is: {info}"
    a, b = state(folder), state(path(base))
    assert {k: v.shape for k, v in a.items()} == {k: v.shape for k, v in b.items()}, "other names or shapes"
    types = {v.dtype for v in a.values()}
    assert types == {torch.float32} or {k: v.dtype for k, v in a.items()} == {k: v.dtype for k, v in b.items()}
    model.eval()
    with torch.no_grad():
        return [loss(model, row).item() for row in read_rows()]


MODULES = {
    "tiny-llama": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"],
    "tiny-phi3": ["self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj"],
    "tiny-neox": ["attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h"],
}
MODULES |= {"tiny-tied": MODULES["tiny-llama"], "tiny-serial": MODULES["tiny-neox"], "tiny-gemma2": MODULES["tiny-llama"], "tiny-qwen2": MODULES["tiny-llama"]}


def random_config(r, model):
    ends = [m.rsplit(".", 1)[1] for m in MODULES[model]]
    some = r.sample(ends, r.randint(1, len(ends)))
    config = {"r": r.randint(1, 7), "lora_alpha": r.randint(1, 9), "use_rslora": r.random() < 0.4, "target_modules": some}
    kind = r.randrange(5)
    if kind == 0:
        config["target_modules"] = r"(?:.*\.)?(?:" + "|".join(some) + ")" + r.choice(["", "$", r"\b"])
    elif kind == 1:
        config |= {"layers_to_transform": r.choice([0, 1, [1], [0, 1]]), "layers_pattern": r.choice([None, "layers", ["h", "layers"]])}
    elif kind == 2:
        config["exclude_modules"] = r.choice([r".*layers\.0\..*", [f"layers.1.{m}" for m in MODULES[model]]])
    elif kind == 3:
        config["target_modules"] = "all-linear"
    for key in "rank_pattern", "alpha_pattern":
        if r.random() < 0.6:
            names = [r.choice(["", r"layers\.1\..*", r".*0\.\w+\."]) + m for m in r.sample(ends, 2)]
            config[key] = {n: r.randint(1, 6) for n in names}
    extra = r.randrange(6)
    if extra == 0 and kind not in (0, 3):
        config["target_modules"] = some + r.choice([["embed_in" if MODULES[model] is MODULES["tiny-neox"] else "embed_tokens"], ["lm_head"]])
        config.pop("layers_to_transform", None), config.pop("layers_pattern", None)
    elif extra == 1:
        config["modules_to_save"] = r.choice([["lm_head"], [r.choice(["input_layernorm", "layers.1"])]])
    elif extra == 2:
        config["use_dora"] = True
    elif extra == 3:
        config["lora_bias"] = True
    elif extra == 4 and MODULES[model] is MODULES["tiny-neox"]:
        config["bias"] = r.choice(["all", "lora_only"])
    return config


def random_adapter(seed, adapter):
    warnings.simplefilter("ignore")
    r = random.Random(int(seed))
    model = r.choice(sorted(MODULES))
    theta = get_peft_model(open_model(model), LoraConfig(task_type="CAUSAL_LM", **random_config(r, model)))
    torch.manual_seed(int(seed))
    for name, p in theta.named_parameters():
        if p.requires_grad:
            p.data = p.data + 0.1 * torch.randn(p.shape) if "magnitude" not in name else p.data * (1 + 0.1 * torch.randn(p.shape))
    theta.save_pretrained(adapter)
    print(model)


def new(model, adapter):
    torch.manual_seed(5)
    theta = get_peft_model(open_model(model), LoraConfig(
        r=3, lora_alpha=12, target_modules="all-linear", lora_dropout=0.1, task_type="CAUSAL_LM"))
    for name, p in theta.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p, std=0.2)
    theta.save_pretrained(adapter)


if __name__ == "__main__":
    logging.disable_progress_bar()
    warnings.simplefilter("error", UserWarning)      # peft warns of missing keys
    warnings.filterwarnings("ignore", message=".*lora_bias=True.*")          # it cannot merge; nobody asks it to
    {"losses": losses, "new": new, "random": random_adapter, "whole": whole}[sys.argv[1]](*sys.argv[2:])
