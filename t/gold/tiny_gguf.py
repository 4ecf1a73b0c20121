# SPDX-License-Identifier: MIT
"""tiny_gguf.py - tiny models as GGUF files, as llama.cpp's converter lays them out:
llama's q and k with the two halves of each head's rotary pairs interleaved, qwen2's
as they are, gptneox's fused matrix as all q, all k, all v, phi3's fused as they are;
llama3's and longrope's factors as tensors.  (The converter leaves Mistral's window
out; here it is said as for other architectures.)  Granite's q and k are as llama's,
biases too; 1 is added to Gemma's gains, and what of Gemma has no key is the architecture's:
the scale of scores by the width of a head, of embeddings by the square root of the model's
width, which layers have a window, and base 10000 of the layers that have one.

    python3 t/gold/tiny_gguf.py         (after models.py and families.py; needs PyPI's gguf)
"""
import json
import math
import os

import gguf
import numpy as np
from safetensors.numpy import load_file

from tiny import path

LLAMA = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
NEOX = {"attention.query_key_value": "attn_qkv", "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up",
        "mlp.dense_4h_to_h": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
PHI3 = {"self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up"}
# Norms that stand behind attention and mlp, or before both and behind both.
OLMO2 = {"post_attention_layernorm": "post_attention_norm", "post_feedforward_layernorm": "post_ffw_norm"}
GEMMA = {"input_layernorm": "attn_norm", "pre_feedforward_layernorm": "ffn_norm", **OLMO2}
OTHER = {"olmo2": OLMO2, "gemma2": GEMMA, "gemma3": GEMMA}
HEADS = {"self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm"}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
         "gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output"}


def rotated(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(w.shape)


def separate(w, heads):
    return w.reshape(heads, 3, w.shape[0] // heads // 3, -1).swapaxes(0, 1).reshape(w.shape)


def llama3_factors(rope, theta, dim):
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    for j in range(0, dim, 2):
        waves = rope["original_max_position_embeddings"] * theta ** (-j / dim) / (2 * math.pi)
        smooth = (waves - low) / (high - low)
        yield 1.0 if waves > high else rope["factor"] if waves < low else 1 / ((1 - smooth) / rope["factor"] + smooth)


def tensors(name, config, arch):
    heads = config["num_attention_heads"]
    rope = config.get("rope_scaling") or {}
    if rope.get("rope_type") == "llama3":
        factors = llama3_factors(rope, config["rope_theta"], config["hidden_size"] // heads)
        yield "rope_freqs.weight", np.array(list(factors), np.float32)
    if rope.get("type") == "longrope":
        yield "rope_factors_long.weight", np.array(rope["long_factor"], np.float32)
        yield "rope_factors_short.weight", np.array(rope["short_factor"], np.float32)
    for key, w in sorted(load_file(os.path.join(path(name), "model.safetensors")).items()):
        stem, kind = key.rsplit(".", 1)
        if arch in ("gemma2", "gemma3") and stem.endswith("norm"):
            w = w.astype(np.float32) + 1
        if stem in OUTER:
            yield f"{OUTER[stem]}.{kind}", w
            continue
        layer, module = stem.split("layers.")[1].split(".", 1)
        if arch in ("llama", "granite") and module == "self_attn.q_proj":
            w = rotated(w, heads)
        if arch in ("llama", "granite") and module == "self_attn.k_proj":
            w = rotated(w, config["num_key_value_heads"])
        if module == "attention.query_key_value":
            w = separate(w, heads)
        yield f"blk.{layer}.{(LLAMA | NEOX | PHI3 | HEADS | OTHER.get(arch, {}))[module]}.{kind}", w


def add_scales(out, config, arch):
    if config.get("attn_logit_softcapping"):
        out.add_attn_logit_softcapping(config["attn_logit_softcapping"])
    if config.get("final_logit_softcapping"):
        out.add_final_logit_softcapping(config["final_logit_softcapping"])
    if arch == "granite":
        out.add_attention_scale(config["attention_multiplier"])
        out.add_embedding_scale(config["embedding_multiplier"])
        out.add_residual_scale(config["residual_multiplier"])
        out.add_logit_scale(config["logits_scaling"])


def write(name, arch, parts_of=0):
    """parts_of: not 0, so many tensors a file, as parts-NAME-0000?-of-0000?.gguf."""
    with open(os.path.join(path(name), "config.json")) as f:
        config = json.load(f)
    out = gguf.GGUFWriter(path(("parts-" if parts_of else "") + name + ".gguf"), arch, split_max_tensors=parts_of)
    head = config["hidden_size"] // config["num_attention_heads"]
    out.add_vocab_size(config["vocab_size"])
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    if arch != "gptneox":
        rope = config.get("rope_scaling") or {}
        out.add_head_count_kv(config["num_key_value_heads"])
        out.add_layer_norm_rms_eps(config["rms_norm_eps"])
        out.add_rope_freq_base((config.get("rope_parameters") or config)["rope_theta"])
        if "head_dim" in config:
            out.add_key_length(config["head_dim"])
            out.add_value_length(config["head_dim"])
        elif arch not in ("qwen2", "olmo2"):
            out.add_rope_dimension_count(head)
        if config.get("sliding_window"):
            out.add_sliding_window(config["sliding_window"])
        if rope.get("type", rope.get("rope_type")) == "linear":
            out.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            out.add_rope_scaling_factor(rope["factor"])
        if arch == "phi3":
            original = config["original_max_position_embeddings"]
            out.add_rope_scaling_orig_ctx_len(original)
            scale = config["max_position_embeddings"] / original
            out.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(scale) / math.log(original)))
        add_scales(out, config, arch)
    else:
        out.add_layer_norm_eps(config["layer_norm_eps"])
        out.add_rope_dimension_count(int(head * config["rotary_pct"]))
        out.add_parallel_residual(config["use_parallel_residual"])
    for key, w in tensors(name, config, arch):
        out.add_tensor(key, w if w.ndim > 1 else w.astype(np.float32))
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


write("tiny-llama", "llama")
write("tiny-neox", "gptneox")
write("tiny-llama3", "llama")
write("tiny-mistral", "llama")
write("tiny-qwen2", "qwen2")
write("tiny-phi3", "phi3")
write("tiny-qwen3", "qwen3")
write("tiny-olmo2", "olmo2")
write("tiny-gemma2", "gemma2")
write("tiny-gemma3", "gemma3")
write("tiny-granite", "granite")
write("tiny-llama3", "llama", parts_of=5)
