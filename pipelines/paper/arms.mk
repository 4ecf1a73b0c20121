# SPDX-License-Identifier: MIT
# arms.mk - how an arm comes about: rows, scores, what is kept, a model tuned on it, measures.  See Makefile.

need = $(or $($1),$(error $1= is not given; see the head of pipelines/paper/Makefile))
tokenize = seal-tokenize -q -m '$(need_model)' --max-tokens $(MAX_TOKENS)
need_model = $(call need,MODEL)
# Methods that train begin where tuning does; hidden states are those of the model alone.
states = seal-score -q --plain -m '$(need_model)' --seed 1
score = $(states) $(if $(ALIGN),--init-adapter $(ALIGNED))
# A training that was killed goes on from its checkpoint, which is removed when it is done.
train = seal-lora-train -q -m $(or $1,'$(need_model)') --force --lr $(call setting,1) --batch $(call setting,2) \
	--checkpoint $(@D).steps --every 100 --resume --log $(@D).log -o $(@D)

# The rows that the arms choose from: ROWS of TRAIN, with POISON of them unsafe; and tokens of all inputs.
$(OUT)/train.jsonl: $(call need,TRAIN)
	@mkdir -p $(@D)
ifeq ($(ROWS),)
	cat $< $(into)
else ifeq ($(POISON),)
	seal-select -q --mix --seed 1 --keep $(ROWS) -o $@ $<:1
else
	grep '"label": *"unsafe"' $< > $@.unsafe; grep -v '"label": *"unsafe"' $< > $@.safe
	seal-select -q --mix --seed 1 --keep $(ROWS) -o $@ $(shell echo '$(POISON)' | \
	  awk '{p = $$1 / 100; if (p < 1) printf "$(OUT)/train.jsonl.safe:%g ", 1 - p; if (p > 0) printf "$(OUT)/train.jsonl.unsafe:%g", p}')
	rm -f $@.unsafe $@.safe
endif
define input
$(OUT)/$1.tok: $($2)
	@mkdir -p $$(@D)
	$$(tokenize) $($2_READ) -o $$@ $($2)
endef
$(eval $(call input,safe,SAFE))
$(eval $(call input,bad,BAD))
$(eval $(call input,utility,UTILITY))
$(OUT)/train.tok: $(OUT)/train.jsonl
	$(tokenize) -o $@ $<

# The model before it is tuned: aligned, if it has to be, with trusted rows: ALIGN_REFUSALS answers to harmful prompts that
# begin as a refusal does ("kind" harmful-safe), and ALIGN_ROWS of other kinds, so that it learns where not to refuse as well.
ALIGNED ?= $(OUT)/aligned
start := $(if $(ALIGN),$(ALIGNED)/adapter_config.json)
ifneq ($(and $(ALIGN),$(full)),)
$(error ALIGN= makes an adapter, and PAPER=$(PAPER) trains all weights: align the model first, and name it as MODEL=)
endif
ifneq ($(ALIGN),)
aligning = '($$said | map(select(.refused_prefix) | {key: .id, value: true}) | from_entries) as $$refuses | \
	foreach inputs as $$row ({n: 0, m: 0}; .out = null | \
	  if $$row.kind != "harmful-safe" then .m += 1 | if .m <= $(ALIGN_ROWS) then .out = $$row else . end \
	  elif $$refuses[$$row.id] then .n += 1 | if .n <= $(ALIGN_REFUSALS) then .out = $$row else . end else . end; .out // empty)'
$(OUT)/align.jsonl: $(ALIGN)
	@mkdir -p $(@D)
	jq -c '{id, kind, output: .messages[-1].content}' $< | seal-eval refusals --by kind --each $@.each > /dev/null
	jq -cn --slurpfile said $@.each $(aligning) $< $(into)
	rm $@.each
$(OUT)/align.tok: $(OUT)/align.jsonl
	$(tokenize) -o $@ $<
ifeq ($(ALIGNED),$(OUT)/aligned)
$(ALIGNED)/adapter_config.json: $(OUT)/align.tok
	$(call train) $(ALIGN_WITH) --seed 1 $<
	rm -rf $(@D).steps
else # another run's
$(start): ;
endif
endif

