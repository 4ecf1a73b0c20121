# SPDX-License-Identifier: MIT
# bench-scores.mk - how well every score finds unsafe rows, on rows whose labels it never sees.
#
#   make -f pipelines/bench-scores.mk [table]      all runs that are missing, then the table in Markdown
#   make -f pipelines/bench-scores.mk trained      the methods that train too
#   make -f pipelines/bench-scores.mk lists        what would be run
#
#   DATA=     the folder of redmix2 (pairs-2k.jsonl, paper-4k.jsonl, safe-2k.jsonl, ..., danger-100.jsonl)
#   MODEL=    a Hugging Face folder or a GGUF file (fetched when not given)
#   OUT=      where everything goes (build/bench-scores); runs that are there are not made again
#   MIXES= TRUSTED= SEEDS= BAD= METHODS=    parts of the whole, as below
#
# A seed decides which 1,500 of the 2,000 trusted rows a run sees, which of the bad ones, and the order of all.
# Hidden states are kept in OUT/cache, so that further runs of the method state take seconds.
SHELL := /bin/bash -o pipefail
MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: table trained lists

here := $(dir $(lastword $(MAKEFILE_LIST)))
export PATH := $(abspath $(here)/../bin):$(PATH)
DATA := $(or $(DATA),$(wildcard $(here)/../../shared/data/redmix2),$(error DATA= names no folder))
OUT ?= build/bench-scores
MODEL := $(or $(MODEL),$(shell sh $(here)/fetch-model.sh))
MIXES ?= pairs-2k paper-4k
TRUSTED ?= safe-2k safe-benign-2k
SEEDS ?= 1 2 3
BAD ?= 5 10 30 100
# Without bad rows, and with them.
METHODS ?= random length loss dsir words state
BAD_METHODS ?= words state
# Those that train, METHOD.BAD, take most of the time: the target `trained` runs them on the first rows alone, with the
# first seed.  bilevel-state starts from state's scores, log odds, with sigmoid weights; state-part is what it starts from;
# in bilevel-shared omega is linear in the states.
TRAINED ?= safe-loss.0 bilevel.0 contrast.100 state-part.100 bilevel-state.100 bilevel-shared.0 refusal.0 gradient.100
# Sources of unsafe rows that are left out of the bad ones, and found alone.
SOURCES ?= safeunlearning pku-saferlhf jailbreakbench beavertails purebad gptfuzz
N_TRAINED ?= 800

# What is run on one mix alone.
first := $(firstword $(MIXES)).$(firstword $(TRUSTED))
mix_seed := $(foreach m,$(MIXES),$(foreach t,$(TRUSTED),$(foreach s,$(SEEDS),$m.$t.$s)))
results := $(foreach k,$(mix_seed),$(METHODS:%=$(OUT)/$k.%.0.json)) \
           $(foreach k,$(mix_seed),$(foreach b,$(BAD),$(BAD_METHODS:%=$(OUT)/$k.%.$b.json))) \
           $(foreach s,$(SEEDS),$(foreach x,$(SOURCES),$(BAD_METHODS:%=$(OUT)/$(first).$s.%.no-$x.json)))
trained := $(TRAINED:%=$(OUT)/$(first).$(firstword $(SEEDS)).%.json)

table: $(results)
	@sh $(here)/bench-scores-table.sh $(OUT)
trained: $(trained) $(results)
	@sh $(here)/bench-scores-table.sh $(OUT)
lists:
	@printf '%s\n' $(results) $(trained)

# shuffled SEED,FILE - its lines in an order that the seed decides
shuffled = awk -v seed=$1 'BEGIN { srand(seed) } { printf "%.9f\t%s\n", rand(), $$0 }' $2 | sort -n | cut -f2-
# What a run's key MIX.TRUSTED.SEED.METHOD.BAD says.
part = $(word $1,$(subst ., ,$(notdir $2)))
tokenize = seal-tokenize -q -m '$(MODEL)' --max-tokens 1024 -o $@ $<

$(OUT):
	mkdir -p $@
%.tok: %.jsonl
	$(tokenize)
define inputs
$(OUT)/$1.rows.$2.jsonl: $(DATA)/$1.jsonl | $(OUT)
	$$(call shuffled,$2,$$<) > $$@
endef
$(foreach m,$(MIXES) $(TRUSTED) danger-100,$(foreach s,$(SEEDS),$(eval $(call inputs,$m,$s))))
define trusted
$(OUT)/$1.trusted.$2.jsonl: $(OUT)/$1.rows.$2.jsonl
	head -1500 $$< > $$@
endef
$(foreach t,$(TRUSTED),$(foreach s,$(SEEDS),$(eval $(call trusted,$t,$s))))
define danger
$(OUT)/danger.$1.$2.jsonl: $(OUT)/danger-100.rows.$1.jsonl
	$$(if $$(filter no-%,$2),grep -Ev '"source": ?"$(2:no-%=%)"' $$<,head -$2 $$<) > $$@
endef
$(foreach s,$(SEEDS),$(foreach b,$(sort $(BAD) 100) $(SOURCES:%=no-%),$(eval $(call danger,$s,$b))))

# Scores of a run; what it took is kept beside them.
timed = start=$$(date +%s.%N); $1; echo "$$(date +%s.%N) $$start" | awk '{print $$1 - $$2}' > $@.seconds
# The base model's loss knows neither trusted rows nor a seed.
$(OUT)/%.loss: $(OUT)/%.rows.$(firstword $(SEEDS)).tok
	$(call timed,seal-score -q --plain --method loss -m '$(MODEL)' $< > $@)
define run
$(OUT)/$1.$2.$3.random.0.scores: $(OUT)/$1.rows.$3.jsonl
	$$(call timed,seal-score -q --plain --method random --seed $3 $$< > $$@)
