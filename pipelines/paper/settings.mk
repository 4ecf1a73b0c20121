# SPDX-License-Identifier: MIT
# settings.mk - what the paper prescribes for each of its models, and the small setting; see Makefile.

# Of tuning: rate, rows a step, epochs.  Of Algorithms 1 and 2: omega's rate, gamma's growth an epoch, epochs.
set.llama2    := 1e-5 64 2  4e-3 0.02 3
set.llama3    := 1e-5 64 2  5e-3 0.03 3
set.merlinite := 1e-5 64 3  4e-3 0.02 2
set.pythia    := 1e-5 64 3  4e-3 0.02 2
set.phi3      := 1e-5 64 2  4e-3 0.02 3
set.small     := 5e-4 4 1   0.1  0.03 1
# What is trained, and how theta is while rows are chosen.
lora := --rank 16 --lora-alpha 16
theta.llama2 := $(lora) --targets q_proj,v_proj
theta.llama3 := $(lora) --targets q_proj,v_proj
theta.merlinite := $(lora) --targets q_proj,v_proj
theta.pythia := --full
theta.phi3 := --full
theta.small := $(lora)

PAPER ?= $(if $(SMALL),small,llama3)
ifeq ($(set.$(PAPER)),)
$(error PAPER=$(PAPER): llama2, llama3, merlinite, pythia, phi3 or small)
endif
# Whether all weights are trained, and the file that tells that an arm is made.
full := $(filter --full,$(theta.$(PAPER)))
made := $(if $(full),config.json,adapter_config.json)
setting = $(word $1,$(set.$(PAPER)))
OUT ?= build/paper-$(PAPER)
SEEDS ?= 1 2 3
KEEP ?= 80%
MAX_TOKENS ?= 2048
SAFE_SHARE ?= 0.03

# The small setting: SmolLM2-135M-Instruct on redmix2, rows cut at 128 tokens.  The model refuses too little to
# lose anything, so it is aligned first.  Every program has one thread, so that results are the same whatever the number of
# processors; `make -j` is how more of them are used, and with a model so small it is the better way.
ifneq ($(SMALL),)
export OMP_NUM_THREADS ?= 1
DATA ?= $(here)../../../shared/data
ifeq ($(MODEL),)
export MODEL := $(shell sh $(here)../fetch-model.sh)
endif
TRAIN ?= $(DATA)/redmix2/paper-4k.jsonl
SAFE ?= $(DATA)/redmix2/safe-2k.jsonl
BAD ?= $(DATA)/redmix2/danger-100.jsonl
PAIRS ?= $(DATA)/redmix2/test-safe.jsonl $(DATA)/redmix2/test-unsafe.jsonl
UTILITY ?= $(DATA)/redmix2/test-utility.jsonl
PROMPTS ?= $(DATA)/redmix2/test-unsafe.jsonl $(DATA)/redmix2/test-utility.jsonl
PROMPTS_READ ?= --limit 267
MAX_NEW ?= 16
UTILITY_READ ?= --limit 120
ALIGN ?= $(SAFE)
ROWS ?= 160
POISON ?= 20%
MAX_TOKENS := 128
GUARD ?= $(MODEL)
GUARD_ASK ?= --template auto --prompt $(here)guard.txt --choices yes,no --unsafe yes
GUARD_UNSAFE ?= yes
OURS ?= all+safe35 state-bad+safe35
FIGURE3_SHARES ?= 20 50
FIGURE3_CHOICES ?= random seal2 state-bad
endif
GUARD_UNSAFE ?= unsafe
ALIGN_ROWS ?= 1200
ALIGN_REFUSALS ?= 300
ALIGN_WITH ?= --rank 16 --lora-alpha 16 --targets all-linear --lr 1e-3 --batch 8 --epochs 2 --schedule cosine
MAX_NEW ?= 32
EXACT_NEW ?= 256
REPAIR_EPOCHS ?= 5
FIGURE3_SHARES ?= 20 40 60
FIGURE3_CHOICES ?= random seal2 $(if $(BAD),state-bad,state)

# What FURTHER adds to an arm's training, and what has to be there before.
more.pull = --pull $(PULL)
more.project = --safe $(OUT)/safe.tok --project
needs.project = $(OUT)/safe.tok
more.rehearse = --safe $(OUT)/safe.tok --safe-share $(REHEARSE)
needs.rehearse = $(OUT)/safe.tok
more.soft = --weights $(needs.soft)
needs.soft = $(OUT)/scores/soft.jsonl
PULL ?= 1
REHEARSE ?= 0.2
MASK ?= 10%
POISONS ?= $(if $(SMALL),5 40,5 10 20 40)
# The arm that sentences are about.
BEST ?= $(if $(BAD),state-bad,state)
