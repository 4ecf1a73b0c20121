/* tokens.c - reads the token stream; see tokens.h and seal-tensors(5). */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "places.h"

/* The tensors of one blob, sizes checked, values not yet. */
struct view {
	const struct st_tensor *token, *offset, *train, *ids, *id_offset, *hash, *line;
	long rows, total;
};

/* count: how many values it must hold, -1 for any. */
static const struct st_tensor *need(const struct safetensors *st, const char *name, enum st_type type,
                                    long count, struct fault *f)
{
	const struct st_tensor *t = st_find(st, name);

	if (!t)
		fault(f, "no tensor \"%s\"", name);
	else if (t->type != type || t->rank != 1)
		fault(f, "tensor \"%s\" is not a list of %s", name, st_name(type));
	else if (count >= 0 && t->shape[0] != count)
		fault(f, "tensor \"%s\" has %ld values, not %ld", name, t->shape[0], count);
	else
		return t;
	return NULL;
}

static int view(struct view *v, const struct safetensors *st, struct fault *f)
{
	if (!(v->hash = need(st, "hash", ST_U64, -1, f)) ||
	    !(v->token = need(st, "tokens", ST_I32, -1, f)))
		return -1;
	v->rows = v->hash->shape[0];
	v->total = v->token->shape[0];
	return (v->offset = need(st, "offsets", ST_I64, v->rows + 1, f)) &&
	       (v->train = need(st, "train", ST_U8, v->total, f)) &&
	       (v->ids = need(st, "ids", ST_U8, -1, f)) &&
	       (v->id_offset = need(st, "id_offsets", ST_I64, v->rows + 1, f)) &&
	       (v->line = need(st, "line", ST_I64, v->rows, f)) ? 0 : -1;
}

/* What all segments share is taken from the first blob and compared after. */
static int check_meta(struct tokens *t, const struct safetensors *st, struct fault *f)
{
	const char *kind = st_meta(st, "seal.kind"), *template = st_meta(st, "seal.template");
	const char *fingerprint = st_meta(st, "seal.fingerprint");
	uint64_t ignored;

	if (!kind || strcmp(kind, "tokens"))
		return fault(f, "not a token stream (seal.kind is %.40s)", kind ? kind : "missing");
	if (!template || !fingerprint || hash_parse(fingerprint, &ignored))
		return fault(f, "seal.template or seal.fingerprint is missing or malformed");
	if (!t->template) {
		t->template = xstrdup(template);
		strcpy(t->fingerprint, fingerprint);
	}
	if (strcmp(t->fingerprint, fingerprint))
		return fault(f, "tokens of another tokenizer (fingerprint %s, before %s)", fingerprint,
		             t->fingerprint);
	if (strcmp(t->template, template))
		return fault(f, "tokens of another template (\"%.80s\", before \"%.80s\")", template,
		             t->template);
	return 0;
}

static void append(void *to, size_t at, const struct st_tensor *s)
{
	char **p = to;

	*p = xrealloc(*p, at + s->bytes);
	if (s->bytes)
		memcpy(*p + at, s->data, s->bytes);
}

/* The blob's own offsets, 0 to total, become the stream's. */
static int append_offsets(int64_t **to, long rows, const struct st_tensor *s, long n, long total,
                          struct fault *f)
{
	int64_t base = rows ? (*to)[rows] : 0, *o;

	append(to, rows * sizeof *o, s);
	o = *to + rows;
	if (o[0] != 0 || o[n] != total)
		return fault(f, "\"%s\" does not run from 0 to %ld", s->name, total);
	for (long i = 0; i < n; i++)
		if (o[i + 1] <= o[i])
			return fault(f, "\"%s\" lies: row %ld is empty or runs backwards", s->name, i);
	for (long i = 0; i <= n; i++)
		o[i] += base;
	return 0;
}

/* Row i of all: ids and masks that make sense. */
static int check_row(const struct tokens *t, long i, struct fault *f)
{
	const int32_t *token = t->token + t->offset[i];
	const uint8_t *train = t->train + t->offset[i];
	long n = tokens_length(t, i), trained = 0;
	json_t *id = json_stringn(t->ids + t->id_offset[i], t->id_offset[i + 1] - t->id_offset[i]);

	json_decref(id);
	if (!id)
		return fault(f, "the id of row %ld is not UTF-8", t->gone + i);
	for (long k = 0; k < n; k++) {
		if (token[k] < 0)
			return fault(f, "row %ld: token id %d", t->gone + i, token[k]);
		if (train[k] > 1)
			return fault(f, "row %ld: \"train\" is %d", t->gone + i, train[k]);
		trained += train[k];
	}
	if (train[0] || !trained)
		return fault(f, "row %ld: %s", t->gone + i, trained ? "the first token cannot be trained" : "no trained token");
	return 0;
}