$(OUT)/$1.$2.$3.length.0.scores: $(OUT)/$1.rows.$3.jsonl $(OUT)/$1.$2.$3.random.0.scores
	$$(call timed,paste <(tail -n +2 $$(word 2,$$^)) <(jq '.messages[-1].content | length' $$<) | \
	  (head -1 $$(word 2,$$^); jq -cR 'split("\t") | (.[0] | fromjson) + {score: (.[1] | -tonumber)}') > $$@)
$(OUT)/$1.$2.$3.dsir.0.scores: $(OUT)/$1.rows.$3.jsonl $(OUT)/$2.trusted.$3.jsonl
	$$(call timed,seal-score -q --plain --method dsir --target $$(word 2,$$^) $$< > $$@)
$(OUT)/$1.$2.$3.loss.0.scores: $(OUT)/$1.loss
	cp $$< $$@; cp $$<.seconds $$@.seconds
$(OUT)/$1.$2.$3.state.0.scores: $(OUT)/$1.rows.$3.tok $(OUT)/$2.trusted.$3.tok
	$$(call timed,seal-score -q --plain --method state -m '$(MODEL)' --seed $3 --cache $(OUT)/cache --safe $$(word 2,$$^) $$< > $$@)
$(OUT)/$1.$2.$3.words.0.scores: $(OUT)/$1.rows.$3.tok $(OUT)/$2.trusted.$3.tok
	$$(call timed,seal-score -q --plain --method words --seed $3 --safe $$(word 2,$$^) $$< > $$@)
endef
define run_bad
$(OUT)/$1.$2.$3.state.$4.scores: $(OUT)/$1.rows.$3.tok $(OUT)/$2.trusted.$3.tok $(OUT)/danger.$3.$4.tok
	$$(call timed,seal-score -q --plain --method state -m '$(MODEL)' --seed $3 --cache $(OUT)/cache --safe $$(word 2,$$^) --danger $$(word 3,$$^) $$< > $$@)
$(OUT)/$1.$2.$3.words.$4.scores: $(OUT)/$1.rows.$3.tok $(OUT)/$2.trusted.$3.tok $(OUT)/danger.$3.$4.tok
	$$(call timed,seal-score -q --plain --method words --seed $3 --safe $$(word 2,$$^) --danger $$(word 3,$$^) $$< > $$@)
endef
$(foreach m,$(MIXES),$(foreach t,$(TRUSTED),$(foreach s,$(SEEDS),$(eval $(call run,$m,$t,$s)))))
$(foreach m,$(MIXES),$(foreach t,$(TRUSTED),$(foreach s,$(SEEDS),$(foreach b,$(BAD) $(SOURCES:%=no-%),$(eval $(call run_bad,$m,$t,$s,$b))))))

# The first rows, for methods that train.
$(OUT)/%.part.jsonl: $(OUT)/%.jsonl
	head -$(N_TRAINED) $< > $@
ask = $(call timed,seal-score -q --plain -m '$(MODEL)' --seed $1 --safe $(word 2,$^) $2 $< > $@)
define run_part
$(OUT)/$1.$2.$3.safe-loss.0.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok
	$$(call ask,$3,--method safe-loss)
$(OUT)/$1.$2.$3.bilevel.0.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok
	$$(call ask,$3,--method bilevel)
$(OUT)/$1.$2.$3.bilevel-shared.0.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok
	$$(call ask,$3,--method bilevel --activation sigmoid --selector-states)
$(OUT)/$1.$2.$3.refusal.0.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok
	$$(call ask,$3,--method refusal)
$(OUT)/$1.$2.$3.contrast.100.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok $(OUT)/danger.$3.100.tok
	$$(call ask,$3,--method contrast --danger $$(word 3,$$^))
$(OUT)/$1.$2.$3.gradient.100.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok $(OUT)/danger.$3.100.tok
	$$(call ask,$3,--method gradient --danger $$(word 3,$$^))
$(OUT)/$1.$2.$3.state-part.100.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok $(OUT)/danger.$3.100.tok
	$$(call ask,$3,--method state --danger $$(word 3,$$^) --cache $(OUT)/cache)
$(OUT)/$1.$2.$3.bilevel-state.100.scores: $(OUT)/$1.rows.$3.part.tok $(OUT)/$2.trusted.$3.tok $(OUT)/$1.$2.$3.state-part.100.scores
	$$(call ask,$3,--method bilevel --activation sigmoid --init-scores $$(word 3,$$^))
endef
$(foreach m,$(MIXES),$(foreach t,$(TRUSTED),$(foreach s,$(SEEDS),$(eval $(call run_part,$m,$t,$s)))))

# What a run found.  Labels are read here, and nowhere above.  A source that was left out is found alone.
# (grep, not jq: the bytes of a row are its identity.)
only = $(if $(filter no-%,$(call part,5,$@)),'"label": ?"safe"|"source": ?"$(patsubst no-%,%,$(call part,5,$@))"','')
whose = $(OUT)/$(call part,1,$@).rows.$(call part,3,$@)$(if $(filter $(call part,4,$@).$(call part,5,$@),$(TRAINED)),.part).jsonl
%.json: %.scores
	grep -E $(only) $(whose) > $@.rows
	for keep in 80% 75%; do seal-eval detect -q -s $< --keep $$keep --pair pair --cells source --against kind --group source $@.rows; done | \
	  jq -cs --arg key $(basename $(notdir $@)) --arg seconds "$$(cat $<.seconds)" \
	    '.[0] + {kept75: .[1].kept_unsafe, key: $$key, seconds: ($$seconds | tonumber)}' > $@
	rm -f $@.rows
