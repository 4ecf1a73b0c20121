/* SPDX-License-Identifier: MIT */
/* tokenizer_gguf.c - a tokenizer from GGUF metadata (tokenizer.ggml.*).
 *
 * Model "gpt2" is byte-level BPE with listed merges; "llama" is SentencePiece's,
 * whose merges follow from the tokens' scores: every way to cut a token in two
 * tokens is a merge; higher scores come first, then longer left parts, as when
 * Hugging Face converts such a vocabulary.
 */
#include "tokenizer_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../format/gguf.h"

enum { TYPE_NORMAL = 1, TYPE_UNKNOWN, TYPE_CONTROL, TYPE_USER, TYPE_UNUSED, TYPE_BYTE };

static const struct gguf_value *array(const struct gguf *g, const char *key, enum gguf_kind of)
{
	const struct gguf_value *v = gguf_find(g, key);

	return v && v->kind == GGUF_ARRAY && v->of == of ? v : NULL;
}

static int text_is(const struct gguf_value *v, const char *s)
{
	return v && v->kind == GGUF_TEXT && v->n == strlen(s) && !memcmp(v->text, s, v->n);
}

static int not_supported(const char *key, const struct gguf_value *v, struct fault *f)
{
	int is_text = v && v->kind == GGUF_TEXT;

	return fault(f, "%s \"%.*s\" is not supported", key, is_text ? (int)size_min(v->n, 80) : 4,
	             is_text ? v->text : "none");
}

/* Converters fill the vocabulary up to the model's with these: no tokens. */
static int is_filler(int type, struct view s, long id)
{
	char name[32];
	size_t n = snprintf(name, sizeof name, "[PAD%ld]", id);

	return type == TYPE_UNUSED && s.n == n && !memcmp(s.p, name, n);
}

static int load_tokens(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *tokens = array(g, "tokenizer.ggml.tokens", GGUF_TEXT);
	const struct gguf_value *types = array(g, "tokenizer.ggml.token_type", GGUF_INT);
	int rc = 0;

	if (!tokens || tokens->count > TOKENS_MOST)
		return fault(f, "no tokenizer.ggml.tokens, or too many");
	if (types && types->count != tokens->count)
		return fault(f, "tokenizer.ggml.token_type is not as long as the tokens");
	for (long i = 0; !rc && i < tokens->count; i++) {
		int type = types ? (int)gguf_item(types, i) : TYPE_NORMAL;
		int is_added = type == TYPE_CONTROL || type == TYPE_USER || type == TYPE_UNKNOWN;
		struct view text;

		text.p = gguf_item_text(tokens, i, &text.n);
		if (is_filler(type, text, i)) {
			rc = vocab_set(&t->vocab, i, "", 0, TOKEN_NONE, f);
			continue;
		}
		rc = tokenizer_token(t, i, text, f);
		if (!rc && is_added && text.n && !memchr(text.p, 0, text.n))
			tokenizer_add(t, (struct added_token){.text = (char *)text.p,
			                                      .n = text.n,
			                                      .id = i,
			                                      .special = type != TYPE_USER});
	}
	vocab_index(&t->vocab);
	return rc;
}

static int listed_merges(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *v = array(g, "tokenizer.ggml.merges", GGUF_TEXT);

	if (!v)
		return fault(f, "no tokenizer.ggml.merges");
	for (long i = 0; i < v->count; i++) {
		size_t n, left;
		const char *p = gguf_item_text(v, i, &n);
		const char *space = n > 1 ? memchr(p + 1, ' ', n - 1) : NULL;

		left = space ? (size_t)(space - p) : 0;
		if (!space || left + 1 == n)
			return fault(f, "tokenizer.ggml.merges: item %ld is no pair", i + 1);
		if (merge_add(t, i, (struct view){p, left}, (struct view){space + 1, n - left - 1},
		              f))
			return -1;
	}
	return 0;
}

/* A way to cut a token in two tokens, in SentencePiece's order of merging. */
struct halves {
	double score;
	int32_t id;
	uint32_t left;
	int left_chars, right_chars;
	long seq;
};

