/* SPDX-License-Identifier: MIT */
/* tokenizer.c - see tokenizer.h: opening, encoding, decoding, the fingerprint. */
#include "tokenizer_in.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../format/foreign.h"
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

	t->unk = t->bos = t->eos = t->says_bos = -1;
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

static void put_around(struct around *a, int32_t id)
{
	if (!a->n && id >= 0)
		a->id[a->n++] = id;
}

/* What the flags say, as the lists say it.  A row ends with the end token, and nothing else can
 * stand behind it. */
static int around_prepare(struct tokenizer *t, struct fault *f)
{
	const struct around *a = &t->behind;
	struct view s;

	if (t->bos >= t->vocab.n)
		t->bos = -1;
	if (t->eos >= t->vocab.n)
		t->eos = -1;
	if (t->eos >= 0)
		ids_add(&t->ends, t->eos);
	if (t->adds_bos)
		put_around(&t->before, t->bos);
	if (t->adds_eos)
		put_around(&t->behind, t->eos);
	if (!a->n || (a->n == 1 && a->id[0] == t->eos))
		return 0;
	s = vocab_text(&t->vocab, a->id[a->id[0] == t->eos && a->n > 1]);
	return fault(f,
	             "post_processor: puts \"%.*s\" behind a text, which is not its end token: "
	             "not supported",
	             (int)size_min(s.n, 80), s.p);
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
	added_prepare(t);
	bpe_prepare(t);
	return around_prepare(t, f);
}

static struct tokenizer *parse(const void *bytes, size_t n, const char *path, struct fault *f)
{
	struct tokenizer *t = tokenizer_new();
	int rc = tokenizer_rank_is(bytes, n)               ? tokenizer_rank(t, bytes, n, f)
	         : gguf_is(bytes, n) || gguf_old(bytes, n) ? tokenizer_gguf(t, bytes, n, f)
	                                                   : tokenizer_json(t, bytes, n, path, f);

	if (!rc && !tokenizer_prepare(t, f)) {
		chat_name_ends(t);
		return t;
	}
	tokenizer_close(t);
	return NULL;
}

struct tokenizer *tokenizer_parse(const void *bytes, size_t n, struct fault *f)
{
	struct tokenizer *t = parse(bytes, n, NULL, f);

	if (!t || !*t->cannot.text)
		return t;
	*f = t->cannot;
	tokenizer_close(t);
	return NULL;
}

/* The file of a model's tokenizer, owned: itself, or tokenizer.json of a folder, or else
 * tokenizer.model, if it is a rank file; NULL when there is none. */
static char *tokenizer_file(const char *path)
{
	char *json = xprintf("%s/tokenizer.json", path), *ranks;
	struct stat st;
	const void *map;
	size_t n;
	int is_ranks;

	if (!stat(json, &st))
		return json;
	free(json);
	ranks = xprintf("%s/tokenizer.model", path);
	if (!stat(ranks, &st) && st.st_size) {
		map = zio_map(ranks, &n);
		is_ranks = tokenizer_rank_is(map, n);
		zio_unmap(map, n);
		if (is_ranks)
			return ranks;
	}
	free(ranks);
	return NULL;
}

#define SAVE_IT \
	"AutoTokenizer.from_pretrained and save_pretrained of transformers write tokenizer.json"

static char *file_of_folder(const char *path)
{
	static const struct foreign instead[] = {
		{"*.model", "a SentencePiece model is not read; " SAVE_IT},
		{"tekken.json", "a tokenizer of Mistral's own format is not read; " SAVE_IT},
		{"vocab.json", "it is not read; " SAVE_IT},
		{"*.tiktoken", "it is not read; " SAVE_IT},
		{"vocab.txt", "a WordPiece vocabulary is not read"},
		{NULL, NULL},
	};
	char *file = tokenizer_file(path);

	if (!file)
		foreign_missing(path, "tokenizer.json", instead);
	return file;
}

/* A SentencePiece model, as protobuf has it: a message of field 1 whose field 1 is a text. */
static int is_sentencepiece(const char *p, size_t n)
{
	return n > 4 && p[0] == '\n' && p[2] == '\n' && p[3] < p[1] && p[3] > 0;
}

struct tokenizer *tokenizer_open_vocabulary(const char *path)
{
	struct tokenizer *t;
	struct fault f;
	struct stat st;
	char *file;
	const void *map;
	size_t n;

	if (stat(path, &st))
		die("open %s:", path);
	file = S_ISDIR(st.st_mode) ? file_of_folder(path) : xstrdup(path);
	map = zio_map(file, &n);
	t = parse(map, n, file, &f);
	if (!t && is_sentencepiece(map, n))
		die("%s: a SentencePiece model is not read; " SAVE_IT, file);
	if (!t)
		foreign_die(file, map, n, &f);
	if (!gguf_is(map, n))
		tokenizer_folder(t, file);
	zio_unmap(map, n);
	free(file);
	return t;
}

struct tokenizer *tokenizer_open(const char *path)
{
	struct tokenizer *t = tokenizer_open_vocabulary(path);

	if (*t->cannot.text)
		die("%s: %s", path, t->cannot.text);
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
	file = tokenizer_file(path);
	exists = file != NULL;
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
	ids_free(&t->ends);
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
int tokenizer_adds_eos(const struct tokenizer *t) { return t->behind.n > 0; }
int32_t tokenizer_size(const struct tokenizer *t) { return t->vocab.n; }
const json_t *tokenizer_chat(const struct tokenizer *t) { return t->chat; }
const json_t *tokenizer_variables(const struct tokenizer *t) { return t->variables; }

const int32_t *tokenizer_before(const struct tokenizer *t, int *n)
{
	*n = t->before.n;
	return t->before.id;
}

const char *tokenizer_doubt(const struct tokenizer *t)
{
	if (t->says_bos == 1 && !t->before.n && t->bos >= 0)
		return "tokenizer_config.json has add_bos_token true, but tokenizer.json's "
		       "post_processor puts no token before a text";
	if (!t->says_bos && t->before.n)
		return "tokenizer_config.json has add_bos_token false, but tokenizer.json's "
		       "post_processor puts a token before a text";
	return NULL;
}

const int32_t *tokenizer_ends(const struct tokenizer *t, int *n)
{
	*n = (int)t->ends.n;
	return t->ends.p;
}

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

static void hash_around(struct hash *h, const struct around *a)
{
	hash_add(h, &a->n, sizeof a->n);
	hash_add(h, a->id, a->n * sizeof *a->id);
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
	if (t->before.n || t->behind.n) {
		hash_around(h, &t->before);
		hash_around(h, &t->behind);
	}
	hash_hex(hash_value(h), hex);
	hash_free(h);
	buf_free(&b);
}

int tokenizer_matches(const struct tokenizer *t, int32_t vocab, const char *hex)
{
	struct tokenizer other = *t;
	char own[17];

	tokenizer_fingerprint(t, vocab, own);
	if (!strcmp(own, hex))
		return 1;
	if (!*t->cannot.text || t->bos < 0)
		return 0;
	other.before = (struct around){{t->bos}, !t->before.n};
	tokenizer_fingerprint(&other, vocab, own);
	return !strcmp(own, hex);
}
