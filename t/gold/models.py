# SPDX-License-Identifier: MIT
"""models.py - makes the tiny random models, adapters and their gold values.

    HF_HUB_OFFLINE=1 python3 t/gold/models.py

A model: tiny-NAME/, adapters by peft: tiny-NAME-lora/.  rows.json: tokens,
train (1: the token is a target), weight; rows.tok: the same as a token stream.
tiny-NAME.json: nll of every token but a row's first, l(theta; z) and a greedy
continuation of 12 tokens a row, without ("base") and with the adapter ("lora").
tiny-NAME-grad.safetensors: sum_i weight_i grad l(theta; z_i) by PEFT's names.
Values are from float64.
"""
import json
import os
import random
import shutil

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.numpy import save_file as numpy_save
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, GPTNeoXConfig, LlamaConfig, MistralConfig, Phi3Config,
                          Qwen2Config)
from transformers.utils import logging

from tiny import loss, nll, open_model, path, read_rows

NAMES = ["tiny-llama", "tiny-neox", "tiny-tied", "tiny-serial", "tiny-llama3", "tiny-mistral", "tiny-qwen2",
         "tiny-phi3"]
VOCAB = 96
GREEDY = 12

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": VOCAB, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "hidden_act": "silu", "max_position_embeddings": 128, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False, "bos_token_id": 1,
    "eos_token_id": 2, "torch_dtype": "float32",
}
NEOX = {
    "architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "vocab_size": VOCAB, "hidden_size": 32,
    "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "gelu",
    "max_position_embeddings": 128, "layer_norm_eps": 1e-5, "rotary_pct": 0.5, "rotary_emb_base": 10000,
    "use_parallel_residual": True, "attention_bias": True, "tie_word_embeddings": False, "bos_token_id": 0,
    "eos_token_id": 0, "torch_dtype": "float32",
}
# Tied, heads wider than dim / heads, another theta; config.json as transformers 5 writes it, and in shards.
TIED = {**LLAMA, "num_hidden_layers": 1, "head_dim": 16, "tie_word_embeddings": True,
        "rope_theta": 500000.0}
# One after the other instead of in parallel, and the other GELU.
SERIAL = {**NEOX, "num_hidden_layers": 1, "use_parallel_residual": False, "hidden_act": "gelu_new",
          "intermediate_size": 64, "rotary_pct": 0.25, "num_attention_heads": 2}

# Llama 3.1's scaling, with lengths at which a small head has all three kinds of frequency.
LLAMA3 = {**LLAMA, "num_hidden_layers": 1, "rope_theta": 500.0, "max_position_embeddings": 512,
          "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                           "original_max_position_embeddings": 64}}
# A window shorter than most rows.
MISTRAL = {**LLAMA, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 8,
           "rope_scaling": {"type": "linear", "factor": 2.0}}
for unread in "attention_bias", "mlp_bias":
    del MISTRAL[unread]
QWEN2 = {**MISTRAL, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "use_sliding_window": False,
         "max_window_layers": 2, "rope_scaling": None, "rope_theta": 1000000.0, "rms_norm_eps": 1e-6}
# Rows of up to 24 tokens take the short factors; one of the rows grows beyond while it is continued.
PHI3 = {**MISTRAL, "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "sliding_window": 40,
        "max_position_embeddings": 96, "original_max_position_embeddings": 24, "pad_token_id": 0,
        "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.1, 1.25, 1.5],
                         "long_factor": [1.5, 2.0, 4.0, 9.0]}}

LLAMA_ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PHI3_ALL = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
NEOX_ALL = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]


def fill(model, seed):
    """Random weights of a size that makes every part of the model matter."""
    g = torch.Generator().manual_seed(seed)
    for name, p in sorted(model.named_parameters()):
        r = torch.randn(p.shape, generator=g)
        if name.endswith("bias"):
            p.data = 0.3 * r
        elif p.dim() == 1 and model.config.model_type.startswith("gemma"):
            p.data = torch.round(300 * r) / 1024        # so that 1 + gain, which GGUF holds, is exact
        elif p.dim() == 1:
            p.data = 1 + 0.3 * r
        elif "embed" in name:
            p.data = 0.4 * r if model.config.tie_word_embeddings else r
        else:
            p.data = 0.25 * r


def tensors(model, dtype=torch.float32):
    tied = model.config.tie_word_embeddings
    return {k: v.to(dtype).contiguous() for k, v in model.state_dict().items()
            if not (tied and k == "lm_head.weight")}