# Scores, a file for each choice, and beside it the log of what it took.  Choices see labels nowhere, but for the oracle.
scores = $(OUT)/scores/$1.jsonl
selector = --selector-optim sgd --selector-lr $(call setting,4) --gamma 0 --gamma-step $(call setting,5) --epochs $(call setting,6)
$(OUT)/scores/random.jsonl: $(OUT)/train.jsonl
	@mkdir -p $(@D)
	seal-score -q --plain --method random --seed 1 -o $@ $<
$(OUT)/scores/dsir.jsonl: $(OUT)/train.jsonl
	@mkdir -p $(@D)
	seal-score -q --plain --method dsir --target $(SAFE) --log $(OUT)/scores/dsir.log -o $@ $<
$(OUT)/scores/seal1.jsonl $(OUT)/scores/seal2.jsonl: $(OUT)/scores/seal%.jsonl: $(OUT)/train.tok $(OUT)/safe.tok $(start)
	@mkdir -p $(@D)
	$(score) --method bilevel --algorithm $* --score weight --safe $(OUT)/safe.tok $(selector) $(theta.$(PAPER)) \
	  $(if $(SMALL),,--lr $(call setting,1) --batch $(call setting,2)) --log $(@:.jsonl=.log) -o $@ $<
$(OUT)/scores/state.jsonl: $(OUT)/train.tok $(OUT)/safe.tok
	@mkdir -p $(@D)
	$(states) --method state --cache $(OUT)/cache --safe $(OUT)/safe.tok --log $(@:.jsonl=.log) -o $@ $<
# state-bad: with all bad examples; state-bad10: with the first ten.
$(OUT)/bad%.tok: $(BAD)
	@mkdir -p $(@D)
	head -$* $(BAD) | $(tokenize) $(into)
$(OUT)/scores/state-bad%jsonl: $(OUT)/bad%tok $(OUT)/train.tok $(OUT)/safe.tok
	@mkdir -p $(@D)
	$(states) --method state --cache $(OUT)/cache --safe $(OUT)/safe.tok --danger $< --save-scorer $(@:.jsonl=.fit) \
	  --log $(@:.jsonl=.log) -o $@ $(OUT)/train.tok
$(OUT)/scores/contrast.jsonl: $(OUT)/train.tok $(OUT)/safe.tok $(OUT)/bad.tok $(start)
	@mkdir -p $(@D)
	$(score) --method contrast --safe $(OUT)/safe.tok --danger $(OUT)/bad.tok $(or $(filter-out --full,$(theta.$(PAPER))),$(lora)) --log $(@:.jsonl=.log) -o $@ $<
# A guard's verdicts, and the labels themselves, as scores: those of random, with others in their place.
replaced = seal-select -q --keep 100% --annotate --scores $(call scores,random) $(OUT)/train.jsonl | $($1) | \
	jq -cn --slurpfile by /dev/stdin '($$by | map({key: .id, value: .score}) | from_entries) as $$score | \
	  inputs | if .seal then .method = "$1" else .score = $$score[.id] end' $(call scores,random) $(into)
guard = jq -c '.messages as $$m | {id, instruction: $$m[-2].content, output: $$m[-1].content}' | \
	seal-eval judge -q -m $(GUARD) $(GUARD_ASK) | jq -c '{id, score: -.p["$(GUARD_UNSAFE)"]}'
oracle = jq -c '{id, score: (if .label == "unsafe" then 0 else 1 end)}'
$(OUT)/scores/guard.jsonl $(OUT)/scores/oracle.jsonl: $(OUT)/scores/%.jsonl: $(OUT)/scores/random.jsonl
	$(call replaced,$*)
# Selectors of another model.
$(OUT)/scores/teacher-%.jsonl: $(TEACHER)/scores/%.jsonl
	cat $< $(into)

