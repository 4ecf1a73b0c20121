# SPDX-License-Identifier: MIT
# common.sh - what the benches of models share; to be sourced.  Knobs:
#   SEAL_PYTHON   a Python with torch, transformers and peft; without it the peer is left out
#   THREADS       of both sides (all)
#   SEAL_DATA     the folder of data (../shared/data)
#   MODEL         a GGUF file of SmolLM2-135M (fetched)
here=$(cd "$(dirname "$0")" && pwd)
top=$here/../..
out=$top/build/bench
mkdir -p "$out"
THREADS=${THREADS:-$(nproc)}
data=${SEAL_DATA:-$top/../shared/data}
tools=$top/build/t/bench
export HF_HUB_OFFLINE=1 PYTHONDONTWRITEBYTECODE=1

smollm() { [ -n "${MODEL:-}" ] && echo "$MODEL" || sh "$top/pipelines/fetch-model.sh"; }

# rows FILE: rows that are told apart by "id", from redmix where it is there.
redmix() { [ -f "$data/redmix/$1.jsonl" ] && echo "$data/redmix/$1.jsonl" || echo "$top/pipelines/demo/train.jsonl"; }

# decoded GGUF TYPE: the folder of the same weights that PyTorch reads.
decoded() {
	[ -d "$out/smollm-$2" ] || { rm -rf "$out/part" && "$tools/folder" "$1" "$2" "$out/part" && mv "$out/part" "$out/smollm-$2"; }
	echo "$out/smollm-$2"
}

# shape LAYERS: the folder of random weights in Llama-3-8B's shape.
shape() {
	[ -d "$out/llama-$1" ] || { rm -rf "$out/part" && "$tools/folder" "llama3:$1" "$out/part" && mv "$out/part" "$out/llama-$1"; }
	echo "$out/llama-$1"
}

# Beyond three quarters of what is free now, the peer's allocations fail.
room=$(awk '/MemAvailable/ {printf "%.1f", $2 * 0.75e-6}' /proc/meminfo)

# peer WHAT MODEL ROWS ...: one JSON object, or nothing when it failed (it does not fit).
peer() {
	"$SEAL_PYTHON" "$here/peer.py" "$@" --threads "$THREADS" --memory "$room" 2> "$out/peer.err" ||
		echo "peer $*: $(grep -m 1 -iE 'memory|alloc' "$out/peer.err" || tail -n 1 "$out/peer.err")" >&2
}

has_peer() { [ -n "${SEAL_PYTHON:-}" ] || { echo "$1: set SEAL_PYTHON to compare"; return 1; }; }