static int append_rows(struct tokens *t, const struct view *v, struct fault *f)
{
	size_t total = t->rows ? t->offset[t->rows] : 0, ids = t->rows ? t->id_offset[t->rows] : 0;

	append(&t->token, total * sizeof *t->token, v->token);
	append(&t->train, total, v->train);
	append(&t->ids, ids, v->ids);
	append(&t->hash, t->rows * sizeof *t->hash, v->hash);
	append(&t->line, t->rows * sizeof *t->line, v->line);
	if (append_offsets(&t->offset, t->rows, v->offset, v->rows, v->total, f) ||
	    append_offsets(&t->id_offset, t->rows, v->id_offset, v->rows, v->ids->shape[0], f))
		return -1;
	for (long i = t->rows; i < t->rows + v->rows; i++)
		if (check_row(t, i, f))
			return -1;
	t->rows += v->rows;
	return 0;
}

/* A run that several segments share is told once. */
static void add_history(json_t *all, json_t *run)
{
	for (size_t i = 0; i < json_array_size(all); i++)
		if (json_equal(json_array_get(all, i), run))
			return;
	json_array_append(all, run);
}

static int close_segment(struct tokens *t, const char *text, struct fault *f)
{
	struct fault inner;
	json_t *end = json_parse(text, strlen(text), &inner), *history;
	uint64_t input;
	int bad = 0;

	history = json_object_get(end, "history");
	if (!end)
		bad = fault(f, "seal.end: %.200s", inner.text);
	else if (json_long(end, "rows", -1) != t->gone + t->rows - t->begun)
		bad = fault(f, "seal.end counts %ld rows, there are %ld", json_long(end, "rows", -1),
		            t->gone + t->rows - t->begun);
	else if (hash_parse(json_text(end, "input", ""), &input) || !json_is_array(history))
		bad = fault(f, "seal.end: \"input\" or \"history\" is missing or malformed");
	for (size_t i = 0; !bad && i < json_array_size(history); i++)
		add_history(t->history, json_array_get(history, i));
	json_decref(end);
	t->open = 0;
	return bad;
}

int tokens_blob(struct tokens *t, const void *p, size_t bytes, size_t *used, struct fault *f)
{
	struct safetensors st;
	struct view v;
	const char *end;
	int bad;

	if (st_parse(&st, p, bytes, used, f))
		return -1;
	if (!t->history)
		t->history = json_array();
	if (!t->open)
		t->begun = t->gone + t->rows;
	t->open = 1;
	bad = check_meta(t, &st, f) || view(&v, &st, f) || append_rows(t, &v, f);
	end = st_meta(&st, "seal.end");
	if (!bad && end)
		bad = close_segment(t, end, f);
	st_close(&st);
	for (char *c = f->text; bad && *c; c++)     /* it quotes metadata */
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = '?';
	return bad ? -1 : 0;
}

/* Memory grows with what is really there, not with what a header claims. */
static void read_exactly(struct zin *z, struct buf *b, size_t n)
{
	while (n) {
		size_t step = n < 1 << 24 ? n : 1 << 24;

		buf_need(b, step);
		if (zin_read(z, b->p + b->n, step) < step)
			die("%s: cut short within a blob", zin_name(z));
		b->n += step;
		n -= step;
	}
}

/* The next blob's bytes; 0 at the end. */
static int read_blob(struct zin *z, struct buf *b)
{
	struct safetensors st;
	struct fault f;
	size_t got, header, data;

	b->n = 0;
	buf_need(b, 8);
	got = zin_read(z, b->p, 8);
	if (!got)
		return 0;
	b->n = got;
	if (got < 8)
		die("%s: %zu stray bytes at the end", zin_name(z), got);
	if (st_header_bytes(b->p, &header, &f))
		die("%s: %s", zin_name(z), f.text);
	read_exactly(z, b, header);
	if (st_parse_header(&st, b->p + 8, header, &data, &f))
		die("%s: %s", zin_name(z), f.text);
	st_close(&st);
	read_exactly(z, b, data);
	return 1;
}

