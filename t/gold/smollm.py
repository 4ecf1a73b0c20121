# SPDX-License-Identifier: MIT
"""smollm.py - does a Llama in a GGUF file give the numbers that transformers gives?

    SEAL=bin python3 t/gold/smollm.py MODEL.gguf [ROWS.jsonl]       (run by hand; needs PyPI's gguf)

Decodes the weights with the gguf package, undoes the order of q's and k's rows,
and compares the nll of every trained token with seal-eval nll --per-token.
"""
import json
import os
import subprocess
import sys
import tempfile

import gguf
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from tiny import nll

BELOW = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
         "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
         "ffn_down": "mlp.down_proj", "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
ROWS = [("What is the capital of France?", "The capital of France is Paris."),
        ("Add 17 and 25, then halve it.", "17 + 25 = 42, and half of 42 is 21."),
        ("Write a line of C.", "for (int i = 0; i < n; i++)\n\tsum += x[i];"),
        ("Name three colours.", "Red, blue and green. " * 20)]


def unrotated(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(w.shape)


def open_gguf(path):
    r = gguf.GGUFReader(path)
    meta = {k: f.contents() for k, f in r.fields.items() if k.startswith("llama.")}
    heads, kv = meta["llama.attention.head_count"], meta["llama.attention.head_count_kv"]
    state = {}
    for t in r.tensors:
        w = torch.tensor(gguf.dequantize(t.data, t.tensor_type)).float()
        stem = t.name.removesuffix(".weight")
        if stem in OUTER:
            state[OUTER[stem] + ".weight"] = w
            continue
        _, layer, part = stem.split(".")
        w = unrotated(w, heads) if part == "attn_q" else unrotated(w, kv) if part == "attn_k" else w
        state[f"model.layers.{layer}.{BELOW[part]}.weight"] = w
    vocab, dim = state["model.embed_tokens.weight"].shape
    tied = "lm_head.weight" not in state
    if tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=vocab, hidden_size=dim, intermediate_size=meta["llama.feed_forward_length"],
        num_hidden_layers=meta["llama.block_count"], num_attention_heads=heads, num_key_value_heads=kv,
        rms_norm_eps=meta["llama.attention.layer_norm_rms_epsilon"], tie_word_embeddings=tied,
        rope_parameters={"rope_type": "default", "rope_theta": meta["llama.rope.freq_base"]}))
    model.load_state_dict(state)
    return model.eval()


def main():
    model_path, seal = sys.argv[1], os.environ.get("SEAL", "bin")
    with tempfile.TemporaryDirectory() as tmp:
        rows = os.path.join(tmp, "rows.jsonl") if len(sys.argv) < 3 else sys.argv[2]
        if len(sys.argv) < 3:
            with open(rows, "w") as f:
                for prompt, answer in ROWS:
                    f.write(json.dumps({"prompt": prompt, "completion": answer}) + "\n")

        def run(*command, out=None):
            return subprocess.run([os.path.join(seal, command[0]), *command[1:]], check=True,
                                  stdout=out or subprocess.PIPE).stdout

        lines = run("seal-tokenize", "-q", "-m", model_path, "--json", rows).decode().splitlines()
        run("seal-tokenize", "-q", "-m", model_path, "-o", os.path.join(tmp, "tok"), rows)
        results = {}
        for dtype in ("f32", "bf16"):
            got = run("seal-eval", "nll", "-q", "--per-token", "--dtype", dtype, "-m", model_path,
                      os.path.join(tmp, "tok")).decode().splitlines()
            results[dtype] = [json.loads(x) for x in got]
    model = open_gguf(model_path)
    worst, mean = {"f32": 0, "bf16": 0}, {"f32": 0, "bf16": 0}
    count = 0
    for i, line in enumerate(lines):
        row = json.loads(line)
        with torch.no_grad():
            want = nll(model, row["tokens"])[torch.tensor(row["train"][1:]).bool()]
        count += len(want)
        for dtype in worst:
            got = torch.tensor([x for x in results[dtype][i]["nlls"] if x is not None])
            assert len(got) == len(want), (len(got), len(want))
            worst[dtype] = max(worst[dtype], (got - want).abs().max().item())
            mean[dtype] += (got - want).sum().item()
    print(f"{len(lines)} rows, {count} trained tokens:", ", ".join(
        f"{d}: largest difference of an nll {worst[d]:.1e}, mean {mean[d] / count:+.1e}" for d in worst))
    sys.exit(worst["f32"] > 1e-3)


main()
