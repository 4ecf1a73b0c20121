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

static const char space_prefix[] = "tokenizer.ggml.add_space_prefix";

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

/* Sets *flag where the file has the key. */
static int flag_of(const struct gguf *g, const char *key, int *flag, struct fault *f)
{
	const struct gguf_value *v = gguf_find(g, key);

	if (v && v->kind != GGUF_BOOL && v->kind != GGUF_INT)
		return fault(f, "%s is neither true nor false", key);
	if (v)
		*flag = v->i != 0;
	return 0;
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

/* Tokens with which an answer ends for llama.cpp, and that are control tokens where a file takes
 * them for words. */
static int is_end(struct view s)
{
	static const char *const end[] = {
		"<|endoftext|>", "<|end_of_text|>", "<|im_end|>",    "<|end|>",
		"<|eot_id|>",    "<|eom_id|>",      "<end_of_turn>", "<EOT>",
	};

	for (size_t i = 0; i < sizeof end / sizeof *end; i++)
		if (s.n == strlen(end[i]) && !memcmp(s.p, end[i], s.n))
			return 1;
	return 0;
}

static int load_token(struct tokenizer *t, int32_t id, struct view text, int type, struct fault *f)
{
	int end = is_end(text);
	int special = type == TYPE_CONTROL || type == TYPE_UNKNOWN || (end && type == TYPE_NORMAL);

	if (is_filler(type, text, id))
		return vocab_set(&t->vocab, id, "", 0, TOKEN_NONE, f);
	if (tokenizer_token(t, id, text, f))
		return -1;
	if ((special || type == TYPE_USER) && text.n && !memchr(text.p, 0, text.n))
		tokenizer_add(t, (struct added_token){.text = (char *)text.p,
		                                      .n = text.n,
		                                      .id = id,
		                                      .special = special});
	if (end)
		ids_add(&t->ends, id);
	return 0;
}

static int load_tokens(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *tokens = array(g, "tokenizer.ggml.tokens", GGUF_TEXT);
	const struct gguf_value *types = array(g, "tokenizer.ggml.token_type", GGUF_INT);
	int rc = 0;

	if (!tokens || tokens->count > TOKENS_MOST)
		return fault(f, "no tokenizer.ggml.tokens, or too many");
	if (!types || types->count != tokens->count)
		return fault(f, "tokenizer.ggml.token_type is missing, or not as long as the "
		                "tokens");
	for (long i = 0; !rc && i < tokens->count; i++) {
		struct view text;

		text.p = gguf_item_text(tokens, i, &text.n);
		rc = load_token(t, (int32_t)i, text, (int)gguf_item(types, i), f);
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

/* The words by the name of their tokenizer; SmolLM takes digits apart before.  OLMo and MPT have
 * that of GPT-NeoX, so Pythia's files bear their names. */
static const struct pre {
	const char *name, *words;
	int nfc, digits, ignore_merges, adds_bos;
} pres[] = {
	{"gpt-2", GPT2_WORDS, 0, 0, 0, 0},
	{"phi-2", GPT2_WORDS, 0, 0, 0, 0},
	{"olmo", GPT2_WORDS, .nfc = 1},
	{"mpt", GPT2_WORDS, .nfc = 1},
	{"smollm", GPT2_WORDS, .digits = 1},
	{"llama-bpe", LLAMA3_WORDS, .ignore_merges = 1, .adds_bos = 1},
	{"llama3", LLAMA3_WORDS, .ignore_merges = 1, .adds_bos = 1},
	{"llama-v3", LLAMA3_WORDS, .ignore_merges = 1, .adds_bos = 1},
	{"qwen2", QWEN2_WORDS, .nfc = 1},
	{0},
};

/* A file without the name, as they were written until May 2024, may have any words: llama.cpp
 * warns that its own are likely to be wrong. */
static void load_words(struct tokenizer *t, const struct gguf *g, int prefix, struct fault *f)
{
	static const char key[] = "tokenizer.ggml.pre";
	const struct gguf_value *name = gguf_find(g, key);
	const struct pre *pre = pres;

	while (pre->name && !text_is(name, pre->name))
		pre++;
	if (!name)
		fault(&t->cannot,
		      "%s is missing, without which words are not known: encode with the model's "
		      "tokenizer.json (seal-tokenize -t), or convert the model anew, or use "
		      "gguf-new-metadata --pre-tokenizer",
		      key);
	else if (!pre->name)
		fault(&t->cannot,
		      "%s \"%.*s\" is not supported: encode with the model's tokenizer.json "
		      "(seal-tokenize -t)",
		      key, name->kind == GGUF_TEXT ? (int)size_min(name->n, 80) : 0,
		      name->kind == GGUF_TEXT ? name->text : "");
	if (!pre->name)
		return;
	t->ignore_merges = pre->ignore_merges;
	t->adds_bos = pre->adds_bos;
	if (pre->nfc)
		t->norm[t->norms++] = (struct norm_step){.kind = NORM_FORM, .form = UNICODE_NFC};
	if (pre->digits)
		tokenizer_step(t, PRE_SPLIT, DIGIT, NULL, f);
	if (prefix)
		tokenizer_step(t, PRE_PREFIX, NULL, " ", f);
	tokenizer_step(t, PRE_SPLIT, pre->words, NULL, f);
}

static int load_gpt2(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	int prefix = 0;

	if (flag_of(g, space_prefix, &prefix, f))
		return -1;
	t->byte_level = 1;
	load_words(t, g, prefix, f);
	return load_tokens(t, g, f) || listed_merges(t, g, f) ? -1 : 0;
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
	int prefix = 1;

	if (flag_of(g, space_prefix, &prefix, f))
		return -1;
	if (prefix)
		t->norm[t->norms++] =
			(struct norm_step){NORM_PREPEND, NULL, xstrdup(SPACE_MARK), 0};
	t->norm[t->norms++] =
		(struct norm_step){NORM_REPLACE, xstrdup(" "), xstrdup(SPACE_MARK), 0};
	t->strips = t->norms == 2;
	t->marks = t->byte_fallback = t->fuse_unk = 1;
	t->unk = 0;
	t->bos = 1;
	t->eos = 2;
	t->adds_bos = 1;
	if (load_tokens(t, g, f) || scored_merges(t, g, f))
		return -1;
	if (text_is(gguf_find(g, "general.architecture"), "phi3"))
		phi3_rules(t);
	return 0;
}

/* An id of the metadata, where it has one; -1 says that there is no such token. */
static int id_of(const struct tokenizer *t, const struct gguf *g, const char *key, int32_t *id,
                 struct fault *f)
{
	const struct gguf_value *v = gguf_find(g, key);

	if (*id >= t->vocab.n)
		*id = -1;
	if (!v)
		return 0;
	if (v->kind == GGUF_INT && (v->i == -1 || v->i == UINT32_MAX)) {
		*id = -1;
		return 0;
	}
	if (v->kind != GGUF_INT || v->i < 0 || v->i >= t->vocab.n)
		return fault(f, "%s is none of the %d tokens", key, t->vocab.n);
	*id = (int32_t)v->i;
	return 0;
}

static int add_end(struct tokenizer *t, const struct gguf *g, const char *key, struct fault *f)
{
	int32_t id = -1;

	if (id_of(t, g, key, &id, f))
		return -1;
	if (id >= 0)
		ids_add(&t->ends, id);
	return 0;
}

/* What begins and ends texts.  llama.cpp takes token 11 where a BPE vocabulary does not say, which
 * is right for Falcon alone. */
static int ends(struct tokenizer *t, const struct gguf *g, struct fault *f)
{
	static const char bos[] = "tokenizer.ggml.bos_token_id",
			  eos[] = "tokenizer.ggml.eos_token_id";

	if (flag_of(g, "tokenizer.ggml.add_bos_token", &t->adds_bos, f) ||
	    flag_of(g, "tokenizer.ggml.add_eos_token", &t->adds_eos, f) ||
	    id_of(t, g, bos, &t->bos, f) || id_of(t, g, eos, &t->eos, f) ||
	    add_end(t, g, "tokenizer.ggml.eot_token_id", f) ||
	    add_end(t, g, "tokenizer.ggml.eom_token_id", f) ||
	    (t->marks && id_of(t, g, "tokenizer.ggml.unknown_token_id", &t->unk, f)))
		return -1;
	if (*t->cannot.text)
		return 0;
	if (t->adds_bos && t->bos < 0)
		fault(&t->cannot, "%s is missing, and texts begin with that token", bos);
	else if (t->eos < 0)
		fault(&t->cannot, "%s is missing", eos);
	return 0;
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
	if (rc || ends(t, g, f))
		return -1;
	chat_gguf(t, g);
	return 0;
}

int tokenizer_gguf(struct tokenizer *t, const void *map, size_t n, struct fault *f)
{
	struct gguf g;
	int rc;

	if (gguf_parse(&g, map, n, f))
		return -1;
	rc = gguf_first(&g, f) || load(t, &g, f) ? -1 : 0;
	gguf_close(&g);
	return rc;
}
