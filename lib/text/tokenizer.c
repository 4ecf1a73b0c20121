/* SPDX-License-Identifier: MIT */
/* tokenizer.c - see tokenizer.h: opening, encoding, decoding, the fingerprint. */
#include "tokenizer_in.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../format/gguf.h"
#include "../format/zio.h"

void ids_add(struct ids *ids, int32_t id)
{
	ids->p = xgrow(ids->p, ids->n, &ids->cap, sizeof *ids->p);
	ids->p[ids->n++] = id;
}

void ids_free(struct ids *ids)
{
	free(ids->p);
	*ids = (struct ids){0};
}

struct tokenizer *tokenizer_new(void)
{
	struct tokenizer *t = xzalloc(1, sizeof *t);

	t->unk = t->bos = t->eos = -1;
	t->variables = json_object();
	return t;
}

struct pre_step *tokenizer_step(struct tokenizer *t, int kind, const char *from, const char *to,
                                struct fault *f)
{
	struct pre_step *step = &t->pre[t->pres];

	if (t->pres == STEPS_MOST) {
		fault(f, "pre_tokenizer: more than %d steps", STEPS_MOST);
		return NULL;
	}
	*step = (struct pre_step){.kind = kind, .behaviour = SPLIT_ISOLATED};
	step->from = from ? xstrdup(from) : NULL;
	step->to = to ? xstrdup(to) : NULL;
	t->pres++;
	return step;
}

int tokenizer_token(struct tokenizer *t, int32_t id, struct view s, struct fault *f)
{
	struct buf bytes = {0};
	int plain = t->byte_level && bytes_of_text(&s, &bytes);
	int rc = vocab_set(&t->vocab, id, s.p, s.n, plain ? TOKEN_PLAIN : TOKEN_MODEL, f);

	buf_free(&bytes);
	return rc;
}

void tokenizer_add(struct tokenizer *t, struct added_token a)
{
	t->added = xrealloc(t->added, (t->n_added + 1) * sizeof *t->added);
	a.text = xstrndup(a.text, a.n);
	t->added[t->n_added++] = a;
}

static int by_id(const void *a, const void *b)
{
	int32_t x = ((const struct added_token *)a)->id, y = ((const struct added_token *)b)->id;

	return x < y ? -1 : x > y;
}

int tokenizer_prepare(struct tokenizer *t, struct fault *f)
{
	for (int i = 0; i < t->pres; i++)
		if (split_prepare(&t->pre[i], f))
			return -1;
	if (t->n_added)
		qsort(t->added, t->n_added, sizeof *t->added, by_id);
	for (long i = 1; i < t->n_added; i++)
		if (t->added[i].id == t->added[i - 1].id)
			return fault(f, "added_tokens: id %d twice", t->added[i].id);
	if (t->bos >= t->vocab.n)
		t->bos = -1;
	if (t->eos >= t->vocab.n)
		t->eos = -1;
	added_prepare(t);
	bpe_prepare(t);
	return 0;
}

struct tokenizer *tokenizer_parse(const void *bytes, size_t n, struct fault *f)
{
	struct tokenizer *t = tokenizer_new();
	int rc = gguf_is(bytes, n)             ? tokenizer_gguf(t, bytes, n, f)
	         : tokenizer_rank_is(bytes, n) ? tokenizer_rank(t, bytes, n, f)
	                                       : tokenizer_json(t, bytes, n, f);

	if (!rc && !tokenizer_prepare(t, f)) {
		chat_name_ends(t);
		return t;
	}
	tokenizer_close(t);
	return NULL;
}

struct tokenizer *tokenizer_open(const char *path)
{
	struct tokenizer *t;
	struct fault f;
	struct stat st;
	char *file;
	const void *map;
	size_t n;

	if (stat(path, &st))
		die("open %s:", path);
	file = S_ISDIR(st.st_mode) ? xprintf("%s/tokenizer.json", path) : xstrdup(path);
	map = zio_map(file, &n);
	t = tokenizer_parse(map, n, &f);
	if (!t)
		die("%s: %s", file, f.text);
	if (!gguf_is(map, n))
		tokenizer_folder(t, file);
	zio_unmap(map, n);
	free(file);
	return t;
}

static int gguf_has_tokenizer(const char *path)
{
	size_t n;
	const void *map = zio_map(path, &n);
	struct gguf g;
	struct fault f;
	const struct gguf_value *v;
	int has;

	if (gguf_parse(&g, map, n, &f))
		die("%s: %s", path, f.text);
	v = gguf_find(&g, "tokenizer.ggml.model");
	has = v && !(v->kind == GGUF_TEXT && v->n == 4 && !memcmp(v->text, "none", 4));
	gguf_close(&g);
	zio_unmap(map, n);
	return has;
}

int tokenizer_exists(const char *path)
{
	struct stat st;
	char *file;
	int exists;

	if (stat(path, &st))
		return 0;
	if (!S_ISDIR(st.st_mode))
		return gguf_has_tokenizer(path);
	file = xprintf("%s/tokenizer.json", path);
	exists = !stat(file, &st);
	free(file);
	return exists;
}

