/* SPDX-License-Identifier: MIT */
/* row.c - see row.h. */
#include "row.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "places.h"
#include "csv_rows.h"

struct rows {
	char *const *path;
	int paths, at; /* `at`: the file that is open, or next to be */
	struct zin *in;
	int zstd, fresh; /* fresh: no row of this file was read yet */
	const char *columns;
	struct csv_rows *csv;      /* of this file, NULL: it is JSONL */
	struct buf record, header; /* a CSV row that spans lines; the header's lines */
	long line, taken, limit;
	struct fates *fates;
	struct hash *hash;
	json_t *json;
	struct buf id;
	struct places *seen; /* by an id's key: its line, or a count */
	uint64_t *begun;     /* [paths] lines that were read before this file */
	enum row_repeats repeats;
	uint64_t *line_hash; /* with ROWS_EQUAL: by the lines of all files, the rows' hashes */
	long line_room;
	struct buf expected; /* the id that rows_expect foretold; empty: none */
	uint64_t expected_hash;
};

static void open_next(struct rows *r)
{
	r->in = zin_open(r->paths ? r->path[r->at] : NULL);
	if (!r->at)
		r->zstd = zin_is_zstd(r->in);
	else
		r->begun[r->at] = r->begun[r->at - 1] + r->line;
	r->line = 0;
	r->fresh = 1;
	r->header.n = 0;
	csv_rows_close(r->csv);
	r->csv = r->columns ? csv_rows_open(r->columns) : NULL;
}

struct rows *rows_open(char *const paths[], int n, struct fates *fates,
                       const struct fate_opts *opts, enum row_repeats repeats)
{
	struct rows *r = xzalloc(1, sizeof *r);

	r->path = paths;
	r->paths = n;
	r->fates = fates;
	r->limit = opts->limit;
	r->columns = opts->columns;
	r->repeats = repeats;
	r->hash = hash_new();
	r->seen = places_new();
	r->begun = xzalloc(n ? n : 1, sizeof *r->begun);
	open_next(r);
	return r;
}

static const char *file_name(const struct rows *r, int i)
{
	return r->paths && strcmp(r->path[i], "-") ? r->path[i] : "stdin";
}

/* Where to remember that the row at hand, its id in r->id, was there. */
static uint32_t *place(struct rows *r)
{
	return places_find(r->seen, hash_bytes(r->id.p, r->id.n));
}

static int here(struct rows *r, const struct row *row, uint32_t *place)
{
	uint64_t line = r->begun[r->at] + row->line;

	if (line > UINT32_MAX)
		die("%s:%ld: too many lines", row->file, row->line);
	*place = line;
	if (r->repeats == ROWS_EQUAL) {
		r->line_hash = xgrow(r->line_hash, line, &r->line_room, sizeof *r->line_hash);
		r->line_hash[line] = row->hash;
	}
	return 0;
}

/* is_broken: row->why says what is wrong; else nothing is, but the row is not wanted. */
static int drop(struct row *row, const char *id, const char *reason, int is_broken)
{
	row->id = id;
	row->json = NULL;
	row->dropped = reason;
	row->is_broken = is_broken;
	return -1;
}

void row_tell_dropped(const struct row *row, struct fates *f)
{
	if (row->is_broken)
		fate_broken(f, row->file, row->id, row->line, row->dropped, &row->why);
	else
		fate_dropped(f, row->id, row->line, row->dropped);
}

