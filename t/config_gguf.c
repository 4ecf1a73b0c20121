/* SPDX-License-Identifier: MIT */
/* config_gguf.c - what a GGUF file's metadata say of a model, what llama.cpp takes where they do
 * not, and what is refused. */
#include <math.h>
#include <stdlib.h>

#include "../lib/base/buf.h"
#include "../lib/base/die.h"
#include "../lib/base/memory.h"
#include "../lib/model/config_read.h"
#include "tap.h"

static void put_int(struct buf *b, uint64_t v, int bytes) { buf_add(b, &v, bytes); }

static void put_text(struct buf *b, const char *s, size_t n)
{
	put_int(b, n, 8);
	buf_add(b, s, n);
}

/* "key=value": true and false are flags, [1,2 a list of numbers, 5 a number, 5.0 a real one, others
 * text. */
static void put_value(struct buf *b, const char *arch, const char *word, size_t n)
{
	size_t k = strcspn(word, "=");
	const char *v = word + k + 1;
	char *key = xprintf("%s%s%.*s", arch, *arch ? "." : "", (int)k, word);
	float real = (float)atof(v);

	put_text(b, key, strlen(key));
	free(key);
	if (*v == 't' || *v == 'f') {
		put_int(b, 7, 4);
		put_int(b, *v == 't', 1);
	} else if (*v == '[') {
		uint64_t items = 1;

		for (size_t i = k + 1; i < n; i++)
			items += word[i] == ',';
		put_int(b, 9, 4);
		put_int(b, 4, 4);
		put_int(b, items, 8);
		for (; items; items--, v += strcspn(v, ", "))
			put_int(b, (uint64_t)atol(++v), 4);
	} else if ((*v < '0' || *v > '9') && *v != '-') {
		put_int(b, 8, 4);
		put_text(b, v, n - k - 1);
	} else if (memchr(v, '.', n - k - 1)) {
		put_int(b, 6, 4);
		buf_add(b, &real, 4);
	} else {
		put_int(b, 11, 4);
		put_int(b, (uint64_t)atol(v), 8);
	}
}

/* Takes the words of `most` whose keys are not in `more`, and those of more. */
static char *join(const char *most, const char *more)
{
	struct buf b = {0};

	for (const char *w = most; *w; w += strcspn(w, " "), w += *w == ' ') {
		char *key = xprintf(" %.*s", (int)strcspn(w, "=") + 1, w), *words = xprintf(" %s", more);

		if (!strstr(words, key))
			buf_add(&b, w, strcspn(w, " ") + 1);
		free(words);
		free(key);
	}
	buf_str(&b, more);
	buf_add(&b, "", 1);
	return b.p;
}

/* A GGUF file of these values, words of key=value; /key is not the architecture's. */
static int take_gguf(struct config *c, const char *arch, const char *more, struct fault *why)
{
	static const char sizes[] =
		"vocab_size=96 embedding_length=32 block_count=2 feed_forward_length=48 "
		"attention.head_count=4 attention.head_count_kv=2 context_length=96 "
		"attention.layer_norm_rms_epsilon=0.00001 ";
	struct buf b = {0};
	struct gguf g;
	char *words = join(sizes, more);
	uint64_t n = 1;
	int r;

	buf_str(&b, "GGUF");
	put_int(&b, 3, 4);
	put_int(&b, 0, 8);
	put_int(&b, 0, 8);
	put_text(&b, "general.architecture", 20);
	put_int(&b, 8, 4);
	put_text(&b, arch, strlen(arch));
	for (const char *w = words; *w; w += strcspn(w, " "), w += *w == ' ', n++)
		put_value(&b, strchr("/", *w) ? "" : arch, w + (*w == '/'), strcspn(w, " ") - (*w == '/'));
	memcpy((char *)b.p + 16, &n, sizeof n);
	if (gguf_parse(&g, b.p, b.n, why))
		die("%s", why->text);
	r = config_gguf(c, &g, why);
	gguf_close(&g);
	buf_free(&b);
	free(words);
	return r;
}

static void refused_gguf(const char *arch, const char *more, const char *said)
{
	struct config c;
	struct fault why = {0};

	ok(take_gguf(&c, arch, more, &why) && strstr(why.text, said), "GGUF, %s %s: \"%s\"", arch,
	   more, why.text);
}

