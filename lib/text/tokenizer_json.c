/* SPDX-License-Identifier: MIT */
/* tokenizer_json.c - tokenizer.json of Hugging Face's `tokenizers`.  A part that we do not know is
 * a fault that names it: ids that are nearly right are wrong. */
#include "tokenizer_in.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"

static int is_type(const json_t *o, const char *type)
{
	return !strcmp(json_text(o, "type", ""), type);
}

static int unknown(const json_t *o, const char *what, struct fault *f)
{
	return fault(f, "%s type \"%.80s\" is not supported", what, json_text(o, "type", "(none)"));
}

/* The items of a Sequence one by one, or the one thing itself; null is nothing. */
static int each(struct tokenizer *t, const json_t *o, const char *items,
                int (*one)(struct tokenizer *, const json_t *, struct fault *), struct fault *f)
{
	/* clang-format off */
	static const struct json_key key[] = {
		{"type", 't'}, {"prepend", 't'}, {"behavior", 't'}, {"replacement", 't'},
		{"prepend_scheme", 't'}, {"invert", 'f'}, {"split", 'f'}, {"add_prefix_space", 'f'},
		{"use_regex", 'f'}, {"individual_digits", 'f'}, {"start", 'w'}, {0},
	};
	/* clang-format on */
	size_t i;
	json_t *item;

	if (!o || json_is_null(o))
		return 0;
	if (json_check(o, key, f))
		return -1;
	if (!is_type(o, "Sequence"))
		return one(t, o, f);
	json_array_foreach(json_object_get(o, items), i, item)
	{
		if (each(t, item, items, one, f))
			return -1;
	}
	return 0;
}

/* {"String": s} or {"Regex": s}; NULL if neither, or empty. */
static const char *pattern(const json_t *o, int *literal)
{
	const json_t *p = json_object_get(o, "pattern");
	const char *s = json_text(p, "String", NULL);

	*literal = s != NULL;
	if (!s)
		s = json_text(p, "Regex", NULL);
	return s && *s ? s : NULL;
}

static int normalizer(struct tokenizer *t, const json_t *o, struct fault *f)
{
	static const char *const form[] = {"NFC", "NFD", "NFKC", "NFKD"};
	struct norm_step step = {.kind = NORM_FORM};
	const char *from, *to;
	int literal;

	if (t->norms == STEPS_MOST)
		return fault(f, "normalizer: more than %d steps", STEPS_MOST);
	if (is_type(o, "Prepend")) {
		step.kind = NORM_PREPEND;
		step.to = xstrdup(json_text(o, "prepend", ""));
	} else if (is_type(o, "Replace")) {
		from = pattern(o, &literal);
		to = json_text(o, "content", NULL);
		if (!from || !literal || !to)
			return fault(f, "normalizer: a Replace that is not of one text by another");
		step = (struct norm_step){NORM_REPLACE, xstrdup(from), xstrdup(to), 0};
	} else {
		while (step.form < 4 && !is_type(o, form[step.form]))
			step.form++;
		if (step.form == 4)
			return unknown(o, "normalizer", f);
	}
	t->norm[t->norms++] = step;
	return 0;
}

static int split_step(struct tokenizer *t, const json_t *o, struct fault *f)
{
	static const char *const name[] = {"Removed", "Isolated", "MergedWithPrevious",
	                                   "MergedWithNext", "Contiguous"};
	const char *behaviour = json_text(o, "behavior", "");
	struct pre_step *step;
	int literal, i = 0;
	const char *p = pattern(o, &literal);

	while (i < 5 && strcmp(behaviour, name[i]))
		i++;
	if (!p || i == 5)
		return fault(f, "pre_tokenizer: a Split without pattern or behavior");
	step = tokenizer_step(t, PRE_SPLIT, p, NULL, f);
	if (!step)
		return -1;
	step->literal = literal;
	step->invert = json_flag(o, "invert", 0);
	step->behaviour = SPLIT_REMOVED + i;
	return 0;
}

static int metaspace(struct tokenizer *t, const json_t *o, struct fault *f)
{
	const char *mark = json_text(o, "replacement", SPACE_MARK);
	const char *scheme = json_text(o, "prepend_scheme",
	                               json_flag(o, "add_prefix_space", 1) ? "always" : "never");
	struct pre_step *step;

	if (!*mark || t->pres + 3 > STEPS_MOST)
		return fault(f,
		             "pre_tokenizer: a Metaspace without replacement, or too many steps");
	if (strcmp(scheme, "always") && strcmp(scheme, "first") && strcmp(scheme, "never"))
		return fault(f, "pre_tokenizer: prepend_scheme \"%.40s\" is not supported", scheme);
	tokenizer_step(t, PRE_REPLACE, " ", mark, f);
	if (strcmp(scheme, "never")) {
		step = tokenizer_step(t, PRE_PREFIX, NULL, mark, f);
		step->first = !strcmp(scheme, "first");
	}
	if (json_flag(o, "split", 1)) {
		step = tokenizer_step(t, PRE_SPLIT, mark, NULL, f);
		step->literal = 1;
		step->behaviour = SPLIT_WITH_NEXT;
	}
	return 0;
}

