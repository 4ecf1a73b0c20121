# SPDX-License-Identifier: MIT
"""Writes t/gold/model: a small random Llama over tok-tiny's vocabulary, for tests of whole programs."""
import json, os
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(7)
dim, layers, q, kv, ffn, vocab = 32, 2, 4, 2, 48, 263
def w(*shape): return (rng.standard_normal(shape) * 0.25).astype(np.float16)
t = {"model.embed_tokens.weight": w(vocab, dim), "model.norm.weight": np.ones(dim, np.float16)}
for i in range(layers):
    p = f"model.layers.{i}."
    t |= {p + "input_layernorm.weight": np.ones(dim, np.float16), p + "post_attention_layernorm.weight": np.ones(dim, np.float16),
          p + "self_attn.q_proj.weight": w(dim, dim), p + "self_attn.k_proj.weight": w(dim * kv // q, dim),
          p + "self_attn.v_proj.weight": w(dim * kv // q, dim), p + "self_attn.o_proj.weight": w(dim, dim),
          p + "mlp.gate_proj.weight": w(ffn, dim), p + "mlp.up_proj.weight": w(ffn, dim), p + "mlp.down_proj.weight": w(dim, ffn)}
os.makedirs("t/gold/model", exist_ok=True)
save_file(t, "t/gold/model/model.safetensors", metadata={"format": "pt"})
json.dump({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": dim, "intermediate_size": ffn,
           "num_hidden_layers": layers, "num_attention_heads": q, "num_key_value_heads": kv, "vocab_size": vocab,
           "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu",
           "tie_word_embeddings": True}, open("t/gold/model/config.json", "w"), indent=1)
for name in ("tokenizer.json", "tokenizer_config.json"):
    if not os.path.lexists("t/gold/model/" + name):
        os.symlink("../tok-tiny/" + name, "t/gold/model/" + name)
