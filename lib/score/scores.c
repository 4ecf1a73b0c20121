/* SPDX-License-Identifier: MIT */
/* scores.c - the scores file, and its rows by id; see scores.h. */
#include "scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

static void put_real(struct buf *b, const char *key, double x)
{
	buf_fmt(b, ",\"%s\":", key);
	json_put_real(b, x);
}

static void put_long(struct buf *b, const char *key, long x)
{
	buf_fmt(b, ",\"%s\":", key);
	if (x < 0)
		buf_str(b, "null");
	else
		buf_fmt(b, "%ld", x);
}

static void put_row(struct buf *b, const struct score *s)
{
	char hex[17];

	hash_hex(s->hash, hex);
	buf_str(b, "{\"id\":");
	json_put_text(b, s->id, strlen(s->id));
	buf_fmt(b, ",\"hash\":\"%s\"", hex);
	put_long(b, "line", s->line);
	put_real(b, "score", s->score);
	put_real(b, "weight", s->weight);
	put_long(b, "visits", s->visits);
	put_long(b, "last", s->last);
	put_real(b, "loss_base", s->loss_base);
	put_real(b, "loss", s->loss);
	put_real(b, "loss_hat", s->loss_hat);
	buf_str(b, "}\n");
}

void scores_begin(struct zout *out, const json_t *header, long n)
{
	json_t *first = json_pack("{s:s, s:I}", "seal", "scores", "rows", (json_int_t)n);

	json_object_update_missing(first, (json_t *)header);
	json_write_line(out, first);
	json_decref(first);
}

void scores_add(struct zout *out, const struct score *row)
{
	struct buf b = {0};

	put_row(&b, row);
	zout_write(out, b.p, b.n);
	buf_free(&b);
}

void scores_write(struct zout *out, const json_t *header, const struct score row[], long n)
{
	scores_begin(out, header, n);
	for (long i = 0; i < n; i++)
		scores_add(out, &row[i]);
}

int scores_header(const char *text, size_t n, json_t **header, long *rows, struct fault *f)
{
	json_t *h = json_parse(text, n, f);
	const json_t *count = json_object_get(h, "rows");
	int bad = 0;

	if (!h)
		return -1;
	if (strcmp(json_text(h, "seal", ""), "scores"))
		bad = fault(f, "not a scores file (no {\"seal\":\"scores\"} at its head)");
	else if (!json_is_integer(count) || json_integer_value(count) < 0)
		bad = fault(f, "\"rows\" is not a count");
	if (bad) {
		json_decref(h);
		return -1;
	}
	*rows = json_integer_value(count);
	*header = h;
	return 0;
}

/* A number; NaN for null or nothing. */
static int take_real(const json_t *o, const char *key, double *x, struct fault *f)
{
	const json_t *v = json_object_get(o, key);

	*x = NAN;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_number(v))
		return fault(f, "\"%s\" is neither a number nor null", key);
	*x = json_number_value(v);
	return 0;
}

/* A count; -1 for null or nothing. */
static int take_long(const json_t *o, const char *key, long *x, struct fault *f)
{
	const json_t *v = json_object_get(o, key);

	*x = -1;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return fault(f, "\"%s\" is neither a count nor null", key);
	*x = json_integer_value(v);
	return 0;
}

static int take_row(const json_t *o, struct score *s, struct fault *f)
{
	const char *id = json_text(o, "id", NULL), *hash = json_text(o, "hash", NULL);

	if (!json_is_object(o))
		return fault(f, "not an object");
	if (!id)
		return fault(f, "\"id\" is not a text");
	if (!hash || hash_parse(hash, &s->hash))
		return fault(f, "\"hash\" is not 16 hexadecimal digits");
	if (!json_object_get(o, "score"))
		return fault(f, "\"score\" is missing");
	if (take_long(o, "line", &s->line, f) || take_real(o, "score", &s->score, f) ||
	    take_real(o, "weight", &s->weight, f) || take_long(o, "visits", &s->visits, f) ||
	    take_long(o, "last", &s->last, f) || take_real(o, "loss_base", &s->loss_base, f) ||
	    take_real(o, "loss", &s->loss, f) || take_real(o, "loss_hat", &s->loss_hat, f))
		return -1;
	s->id = xstrdup(id);
	return 0;
}