static int byte_level(struct tokenizer *t, const json_t *o, struct fault *f)
{
	t->byte_level = 1;
	if (json_flag(o, "add_prefix_space", 1) && !tokenizer_step(t, PRE_PREFIX, NULL, " ", f))
		return -1;
	if (json_flag(o, "use_regex", 1) && !tokenizer_step(t, PRE_SPLIT, GPT2_WORDS, NULL, f))
		return -1;
	return 0;
}

static int digits(struct tokenizer *t, const json_t *o, struct fault *f)
{
	struct pre_step *step = tokenizer_step(t, PRE_SPLIT, DIGIT, NULL, f);

	if (step && !json_flag(o, "individual_digits", 0))
		step->behaviour = SPLIT_CONTIGUOUS;
	return step ? 0 : -1;
}

static int pre_tokenizer(struct tokenizer *t, const json_t *o, struct fault *f)
{
	if (t->byte_level)
		return fault(f, "pre_tokenizer: a step after ByteLevel");
	if (is_type(o, "ByteLevel"))
		return byte_level(t, o, f);
	if (is_type(o, "Split"))
		return split_step(t, o, f);
	if (is_type(o, "Metaspace"))
		return metaspace(t, o, f);
	return is_type(o, "Digits") ? digits(t, o, f) : unknown(o, "pre_tokenizer", f);
}

static int decoder(struct tokenizer *t, const json_t *o, struct fault *f)
{
	int literal;
	const char *from;

	if (is_type(o, "ByteLevel"))
		return t->byte_level ? 0 : fault(f, "decoder: ByteLevel without its pre_tokenizer");
	if (is_type(o, "ByteFallback") || is_type(o, "Fuse"))
		return 0;
	if (is_type(o, "Strip")) {
		t->strips =
			!strcmp(json_text(o, "content", ""), " ") && json_long(o, "start", 0) > 0;
		return 0;
	}
	if (is_type(o, "Metaspace")) {
		t->strips = strcmp(json_text(o, "prepend_scheme", "always"), "never") &&
		            json_flag(o, "add_prefix_space", 1);
	} else if (is_type(o, "Replace")) {
		from = pattern(o, &literal);
		if (!from || strcmp(from, SPACE_MARK) || strcmp(json_text(o, "content", ""), " "))
			return fault(f, "decoder: a Replace other than of the space mark");
	} else {
		return unknown(o, "decoder", f);
	}
	t->marks = 1;
	return 0;
}

/* The special tokens of a template before and behind its text, {"Sequence":{"id":"A"}}. */
static int post_template(struct tokenizer *t, const json_t *o, struct fault *f)
{
	struct around *to = &t->before;
	const json_t *tokens = json_object_get(o, "special_tokens"), *name, *v;
	int texts = 0;
	size_t i, k;
	json_t *item;

	if (t->before.n || t->behind.n)
		return fault(f, "post_processor: two templates are not supported");
	json_array_foreach(json_object_get(o, "single"), i, item)
	{
		if (json_object_get(item, "Sequence")) {
			texts++;
			to = &t->behind;
			continue;
		}
		name = json_object_get(json_object_get(item, "SpecialToken"), "id");
		v = json_object_get(json_object_get(tokens, json_string_value(name)), "ids");
		if (!json_array_size(v) || to->n + json_array_size(v) > AROUND_MOST)
			return fault(f, "post_processor: unknown token \"%.80s\", or too many",
			             json_is_string(name) ? json_string_value(name) : "");
		for (k = 0; k < json_array_size(v); k++) {
			const json_t *id = json_array_get(v, k);

			if (!json_is_integer(id) || json_integer_value(id) < 0 ||
			    json_integer_value(id) >= t->vocab.n)
				return fault(f, "post_processor: unknown token \"%.80s\"",
				             json_string_value(name));
			to->id[to->n++] = (int32_t)json_integer_value(id);
		}
	}
	return texts == 1 ? 0 : fault(f, "post_processor: a template without one text");
}

static int post_processor(struct tokenizer *t, const json_t *o, struct fault *f)
{
	if (is_type(o, "ByteLevel"))
		return 0;
	return is_type(o, "TemplateProcessing") ? post_template(t, o, f)
	                                        : unknown(o, "post_processor", f);
}

