# SPDX-License-Identifier: MIT
"""with_peft.py - what transformers and peft themselves make of a folder.

    with_peft.py losses MODEL ADAPTER      l(theta; z) of each of rows.json, as a JSON list
    with_peft.py new MODEL ADAPTER         writes a random adapter as peft does
    with_peft.py whole FOLDER BASE ...     a line a folder: the same losses of a model that seal wrote from
                                           BASE, after a look at its tensors' names, shapes and types
"""
import json
import os
import sys
import warnings

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from tiny import loss, open_model, path, read_rows


def losses(model, adapter):
    theta = PeftModel.from_pretrained(open_model(model), adapter).eval()
    said = load_file(os.path.join(adapter, "adapter_model.safetensors"))
    has = {k.replace(".default.", "."): v for k, v in theta.state_dict().items() if "lora_" in k}
    assert sorted(said) == sorted(has), "peft did not take every tensor"
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
    {"losses": losses, "new": new, "whole": whole}[sys.argv[1]](*sys.argv[2:])
