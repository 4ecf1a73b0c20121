/* SPDX-License-Identifier: MIT */
/* tokens.c - the blobs of a token stream as rows; see tokens.h and seal-tensors(5).
 *
 * A blob's values are checked when it is read, so that nobody has to later. */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"

/* The values of a tensor where they are, or a copy where they are not aligned for their type; NULL
 * with a fault.  *n: how many it must hold; below 0: any number, to which *n is set. */
static const void *values(struct tokens *t, const struct safetensors *st, const char *name,
                          enum st_type type, long *n, struct fault *f)
{
	const struct st_tensor *s = st_find(st, name);
	void *copy;

	if (!s)
		fault(f, "no tensor \"%s\"", name);
	else if (s->type != type || s->rank != 1)
		fault(f, "tensor \"%s\" is not a list of %s", name, st_name(type));
	else if (*n >= 0 && s->shape[0] != *n)
		fault(f, "tensor \"%s\" has %ld values, not %ld", name, s->shape[0], *n);
	else {
		*n = s->shape[0];
		if ((uintptr_t)s->data % st_size(type) == 0)
			return s->data;
		copy = xalloc(s->bytes);
		memcpy(copy, s->data, s->bytes);
		tokens_hold(t, copy, s->bytes);
		return copy;
	}
	return NULL;
}

/* What all segments share is taken from the first blob, and later ones are compared with it. */
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
		return fault(f, "tokens of another tokenizer (fingerprint %s, before %s)",
		             fingerprint, t->fingerprint);
	if (strcmp(t->template, template))
		return fault(f, "tokens of another template (\"%.80s\", before \"%.80s\")",
		             template, t->template);
	return 0;
}

static int check_offsets(const int64_t *o, const char *name, long n, long total, struct fault *f)
{
	if (o[0] != 0 || o[n] != total)
		return fault(f, "\"%s\" does not run from 0 to %ld", name, total);
	for (long i = 0; i < n; i++)
		if (o[i + 1] <= o[i])
			return fault(f, "\"%s\" lies: row %ld is empty or runs backwards", name, i);
	return 0;
}

static struct tokens_row row_of(const struct tokens_part *p, long i)
{
	long at = p->offset[i], id = p->id_offset[i];

	return (struct tokens_row){.token = p->token + at,
	                           .train = p->train + at,
	                           .n = p->offset[i + 1] - at,
	                           .at = p->first + i,
	                           .id = p->ids + id,
	                           .id_n = p->id_offset[i + 1] - id,
	                           .hash = p->hash[i],
	                           .line = p->line[i]};
}

/* Ids and masks of the row must make sense; *ids grows to 1 + the largest token id. */
static int check_row(const struct tokens_row *r, long *ids, struct fault *f)
{
	json_t *id = json_stringn(r->id, r->id_n);
	long trained = 0, i = r->at;

	json_decref(id);
	if (!id)
		return fault(f, "the id of row %ld is not UTF-8", i);
	for (long k = 0; k < r->n; k++) {
		if (r->token[k] < 0)
			return fault(f, "row %ld: token id %d", i, r->token[k]);
		if (r->train[k] > 1)
			return fault(f, "row %ld: \"train\" is %d", i, r->train[k]);
		trained += r->train[k];
		if (r->token[k] >= *ids)
			*ids = r->token[k] + 1L;
	}
	if (r->train[0] || !trained)
		return fault(f, "row %ld: %s", i,
		             trained ? "the first token cannot be trained" : "no trained token");
	return 0;
}

