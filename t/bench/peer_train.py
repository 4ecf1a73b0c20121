"""The peer of seal-lora-train: PyTorch + transformers + PEFT on the same rows.

  peer_train.py model DIR                  makes a random model of SmolLM2-135M's shape
  peer_train.py train DIR ROWS BATCH STEPS DTYPE THREADS [DEVICE]
      ROWS: seal-tokenize --json.  Batches of rows sorted by length (the peer's best), padded;
      sdpa attention; LoRA rank 16 on q_proj and v_proj, Adam; CHECKPOINTING=1 recomputes
      activations.  Prints JSON.
"""
import json, os, resource, sys, time
import torch, transformers
from peft import LoraConfig, get_peft_model

def model(folder):
    torch.manual_seed(0)
    c = transformers.LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536,
        num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
        max_position_embeddings=8192, rope_theta=100000.0)
    transformers.LlamaForCausalLM(c).to(torch.bfloat16).save_pretrained(folder)

def batches(rows, size):
    rows = sorted(rows, key=lambda r: len(r["tokens"]))
    for i in range(0, len(rows), size):
        part = rows[i:i + size]
        n = max(len(r["tokens"]) for r in part)
        ids = torch.zeros(len(part), n, dtype=torch.long)
        mask = torch.zeros(len(part), n, dtype=torch.long)
        labels = torch.full((len(part), n), -100)
        for k, r in enumerate(part):
            t = torch.tensor(r["tokens"])
            ids[k, :len(t)] = t
            mask[k, :len(t)] = 1
            labels[k, :len(t)] = torch.where(torch.tensor(r["train"]) > 0, t, -100)
        yield ids, mask, labels, int(mask.sum())

def now(device):
    if device != "cpu":
        torch.cuda.synchronize()
    return time.monotonic()

def train(folder, rows, size, steps, dtype, threads, device):
    torch.set_num_threads(threads)
    m = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")
    m = get_peft_model(m, LoraConfig(r=16, lora_alpha=16, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    m.to(device)
    if os.environ.get("CHECKPOINTING"):
        m.gradient_checkpointing_enable()
        m.enable_input_require_grads()
    opt = torch.optim.AdamW([p for p in m.parameters() if p.requires_grad], lr=2e-4, betas=(0.9, 0.95), weight_decay=0)
    done = [(now(device), 0)]
    tokens = 0
    order = list(batches(rows, size))
    for ids, mask, labels, n in order[:steps]:
        m(input_ids=ids.to(device), attention_mask=mask.to(device), labels=labels.to(device)).loss.backward()
        torch.nn.utils.clip_grad_norm_(m.parameters(), 1.0)
        opt.step()
        opt.zero_grad()
        tokens += n
        done.append((now(device), tokens))
    first, last = done[1], done[-1]
    print(json.dumps({"step_seconds": (last[0] - first[0]) / (len(done) - 2),
                      "tokens_per_second": (last[1] - first[1]) / (last[0] - first[0]),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))

if sys.argv[1] == "model":
    model(sys.argv[2])
else:
    rows = [json.loads(line) for line in open(sys.argv[3])]
    train(sys.argv[2], rows, int(sys.argv[4]), int(sys.argv[5]),
          {"bf16": torch.bfloat16, "f32": torch.float32}[sys.argv[6]], int(sys.argv[7]),
          sys.argv[8] if len(sys.argv) > 8 else "cpu")
