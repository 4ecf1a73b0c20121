# SPDX-License-Identifier: MIT
"""families.py - the tiny models of Qwen3, OLMo-2, Gemma-2, Gemma-3 and Granite, as models.py makes the others.

    HF_HUB_OFFLINE=1 python3 t/gold/families.py [NAME ...]      (after models.py)

Two models a family.  tiny-NAME has a config.json as transformers 4 wrote them, and can be
said in GGUF (tiny_gguf.py).  tiny-NAME-... is the same family in an odd configuration.
Each of a family's numbers is one that does not go unnoticed: norms' epsilons of 0.01, gains
that are not all alike, windows shorter than most rows, caps that bend most scores, widths of
heads other than width / heads.  tiny-gemma3-image is tiny-gemma3-layers as the text part of
a model that also sees images, and says what that one says.  families-steps.json and
families-full.json are for these models what steps.py and full.py write for the others.
"""
import json
import os
import shutil
import sys

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GraniteConfig, Olmo2Config,
                          Qwen3Config)
from transformers.utils import logging

import full
import steps
from models import LLAMA_ALL, VOCAB, make_gold, one_file, save, save_adapter
from tiny import nll, open_model, path, read_rows

SIZES = {"vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2,
         "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128, "rms_norm_eps": 0.01,
         "bos_token_id": 1, "eos_token_id": 2, "torch_dtype": "float16"}

QWEN3 = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", **SIZES, "head_dim": 16, "hidden_act": "silu",
    "attention_bias": False, "rope_theta": 1000000.0, "rope_scaling": None, "use_sliding_window": False,
    "sliding_window": None, "max_window_layers": 2, "tie_word_embeddings": False,
}
# The second of two layers has a window; head_dim, the epsilon and the rotary base are not said.
QWEN3_WINDOW = {
    "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": VOCAB, "hidden_size": 16,
    "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 1, "num_key_value_heads": 1,
    "max_position_embeddings": 128, "attention_bias": True, "use_sliding_window": True, "sliding_window": 8,
    "max_window_layers": 1, "tie_word_embeddings": True,
}

OLMO2 = {
    "architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", **SIZES, "hidden_act": "silu",
    "attention_bias": False, "rope_theta": 500000.0, "rope_scaling": None, "tie_word_embeddings": False,
}
OLMO2_BIASED = {
    **OLMO2, "num_hidden_layers": 1, "head_dim": 16, "attention_bias": True, "tie_word_embeddings": True,
    "rope_scaling": {"type": "linear", "factor": 2.0},
}

GEMMA2 = {
    "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", **SIZES, "num_hidden_layers": 3,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh", "attention_bias": False, "rope_theta": 10000.0,
    "query_pre_attn_scalar": 8, "sliding_window": 8, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0,
    "cache_implementation": "hybrid",
}
# The other layers have the window; no cap of the logits; scores are scaled by none of the widths.
GEMMA2_LAYERS = {
    **GEMMA2, "num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 12, "intermediate_size": 32,
    "attention_bias": True, "query_pre_attn_scalar": 24, "attn_logit_softcapping": 1.5,
    "final_logit_softcapping": None, "layer_types": ["full_attention", "sliding_attention"],
    "tie_word_embeddings": False,
}

GEMMA3 = {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", **SIZES, "intermediate_size": 32,
    "num_hidden_layers": 6, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    "hidden_activation": "gelu_pytorch_tanh", "attention_bias": False, "query_pre_attn_scalar": 8,
    "sliding_window": 8, "sliding_window_pattern": 6, "rope_theta": 5000.0, "rope_local_base_freq": 10000.0,
    "rope_scaling": {"rope_type": "linear", "factor": 2.5}, "attn_logit_softcapping": None,
    "final_logit_softcapping": 3.0, "cache_implementation": "hybrid",
}
GEMMA3_LAYERS = {
    **GEMMA3, "num_hidden_layers": 2, "num_key_value_heads": 2, "head_dim": 12, "attention_bias": True,
    "query_pre_attn_scalar": 24, "final_logit_softcapping": None,
    "layer_types": ["full_attention", "sliding_attention"], "tie_word_embeddings": False,
    "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 20000.0},
                        "sliding_attention": {"rope_type": "default", "rope_theta": 50.0}},
}
for older in "rope_theta", "rope_local_base_freq", "rope_scaling", "sliding_window_pattern", "cache_implementation":
    del GEMMA3_LAYERS[older]

