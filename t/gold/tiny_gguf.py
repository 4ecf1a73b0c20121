"""tiny_gguf.py - tiny-llama and tiny-neox as GGUF files, as llama.cpp's converter
lays them out: llama's q and k with the two halves of each head's rotary pairs
interleaved, gptneox's fused matrix as all q, all k, all v.

    python3 t/gold/tiny_gguf.py         (after models.py; needs PyPI's gguf)
"""
import json
import os

import gguf
from safetensors.numpy import load_file

from tiny import path

LLAMA = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
         "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
NEOX = {"attention.query_key_value": "attn_qkv", "attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up",
        "mlp.dense_4h_to_h": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}
OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
         "gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm", "embed_out": "output"}


def rotated(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(w.shape)


def separate(w, heads):
    return w.reshape(heads, 3, w.shape[0] // heads // 3, -1).swapaxes(0, 1).reshape(w.shape)


def tensors(name, config):
    heads = config["num_attention_heads"]
    for key, w in sorted(load_file(os.path.join(path(name), "model.safetensors")).items()):
        stem, kind = key.rsplit(".", 1)
        if stem in OUTER:
            yield f"{OUTER[stem]}.{kind}", w
            continue
        layer, module = stem.split("layers.")[1].split(".", 1)
        if module == "self_attn.q_proj":
            w = rotated(w, heads)
        if module == "self_attn.k_proj":
            w = rotated(w, config["num_key_value_heads"])
        if module == "attention.query_key_value":
            w = separate(w, heads)
        yield f"blk.{layer}.{(LLAMA | NEOX)[module]}.{kind}", w


def write(name, arch):
    with open(os.path.join(path(name), "config.json")) as f:
        config = json.load(f)
    out = gguf.GGUFWriter(path(name + ".gguf"), arch)
    head = config["hidden_size"] // config["num_attention_heads"]
    out.add_vocab_size(config["vocab_size"])
    out.add_context_length(config["max_position_embeddings"])
    out.add_embedding_length(config["hidden_size"])
    out.add_block_count(config["num_hidden_layers"])
    out.add_feed_forward_length(config["intermediate_size"])
    out.add_head_count(config["num_attention_heads"])
    if arch == "llama":
        out.add_head_count_kv(config["num_key_value_heads"])
        out.add_layer_norm_rms_eps(config["rms_norm_eps"])
        out.add_rope_freq_base(config["rope_theta"])
        out.add_rope_dimension_count(head)
    else:
        out.add_layer_norm_eps(config["layer_norm_eps"])
        out.add_rope_dimension_count(int(head * config["rotary_pct"]))
        out.add_parallel_residual(config["use_parallel_residual"])
    for key, w in tensors(name, config):
        out.add_tensor(key, w)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


write("tiny-llama", "llama")
write("tiny-neox", "gptneox")