def save(name, config, cls, seed, new_style):
    folder = path(name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = AutoModelForCausalLM.from_config(cls(**config))
    fill(model, seed)
    if new_style:
        model.config.architectures = config["architectures"]
        model.config.save_pretrained(folder)
    else:
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(config, f, indent=1)
            f.write("\n")
    state = tensors(model)
    if not new_style and "embed_in" in "".join(state):
        state["embed_out.weight"] = state.pop("lm_head.weight")     # its name in all released models
    return folder, state


def one_file(folder, state, dtype=torch.float32):
    state = {k: v.to(dtype) for k, v in state.items()}
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})


def two_files(folder, state):
    """Two shards and their index; the first in F16, the second in BF16."""
    names, index = sorted(state), {}
    half = len(names) // 2
    for i, (part, dtype) in enumerate([(names[:half], torch.float16), (names[half:], torch.bfloat16)]):
        file = f"model-{i + 1:05d}-of-00002.safetensors"
        save_file({k: state[k].to(dtype) for k in part}, os.path.join(folder, file), metadata={"format": "pt"})
        index.update({k: file for k in part})
    total = sum(v.numel() * 2 for v in state.values())
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": index}, f, indent=1)
        f.write("\n")


def save_adapter(model_name, name, targets, seed):
    """A random rank-4 adapter, B not zero, as peft writes it."""
    model = get_peft_model(open_model(model_name), LoraConfig(
        r=4, lora_alpha=8, target_modules=targets, lora_dropout=0.0, task_type="CAUSAL_LM"))
    g = torch.Generator().manual_seed(seed)
    for key, p in sorted(model.named_parameters()):
        if "lora_" in key:
            p.data = 0.15 * torch.randn(p.shape, generator=g)
    model.peft_config["default"].base_model_name_or_path = model_name
    shutil.rmtree(path(name), ignore_errors=True)
    model.save_pretrained(path(name))
    os.remove(os.path.join(path(name), "README.md"))
    config = os.path.join(path(name), "adapter_config.json")
    with open(config) as f:
        said = json.load(f)
    said["target_modules"].sort()       # a set: peft writes it in any order
    with open(config, "w") as f:
        json.dump(said, f, indent=2)