int score_object(const char *text, size_t n, struct score *s, struct fault *f)
{
	json_t *o = json_parse(text, n, f);
	int bad = !o || take_row(o, s, f) ? -1 : 0;

	json_decref(o);
	return bad;
}

int score_parse(const char *text, size_t n, struct score *s, struct fault *f)
{
	return score_line(text, n, s) ? score_object(text, n, s, f) : 0;
}

/* Open addressing, at most half full; a slot tells most ids apart by a part of
 * their hash, without a look at the row. */
struct score_slot {
	uint32_t tag, at;
}; /* at: the row's place + 1; 0: empty */

/* Where the id is, or the empty slot where it would be. */
static struct score_slot *find(const struct scores *s, const char *id, uint32_t *tag)
{
	uint64_t h = hash_bytes(id, strlen(id));
	size_t i = h & s->mask;

	*tag = h >> 32;
	while (s->slot[i].at &&
	       (s->slot[i].tag != *tag || strcmp(s->row[s->slot[i].at - 1].id, id)))
		i = (i + 1) & s->mask;
	return &s->slot[i];
}

/* Dies when an id is there twice. */
static void index_ids(struct scores *s)
{
	size_t size = 16;
	uint32_t tag;

	if (s->n >= UINT32_MAX)
		die("%s: too many rows", s->name);
	while (size < 2 * (size_t)s->n)
		size *= 2;
	s->mask = size - 1;
	s->slot = xzalloc(size, sizeof *s->slot);
	for (long i = 0; i < s->n; i++) {
		struct score_slot *at = find(s, s->row[i].id, &tag);

		if (at->at)
			die("%s:%ld: id %s is on line %ld too", s->name, i + 2, s->row[i].id,
			    at->at + 1L);
		*at = (struct score_slot){tag, i + 1};
	}
}

struct scores *scores_read(const char *path)
{
	struct zin *in = zin_open(path);
	struct scores *s = xzalloc(1, sizeof *s);
	struct fault f;
	size_t n, raw;
	long rows, room = 0;
	char *text = zin_line(in, &n, &raw);

	s->name = xstrdup(zin_name(in));
	if (!text)
		die("%s: empty, not a scores file", s->name);
	if (scores_header(text, n, &s->header, &rows, &f))
		die("%s:1: %s", s->name, f.text);
	while ((text = zin_line(in, &n, &raw))) {
		if (s->n == rows)
			die("%s:%ld: more rows than the %ld that the header promises", s->name,
			    s->n + 2, rows);
		if (s->n == room) {
			room = room * 3 / 2 + 1024;
			s->row = xrealloc(s->row, room * sizeof *s->row);
		}
		if (score_parse(text, n, &s->row[s->n], &f))
			die("%s:%ld: %s", s->name, s->n + 2, f.text);
		s->n++;
	}
	if (s->n < rows)
		die("%s: cut short: %ld of %ld rows", s->name, s->n, rows);
	zin_close(in);
	index_ids(s);
	return s;
}

void scores_close(struct scores *s)
{
	for (long i = 0; i < s->n; i++)
		free(s->row[i].id);
	free(s->slot);
	free(s->row);
	free(s->name);
	json_decref(s->header);
	free(s);
}

const struct score *score_of(const struct scores *s, const char *id)
{
	uint32_t tag;
	const struct score_slot *at = find(s, id, &tag);

	return at->at ? &s->row[at->at - 1] : NULL;
}

const struct score *score_lookup(const struct scores *s, const char *id, uint64_t hash)
{
	const struct score *one = score_of(s, id);

	if (one && one->hash != hash)
		die("%s:%ld: the row %s that was scored has another hash: another data set",
		    s->name, (long)(one - s->row) + 2, id);
	return one;
}
