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

/* "key=value": true and false are flags, [ a list of one number, 5 a number, 5.0 a real one,
 * others text. */
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
		put_int(b, 9, 4);
		put_int(b, 4, 4);
		put_int(b, 1, 8);
		put_int(b, 2, 4);
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

/* A GGUF file of these values, words of key=value. */
static int take_gguf(struct config *c, const char *arch, const char *more, struct fault *why)
{
	static const char sizes[] =
		"vocab_size=96 embedding_length=32 block_count=2 feed_forward_length=48 "
		"attention.head_count=4 attention.head_count_kv=2 context_length=96 ";
	struct buf b = {0};
	struct gguf g;
	char *words = xprintf("%s%s", sizes, more);
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
		put_value(&b, arch, w, strcspn(w, " "));
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
	             "llama.attention.key_length is not a number");
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
	             "sliding_window_pattern is not a number");
	refused_gguf("gemma3", "attention.sliding_window=8 attention.sliding_window_pattern=-1",
	             "sliding_window_pattern -1");
	refused_gguf("llama", "attention.value_length=16",
	             "llama.attention.value_length other than key_length");
	refused_gguf("qwen3", "rope.scaling.type=yarn rope.scaling.factor=4.0",
	             "rope scaling \"yarn\" is not supported");
	refused_gguf("qwen3moe", "", "\"qwen3moe\" is not a model family");
	refused_gguf("gemma-embedding", "", "\"gemma-embedding\" is not a model family");
}

/* What llama.cpp takes where a file does not say. */
static void defaults(void)
{
	struct config c = taken_gguf("gemma2", "attention.key_length=8");

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
	defaults();
	return tap_done();
}
