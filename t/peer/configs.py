# SPDX-License-Identifier: MIT
"""configs.py - random small models of every family, in odd configurations: what seal-eval nll makes of each
folder, against transformers in float64.

    configs.py SEAL_EVAL COUNT SEED

A line for each model that seal does not agree on, and at last how many agree, seal refuses, transformers
refuses (invalid), and differ.  seal may refuse what transformers takes, with a message; with VERBOSE set all
are shown.  Both round in float32 somewhere: AGREE is above that, and far below any setting's effect.
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
FAMILIES = ["llama", "mistral", "qwen2", "phi3", "gpt_neox", "qwen3", "olmo2", "gemma2", "gemma3_text", "gemma3",
            "granite"]
WIDE = {"qwen3": 128, "gemma2": 256, "gemma3_text": 256, "gemma3": 256}     # a head where head_dim is not said
VISION = {"model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
          "num_attention_heads": 1, "image_size": 16, "patch_size": 4}
TYPES = ["full_attention", "sliding_attention"]
ABSENT, AGREE = "absent", 3e-5


def scaling(r, family, pairs):
    """How positions are scaled, by a kind that the family mostly has."""
    kinds = ["default", "longrope", "yarn"] if family == "phi3" else ["default", "linear", "llama3", "longrope"]
    kind = r.choice(kinds if r.random() < 0.95 else ["yarn", "dynamic", "linear"])
    p = {r.choice(["rope_type"] * 3 + ["type"]): kind}
    if kind in ("linear", "llama3", "dynamic"):
        p["factor"] = r.choice([1.5, 4, 8.0])
    if kind == "llama3":
        p |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    if kind == "longrope" or family == "phi3" and kind == "yarn":
        p |= {f"{way}_factor": [r.uniform(1, most) for _ in range(pairs)] for way, most in (("short", 2), ("long", 4))}
        p |= {"original_max_position_embeddings": 16} if r.random() < 0.7 else {}
    return p


def rope(r, family, pairs):
    """The settings of positions, in one of the spellings that there are."""
    theta, gemma3, p = r.choice([500.0, 10000, 1e6]), family.startswith("gemma3"), scaling(r, family, pairs)
    top = {"rotary_emb_base" if family == "gpt_neox" else "rope_theta": theta}
    if gemma3 and r.random() < 0.7:
        top["rope_local_base_freq"] = r.choice([100.0, 10000.0])
    new = p | {"rope_theta": theta}
    if gemma3 and r.random() < 0.9:
        new = {"full_attention": new, "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}}
        if r.random() < 0.2:
            del new[r.choice(TYPES)]
    old = p | ({"rope_theta": 777.0} if r.random() < 0.1 else {})
    return r.choice([{}, top, top | {"rope_scaling": None}, top | {"rope_scaling": old, "rope_parameters": new},
                     *2 * [top | {"rope_scaling": old}, {"rope_parameters": new}]])


def configuration(r, family):
    """A config.json; keys that the family has no use for are there too."""
    heads, kv = r.choice([(4, 4), (4, 2), (4, 1), (2, 2), (2, 1), (3, 3), (6, 2)])
    square, layers, gemma = r.choice([2, 4, 6, 8]), r.choice([1, 2, 3, 7]), family.startswith("gemma")
    head = r.choice([4, 10, 16] * 9 + [ABSENT, None] if family in WIDE else [ABSENT] * 6 + [square, 4, 10, 16, None])
    share = r.choice([ABSENT, 0.5, 1.0]) if family in ("phi3", "gpt_neox") or r.random() < 0.03 else ABSENT
    rotary = (head if isinstance(head, int) else WIDE.get(family, square)) * (
        share if share is not ABSENT else 0.25 if family == "gpt_neox" else 1)
    seldom = r.random() < 0.1

    def maybe(*values):
        return r.choice([ABSENT, *values])

    c = {"vocab_size": 96, "hidden_size": heads * square, "intermediate_size": r.choice([8, 20]),
         "num_hidden_layers": layers, "num_attention_heads": heads, "max_position_embeddings": r.choice([128, 64]),
         "num_key_value_heads": r.choice([kv] * 10 + [ABSENT, None]),
         "head_dim": head if family != "gpt_neox" or seldom else ABSENT,
         "tie_word_embeddings": maybe(True, False), "attention_bias": maybe(True, False),
         "mlp_bias": maybe(True, False),
         "sliding_window": maybe(None, 1, 3, 8, 8, 1000), "use_sliding_window": maybe(True, False),
         "max_window_layers": maybe(0, 1, 2), "sliding_window_pattern": maybe(ABSENT, 1, 2, 3),
         "layer_types": r.choice([ABSENT] * 6 + [None, [r.choice(TYPES) for _ in range(layers)], TYPES[:1] * layers]),
         "layer_norm_eps" if family == "gpt_neox" else "rms_norm_eps": maybe(1e-5, 0.01),
         "use_parallel_residual": maybe(True, False),
         "rotary_pct" if family == "gpt_neox" else "partial_rotary_factor": share,
         "original_max_position_embeddings": maybe(16) if family == "phi3" or seldom else ABSENT,
         "hidden_activation" if gemma else "hidden_act": maybe("silu", "gelu", "gelu_pytorch_tanh", "gelu_new"),
         "query_pre_attn_scalar": maybe(8, 24), "final_logit_softcapping": maybe(None, 3.0),
         "attn_logit_softcapping": maybe(None, 2.0, 0.5) if family == "gemma2" or seldom else ABSENT,
         "use_bidirectional_attention": maybe(None, False) if not seldom else maybe(True),
         "embedding_multiplier": maybe(3.0), "attention_multiplier": maybe(0.2), "residual_multiplier": maybe(0.4),
         "logits_scaling": maybe(2.5), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
         **rope(r, family, int(rotary) // 2)}
    c = {k: v for k, v in c.items() if v is not ABSENT}
    if family != "gemma3":
        return {"model_type": family, **c}
    outer = {"model_type": family, "text_config": c, "vision_config": VISION, "mm_tokens_per_image": 4}
    return outer | {k: v for k, v in c.items() if k == "tie_word_embeddings" and r.random() < 0.8}


def on_disk(name):
    """Gemma-3's names with images are others on disk than in memory."""
    return name.replace("model.language_model.", "language_model.model.").replace("lm_head.", "language_model.lm_head.")


