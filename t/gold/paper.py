# SPDX-License-Identifier: MIT
"""paper.py - small random models of the families of the paper's fully tuned models (Pythia, Phi-3), with a tokenizer
of bytes, for t/paper.t.  The others are judge-llama2, judge-llama3 and judge-mistral of judge.py.

    HF_HUB_OFFLINE=1 python3 t/gold/paper.py
"""
import os
import shutil

import torch
from transformers import AutoModelForCausalLM, GPTNeoXConfig, Phi3Config

HERE = os.path.dirname(os.path.abspath(__file__))
SIZE = dict(vocab_size=263, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=512, bos_token_id=0, eos_token_id=0, pad_token_id=0)

for name, config in [("paper-neox", GPTNeoXConfig(**SIZE)), ("paper-phi3", Phi3Config(num_key_value_heads=1, **SIZE))]:
    torch.manual_seed(1)
    folder = os.path.join(HERE, name)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    os.remove(os.path.join(folder, "generation_config.json"))
    for part in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(HERE, "tok-tiny", part), folder)