static int by_score(const void *a, const void *b)
{
	const struct halves *x = a, *y = b;

	if (x->score != y->score)
		return x->score > y->score ? -1 : 1;
	if (x->left_chars != y->left_chars)
		return x->left_chars > y->left_chars ? -1 : 1;
	if (x->right_chars != y->right_chars)
		return x->right_chars > y->right_chars ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

/* Appends the ways to cut token id in two. */
static void cuts_of(const struct tokenizer *t, int32_t id, double score, struct buf *cuts)
{
	struct view s = vocab_text(&t->vocab, id);
	int chars = 0, left = 0;
	int32_t code;

	for (size_t at = 0; at < s.n; chars++)
		at += utf8_first(s.p + at, s.n - at, &code);
	for (size_t at = 0; at < s.n;) {
		at += utf8_first(s.p + at, s.n - at, &code);
		left++;
		if (at < s.n && vocab_find(&t->vocab, s.p, at) >= 0 &&
		    vocab_find(&t->vocab, s.p + at, s.n - at) >= 0) {
			struct halves c = {score, id, at, left, chars - left, cuts->n};

			buf_add(cuts, &c, sizeof c);
		}
	}
}

static int scored_merges(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *scores = array(g, "tokenizer.ggml.scores", GGUF_REAL);
	struct buf cuts = {0};
	struct halves *c;
	int rc = 0;

	if (!scores || scores->count != t->vocab.n)
		return fault(f, "tokenizer.ggml.scores is missing, or not as long as the tokens");
	for (int32_t id = 0; id < t->vocab.n; id++) {
		double score = gguf_item(scores, id);

		if (score != score) {
			buf_free(&cuts);
			return fault(f, "tokenizer.ggml.scores: item %d is not a number", id + 1);
		}
		cuts_of(t, id, score, &cuts);
	}
	c = (struct halves *)cuts.p;
	if (cuts.n)
		qsort(c, cuts.n / sizeof *c, sizeof *c, by_score);
	for (size_t i = 0; !rc && i < cuts.n / sizeof *c; i++) {
		struct view s = vocab_text(&t->vocab, c[i].id);

		rc = merge_add(t, i, (struct view){s.p, c[i].left},
		               (struct view){s.p + c[i].left, s.n - c[i].left}, f);
	}
	buf_free(&cuts);
	return rc;
}

/* The words by the name of their tokenizer, without one GPT-2's; SmolLM takes digits apart before.
 * OLMo and MPT have that of GPT-NeoX, so Pythia's files bear their names. */
static int load_words(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	static const struct pre {
		const char *name, *words;
		int nfc, digits, ignore_merges;
	} pres[] = {
		{"gpt-2", GPT2_WORDS, 0, 0, 0},
		{"phi-2", GPT2_WORDS, 0, 0, 0},
		{"olmo", GPT2_WORDS, .nfc = 1},
		{"mpt", GPT2_WORDS, .nfc = 1},
		{"smollm", GPT2_WORDS, .digits = 1},
		{"llama-bpe", LLAMA3_WORDS, .ignore_merges = 1},
		{"llama3", LLAMA3_WORDS, .ignore_merges = 1},
		{"llama-v3", LLAMA3_WORDS, .ignore_merges = 1},
		{"qwen2", QWEN2_WORDS, .nfc = 1},
		{0},
	};
	const struct gguf_value *name = gguf_find(g, "tokenizer.ggml.pre");
	const struct pre *pre = pres;

	while (pre->name && name && !text_is(name, pre->name))
		pre++;
	if (!pre->name)
		return not_supported("tokenizer.ggml.pre", name, f);
	t->byte_level = 1;
	t->ignore_merges = pre->ignore_merges;
	if (pre->nfc || (pre == pres && text_is(gguf_find(g, "general.architecture"), "gptneox")))
		t->norm[t->norms++] = (struct norm_step){.kind = NORM_FORM, .form = UNICODE_NFC};
	if (pre->digits)
		tokenizer_step(t, PRE_SPLIT, DIGIT, NULL, f);
	if (gguf_int(g, "tokenizer.ggml.add_space_prefix", 0))
		tokenizer_step(t, PRE_PREFIX, NULL, " ", f);
	tokenizer_step(t, PRE_SPLIT, pre->words, NULL, f);
	return 0;
}

static int load_gpt2(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	return load_words(t, g, f) || load_tokens(t, g, f) || listed_merges(t, g, f) ? -1 : 0;
}

/* Phi-3's control tokens take the white space behind them; no key says so. */
static void phi3_rules(struct tokenizer *t)
{
	static const char *const not [] = {"<unk>", "<s>", "<|endoftext|>"};

	for (long i = 0; i < t->n_added; i++) {
		t->added[i].rstrip = 1;
		for (int k = 0; k < 3; k++)
			t->added[i].rstrip &= strcmp(t->added[i].text, not [k]) != 0;
	}
}

static int load_llama(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	if (gguf_int(g, "tokenizer.ggml.add_space_prefix", 1))
		t->norm[t->norms++] =
			(struct norm_step){NORM_PREPEND, NULL, xstrdup(SPACE_MARK), 0};
	t->norm[t->norms++] =
		(struct norm_step){NORM_REPLACE, xstrdup(" "), xstrdup(SPACE_MARK), 0};
	t->strips = t->norms == 2;
	t->marks = t->byte_fallback = t->fuse_unk = 1;
	t->bos = 1;
	t->eos = 2;
	t->adds_bos = 1;
	if (load_tokens(t, g, f) || scored_merges(t, g, f))
		return -1;
	if (text_is(gguf_find(g, "general.architecture"), "phi3"))
		phi3_rules(t);
	return 0;
}

/* An id of the metadata: it must be one of the tokens', or say none. */
static int32_t id_of(const struct tokenizer *t, const struct gguf *g, const char *key,
                     int32_t otherwise)
{
	long id = gguf_int(g, key, otherwise);

	return id < 0 || id >= t->vocab.n ? -1 : id;
}

static int load(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *model = gguf_find(g, "tokenizer.ggml.model");
	int rc;

	if (text_is(model, "gpt2"))
		rc = load_gpt2(t, g, f);
	else if (text_is(model, "llama"))
		rc = load_llama(t, g, f);
	else
		return not_supported("tokenizer.ggml.model", model, f);
	if (rc)
		return -1;
	t->bos = id_of(t, g, "tokenizer.ggml.bos_token_id", t->bos);
	t->eos = id_of(t, g, "tokenizer.ggml.eos_token_id", t->eos);
	if (t->marks)
		t->unk = id_of(t, g, "tokenizer.ggml.unknown_token_id", 0);
	t->adds_bos = gguf_int(g, "tokenizer.ggml.add_bos_token", t->adds_bos) != 0;
	chat_gguf(t, g);
	return 0;
}

int tokenizer_gguf(struct tokenizer *t, const void *map, size_t n, struct fault *f)
{
	struct gguf g;
	int rc;

	if (gguf_parse(&g, map, n, f))
		return -1;
	rc = load(t, &g, f);
	gguf_close(&g);
	return rc;
}
