/* SPDX-License-Identifier: MIT */
/* tokenizer_beside.c - the tokens that are added to a vocabulary: those of tokenizer.json, and
 * those that only the files beside it know.
 *
 * transformers 5 adds a token that is not there yet with the next free id, whatever id a file
 * gives it.  It takes them from
 *
 *   1. added_tokens of tokenizer.json;
 *   2. added_tokens_decoder of tokenizer_config.json, or else added_tokens.json, by the ids there;
 *   3. the tokens with a name: bos_token, eos_token, ..., any other key that ends in _token, and
 *      extra_special_tokens that is an object;
 *   4. extra_special_tokens that is a list, or else additional_special_tokens.
 *
 * in this order.  What says a token again says its properties anew, but that 3. and 4. leave those
 * of 1. and 2. alone; a token with a name is special.  special_tokens_map.json is older: its keys
 * replace those of tokenizer_config.json, but only where that has no added_tokens_decoder.
 */
#include "tokenizer_in.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/memory.h"

/* The names that come first, in this order. */
static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
enum { NAMES = sizeof names / sizeof *names };

struct beside {
	struct tokenizer *t;
	json_t *ids;         /* of all tokens by their texts, as tokenizer.json spells them */
	char *folder;        /* with its slash */
	json_t *map;         /* special_tokens_map.json, or NULL */
	json_t *config;      /* what tokenizer_config.json and the map say together */
	json_t *named;       /* name -> token, in the order in which they are added */
	const json_t *extra; /* the list of 4., or NULL */
	long placed;         /* tokens that were added by 1. and 2. */
	const char *files;   /* which of both there are, for messages */
	int silent;          /* none */
};

/* Reads a token: an object with its text and properties, or the text alone, which is special. */
static int read_token(struct added_token *a, const json_t *o, struct fault *f)
{
	/* clang-format off */
	static const struct json_key key[] = {
		{"content", 't'}, {"special", 'f'}, {"lstrip", 'f'}, {"rstrip", 'f'},
		{"single_word", 'f'}, {"normalized", 'f'}, {0},
	};
	/* clang-format on */
	const char *text = json_is_string(o) ? json_string_value(o) : json_text(o, "content", NULL);
	int special = json_flag(o, "special", json_is_string(o));

	if (json_check(o, key, f))
		return -1;
	if (!text)
		return fault(f, "has no content");
	*a = (struct added_token){.text = (char *)text,
	                          .n = strlen(text),
	                          .special = special,
	                          .lstrip = json_flag(o, "lstrip", 0),
	                          .rstrip = json_flag(o, "rstrip", 0),
	                          .single_word = json_flag(o, "single_word", 0),
	                          .normalized = json_flag(o, "normalized", !special)};
	return 0;
}

/* NULL: the token was not added. */
static struct added_token *added_as(const struct tokenizer *t, int32_t id)
{
	for (long i = 0; i < t->n_added; i++)
		if (t->added[i].id == id)
			return &t->added[i];
	return NULL;
}

static int add(struct tokenizer *t, json_t *ids, struct added_token a, struct fault *f)
{
	const json_t *known = json_object_get(ids, a.text);
	struct added_token *old = NULL;

	if (!a.n)
		return 0;
	a.id = known ? (int32_t)json_integer_value(known) : t->next;
	if (known)
		old = added_as(t, a.id);
	else if (vocab_set(&t->vocab, a.id, a.text, a.n, TOKEN_PLAIN, f))
		return -1;
	else
		json_object_set_new(ids, a.text, json_integer(a.id));
	if (a.id >= t->next)
		t->next = a.id + 1;
	if (old) {
		a.text = old->text;
		*old = a;
	} else {
		tokenizer_add(t, a);
	}
	return 0;
}

int tokenizer_json_added(struct tokenizer *t, const json_t *list, json_t *ids, struct fault *f)
{
	struct added_token a;
	struct fault why;
	size_t i;
	json_t *o;

	t->next = (int32_t)json_object_size(ids);
	json_array_foreach(list, i, o)
	{
		if (read_token(&a, o, &why))
			return fault(f, "added_tokens: item %zu: %.200s", i + 1, why.text);
		if (add(t, ids, a, f))
			return -1;
	}
	return 0;
}

enum from { FROM_IDS, FROM_NAME, FROM_LIST };

/* Adds a token of the files beside, which the key names. */
static void add_here(const struct beside *b, const json_t *o, enum from from, const char *key)
{
	struct added_token a, *old = NULL;
	struct fault why;
	const json_t *id;

	if (!json_is_object(o) && !json_is_string(o))
		die("%s%s: \"%s\" is not a token", b->folder, b->files, key);
	if (read_token(&a, o, &why))
		die("%s%s: the token \"%s\" %s", b->folder, b->files, key, why.text);
	id = json_object_get(b->ids, a.text);
	if (id && from != FROM_IDS)
		old = added_as(b->t, (int32_t)json_integer_value(id));
	if (old && old - b->t->added < b->placed) {
		old->special |= from == FROM_NAME;
		return;
	}
	a.special |= from == FROM_NAME;
	if (add(b->t, b->ids, a, &why))
		die("%s%s: the token \"%s\": %s", b->folder, b->files, key, why.text);
}