static int append_rows(struct tokens *t, const struct safetensors *st, struct fault *f)
{
	struct tokens_part p = {.first = t->rows, .rows = -1};
	long total = -1, id_bytes = -1, ends;

	if (!(p.hash = values(t, st, "hash", ST_U64, &p.rows, f)) ||
	    !(p.token = values(t, st, "tokens", ST_I32, &total, f)))
		return -1;
	ends = p.rows + 1;
	if (!(p.offset = values(t, st, "offsets", ST_I64, &ends, f)) ||
	    !(p.train = values(t, st, "train", ST_U8, &total, f)) ||
	    !(p.ids = values(t, st, "ids", ST_U8, &id_bytes, f)) ||
	    !(p.id_offset = values(t, st, "id_offsets", ST_I64, &ends, f)) ||
	    !(p.line = values(t, st, "line", ST_I64, &p.rows, f)) ||
	    check_offsets(p.offset, "offsets", p.rows, total, f) ||
	    check_offsets(p.id_offset, "id_offsets", p.rows, id_bytes, f))
		return -1;
	for (long i = 0; i < p.rows; i++) {
		struct tokens_row r = row_of(&p, i);

		if (check_row(&r, &t->ids, f))
			return -1;
		if (r.n > t->longest)
			t->longest = r.n;
	}
	if (!p.rows)
		return 0;
	t->part = xrealloc(t->part, (t->parts + 1) * sizeof *t->part);
	t->part[t->parts++] = p;
	t->rows += p.rows;
	t->total += total;
	return 0;
}

/* A run that is in the history of several segments is listed once. */
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
	else if (json_long(end, "rows", -1) != t->rows - t->begun)
		bad = fault(f, "seal.end counts %ld rows, there are %ld",
		            json_long(end, "rows", -1), t->rows - t->begun);
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
	const char *end;
	int bad;

	if (st_parse(&st, p, bytes, used, f))
		return -1;
	if (!t->history)
		t->history = json_array();
	if (!t->open)
		t->begun = t->rows;
	t->open = 1;
	bad = check_meta(t, &st, f) || append_rows(t, &st, f);
	end = st_meta(&st, "seal.end");
	if (!bad && end)
		bad = close_segment(t, end, f);
	st_close(&st);
	return bad ? -1 : 0;
}

void tokens_hold(struct tokens *t, void *p, size_t bytes)
{
	t->held = xrealloc(t->held, (t->n_held + 1) * sizeof *t->held);
	t->held[t->n_held++] = p;
	t->in_memory += bytes;
}

void tokens_drop(struct tokens *t)
{
	for (long i = 0; i < t->n_held; i++)
		free(t->held[i]);
	t->n_held = t->parts = 0;
	t->in_memory = 0;
}

void tokens_close(struct tokens *t)
{
	tokens_drop(t);
	for (int i = 0; i < t->maps; i++)
		zio_unmap(t->map[i].p, t->map[i].bytes);
	free(t->held);
	free(t->map);
	free(t->part);
	free(t->pick);
	free(t->template);
	json_decref(t->history);
	free(t);
}

struct tokens_row tokens_row(const struct tokens *t, long row)
{
	long low = 0, high = t->parts, at = t->pick ? t->pick[row] : row;
	struct tokens_row r;

	while (high - low > 1) {
		long mid = (low + high) / 2;

		if (t->part[mid].first <= at)
			low = mid;
		else
			high = mid;
	}
	r = row_of(&t->part[low], at - t->part[low].first);
	r.at = row;
	return r;
}

uint64_t tokens_row_key(const struct tokens_row *r)
{
	const uint64_t parts[] = {hash_bytes(r->token, r->n * sizeof *r->token),
	                          hash_bytes(r->train, r->n)};

	return hash_bytes(parts, sizeof parts);
}

void tokens_check_ids(const struct tokens *t, const char *name, long vocab)
{
	char id[128];

	for (long i = 0; t->ids > vocab && i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		for (long k = 0; k < r.n; k++)
			if (r.token[k] >= vocab)
				die("%s: row %s: token %d is not among the model's %ld", name,
				    row_id(&r, id, sizeof id), r.token[k], vocab);
	}
}

char *tokens_id(const struct tokens *t, long row, char *into, size_t size)
{
	struct tokens_row r = tokens_row(t, row);

	return row_id(&r, into, size);
}

long tokens_most(const struct tokens *t, long n)
{
	long *rows = xzalloc(t->longest + 1, sizeof *rows), most = 0; /* of each length */

	for (long i = 0; i < t->rows; i++)
		rows[tokens_length(t, i)]++;
	for (long length = t->longest; length > 0 && n > 0; length--) {
		long k = long_min(rows[length], n);

		most += k * length;
		n -= k;
	}
	free(rows);
	return most;
}
