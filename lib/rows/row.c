/* SPDX-License-Identifier: MIT */
/* row.c - see row.h. */
#include "row.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "places.h"
#include "row_in.h"

struct rows {
	struct row_source from;
	long taken, good, limit; /* good: those that were not dropped */
	struct fates *fates;
	json_t *json;
	struct buf id;
	struct places *seen; /* by a key of an id: its line, or a count; by equal_key too */
	enum row_repeats repeats;
	int allow_empty;
	struct buf expected; /* the id that rows_expect foretold; empty: none */
	uint64_t expected_hash;
};

struct rows *rows_open(char *const paths[], int n, struct fates *fates,
                       const struct fate_opts *opts, enum row_repeats repeats)
{
	struct rows *r = xzalloc(1, sizeof *r);

	source_open(&r->from, paths, n, opts);
	r->fates = fates;
	r->limit = opts->limit;
	r->repeats = repeats;
	r->allow_empty = opts->allow_empty;
	r->seen = places_new();
	return r;
}

/* Where to remember that the row at hand, its id in r->id, was there. */
static uint32_t *place(struct rows *r)
{
	return places_find(r->seen, hash_bytes(r->id.p, r->id.n));
}

/* Of the row at hand and its bytes; its line would not do, in which others may stand too. */
static uint64_t equal_key(const struct rows *r, const struct row *row)
{
	const uint64_t both[] = {hash_bytes(r->id.p, r->id.n), row->hash};

	return hash_bytes(both, sizeof both);
}

static int here(struct rows *r, const struct row *row, uint32_t *place)
{
	uint64_t line = r->from.begun[r->from.at] + row->line;

	if (line > UINT32_MAX)
		die("%s:%ld: too many lines", row->file, row->line);
	*place = line;
	if (r->repeats == ROWS_EQUAL)
		*places_find(r->seen, equal_key(r, row)) = line;
	return 0;
}

void row_tell_dropped(const struct row *row, struct fates *f)
{
	if (row->is_broken)
		fate_broken(f, row->file, row->id, row->line, row->element, row->dropped,
		            &row->why);
	else
		fate_dropped(f, row->id, row->line, row->dropped);
}

/* The row's own id. */
static int explicit_id(struct rows *r, struct row *row)
{
	uint32_t *place_of = place(r), line = *place_of;
	const uint64_t *begun = r->from.begun;
	int file = r->from.at;

	if (!line)
		return here(r, row, place_of);
	if (r->repeats == ROWS_EQUAL && places_look(r->seen, equal_key(r, row)))
		return row_drop(row, r->id.p, "repeated row", 0);
	while (begun[file] >= line)
		file--;
	fault(&row->why, "\"%.100s\" is also the id of %s:%lld", r->id.p,
	      source_name(&r->from, file), (long long)(line - begun[file]));
	return row_drop(row, r->id.p, "duplicate id", r->repeats != ROWS_FIRST);
}

/* The hash, and the first free one of .2, .3, ... for repeats.  How far a
 * repeated hash has come is remembered under "hash.", which is nobody's id
 * but could be: then some numbers are passed over. */
static int hash_id(struct rows *r, struct row *row)
{
	char hex[18];
	uint32_t *line;

	hash_hex(row->hash, hex);
	r->id.n = 0;
	buf_str(&r->id, hex);
	hex[16] = '.';
	line = place(r);
	while (*line) {
		uint32_t *count = places_find(r->seen, hash_bytes(hex, 17));

		*count = *count ? *count + 1 : 2;
		r->id.n = 0;
		buf_fmt(&r->id, "%.17s%u", hex, *count);
		line = place(r);
	}
	return here(r, row, line);
}