/* The object in the file of this name, owned; NULL when there is none. */
static json_t *read_file(const struct beside *b, const char *name)
{
	char *path = xprintf("%s%s", b->folder, name);
	json_t *j = access(path, F_OK) ? NULL : json_read_file(path);

	if (j && !json_is_object(j))
		die("%s: not an object", path);
	free(path);
	return j;
}

static int is_name(const char *key)
{
	for (int i = 0; i < NAMES; i++)
		if (!strcmp(key, names[i]))
			return 1;
	return 0;
}

/* Moves the tokens with names of their own from the configuration to `own`. */
static void take_own(const struct beside *b, json_t *own, int objects)
{
	json_t *extra = json_object_get(b->config, "extra_special_tokens"), *v;
	const char *key;
	void *next;
	size_t n;

	json_object_foreach_safe(b->config, next, key, v)
	{
		n = strlen(key);
		if (n <= 6 || strcmp(key + n - 6, "_token") || is_name(key) ||
		    !(json_is_string(v) || (objects && json_text(v, "content", NULL))))
			continue;
		json_object_set(own, key, v);
		json_object_del(b->config, key);
	}
	if (json_is_object(extra)) {
		json_object_update(own, extra);
		json_object_del(b->config, "extra_special_tokens");
	}
}

/* Puts the keys of special_tokens_map.json in the place of those of tokenizer_config.json. */
static void merge_map(const struct beside *b)
{
	const char *key;
	json_t *v;

	json_object_foreach(b->map, key, v)
	{
		json_t *have = json_object_get(b->config, key);

		if (!strcmp(key, "extra_special_tokens") && json_is_array(v) && json_is_array(have))
			json_array_extend(have, v);
		else
			json_object_set(b->config, key, v);
		if (json_text(v, "content", NULL))
			json_object_set_new(v, "special", json_true());
	}
}

static int has_tokens(const json_t *v) { return json_array_size(v) || json_object_size(v); }

/* Sets the tokens with names, and the list. */
static void read_names(struct beside *b)
{
	json_t *config = b->config, *own = json_object(), *from_map = json_object(), *v;
	json_t *more = json_object_get(config, "additional_special_tokens");

	if (more && !has_tokens(json_object_get(config, "extra_special_tokens"))) {
		json_object_set(config, "extra_special_tokens", more);
		json_object_del(config, "additional_special_tokens");
	}
	take_own(b, own, 0);
	if (!json_is_object(json_object_get(config, "added_tokens_decoder")))
		merge_map(b);
	take_own(b, from_map, 1);
	b->named = json_object();
	for (int i = 0; i < NAMES; i++)
		if ((v = json_object_get(config, names[i])) && !json_is_null(v))
			json_object_set(b->named, names[i], v);
	json_object_update(b->named, from_map);
	json_object_update(b->named, own);
	b->extra = json_object_get(config, "extra_special_tokens");
	if (!b->extra)
		b->extra = json_object_get(config, "additional_special_tokens");
	json_decref(own);
	json_decref(from_map);
}

/* A token and the id that a file gives it, which is but its place in the order. */
struct placed {
	long id;
	json_t *token;
};

