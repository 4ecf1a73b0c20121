#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh - make bench: the parts, all or those that BENCH names.  SEAL_PYTHON names a Python with
# torch, transformers and peft; without it the peer is left out.  Each part's script tells its knobs.
# DEVICE=cuda: training on a GPU instead (gpu.sh).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case ${DEVICE:-cpu} in cpu) ;; *) exec sh "$here/gpu.sh" ;; esac

want() { case " ${BENCH:-ops tokenize dsir select train selector answer ranks layers} " in *" $1 "*) ;; *) return 1 ;; esac; }
if want ops; then echo "== operations"; "$here/../../build/t/bench/ops" "${THREADS:-$(nproc)}"; fi
if want tokenize; then sh "$here/tokenize.sh"; fi
if want dsir; then sh "$here/dsir.sh"; fi
if want select; then sh "$here/select.sh"; fi
if want train; then sh "$here/train.sh"; fi                      # SmolLM2 against PyTorch
if want selector; then sh "$here/selector.sh"; fi                # steps of SEAL; share and rate of products
if want answer; then sh "$here/answer.sh"; fi                    # generate and nll
if want ranks; then sh "$here/ranks.sh"; fi                      # one process against one a processor
if want layers; then LAYERS=${LAYERS:-4} BATCH=${BATCH:-4} WAYS=${WAYS:-eager-sorted} sh "$here/train.sh"; fi   # Llama-3-8B's shape
if want large; then sh "$here/large.sh"; fi                      # all its 32 layers: 16 GB of disk, not by default
