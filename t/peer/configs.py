# SPDX-License-Identifier: MIT
"""configs.py - random small models of every family, in odd but valid configurations: what seal-eval nll
makes of each folder, against transformers in float64.

    configs.py SEAL_EVAL COUNT SEED

A line a model that seal does not agree on; at last one of how many agree, seal refuses, and transformers
refuses.  A folder that seal refuses must be so by the name of a setting, on one line.
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings

import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

ROWS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gold", "rows.tok")
FAMILIES = ["llama", "mistral", "qwen2", "phi3", "gpt_neox", "qwen3", "olmo2", "gemma2", "gemma3_text", "gemma3", "granite"]
ABSENT = "absent"


def rope(r, family, pairs):
    """The settings of positions, in one of the spellings that there are."""
    kinds = ["default", "longrope", "yarn"] if family == "phi3" else ["default", "linear", "linear", "llama3", "longrope"]
    kind = r.choice(kinds if r.random() < 0.95 else ["yarn", "dynamic", "linear"])
    p = {"factor": r.choice([1.5, 4, 8.0])} if kind in ("linear", "llama3", "dynamic") else {}
    if kind == "llama3":
        p |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    if kind == "longrope" or family == "phi3" and kind == "yarn":
        p |= {"short_factor": [r.uniform(1, 2) for _ in range(pairs)], "long_factor": [r.uniform(1, 4) for _ in range(pairs)]}
        if r.random() < 0.7:
            p["original_max_position_embeddings"] = 16
    name = r.choice(["rope_type"] * 3 + ["type"])
    theta = r.choice([500.0, 10000, 1e6])
    top = {"rotary_emb_base" if family == "gpt_neox" else "rope_theta": theta}
    flat = p | {name: kind}
    gemma3 = family.startswith("gemma3")
    spelling = r.choice(["none", "old", "old", "new", "new", "both", "bare"])
    if spelling == "bare":
        return {}
    if spelling == "none":
        return top | r.choice([{}, {"rope_scaling": None}])
    local = {"rope_local_base_freq": r.choice([100.0, 10000.0])} if gemma3 and r.random() < 0.7 else {}
    if spelling == "old":
        return top | local | {"rope_scaling": flat | ({"rope_theta": 777.0} if r.random() < 0.1 else {})}
    new = flat | {"rope_theta": theta}
    if gemma3 and r.random() < 0.9:
        new = {"full_attention": new, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}
        if r.random() < 0.2:
            del new[r.choice(list(new))]
    if spelling == "both":
        return top | local | {"rope_scaling": flat, "rope_parameters": new}
    return {"rope_parameters": new}


def configuration(r, family):
    heads, kv = r.choice([(4, 4), (4, 2), (4, 1), (2, 2), (2, 1), (3, 3), (6, 2)])
    square = r.choice([2, 4, 6, 8])
    layers = r.choice([1, 2, 3, 7])
    head = r.choice([ABSENT] * 6 + [square, 4, 4, 10, 16, None]) if family != "gpt_neox" or r.random() < 0.1 else ABSENT
    if family in ("qwen3", "gemma2", "gemma3_text", "gemma3") and not isinstance(head, int) and r.random() < 0.9:
        head = r.choice([4, 10, 16])
    fixed = {"qwen3": 128, "gemma2": 256, "gemma3_text": 256, "gemma3": 256}.get(family, square)
    dim = head if isinstance(head, int) else fixed
    share = r.choice([ABSENT, 0.5, 1.0]) if family in ("phi3", "gpt_neox") or r.random() < 0.03 else ABSENT
    rotary = int(dim * (share if share is not ABSENT else 0.25 if family == "gpt_neox" else 1))
    flag = lambda: r.choice([ABSENT, True, False])
    types = r.choice([ABSENT] * 6 + [None, [r.choice(["full_attention", "sliding_attention"]) for _ in range(layers)],
                                     ["full_attention"] * layers])
    c = {"vocab_size": 96, "hidden_size": heads * square, "intermediate_size": r.choice([8, 20]), "num_hidden_layers": layers,
         "num_attention_heads": heads, "num_key_value_heads": r.choice([kv] * 10 + [ABSENT, None]), "head_dim": head,
         "max_position_embeddings": r.choice([128, 64, 64]), "tie_word_embeddings": flag(), "attention_bias": flag(),
         "mlp_bias": flag(), "sliding_window": r.choice([ABSENT, None, 1, 3, 8, 1000, 8]), "use_sliding_window": flag(),
         "max_window_layers": r.choice([0, 1, 2, ABSENT]), "layer_types": types,
         "sliding_window_pattern": r.choice([ABSENT, ABSENT, 1, 2, 3]),
         "layer_norm_eps" if family == "gpt_neox" else "rms_norm_eps": r.choice([ABSENT, 1e-5, 0.01]),
         "use_parallel_residual": flag(), "rotary_pct" if family == "gpt_neox" else "partial_rotary_factor": share,
         "original_max_position_embeddings": r.choice([ABSENT, 16]) if family == "phi3" or r.random() < 0.1 else ABSENT,
         "hidden_activation" if family.startswith("gemma") else "hidden_act":
             r.choice([ABSENT, ABSENT, "silu", "gelu", "gelu_pytorch_tanh", "gelu_new"]),
         "query_pre_attn_scalar": r.choice([ABSENT, 8, 24]), "attn_logit_softcapping": r.choice([ABSENT, None, 2.0, 0.5]),
         "final_logit_softcapping": r.choice([ABSENT, None, 3.0]), "use_bidirectional_attention": r.choice([ABSENT, None, False]),
         "embedding_multiplier": r.choice([ABSENT, 3.0]), "attention_multiplier": r.choice([ABSENT, 0.2]),
         "residual_multiplier": r.choice([ABSENT, 0.4]), "logits_scaling": r.choice([ABSENT, 2.5]),
         "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, **rope(r, family, rotary // 2)}
    if r.random() < 0.05:
        c |= {"use_bidirectional_attention": True, "hidden_act": "relu"}
    if family.startswith("gemma") and r.random() < 0.8:
        c |= {"use_bidirectional_attention": ABSENT, "hidden_activation": ABSENT}
        c |= {"attn_logit_softcapping": ABSENT} if family != "gemma2" else {}
    c = {k: v for k, v in c.items() if v is not ABSENT}
    if family != "gemma3":
        return {"model_type": family, **c}
    outer = {"model_type": family, "text_config": c, "vision_config": {
        "model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 1, "image_size": 16, "patch_size": 4}, "mm_tokens_per_image": 4}
    return outer | ({"tie_word_embeddings": c["tie_word_embeddings"]} if "tie_word_embeddings" in c and r.random() < 0.8 else {})


def model_of(folder, seed):
    """The folder's model with random weights, which are written beside its config.json."""
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), attn_implementation="eager").double().eval()
    random_state = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        x = torch.randn(p.shape, generator=random_state) * (0.25 if p.ndim > 1 else 0.1)
        near_one = p.ndim == 1 and "norm" in name and name.endswith("weight") and "Gemma" not in type(model).__name__
        p.data = (x + 1 if near_one else x).double()
    tied = model.config.get_text_config().tie_word_embeddings if not hasattr(model.config, "text_config") else model.config.tie_word_embeddings
    rename = lambda k: k.replace("model.language_model.", "language_model.model.").replace("lm_head.", "language_model.lm_head.")
    state = {k: p.detach().float().contiguous() for k, p in model.named_parameters() if not tied or not k.startswith(("lm_head", "embed_out"))}
    save_torch({rename(k) if hasattr(model.config, "text_config") else k: v for k, v in state.items()},
               os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    return model


def main(seal_eval, count, seed):
    tok, counts = load_file(ROWS), {"agree": 0, "refused": 0, "invalid": 0, "differ": 0}
    tok["train"][:] = 1
    tok["train"][tok["offsets"][:-1]] = 0
    with tempfile.TemporaryDirectory() as top:
        stream = os.path.join(top, "all.tok")
        save_file(tok, stream, metadata={
            "seal.template": "none", "seal.fingerprint": "0" * 16, "seal.settings": "{}", "seal.version": "0", "seal.kind": "tokens",
            "seal.end": json.dumps({"rows": len(tok["hash"]), "input": "0" * 16, "history": []})})
        for i in range(count):
            family, r = FAMILIES[i % len(FAMILIES)], random.Random(f"{seed} {i}")
            c = configuration(r, family)
            folder = os.path.join(top, "model")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "config.json"), "w") as f:
                json.dump(c, f)
            try:
                model = model_of(folder, i)
                with torch.no_grad():
                    want = []
                    for a, b in zip(tok["offsets"], tok["offsets"][1:]):
                        ids = torch.tensor(tok["tokens"][a:b]).long()[None]
                        lp = model(input_ids=ids).logits[0].double().log_softmax(-1)
                        want += [-lp[t, ids[0, t + 1]].item() for t in range(ids.shape[1] - 1)]
            except Exception as e:
                counts["invalid"] += 1
                if os.environ.get("VERBOSE"):
                    print("invalid", family, repr(e)[:200], json.dumps(c))
                continue
            said = subprocess.run([seal_eval, "nll", "-q", "-j", "1", "--dtype", "f32", "--device", "cpu", "--per-token", "-m", folder, stream],
                                  capture_output=True, text=True)
            if said.returncode:
                by_name = said.returncode == 1 and said.stderr.count("\n") == 1
                counts["refused" if by_name else "differ"] += 1
                if not by_name or os.environ.get("VERBOSE"):
                    print("refused", family, said.stderr.strip(), json.dumps(c))
                continue
            got = [x for line in said.stdout.splitlines() for x in json.loads(line)["nlls"] if x is not None]
            off = max(abs(x - y) / max(1, abs(y)) for x, y in zip(got, want)) if len(got) == len(want) else float("inf")
            counts["agree" if off < 1e-5 else "differ"] += 1
            if not off < 1e-5 or os.environ.get("VERBOSE"):
                print("agree" if off < 1e-5 else "differ", f"{off:.1e}", family, json.dumps(c))
    print(" ".join(f"{v} {k}" for k, v in counts.items()))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.set_verbosity(50)
    torch.set_num_threads(1)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