static int identify(struct rows *r, struct row *row)
{
	const json_t *id = json_object_get(row->json, "id");
	const char *why;

	if (!id || json_is_null(id))
		return hash_id(r, row);
	r->id.n = 0;
	if (json_is_integer(id)) {
		buf_fmt(&r->id, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
	} else if (json_is_string(id) && json_string_length(id)) {
		buf_add(&r->id, json_string_value(id), json_string_length(id));
	} else {
		why = json_why_unread(id);
		fault(&row->why, "\"id\" %s",
		      why                  ? why
		      : json_is_string(id) ? "is empty"
		                           : "is neither text nor an integer");
		return row_drop(row, NULL, "bad id", 1);
	}
	return explicit_id(r, row);
}

/* Identifies a row whose hash is the expected one: its bytes were read as JSON when that
 * hash was taken, so they need not be now.  An id that is made of the hash says that the
 * row has none of its own.  Who edits ids in between is noticed by their absence from the
 * line.  0: the JSON must tell; 1: done; -1: dropped. */
static int expected(struct rows *r, struct row *row)
{
	const struct buf *id = &r->expected;
	char hex[17];
	int own;

	if (!id->n || r->from.csv || row->hash != r->expected_hash)
		return 0;
	hash_hex(row->hash, hex);
	own = strncmp(id->p, hex, 16) != 0;
	if (own ? !memmem(row->bytes, row->text_n, id->p, id->n)
	        : memmem(row->bytes, row->text_n, "\"id\"", 4) != NULL)
		return 0;
	row->json = NULL;
	r->id.n = 0;
	buf_add(&r->id, id->p, id->n);
	return (own ? explicit_id(r, row) : hash_id(r, row)) ? -1 : 1;
}

/* Sets row->json, always an object; -1: dropped. */
static int parse(struct rows *r, struct row *row)
{
	json_t *text;
	int utf8;

	if (r->from.csv) {
		r->json = row->json = csv_rows_row(r->from.csv, &utf8, &row->why);
		return row->json ? 0 : row_drop(row, NULL, utf8 ? "bad UTF-8" : "bad CSV", 1);
	}
	r->json = row->json = json_parse_row(row->bytes, row->text_n, &row->why);
	if (!row->json) {
		text = json_stringn(row->bytes, row->text_n);
		utf8 = !text;
		json_decref(text);
		return row_drop(row, NULL, utf8 ? "bad UTF-8" : "bad JSON", 1);
	}
	if (json_is_object(row->json))
		return 0;
	fault(&row->why, "not an object");
	return row_drop(row, NULL, "not an object", 1);
}

/* The row's hash, JSON and id; -1: dropped. */
static int understand(struct rows *r, struct row *row)
{
	int got;

	if (!r->from.csv)
		row->hash = hash_bytes(row->bytes, row->text_n);
	got = expected(r, row);
	r->expected.n = 0;
	if (got)
		return got < 0 ? -1 : 0;
	if (parse(r, row))
		return -1;
	if (r->from.csv)
		row->hash = csv_rows_hash(r->from.csv);
	return identify(r, row);
}

/* 1 and the next row, which may be one that is dropped; 0 at the end. */
static int next(struct rows *r, struct row *row)
{
	int got;

	json_decref(r->json);
	r->json = NULL;
	row->dropped = NULL;
	got = r->limit && r->taken == r->limit ? 0 : source_next(&r->from, row);
	if (!got)
		return 0;
	r->taken++;
	if (got < 0 || understand(r, row))
		return 1;
	r->good++;
	row->id = r->id.p;
	row->id_n = r->id.n;
	row->csv = r->from.csv != NULL;
	row->header = r->from.header.n ? r->from.header.p : NULL;
	row->header_n = r->from.header.n;
	return 1;
}

int rows_next(struct rows *r, struct row *row)
{
	while (next(r, row)) {
		if (!row->dropped)
			return 1;
		row_tell_dropped(row, r->fates);
	}
	if (!r->good && !r->allow_empty)
		die("no row is left of %ld", r->taken);
	return 0;
}

int rows_take(struct rows *r, struct row row[], int most)
{
	int n = 0;

	for (; n < most && next(r, &row[n]); n++) {
		json_incref(row[n].json);
		row[n].id = row[n].id ? xstrdup(row[n].id) : NULL;
		row[n].bytes = row[n].header = NULL;
	}
	return n;
}

void rows_release(struct row row[], int n)
{
	for (int i = 0; i < n; i++) {
		json_decref(row[i].json);
		free((char *)row[i].id);
	}
}

void rows_expect(struct rows *r, uint64_t hash, const char *id, size_t n)
{
	r->expected_hash = hash;
	r->expected.n = 0;
	buf_add(&r->expected, id, n);
}

uint64_t rows_hash(const struct rows *r) { return hash_value(r->from.hash); }
int rows_zstd(const struct rows *r) { return r->from.zstd; }

void rows_close(struct rows *r)
{
	json_decref(r->json);
	source_close(&r->from);
	buf_free(&r->id);
	buf_free(&r->expected);
	places_free(r->seen);
	free(r);
}