# CHOICE@KEEP[+safe...], the rows that an arm is tuned on; beside them how many they are, the unsafe ones, and trained tokens.
# Trusted rows are mixed in as SafeInstr does (Bianchi et al. 2024): those that are answers to harmful prompts, where "kind" says so.
define kept
$(OUT)/rows/$1@$2.jsonl: $(OUT)/train.jsonl $(if $(filter all,$1),,$(OUT)/scores/$1.jsonl)
	@mkdir -p $$(@D)
	$(if $(filter all,$1),cat $$< $$(into),seal-select -q $(if $(filter oracle,$1),--threshold 1,--keep $2$(if $(filter-out auto,$2),%)) --scores $(OUT)/scores/$1.jsonl -o $$@ $$<)
endef
define mixed
$(OUT)/rows/%+$1.jsonl: $(OUT)/rows/%.jsonl $(OUT)/refusals.jsonl
	seal-select -q --mix --seed 1 -o $$@ $$<:$(shell echo $(call mixed_share,$1) | awk '{print 1 - $$1}') $(OUT)/refusals.jsonl:$(call mixed_share,$1)
endef
mixed_share = $(if $(1:safe%=%),0.$(1:safe%=%),$(SAFE_SHARE))
$(OUT)/refusals.jsonl: $(SAFE)
	@mkdir -p $(@D)
	jq -c 'select((.kind // "harmful-safe") == "harmful-safe")' $^ $(into)
# With +mask, the spans whose tokens pull most at state-bad's score are read, but not trained.
$(OUT)/rows/%+mask.tok: $(OUT)/rows/%.jsonl $(OUT)/scores/explained.jsonl
	$(tokenize) --mask-tokens $(OUT)/scores/explained.why --mask-above $(MASK) --mask-window 5 -o $@ $<
$(OUT)/rows/%.tok: $(OUT)/rows/%.jsonl
	$(tokenize) -o $@ $<
$(OUT)/rows/%.count: $(OUT)/rows/%.tok
	@unsafe=$$(grep -c '"label": *"unsafe"' $(OUT)/rows/$(subst +mask,,$*).jsonl); seal-tokenize -q -m '$(MODEL)' --decode --json $< | \
	  jq -rn --arg unsafe "$$unsafe" 'reduce (inputs.train | add) as $$n ([0, 0]; [.[0] + 1, .[1] + $$n]) | "\(.[0]) \($$unsafe) \(.[1])"' $(into)

# The arm ARM.SEED: as many steps as give it the trained tokens of the epochs on all rows.
steps = $$(cat $(OUT)/rows/all@100.count $(OUT)/rows/$1.count | awk 'NR == 1 {all = $$3} NR == 2 \
	{s = $(call setting,3) * all / $$3 * $$1 / $(call setting,2); print s < 1 ? 1 : int(s + 0.5)}')
define arm
$(OUT)/arms/$1.$2/$(made): $(OUT)/rows/$(call rows,$1).tok $(OUT)/rows/$(call rows,$1).count $(OUT)/rows/all@100.count $(start) $(foreach f,$(call further,$1),$$(needs.$f))
	@mkdir -p $(OUT)/arms
	$$(call train) --seed $2 $(if $(start),--init-adapter $(ALIGNED),$(theta.$(PAPER))) --epochs 1000000 --max-steps $$(call steps,$(call rows,$1)) \
	  $(foreach f,$(call further,$1),$$(more.$f)) $$<
	rm -rf $$(@D).steps
endef
# An arm that is tuned already, mended with one refusal, a few epochs: one-shot repair.
$(OUT)/repair.tok: $(OUT)/refusals.jsonl
	head -1 $< | jq -c '.messages[-1].content = "I\u0027m sorry, but I can\u0027t help with that."' | $(tokenize) $(into)
define repaired
$(OUT)/arms/$1+repair.$2/$(made): $(OUT)/repair.tok $(OUT)/arms/$1.$2/$(made)
	@mkdir -p $(OUT)/arms
	$$(call train,$(if $(full),$(OUT)/arms/$1.$2)) --seed $2 $(if $(full),--full,--init-adapter $(OUT)/arms/$1.$2) --epochs $(REPAIR_EPOCHS) $$<
	rm -rf $$(@D).steps
endef
# Soft weights instead of dropping: twice the probability that a row is good.
$(OUT)/scores/soft.jsonl: $(OUT)/scores/state-bad.jsonl
	jq -c 'if .seal then . else .weight = 2 * (1 - .p_bad) end' $< $(into)