static struct config taken_gguf(const char *arch, const char *more)
{
	struct config c;
	struct fault why = {0};
	int r = take_gguf(&c, arch, more, &why);

	ok(!r, "GGUF, %s %s is taken%s%s", arch, more, r ? ": " : "", why.text);
	return c;
}

static void refusals(void)
{
	refused_gguf("llama", "attention.key_length=[",
	             "llama.attention.key_length is an array, not a number");
	refused_gguf("llama", "block_count=[2,2", "llama.block_count is an array, not a number");
	refused_gguf("llama", "attention.head_count=[4", "head_count is an array of 1 numbers for 2 layers");
	refused_gguf("llama", "attention.head_count=[4,4,4", "head_count is an array of 3 numbers for 2 layers");
	refused_gguf("llama", "attention.head_count=[4,8",
	             "llama.attention.head_count is an array of numbers that differ from layer to layer");
	refused_gguf("llama", "attention.head_count_kv=[2,0", "llama.attention.head_count_kv is an array of numbers");
	refused_gguf("llama", "feed_forward_length=[48,64", "llama.feed_forward_length is an array of numbers");
	refused_gguf("llama", "feed_forward_length=x", "llama.feed_forward_length is not a number");
	refused_gguf("llama", "rope.freq_base=x", "llama.rope.freq_base is not a number");
	refused_gguf("llama", "attention.key_length=-1", "llama.attention.head_count is missing");
	refused_gguf("llama", "expert_count=8", "llama.expert_count: mixtures of experts");
	refused_gguf("granite", "expert_count=8", "granite.expert_count: mixtures of experts");
	refused_gguf("granite", "rope.scaling.finetuned=false",
	             "granite.rope.scaling.finetuned: a model without rotary");
	taken_gguf("granite", "rope.scaling.finetuned=true");
	taken_gguf("llama", "rope.scaling.finetuned=false");
	refused_gguf("olmo2", "attention.sliding_window=4096",
	             "olmo2.attention.sliding_window is not supported");
	taken_gguf("olmo2", "attention.sliding_window=0");
	refused_gguf("qwen3", "attention.sliding_window=4096",
	             "qwen3.attention.sliding_window is not supported");
	refused_gguf("gemma3", "attention.causal=false",
	             "gemma3.attention.causal: attention to later tokens");
	refused_gguf("gemma2", "attention.sliding_window_pattern=[",
	             "sliding_window_pattern is an array, not a number");
	refused_gguf("gemma3", "attention.sliding_window=8 attention.sliding_window_pattern=-1",
	             "sliding_window_pattern -1");
	refused_gguf("llama", "attention.value_length=16",
	             "llama.attention.value_length other than key_length");
	refused_gguf("qwen3moe", "", "\"qwen3moe\" is not a model family");
	refused_gguf("gemma-embedding", "", "\"gemma-embedding\" is not a model family");
}

/* Files of other things than models of language. */
static void others(void)
{
	refused_gguf("llama", "/general.type=adapter /adapter.type=lora", "is an adapter, not a model");
	refused_gguf("qwen2", "/adapter.type=lora", "is an adapter, not a model");
	refused_gguf("clip", "/general.type=mmproj", "is the part of a model that reads images (mmproj)");
	refused_gguf("clip", "", "is the part of a model that reads images (mmproj)");
	refused_gguf("llama", "/general.type=imatrix", "general.type \"imatrix\" is not a model");
	taken_gguf("llama", "/general.type=model");
	refused_gguf("bert", "", "general.architecture \"bert\" is not a model family");
	refused_gguf("mamba", "", "general.architecture \"mamba\" is not a model family");
	refused_gguf("t5", "", "general.architecture \"t5\" is not a model family");
	refused_gguf("qwen3", "pooling_type=3", "qwen3.pooling_type 3 is not supported");
	taken_gguf("qwen3", "pooling_type=0");
	refused_gguf("qwen3", "classifier.output_labels=[1", "qwen3.classifier.output_labels: a classifier");
	refused_gguf("llama", "attention.clamp_kqv=8.0", "llama.attention.clamp_kqv 8 is not supported");
	refused_gguf("llama", "logit_scale=16.0", "llama.logit_scale 16 is not supported");
	taken_gguf("llama", "logit_scale=1.0");
	refused_gguf("llama", "attention.scale=0.5", "llama.attention.scale 0.5 is not supported");
	refused_gguf("llama", "attn_logit_softcapping=50.0", "llama.attn_logit_softcapping 50 is not supported");
	refused_gguf("llama", "final_logit_softcapping=x", "llama.final_logit_softcapping is not a number");
}

