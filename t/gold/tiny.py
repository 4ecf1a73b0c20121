# SPDX-License-Identifier: MIT
"""tiny.py - the tiny models' folders as float64 PyTorch models, and l(theta; z).

transformers computes norms, rotary angles, Gemma's embedding scale and the softmax
of eager attention in float32 even in a float64 model; exact() replaces them by the
same formulas without the casts.
"""
import json
import math
import os

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.gemma2 import modeling_gemma2

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def rms_norm(self, x):
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def gemma_norm(self, x):
    return (1 + self.weight) * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)


def capped_attention(module, query, key, value, attention_mask, scaling=None, softcap=None, **rest):
    """Gemma-2's attention, whose scores are capped before the mask."""
    if query.dtype != torch.float64:
        return eager(module, query, key, value, attention_mask, scaling=scaling, softcap=softcap, **rest)
    key, value = (x.repeat_interleave(module.num_key_value_groups, dim=1) for x in (key, value))
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = torch.softmax(scores, dim=-1)
    return (weights @ value).transpose(1, 2).contiguous(), weights


eager = modeling_gemma2.eager_attention_forward
modeling_gemma2.eager_attention_forward = capped_attention


def llama3(frequency, p):
    """Less than low waves within the original context: divided; more than high: as they are."""
    low, high = p["low_freq_factor"], p["high_freq_factor"]
    waves = p["original_max_position_embeddings"] * frequency / (2 * math.pi)
    smooth = ((waves - low) / (high - low)).clamp(0, 1)
    return frequency * (smooth + (1 - smooth) / p["factor"])


def rotary(self, x, position_ids, layer_type=None):
    """layer_type: in Gemma-3, whose kinds of layers rotate at different rates."""
    p = self.config.rope_parameters[layer_type] if layer_type else self.config.rope_parameters
    scaling = getattr(self, f"{layer_type}_attention_scaling" if layer_type else "attention_scaling")
    dim = getattr(self.config, "head_dim", None) or self.config.hidden_size // self.config.num_attention_heads
    dim = int(dim * p.get("partial_rotary_factor", 1.0))
    frequency = p["rope_theta"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    kind = p["rope_type"]
    if kind == "linear":
        frequency /= p["factor"]
    elif kind == "llama3":
        frequency = llama3(frequency, p)
    elif kind == "longrope":
        beyond = position_ids.max() + 1 > p["original_max_position_embeddings"]
        frequency /= torch.tensor(p["long_factor" if beyond else "short_factor"], dtype=torch.float64)
    else:
        assert kind == "default"
    angle = position_ids[..., None].double() * frequency
    angle = torch.cat((angle, angle), dim=-1)
    return angle.cos().to(x.dtype) * scaling, angle.sin().to(x.dtype) * scaling


def exact(model):
    """The model in float64, in every operation."""
    model = model.double().eval()
    for module in model.modules():
        name = type(module).__name__
        if name.endswith("RMSNorm"):
            module.forward = (gemma_norm if name.startswith("Gemma") else rms_norm).__get__(module)
        if name.endswith("ScaledWordEmbedding"):
            module.embed_scale = torch.tensor(module.scalar_embed_scale, dtype=torch.float64)
        if name.endswith("RotaryEmbedding"):
            module.forward = rotary.__get__(module)
    return model


def open_model(name, dtype=torch.float32):
    # PyTorch's own attention cannot cap scores
    attention = "eager" if AutoConfig.from_pretrained(path(name)).model_type == "gemma2" else "sdpa"
    model = AutoModelForCausalLM.from_pretrained(path(name), dtype=torch.float32, attn_implementation=attention)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    for p in model.parameters():
        p.requires_grad_(False)
    return exact(model) if dtype == torch.float64 else model.eval()


def read_rows():
    with open(path("rows.json")) as f:
        return json.load(f)


def nll(model, tokens):
    """-log p of every token but the first."""
    x = torch.tensor([tokens])
    logp = torch.log_softmax(model(input_ids=x, use_cache=False).logits[0, :-1], dim=-1)
    return -logp.gather(1, x[0, 1:, None])[:, 0]


def loss(model, row):
    """l(theta; z): the mean over the trained tokens."""
    train = torch.tensor(row["train"][1:], dtype=torch.bool)
    return nll(model, row["tokens"])[train].mean()