static int load_vocab(struct tokenizer *t, json_t *vocab, struct fault *f)
{
	const char *key;
	json_t *id;

	json_object_foreach(vocab, key, id)
	{
		if (!json_is_integer(id) || json_integer_value(id) < 0 ||
		    json_integer_value(id) >= TOKENS_MOST)
			return fault(f, "vocab: \"%.80s\" has no proper id", key);
		if (strstr(key, JSON_NUL))
			return fault(f, "vocab: a NUL character in token %ld",
			             (long)json_integer_value(id));
		if (tokenizer_token(t, json_integer_value(id), (struct view){key, strlen(key)}, f))
			return -1;
	}
	return 0;
}

/* Merges are ["a", "b"] or "a b". */
static int load_merges(struct tokenizer *t, const json_t *list, struct fault *f)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		const char *a = json_string_value(json_array_get(o, 0)),
			   *b = json_string_value(json_array_get(o, 1));
		size_t n = a ? strlen(a) : 0;

		if (json_is_string(o)) {
			a = json_string_value(o);
			b = strchr(a, ' ');
			n = b ? b - a : 0;
			b = b ? b + 1 : NULL;
		}
		if (!a || !b || !*b || !n || i >= UINT32_MAX)
			return fault(f, "merges: item %zu is no pair", i + 1);
		if (merge_add(t, i, (struct view){a, n}, (struct view){b, strlen(b)}, f))
			return -1;
	}
	return 0;
}

/* *silent: no file says which tokens begin and end a text. */
static int load_model(struct tokenizer *t, const json_t *root, const char *path, int *silent,
                      struct fault *f)
{
	/* clang-format off */
	static const struct json_key key[] = {
		{"type", 't'}, {"unk_token", 't'}, {"continuing_subword_prefix", 't'},
		{"end_of_word_suffix", 't'}, {"dropout", 'n'}, {"byte_fallback", 'f'},
		{"fuse_unk", 'f'}, {"ignore_merges", 'f'}, {0},
	};
	/* clang-format on */
	const json_t *m = json_object_get(root, "model");
	json_t *vocab = json_object_get(m, "vocab");
	const char *unk = json_text(m, "unk_token", NULL);

	if (json_check(m, key, f))
		return -1;
	if (json_object_get(m, "type") && !is_type(m, "BPE"))
		return unknown(m, "model", f);
	if (!json_is_object(vocab) || !json_is_array(json_object_get(m, "merges")))
		return fault(f, "no model with vocab and merges");
	if (*json_text(m, "continuing_subword_prefix", "") ||
	    *json_text(m, "end_of_word_suffix", ""))
		return fault(f, "model: affixes of words are not supported");
	if (json_number(m, "dropout", 0) != 0)
		return fault(f, "model: dropout is not supported");
	t->byte_fallback = json_flag(m, "byte_fallback", 0);
	t->fuse_unk = json_flag(m, "fuse_unk", 0);
	t->ignore_merges = json_flag(m, "ignore_merges", 0);
	if (load_vocab(t, vocab, f) ||
	    tokenizer_json_added(t, json_object_get(root, "added_tokens"), vocab, f))
		return -1;
	*silent = !path || tokenizer_beside(t, vocab, path);
	vocab_index(&t->vocab);
	if (unk && (t->unk = vocab_find(&t->vocab, unk, strlen(unk))) < 0)
		return fault(f, "model: unk_token \"%.80s\" is not in the vocabulary", unk);
	return load_merges(t, json_object_get(m, "merges"), f);
}

/* Tokens by which texts are begun and ended where no file can say it. */
static void guess_ends(struct tokenizer *t)
{
	static const char *const bos[] = {"<s>", "<|begin_of_text|>", "<|endoftext|>"};
	static const char *const eos[] = {"</s>", "<|end_of_text|>", "<|endoftext|>"};

	if (t->before.n)
		t->bos = t->before.id[0];
	for (int i = 0; i < 3; i++) {
		if (t->bos < 0)
			t->bos = tokenizer_id(t, bos[i]);
		if (t->eos < 0)
			t->eos = tokenizer_id(t, eos[i]);
	}
}

int tokenizer_json(struct tokenizer *t, const char *text, size_t n, const char *path,
                   struct fault *f)
{
	json_t *root = json_parse_python(text, n, f);
	int rc, silent = 0;

	if (!root)
		return -1;
	rc = each(t, json_object_get(root, "normalizer"), "normalizers", normalizer, f) ||
	     each(t, json_object_get(root, "pre_tokenizer"), "pretokenizers", pre_tokenizer, f) ||
	     each(t, json_object_get(root, "decoder"), "decoders", decoder, f) ||
	     load_model(t, root, path, &silent, f) ||
	     each(t, json_object_get(root, "post_processor"), "processors", post_processor, f);
	if (!rc && silent)
		guess_ends(t);
	json_decref(root);
	return rc ? -1 : 0;
}