/* The row's own id. */
static int explicit_id(struct rows *r, struct row *row)
{
	uint32_t *line = place(r);
	int file = r->at;

	if (!*line)
		return here(r, row, line);
	if (r->repeats == ROWS_EQUAL && r->line_hash[*line] == row->hash)
		return drop(row, r->id.p, "repeated row", 0);
	while (r->begun[file] >= *line)
		file--;
	fault(&row->why, "\"%.100s\" is also the id of %s:%lld", r->id.p, file_name(r, file),
	      (long long)(*line - r->begun[file]));
	return drop(row, r->id.p, "duplicate id", r->repeats != ROWS_FIRST);
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

	if (!id || json_is_null(id))
		return hash_id(r, row);
	r->id.n = 0;
	if (json_is_integer(id)) {
		buf_fmt(&r->id, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
	} else if (json_is_string(id) && json_string_length(id)) {
		buf_add(&r->id, json_string_value(id), json_string_length(id));
	} else {
		fault(&row->why, json_is_string(id) ? "\"id\" is empty"
		                                    : "\"id\" is neither text nor an integer");
		return drop(row, NULL, "bad id", 1);
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

	if (!id->n || r->csv || row->hash != r->expected_hash)
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

	if (r->csv) {
		r->json = row->json = csv_rows_row(r->csv, &utf8, &row->why);
		return row->json ? 0 : drop(row, NULL, utf8 ? "bad UTF-8" : "bad CSV", 1);
	}
	r->json = row->json = json_parse(row->bytes, row->text_n, &row->why);
	if (!row->json) {
		text = json_stringn(row->bytes, row->text_n);
		utf8 = !text;
		json_decref(text);
		return drop(row, NULL, utf8 ? "bad UTF-8" : "bad JSON", 1);
	}
	if (json_is_object(row->json))
		return 0;
	fault(&row->why, "not an object");
	return drop(row, NULL, "not an object", 1);
}

static int is_blank(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++, n--;
	return !n;
}

/* The next line of this file; 0 at its end. */
static int take_line(struct rows *r, struct row *row)
{
	size_t n, raw;
	char *p = zin_line(r->in, &n, &raw);

	if (!p)
		return 0;
	r->line++;
	row->ended = raw > n;
	row->n = raw - row->ended;
	if (row->ended) /* as it was, in one piece */
		p[n] = row->n > n ? '\r' : '\n';
	hash_add(r->hash, p, raw);
	p[row->n] = 0;
	row->bytes = p;
	return 1;
}

/* The next line that is not blank, through all files. */
static int next_line(struct rows *r, struct row *row)
{
	static const char bom[] = "\xef\xbb\xbf";

	for (;;) {
		while (!take_line(r, row)) {
			if (r->at + 1 >= r->paths)
				return 0;
			zin_close(r->in);
			r->at++;
			open_next(r);
		}
		if (r->line == 1 && row->n >= 3 && !memcmp(row->bytes, bom, 3)) {
			row->bytes += 3;
			row->n -= 3;
		}
		row->text_n = row->n && row->bytes[row->n - 1] == '\r' ? row->n - 1 : row->n;
		row->file = file_name(r, r->at);
		row->source = r->at;
		row->line = r->line;
		if (!is_blank(row->bytes, row->n))
			return 1;
	}
}

/* Completes the record of CSV that begins with this line, into r->record; -1
 * with a fault. */
static int next_record(struct rows *r, struct row *row, struct fault *f)
{
	struct csv *csv = csv_rows_csv(r->csv);
	int got;

	r->record.n = 0;
	for (;;) {
		buf_add(&r->record, row->bytes, row->n);
		if (row->ended)
			buf_str(&r->record, "\n");
		got = csv_line(csv, r->record.p + r->record.n - row->n - row->ended,
		               row->n + row->ended, f);
		if (got)
			break;
		if (!take_line(r, row)) {
			got = csv_end(csv, f);
			break;
		}
	}
	row->ended = r->record.p[r->record.n - 1] == '\n';
	row->bytes = r->record.p;
	row->n = r->record.n - row->ended;
	row->text_n = row->n && row->bytes[row->n - 1] == '\r' ? row->n - 1 : row->n;
	return got < 0 ? -1 : 0;
}

/* Tokens where rows should be: safetensors begin with a header's length in 8 bytes, then JSON. */
static int is_tokens(const struct row *row)
{
	return row->n > 8 && row->bytes[8] == '{' && !memcmp(row->bytes + 4, "\0\0\0\0", 4);
}

/* 1 and a row that can be parsed, 0 at the end, -1: dropped. */
static int next_row(struct rows *r, struct row *row)
{
	while (next_line(r, row)) {
		if (r->fresh && is_tokens(row))
			die("%s: tokens, not rows", row->file);
		if (r->fresh && !r->csv && csv_rows_is(row->bytes, row->text_n))
			r->csv = csv_rows_open(NULL);
		r->fresh = 0;
		if (!r->csv)
			return 1;
		if (next_record(r, row, &row->why))
			return drop(row, NULL, "bad CSV", 1);
		if (csv_rows_named(r->csv))
			return 1;
		if (csv_rows_header(r->csv, &row->why))
			die("%s:%ld: neither JSONL nor CSV: %s", row->file, row->line,
			    row->why.text);
		buf_add(&r->header, r->record.p, r->record.n);
	}
	return 0;
}

/* The row's hash, JSON and id; -1: dropped. */
static int understand(struct rows *r, struct row *row)
{
	int got;

	if (!r->csv)
		row->hash = hash_bytes(row->bytes, row->text_n);
	got = expected(r, row);
	r->expected.n = 0;
	if (got)
		return got < 0 ? -1 : 0;
	if (parse(r, row))
		return -1;
	if (r->csv)
		row->hash = csv_rows_hash(r->csv);
	return identify(r, row);
}

/* 1 and the next row, which may be one that is dropped; 0 at the end. */
static int next(struct rows *r, struct row *row)
{
	int got;

	json_decref(r->json);
	r->json = NULL;
	row->dropped = NULL;
	got = r->limit && r->taken == r->limit ? 0 : next_row(r, row);
	if (!got)
		return 0;
	r->taken++;
	if (got < 0 || understand(r, row))
		return 1;
	row->id = r->id.p;
	row->id_n = r->id.n;
	row->csv = r->csv != NULL;
	row->header = r->header.n ? r->header.p : NULL;
	row->header_n = r->header.n;
	return 1;
}

int rows_next(struct rows *r, struct row *row)
{
	while (next(r, row)) {
		if (!row->dropped)
			return 1;
		row_tell_dropped(row, r->fates);
	}
	return 0;
}

int rows_take(struct rows *r, struct row row[], int most)
{
	int n = 0;

	for (; n < most && next(r, &row[n]); n++) {
		json_incref((json_t *)row[n].json);
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

uint64_t rows_hash(const struct rows *r) { return hash_value(r->hash); }
int rows_zstd(const struct rows *r) { return r->zstd; }

void rows_close(struct rows *r)
{
	json_decref(r->json);
	zin_close(r->in);
	hash_free(r->hash);
	csv_rows_close(r->csv);
	buf_free(&r->record);
	buf_free(&r->header);
	buf_free(&r->id);
	buf_free(&r->expected);
	places_free(r->seen);
	free(r->begun);
	free(r->line_hash);
	free(r);
}
