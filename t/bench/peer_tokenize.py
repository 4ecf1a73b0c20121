# SPDX-License-Identifier: MIT
"""The peer of seal-tokenize's encoder: Hugging Face's tokenizers.

  peer_tokenize.py TOKENIZER TEXTS THREADS     prints megabytes a second and the number of tokens, as tokenize.c does
"""
import json, os, sys, time

path, texts, threads = sys.argv[1:]
os.environ["RAYON_NUM_THREADS"] = threads
os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == "1" else "true"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../gold"))
from with_tokenizers import load

now = time.process_time if threads == "1" else time.perf_counter
t, texts = load(path), json.load(open(texts))
t.encode_special_tokens = True
least = float("inf")
for _ in range(3):
    begun = now()
    out = t.encode_batch_fast(texts, add_special_tokens=False)
    least = min(least, now() - begun)
    tokens = sum(len(e.ids) for e in out)
print("%.2f %d" % (sum(len(s.encode()) for s in texts) / least / 1e6, tokens))
