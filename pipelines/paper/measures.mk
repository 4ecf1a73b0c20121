# SPDX-License-Identifier: MIT
# measures.mk - what is measured of an arm: a line for each prompt or row, of one seed after the other, so that
# `seal-eval compare` finds each arm's mean, its interval, and its difference to another on the same prompts.  Likelihoods
# are measured with every seed, what has to be generated with the first.

# The model of an arm and a seed; `aligned` is the one before tuning, whatever the seed.
of = $(if $(filter aligned,$1),-m '$(MODEL)' $(if $(ALIGN),-a $(ALIGNED)),$(if $(full),-m $(OUT)/arms/$1.$2,-m '$(MODEL)' -a $(OUT)/arms/$1.$2))
each = rm -f $@.part; $(foreach s,$3,$(call $2,$1,$s) || exit 1;) mv $@.part $@

margin = seal-eval margin -q $(call of,$1,$2) --max-tokens $(MAX_TOKENS) --each $@.each $(PAIRS) > /dev/null && cat $@.each >> $@.part && rm $@.each
nll = seal-eval nll -q $(call of,$1,$2) $(OUT)/utility.tok >> $@.part
answers = seal-eval generate -q $(call of,$1,$2) --max-new $(MAX_NEW) $(PROMPTS_READ) $(PROMPTS) >> $@.part
exact = seal-eval generate -q $(call of,$1,$2) --max-new $(EXACT_NEW) $(EXACT) > $@.out && \
	seal-eval exact --answers $(EXACT) --each $@.each $@.out > /dev/null && cat $@.each >> $@.part && rm $@.each $@.out
define measured
$(OUT)/eval/$1.margin: $(call adapters,$1) $(PAIRS)
	@mkdir -p $$(@D)
	@$$(call each,$1,margin,$(call seeds,$1))
$(OUT)/eval/$1.nll: $(call adapters,$1) $(OUT)/utility.tok
	@mkdir -p $$(@D)
	@$$(call each,$1,nll,$(call seeds,$1))
$(OUT)/eval/$1.answers: $(call adapters,$1) $(PROMPTS)
	@mkdir -p $$(@D)
	@$$(call each,$1,answers,$(firstword $(call seeds,$1)))
$(OUT)/eval/$1.exact: $(call adapters,$1) $(EXACT)
	@mkdir -p $$(@D)
	@$$(call each,$1,exact,$(firstword $(call seeds,$1)))
$(OUT)/eval/$1.outputs: $(call adapters,$1) $(INSTRUCTIONS)
	@mkdir -p $$(@D)
	@seal-eval generate -q $(call of,$1,$(firstword $(SEEDS))) -o $$@ $(INSTRUCTIONS)
endef
# Judged against the arm `all`, by the first seed's answers.
$(OUT)/eval/%.win: $(OUT)/eval/all.outputs $(OUT)/eval/%.outputs
	@seal-eval judge -q --pairwise $(JUDGE) --cache $(OUT)/judged $(OUT)/eval/all.outputs $(OUT)/eval/$*.outputs | \
	  jq -c '{id, win: (if .preference then .preference - 1 else null end)}' $(into)
$(OUT)/eval/%.harmful $(OUT)/eval/%.benign: $(OUT)/eval/%.answers
	@seal-eval refusals --by label --each $@.each $< > /dev/null
	@for l in '== harmful' '!= benign'; do \
	  jq -c "select((.label // \"unsafe\") $${l% *} \"unsafe\")" $@.each > $@.part && mv $@.part $(OUT)/eval/$*.$${l#* } || exit 1; done
	@rm $@.each

# A line for each arm: its rows, and each measure with its interval and its difference to the arm `all`.
files = $(foreach a,$1,$(foreach x,$(sort margin nll harmful benign $(if $(EXACT),exact) $(if $(JUDGE),win)),$(OUT)/eval/$a.$x) $(if $(filter-out aligned,$a),$(OUT)/rows/$(call rows,$a).count))
define table
$(OUT)/$1.jsonl: $$(call files,$2) $(here)arms.sh
	@sh $(here)arms.sh '$(OUT)' $(foreach a,$2,$a:$(call rows,$a)) $$(into)
endef

# The rows that a report shows token by token: scored by one fit, with each token's share.
$(OUT)/scores/explained.jsonl: $(OUT)/scores/state-bad.jsonl $(OUT)/train.tok
	$(states) --scorer $(<:.jsonl=.fit) --explain $(OUT)/scores/explained.why -o $@ $(OUT)/train.tok
$(OUT)/explained/worst.jsonl: $(OUT)/scores/explained.jsonl
	sh $(here)../explain.sh $(OUT)/scores/explained.why $< $(OUT)/train.jsonl $(@D) $(shell echo $(subst %,,$(KEEP)) | awk '{print $$1 / 100}')