static void rates(const char *arch, const char *more, double second, double third, double amplitude)
{
	struct config c = taken_gguf(arch, more);

	near(c.rope[0].rate[0][1], second, 1e-7 * second, "rate 1");
	near(c.rope[0].rate[0][2], third, 1e-7 * third, "rate 2");
	near(c.rope[0].amplitude, amplitude, 1e-6, "amplitude");
}

/* Scaled rotary positions.  Yarn's values are those of transformers 5.24. */
static void scaled(void)
{
	static const char yarn[] = "rope.scaling.type=yarn rope.scaling.factor=4.0 "
	                           "rope.scaling.original_context_length=64 ";
	static const int at[] = {20, 30, 36, 63};
	static const double rate[] = {0.0133352149, 0.00106436096, 0.000179841154, 3.10234441e-07};
	struct config c;

	rates("llama", "", .1, .01, 1);
	rates("llama", "rope.scaling.factor=4.0", .025, .0025, 1);
	rates("llama", "rope.scale_linear=4.0", .025, .0025, 1);
	rates("llama", "rope.scale_linear=2.0 rope.scaling.factor=4.0", .025, .0025, 1);
	rates("llama", "rope.scaling.type=linear", .1, .01, 1);
	rates("llama", "rope.scaling.factor=0.0", .1, .01, 1);
	rates("llama", "rope.scaling.type=none rope.scaling.factor=4.0", .1, .01, 1);
	rates("llama", "rope.scaling.attn_factor=1.5", .1, .01, 1.5);
	rates("qwen2", yarn, .0625, .0025, 1.138629436);
	rates("llama", "rope.scaling.type=yarn rope.scaling.factor=4.0 context_length=64", .0625, .0025, 1.138629436);
	rates("llama", "rope.scaling.type=yarn", .1, .01, 1);
	c = taken_gguf("qwen3", "rope.scaling.type=yarn rope.scaling.factor=4.0 attention.key_length=128 rope.freq_base=1000000.0 "
	               "rope.scaling.original_context_length=32768 context_length=131072 rope.scaling.attn_factor=0.5 "
	               "rope.scaling.yarn_beta_fast=32.0 rope.scaling.yarn_beta_slow=1.0");
	for (int i = 0; i < 4; i++)
		near(c.rope[0].rate[0][at[i]], rate[i], 1e-6 * rate[i], "qwen3's yarn");
	near(c.rope[0].amplitude, .569314718, 1e-6, "half its amplitude");
	c = taken_gguf("gemma3", "attention.key_length=8 attention.sliding_window=8 rope.freq_base=10000.0 rope.freq_base_swa=81.0 "
	               "rope.scaling.type=yarn rope.scaling.factor=4.0 rope.scaling.original_context_length=64");
	near(c.rope[1].rate[0][2], 1 / 9., 1e-12, "gemma3's local layers are not scaled by yarn either");
	near(c.rope[1].amplitude, 1, 0, "nor their amplitude");
	near(c.rope[0].rate[0][1], .0625, 1e-8, "but the others");
	refused_gguf("llama", "rope.scaling.type=longrope", "rope_factors_long.weight is missing");
	refused_gguf("llama", "rope.scaling.type=dynamic",
	             "llama.rope.scaling.type \"dynamic\" is not supported (none, linear, yarn, longrope)");
	refused_gguf("llama", "rope.scaling.type=4", "llama.rope.scaling.type is not text");
	refused_gguf("llama", "rope.scaling.factor=-2.0", "linear rope scaling by -2");
	refused_gguf("llama", "rope.scaling.type=yarn rope.scaling.factor=-2.0", "yarn with factor -2");
	refused_gguf("llama", "rope.scaling.type=yarn rope.scaling.factor=2.0 context_length=0", "original context length 0");
	refused_gguf("llama", "rope.scaling.type=yarn rope.scaling.factor=2.0 rope.scaling.original_context_length=1 rope.freq_base=2.0",
	             "yarn with an original context length of 1");
	refused_gguf("llama", "rope.scaling.attn_factor=0.0", "llama.rope.scaling.attn_factor 0");
	refused_gguf("llama", "rope.scaling.yarn_log_multiplier=0.1", "llama.rope.scaling.yarn_log_multiplier 0.1 is not");
	refused_gguf("llama", "rope.scaling.yarn_beta_fast=8.0", "llama.rope.scaling.yarn_beta_fast 8 is not");
	refused_gguf("llama", "rope.scaling.alpha=1000.0", "llama.rope.scaling.alpha 1000 is not");
}