/* For tokens_each: take, and the rows by their ids' keys. */
struct each { int (*take)(void *, const struct tokens *); void *ctx; struct places *seen; };

/* Hands on the rows and lets them go; 0: enough. */
static int hand_on(struct tokens *t, const struct each *e)
{
	char id[128];
	int more;

	for (long i = 0; i < t->rows; i++) {
		uint32_t *row = places_find(e->seen, hash_bytes(t->ids + t->id_offset[i], t->id_offset[i + 1] - t->id_offset[i]));

		if (*row)
			die("two rows have the id \"%s\" (rows %ld and %ld of the tokens)",
			    tokens_id(t, i, id, sizeof id), (long)*row, t->gone + i + 1);
		if (t->gone + i + 1 > UINT32_MAX)
			die("too many rows");
		*row = t->gone + i + 1;
	}
	more = e->take(e->ctx, t);
	t->gone += t->rows;
	t->rows = 0;
	return more;
}

/* each: may be NULL; then all rows stay.  0: it had enough. */
static int read_stream(struct tokens *t, const char *path, const struct each *each)
{
	struct zin *z = zin_open(path);
	struct buf b = {0};
	struct fault f;
	size_t used;
	int blobs = 0, more = 1;

	for (; more && read_blob(z, &b); blobs++) {
		if (tokens_blob(t, b.p, b.n, &used, &f))
			die("%s: blob %d: %s", zin_name(z), blobs + 1, f.text);
		more = !each || hand_on(t, each);
	}
	if (!blobs)
		die("%s: is empty, not even a token stream of no rows", zin_name(z));
	if (more && t->open)
		die("%s: cut short: no seal.end", zin_name(z));
	zin_close(z);
	buf_free(&b);
	return more;
}

void tokens_each(char *const paths[], int n, int (*take)(void *, const struct tokens *), void *ctx)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct each each = { take, ctx, places_new() };

	for (int i = 0; i < (n ? n : 1) && read_stream(t, n ? paths[i] : NULL, &each); i++)
		;
	places_free(each.seen);
	tokens_close(t);
}

struct named { uint64_t hash; long row; };

static int by_hash(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->hash != y->hash ? (x->hash > y->hash) - (x->hash < y->hash)
	                          : (x->row > y->row) - (x->row < y->row);
}

static void refuse_duplicates(const struct tokens *t)
{
	struct named *name = xalloc(t->rows * sizeof *name);
	char id[128];

	for (long i = 0; i < t->rows; i++)
		name[i] = (struct named){hash_bytes(t->ids + t->id_offset[i],
		                                    t->id_offset[i + 1] - t->id_offset[i]), i};
	qsort(name, t->rows, sizeof *name, by_hash);
	for (long i = 1; i < t->rows; i++)
		if (name[i].hash == name[i - 1].hash)
			die("two rows have the id \"%s\" (rows %ld and %ld of the tokens)",
			    tokens_id(t, name[i].row, id, sizeof id), name[i - 1].row + 1, name[i].row + 1);
	free(name);
}

static uint64_t hash_data(const struct tokens *t)
{
	struct hash *h = hash_new();
	uint64_t value;
	size_t total = t->offset[t->rows];

	hash_add(h, t->hash, t->rows * sizeof *t->hash);
	hash_add(h, t->offset, (t->rows + 1) * sizeof *t->offset);
	hash_add(h, t->token, total * sizeof *t->token);
	hash_add(h, t->train, total);
	value = hash_value(h);
	hash_free(h);
	return value;
}

struct tokens *tokens_read(char *const paths[], int n)
{
	struct tokens *t = xzalloc(1, sizeof *t);

	for (int i = 0; i < (n ? n : 1); i++)
		read_stream(t, n ? paths[i] : NULL, NULL);
	refuse_duplicates(t);
	t->input = hash_data(t);
	return t;
}

void tokens_close(struct tokens *t)
{
	free(t->token);
	free(t->offset);
	free(t->train);
	free(t->ids);
	free(t->id_offset);
	free(t->hash);
	free(t->line);
	free(t->template);
	json_decref(t->history);
	free(t);
}

char *tokens_id(const struct tokens *t, long row, char *into, size_t size)
{
	size_t n = t->id_offset[row + 1] - t->id_offset[row];

	n = n < size ? n : size - 1;
	memcpy(into, t->ids + t->id_offset[row], n);
	into[n] = 0;
	return into;
}