void tokenizer_close(struct tokenizer *t)
{
	for (int i = 0; i < t->norms; i++) {
		free(t->norm[i].from);
		free(t->norm[i].to);
	}
	for (int i = 0; i < t->pres; i++)
		split_free(&t->pre[i]);
	for (long i = 0; i < t->n_added; i++)
		free(t->added[i].text);
	free(t->added);
	buf_free(&t->vocab.text);
	free(t->vocab.token);
	free(t->vocab.slot);
	free(t->merges.pair);
	json_decref(t->chat);
	json_decref(t->variables);
	free(t->raw.node);
	free(t->norm_trie.node);
	free(t->special.node);
	free(t->bpe.character);
	free(t->bpe.whole);
	free(t);
}

static void normal_text(struct job *j, struct view s, int first)
{
	s = tokenizer_normalize(j->t, j->norm, s, !(first && j->flags & TOKENIZE_CONTINUE));
	added_cut(j, &j->t->norm_trie, s, first, tokenizer_split);
}

void tokenizer_encode(const struct tokenizer *t, const char *text, size_t n, int flags, long most,
                      struct ids *out)
{
	struct job j = {.t = t, .flags = flags, .stop = most ? most : LONG_MAX, .out = out};

	if (n)
		added_cut(&j, &t->raw, (struct view){text, n}, !(flags & TOKENIZE_AFTER),
		          normal_text);
	buf_free(&j.norm[0]);
	buf_free(&j.norm[1]);
	for (int i = 0; i < t->pres; i++)
		buf_free(&j.pre[i]);
	free(j.sym);
	free(j.heap);
	split_end(&j);
}

/* NULL: it is none. */
static const struct added_token *added_of(const struct tokenizer *t, int32_t id)
{
	struct added_token key = {.id = id};

	if (!t->n_added)
		return NULL;
	return bsearch(&key, t->added, t->n_added, sizeof key, by_id);
}

/* Appends the bytes that id stands for. */
static void token_bytes(const struct tokenizer *t, int32_t id, struct buf *out)
{
	const struct added_token *a;
	struct view s;
	int byte;

	if (id < 0 || id >= t->vocab.n || t->vocab.token[id].kind == TOKEN_NONE)
		return;
	a = added_of(t, id);
	s = a ? (struct view){a->text, a->n} : vocab_text(&t->vocab, id);
	byte = t->byte_fallback && !a ? byte_of_name(s) : -1;
	if (byte >= 0) {
		buf_add(out, &(char){byte}, 1);
		return;
	}
	if (t->marks && !a)
		replace_text(out, s, SPACE_MARK, " ");
	else
		buf_add(out, s.p, s.n);
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *id, long n, int special, int first,
                      struct buf *out)
{
	size_t begin = out->n;

	for (long i = 0; i < n; i++) {
		if (!special && tokenizer_special(t, id[i]))
			continue;
		token_bytes(t, id[i], out);
		if (first && t->strips && out->n > begin) {
			if (out->p[begin] == ' ') {
				memmove(out->p + begin, out->p + begin + 1, out->n - begin);
				out->n--;
			}
			first = 0;
		}
	}
}

int32_t tokenizer_bos(const struct tokenizer *t) { return t->bos; }
int32_t tokenizer_eos(const struct tokenizer *t) { return t->eos; }
int tokenizer_adds_bos(const struct tokenizer *t) { return t->adds_bos && t->bos >= 0; }
int32_t tokenizer_size(const struct tokenizer *t) { return t->vocab.n; }
const json_t *tokenizer_chat(const struct tokenizer *t) { return t->chat; }
const json_t *tokenizer_variables(const struct tokenizer *t) { return t->variables; }

int tokenizer_special(const struct tokenizer *t, int32_t id)
{
	const struct added_token *a = added_of(t, id);

	return a && a->special;
}

int32_t tokenizer_id(const struct tokenizer *t, const char *token)
{
	for (long i = 0; i < t->n_added; i++)
		if (!strcmp(t->added[i].text, token))
			return t->added[i].id;
	return vocab_find(&t->vocab, token, strlen(token));
}

void tokenizer_fingerprint(const struct tokenizer *t, int32_t vocab, char hex[17])
{
	struct hash *h = hash_new();
	struct buf b = {0};

	for (int32_t id = 0; id < (vocab ? vocab : t->vocab.n); id++) {
		int none = id >= t->vocab.n || t->vocab.token[id].kind == TOKEN_NONE;
		uint32_t n;

		b.n = 0;
		token_bytes(t, id, &b);
		n = none ? UINT32_MAX : b.n;
		hash_add(h, &n, sizeof n);
		hash_add(h, b.p ? b.p : "", b.n);
	}
	hash_hex(hash_value(h), hex);
	hash_free(h);
	buf_free(&b);
}