/* What llama.cpp takes where a file does not say. */
static void defaults(void)
{
	struct config c = taken_gguf("llama", "attention.head_count=[4,4 attention.head_count_kv=[1,1 feed_forward_length=[40,40");

	near(10000 * c.heads.q + 100 * c.heads.kv + c.ffn, 40140, 0, "lists of equal numbers");
	c = taken_gguf("llama", "attention.head_count=[2,2 attention.head_count_kv=1");
	near(10 * c.heads.q + c.heads.kv, 21, 0, "a list and a number");
	c = taken_gguf("gemma2", "attention.key_length=8");

	near(c.heads.window, 4096, 0, "gemma2's window");
	near(10 * c.local[0] + c.local[1], 10, 0, "of every other layer");
	near(c.heads.cap, 50, 0, "the scores' cap");
	near(c.logit_cap, 30, 0, "the logits'");
	near(c.rope[0].rate[0][2], .01, 1e-12, "base 10000");
	near(c.ropes, 1, 0, "of all layers");
	c = taken_gguf("gemma2", "attention.key_length=8 attention.sliding_window_pattern=0 "
	                         "rope.freq_base_swa=16.0 rope.scaling.factor=2.0");
	near(10 * c.local[0] + c.local[1], 11, 0, "pattern 0: every layer has the window");
	near(c.rope[1].rate[0][2], 1 / 8., 1e-12,
	     "which may have a base of their own, scaled as the other");
	near(c.rope[0].rate[0][2], .005, 1e-12, "a factor without a type is linear");
	c = taken_gguf("gemma3", "attention.key_length=8");
	near(10 * c.local[0] + c.local[1], 0, 0, "gemma3 without a window");
	near(c.rope[0].rate[0][2], .01, 1e-12, "base 10000 here too");
	c = taken_gguf("gemma3", "attention.key_length=8 attention.sliding_window=8 "
	                         "attention.sliding_window_pattern=2 "
	                         "rope.freq_base=16.0 rope.freq_base_swa=81.0 "
	                         "rope.scaling.type=linear rope.scaling.factor=2.0");
	near(10 * c.local[0] + c.local[1], 10, 0, "its pattern");
	near(c.rope[0].rate[0][2], 1 / 8., 1e-12, "full layers' base, scaled");
	near(c.rope[1].rate[0][2], 1 / 9., 1e-12, "the others', not scaled");
	near(taken_gguf("gemma3", "attention.key_length=8 attention.sliding_window=8")
	             .rope[1]
	             .rate[0][2],
	     .01, 1e-12, "10000 where it does not say");
	near(taken_gguf("llama", "rope.scaling.type=none rope.scaling.factor=4.0")
	             .rope[0]
	             .rate[0][2],
	     .01, 1e-12, "none is none");
	c = taken_gguf("granite", "attention.scale=0.5 embedding_scale=3.0 residual_scale=0.0 "
	                          "logit_scale=4.0");
	near(c.heads.scale + 10 * c.embed_scale + 100 * c.residual_scale + 1000 * c.logit_scale,
	     380.5, 1e-5, "granite's scales");
	near(taken_gguf("granite", "").heads.scale, 1 / sqrt(8), 1e-6,
	     "and that of scores where there is none");
}

int main(void)
{
	die_name("config_gguf.t");
	refusals();
	others();
	scaled();
	defaults();
	return tap_done();
}