static int by_place(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static void add_placed(const struct beside *b, struct placed *p, long n, const char *key)
{
	if (n)
		qsort(p, n, sizeof *p, by_place);
	for (long i = 0; i < n; i++) {
		add_here(b, p[i].token, FROM_IDS, key);
		json_decref(p[i].token);
	}
	free(p);
}

static void add_decoder(const struct beside *b, json_t *decoder)
{
	struct placed *p = xalloc((json_object_size(decoder) + 1) * sizeof *p);
	const char *key;
	char *end;
	json_t *v;
	long n = 0;

	json_object_foreach(decoder, key, v)
	{
		p[n++] = (struct placed){strtol(key, &end, 10), json_incref(v)};
		if (*end || end == key)
			die("%stokenizer_config.json: added_tokens_decoder: \"%s\" is no id",
			    b->folder, key);
	}
	add_placed(b, p, n, "added_tokens_decoder");
}

/* Is this text a token with one of the usual names, or one of the list?  Objects of
 * tokenizer_config.json, which have a __type, are passed over when transformers asks that. */
static int is_special(const struct beside *b, const char *text)
{
	json_t *list = json_object_get(b->config, "extra_special_tokens"), *v;
	size_t i;

	for (int k = 0; k < NAMES; k++) {
		v = json_object_get(b->named, names[k]);
		if (!json_object_get(v, "__type") &&
		    !strcmp(json_is_string(v) ? json_string_value(v) : json_text(v, "content", ""),
		            text))
			return 1;
	}
	json_array_foreach(list, i, v)
	{
		if (json_is_string(v) && !strcmp(json_string_value(v), text))
			return 1;
	}
	return 0;
}

/* Does tokenizer.json, which counts as well, give this id to another token, or this token a later
 * place in the order? */
static int is_later(const struct beside *b, const char *text, long id)
{
	for (long i = 0; i < b->t->n_added; i++)
		if (b->t->added[i].id == id ||
		    (b->t->added[i].id > id && !strcmp(b->t->added[i].text, text)))
			return 1;
	return 0;
}

/* added_tokens.json: text -> id. */
static void add_older(const struct beside *b)
{
	json_t *file = read_file(b, "added_tokens.json"), *v;
	struct placed *p = xalloc((json_object_size(file) + 1) * sizeof *p);
	const char *key;
	long n = 0;

	json_object_foreach(file, key, v)
	{
		int special = is_special(b, key);

		if (!json_is_integer(v))
			die("%sadded_tokens.json: \"%s\" has no id", b->folder, key);
		if (is_later(b, key, json_integer_value(v)))
			continue;
		p[n++] = (struct placed){json_integer_value(v),
		                         json_pack("{s:s, s:b, s:b}", "content", key, "special",
		                                   special, "normalized", !special)};
	}
	add_placed(b, p, n, "added_tokens.json");
	json_decref(file);
}

static void add_all(struct beside *b)
{
	json_t *decoder = json_object_get(b->config, "added_tokens_decoder"), *v;
	const char *key;
	size_t i;

	if (json_is_object(decoder))
		add_decoder(b, decoder);
	else
		add_older(b);
	b->placed = b->t->n_added;
	json_object_foreach(b->named, key, v)
	{
		if (json_is_string(v) || json_is_object(v) || is_name(key))
			add_here(b, v, FROM_NAME, key);
	}
	json_array_foreach(b->extra, i, v) { add_here(b, v, FROM_LIST, "extra_special_tokens"); }
}

/* The id of the token of this name: -1 where it is null, or has no text.  A map is heard that alone
 * names it, even where transformers passes it over.  Where no file names it, some classes of
 * transformers have one. */
static int32_t id_of_name(const struct beside *b, int name)
{
	static const struct {
		const char *class, *token[2]; /* bos, eos */
	} otherwise[] = {
		{"LlamaTokenizer", {"<s>", "</s>"}},
		{"CodeLlamaTokenizer", {"<s>", "</s>"}},
		{"GPT2Tokenizer", {"<|endoftext|>", "<|endoftext|>"}},
		{"GPTNeoXTokenizer", {"<|endoftext|>", "<|endoftext|>"}},
		{"Qwen2Tokenizer", {NULL, "<|endoftext|>"}},
		{"GemmaTokenizer", {"<bos>", "<eos>"}},
	};
	const char *class = json_text(b->config, "tokenizer_class", "");
	const json_t *own = json_object_get(b->config, names[name]), *id;
	const json_t *v = own ? own : json_object_get(b->map, names[name]);
	const char *text = json_is_string(v) ? json_string_value(v) : json_text(v, "content", NULL);
	size_t n = strlen(class);

	if (n > 4 && !strcmp(class + n - 4, "Fast"))
		n -= 4;
	for (size_t i = 0; !v && i < sizeof otherwise / sizeof *otherwise; i++)
		if (strlen(otherwise[i].class) == n && !memcmp(otherwise[i].class, class, n))
			text = otherwise[i].token[name];
	id = text ? json_object_get(b->ids, text) : NULL;
	return id ? (int32_t)json_integer_value(id) : -1;
}

int tokenizer_beside(struct tokenizer *t, json_t *ids, const char *path)
{
	static const struct json_key key[] = {{"add_bos_token", 'f'}, {0}};
	const char *slash = strrchr(path, '/');
	struct beside b = {.t = t, .ids = ids};
	struct fault why;

	b.folder = xprintf("%.*s", slash ? (int)(slash - path + 1) : 0, path);
	b.config = read_file(&b, "tokenizer_config.json");
	b.map = read_file(&b, "special_tokens_map.json");
	b.silent = !b.config && !b.map;
	b.files = b.map ? "tokenizer_config.json or special_tokens_map.json"
	                : "tokenizer_config.json";
	if (json_check(b.config, key, &why))
		die("%stokenizer_config.json: %s", b.folder, why.text);
	b.config = b.config ? b.config : json_object();
	read_names(&b);
	add_all(&b);
	if (json_object_get(b.config, "add_bos_token"))
		t->says_bos = json_flag(b.config, "add_bos_token", -1);
	t->bos = id_of_name(&b, 0);
	t->eos = id_of_name(&b, 1);
	json_decref(b.named);
	json_decref(b.config);
	json_decref(b.map);
	free(b.folder);
	return b.silent;
}