GRANITE = {
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", **SIZES, "hidden_act": "silu",
    "attention_bias": True, "mlp_bias": True, "rope_theta": 10000.0, "rope_scaling": None,
    "embedding_multiplier": 3.0, "attention_multiplier": 0.2, "residual_multiplier": 0.4, "logits_scaling": 2.5,
    "tie_word_embeddings": True,
}
# What is not said is 1, the scale of the scores too.
GRANITE_PLAIN = {
    "architectures": ["GraniteForCausalLM"], "model_type": "granite", **SIZES, "num_hidden_layers": 1,
    "head_dim": 6, "rope_theta": 1000.0, "residual_multiplier": 0.5,
}


# Configuration, its class, whether config.json is as transformers 5 writes it, the adapter's modules, seed
MODELS = {
    "tiny-qwen3": (QWEN3, Qwen3Config, False, ["q_proj", "k_proj", "v_proj", "down_proj"], 30),
    "tiny-qwen3-window": (QWEN3_WINDOW, Qwen3Config, False, ["q_proj", "v_proj"], 31),
    "tiny-olmo2": (OLMO2, Olmo2Config, False, ["q_proj", "k_proj", "o_proj", "down_proj"], 32),
    "tiny-olmo2-biased": (OLMO2_BIASED, Olmo2Config, True, ["k_proj", "up_proj"], 33),
    "tiny-gemma2": (GEMMA2, Gemma2Config, False, ["q_proj", "k_proj", "o_proj", "gate_proj"], 34),
    "tiny-gemma2-layers": (GEMMA2_LAYERS, Gemma2Config, True, ["q_proj", "down_proj"], 40),
    "tiny-gemma3": (GEMMA3, Gemma3TextConfig, False, ["q_proj", "k_proj", "down_proj"], 36),
    "tiny-gemma3-layers": (GEMMA3_LAYERS, Gemma3TextConfig, True, ["k_proj", "v_proj"], 37),
    "tiny-granite": (GRANITE, GraniteConfig, False, LLAMA_ALL, 38),
    "tiny-granite-plain": (GRANITE_PLAIN, GraniteConfig, False, ["q_proj", "gate_proj"], 39),
}
NAMES = list(MODELS)


def save_image():
    """tiny-gemma3-layers within the configuration of a model with images, by that one's names of tensors."""
    folder, plain = path("tiny-gemma3-image"), path("tiny-gemma3-layers")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(plain, "config.json")) as f:
        text = json.load(f)
    tied = text.pop("tie_word_embeddings")
    del text["architectures"]
    vision = {"model_type": "siglip_vision_model", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
              "num_attention_heads": 1, "image_size": 16, "patch_size": 4}
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({"architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
                   "mm_tokens_per_image": 4, "text_config": text, "vision_config": vision,
                   "tie_word_embeddings": tied}, f, indent=1)
        f.write("\n")
    state = {"language_model." + k: v for k, v in load_file(os.path.join(plain, "model.safetensors")).items()}
    state["multi_modal_projector.mm_soft_emb_norm.weight"] = torch.zeros(8, dtype=torch.float16)
    save_file(state, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    logging.set_verbosity_error()       # the other tensors of images are missing, and not used
    image = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    row = read_rows()[2]["tokens"]
    with torch.no_grad():
        assert torch.allclose(nll(image, row), nll(open_model("tiny-gemma3-layers"), row), atol=1e-5)


def main():
    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    names = sys.argv[1:] or NAMES
    for name in names:
        config, cls, newer, targets, seed = MODELS[name]
        one_file(*save(name, config, cls, seed, newer), torch.float16)
        save_adapter(name, name + "-lora", targets, seed + 20)
    if "tiny-gemma3-layers" in names:
        save_image()
    for name in names:
        make_gold(name, read_rows())
    if names == NAMES:
        steps.write(NAMES, "families-steps.json")
        full.write(NAMES, "families-full.json")


if __name__ == "__main__":
    main()
