# SPDX-License-Identifier: MIT
"""Writes gguf_quants.safetensors: random blocks of every tensor type that seal
decodes, and their values as the PyPI package `gguf` (numpy) decodes them; besides,
of all types that it knows, their numbers, the values and bytes of a block, and names.

    pip install gguf safetensors numpy && python3 gguf_quants.py
"""
import os
import numpy as np
from gguf import GGMLQuantizationType as T, GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.numpy import save_file

# where a block's halves (scales) lie; the other bytes may be anything
HALVES = {T.Q4_0: [0], T.Q4_1: [0, 2], T.Q5_0: [0], T.Q5_1: [0, 2], T.Q8_0: [0],
          T.Q4_K: [0, 2], T.Q5_K: [0, 2], T.Q6_K: [208]}
# added later, and drawn apart so that the others' values stayed
LATER = {T.Q2_K: [80, 82], T.Q3_K: [108], T.IQ4_NL: [0], T.IQ4_XS: [0], T.MXFP4: []}
SPECIAL = [0, -0.0, 1, -1, 65504, 6e-5, 6e-8, -5.5e-7, 1 / 3, np.inf, -np.inf]

out = {}


def add(rng, t, halves):
    values, size = GGML_QUANT_SIZES[t]
    blocks = rng.integers(0, 256, (512 // values if values == 256 else 4, size), dtype=np.uint8)
    for at in halves:
        scale = rng.normal(0, 0.1, len(blocks)).astype(np.float16)
        blocks[:, at:at + 2] = scale.view(np.uint8).reshape(-1, 2)
    out[t.name + ".blocks"] = blocks
    if t == T.MXFP4:
        blocks[:, 0] = [0, 1, 127, 250]  # the exponent of its scale
    out[t.name + ".values"] = dequantize(blocks, t).astype(np.float32).reshape(-1)


rng = np.random.default_rng(1)
for t, halves in HALVES.items():
    add(rng, t, halves)
later = np.random.default_rng(2)
for t, halves in LATER.items():
    add(later, t, halves)
halves = np.concatenate([np.array(SPECIAL, np.float16), rng.normal(0, 1, 21).astype(np.float16)])
out["F16.blocks"] = halves.view(np.uint8)
out["F16.values"] = halves.astype(np.float32)
floats = np.concatenate([np.array(SPECIAL, np.float32), rng.normal(0, 1, 21).astype(np.float32)])
out["F32.blocks"] = floats.view(np.uint8)
out["F32.values"] = floats
upper = (floats.view(np.uint32) >> 16).astype(np.uint16)
out["BF16.blocks"] = upper.view(np.uint8)
out["BF16.values"] = dequantize(upper.view(np.uint8), T.BF16).astype(np.float32).reshape(-1)
out["types"] = np.array([[t, *GGML_QUANT_SIZES[t]] for t in T], np.int32)
save_file(out, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gguf_quants.safetensors"),
          {"types": " ".join(t.name for t in T)})