def make_rows():
    r = random.Random(7)
    rows = []
    for n, weight in [(13, 0.5), (2, 1.25), (60, 2.0), (7, -0.75), (31, 1.0), (20, 0.3)]:
        tokens = [r.randrange(3, VOCAB) for _ in range(n)]
        train = [0] + [int(r.random() < 0.6) for _ in range(n - 1)]
        train[-1] = 1 if sum(train) == 0 else train[-1]
        rows.append({"tokens": tokens, "train": train, "weight": weight})
    with open(path("rows.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def save_stream(rows):
    """rows.json as a token stream (seal-tensors(5)) that names no real tokenizer."""
    ids = [str(i) for i in range(len(rows))]
    end = {"rows": len(rows), "input": "0" * 16, "history": []}
    numpy_save({
        "tokens": np.concatenate([np.array(r["tokens"], np.int32) for r in rows]),
        "train": np.concatenate([np.array(r["train"], np.uint8) for r in rows]),
        "offsets": np.cumsum([0] + [len(r["tokens"]) for r in rows], dtype=np.int64),
        "ids": np.frombuffer("".join(ids).encode(), np.uint8),
        "id_offsets": np.cumsum([0] + [len(i) for i in ids], dtype=np.int64),
        "hash": np.arange(1, len(rows) + 1, dtype=np.uint64),
        "line": np.arange(1, len(rows) + 1, dtype=np.int64),
    }, path("rows.tok"), metadata={"seal.kind": "tokens", "seal.version": "0", "seal.template": "none",
                                   "seal.fingerprint": "0" * 16, "seal.settings": "{}",
                                   "seal.end": json.dumps(end)})


def greedy(model, row):
    x = torch.tensor([row["tokens"]])
    y = model.generate(input_ids=x, attention_mask=torch.ones_like(x), do_sample=False,
                       max_new_tokens=GREEDY)[0, x.shape[1]:]
    with torch.no_grad():       # each token from the row so far
        logits = torch.stack([model(input_ids=torch.cat([x[0], y[:i]])[None], use_cache=False).logits[0, -1]
                              for i in range(GREEDY)])
    top = logits.topk(2).values
    assert (logits.argmax(-1) == y).all() and len(y) == GREEDY
    margin = (top[:, 0] - top[:, 1]).min().item()
    assert margin > 5e-4, f"a greedy choice hangs on {margin}"
    return y.tolist()


def values(model, rows):
    with torch.no_grad():
        return {"nll": [[float(f"{v:.9g}") for v in nll(model, row["tokens"]).tolist()] for row in rows],
                "loss": [float(f"{loss(model, row).item():.9g}") for row in rows],
                "greedy": [greedy(model, row) for row in rows]}


def with_adapter(name, dtype):
    model = PeftModel.from_pretrained(open_model(name, dtype), path(name + "-lora"), is_trainable=True,
                                      autocast_adapter_dtype=False)
    for p in model.parameters():
        p.data = p.data.to(dtype)
    return model.eval()


def gradient(model, rows):
    for row in rows:
        (row["weight"] * loss(model, row)).backward()
    return {k.replace(".default.", "."): p.grad for k, p in model.named_parameters() if p.requires_grad}


def make_gold(name, rows):
    gold = {"base": values(open_model(name, torch.float64), rows),
            "lora": values(with_adapter(name, torch.float64), rows)}
    grad = gradient(with_adapter(name, torch.float64), rows)
    # transformers and peft as they are, in float32, must say the same
    single = {"base": values(open_model(name), rows), "lora": values(with_adapter(name, torch.float32), rows)}
    worst = max(abs(a - b) for part in gold for x, y in zip(gold[part]["nll"], single[part]["nll"])
                for a, b in zip(x, y))
    single_grad = gradient(with_adapter(name, torch.float32), rows)
    off = max((single_grad[k] - g).abs().max() / g.abs().max() for k, g in grad.items())
    print(f"{name}: float32 differs by {worst:.1e} in an nll, {off:.1e} of the largest gradient entry")
    assert worst < 1e-4 and off < 1e-4 and all(gold[p]["greedy"] == single[p]["greedy"] for p in gold)
    saved = load_file(os.path.join(path(name + "-lora"), "adapter_model.safetensors"))
    assert sorted(saved) == sorted(grad)
    save_file({k: v.float().contiguous() for k, v in grad.items()}, path(name + "-grad.safetensors"))
    with open(path(name + ".json"), "w") as f:
        f.write("{" + ",\n".join(f'"{p}": {{' + ",\n".join(f' "{k}": {json.dumps(v)}' for k, v in gold[p].items())
                                 + "}" for p in gold) + "}\n")


def main():
    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    make_rows()
    one_file(*save("tiny-llama", LLAMA, LlamaConfig, 1, False))
    one_file(*save("tiny-neox", NEOX, GPTNeoXConfig, 2, False))
    two_files(*save("tiny-tied", TIED, LlamaConfig, 3, True))
    one_file(*save("tiny-serial", SERIAL, GPTNeoXConfig, 4, True), torch.bfloat16)
    one_file(*save("tiny-llama3", LLAMA3, LlamaConfig, 5, False), torch.float16)
    one_file(*save("tiny-mistral", MISTRAL, MistralConfig, 6, False), torch.float16)
    one_file(*save("tiny-qwen2", QWEN2, Qwen2Config, 7, True), torch.float16)
    one_file(*save("tiny-phi3", PHI3, Phi3Config, 10, False), torch.float16)
    save_adapter("tiny-llama", "tiny-llama-lora", LLAMA_ALL, 11)
    save_adapter("tiny-neox", "tiny-neox-lora", NEOX_ALL, 12)
    save_adapter("tiny-tied", "tiny-tied-lora", ["q_proj", "o_proj"], 13)
    save_adapter("tiny-serial", "tiny-serial-lora", ["query_key_value", "dense_4h_to_h"], 14)
    save_adapter("tiny-llama", "tiny-llama-qv", ["q_proj", "v_proj"], 15)
    save_adapter("tiny-llama3", "tiny-llama3-lora", ["q_proj", "k_proj"], 16)
    save_adapter("tiny-mistral", "tiny-mistral-lora", ["q_proj", "v_proj"], 17)
    save_adapter("tiny-qwen2", "tiny-qwen2-lora", ["q_proj", "k_proj", "v_proj", "down_proj"], 18)
    save_adapter("tiny-phi3", "tiny-phi3-lora", PHI3_ALL, 19)
    rows = read_rows()
    save_stream(rows)
    for name in NAMES:
        make_gold(name, rows)


if __name__ == "__main__":
    main()