def model_of(folder, seed):
    """The folder's model with random weights, which are written beside its config.json."""
    config = AutoConfig.from_pretrained(folder)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    random_state = torch.Generator().manual_seed(seed)
    state = {}
    for name, p in model.named_parameters():        # what is tied is there once
        gain = name.endswith("norm.weight") and not config.model_type.startswith("gemma")
        p.data = torch.randn(p.shape, generator=random_state).mul(0.25 if p.ndim > 1 else 0.1).add(gain).double()
        state[on_disk(name) if config.model_type == "gemma3" else name] = p.data.float().contiguous()
    save_torch(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    return model


@torch.no_grad()
def losses(model, tok):
    said = []
    for a, b in zip(tok["offsets"], tok["offsets"][1:]):
        ids = torch.tensor(tok["tokens"][a:b]).long()[None]
        likely = model(input_ids=ids).logits[0, :-1].double().log_softmax(-1)
        said += (-likely.gather(1, ids[0, 1:, None])[:, 0]).tolist()
    return said


def compare(seal_eval, folder, stream, tok, seed):
    """A verdict, and what there is to say of it."""
    try:
        want = losses(model_of(folder, seed), tok)
    except Exception as e:      # of any kind: transformers checks some settings, and stumbles over others
        return "invalid", repr(e)[:200]
    said = subprocess.run([seal_eval, "nll", "-q", "-j", "1", "--dtype", "f32", "--device", "cpu", "--per-token", "-m",
                           folder, stream], capture_output=True, text=True)
    if said.returncode:
        by_name = said.returncode == 1 and said.stderr.count("\n") == 1
        return "refused" if by_name else "differ", said.stderr.strip()
    got = [x for line in said.stdout.splitlines() for x in json.loads(line)["nlls"] if x is not None]
    off = max(abs(x - y) / max(1, abs(y)) for x, y in zip(got, want, strict=True))
    return "agree" if off < AGREE else "differ", f"{off:.1e}"


def main(seal_eval, count, seed):
    tok, counts = load_file(ROWS), {"agree": 0, "refused": 0, "invalid": 0, "differ": 0}
    tok["train"][:] = 1
    tok["train"][tok["offsets"][:-1]] = 0
    end = json.dumps({"rows": len(tok["hash"]), "input": "0" * 16, "history": []})
    with tempfile.TemporaryDirectory() as top:
        stream, folder = os.path.join(top, "all.tok"), os.path.join(top, "model")
        os.mkdir(folder)
        save_file(tok, stream, metadata={"seal.template": "none", "seal.fingerprint": "0" * 16, "seal.settings": "{}",
                                         "seal.version": "0", "seal.kind": "tokens", "seal.end": end})
        for i in range(count):
            family = FAMILIES[i % len(FAMILIES)]
            config = json.dumps(configuration(random.Random(f"{seed} {i}"), family))
            with open(os.path.join(folder, "config.json"), "w") as f:
                f.write(config)
            verdict, why = compare(seal_eval, folder, stream, tok, i)
            counts[verdict] += 1
            if verdict == "differ" or os.environ.get("VERBOSE"):
                print(verdict, family, why, config)
    print(" ".join(f"{v} {k}" for k, v in counts.items()))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.set_verbosity(50)
    torch.set_num_threads(1)
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
