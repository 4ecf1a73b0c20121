/* SPDX-License-Identifier: MIT */
/* row_source.c - see row_in.h.
 *
 * A file is what it begins with: an array or an object that spans lines is cut into values
 * (values.h), an object in a line is JSONL, anything else CSV with a header; what can be none of
 * these ends the program with the name of the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/utf8.h"
#include "row_in.h"

/* Tokens where rows should be: safetensors begin with a header's length in 8 bytes, then JSON. */
static int is_tokens(const char *p, size_t n)
{
	return n > 8 && p[8] == '{' && !memcmp(p + 4, "\0\0\0\0", 4);
}

static void open_next(struct row_source *s)
{
	const char *p;
	size_t n;

	s->in = zin_open_text(s->paths ? s->path[s->at] : NULL);
	p = zin_peek(s->in, 9, &n);
	if (is_tokens(p, n))
		die("%s: tokens, not rows", zin_name(s->in));
	if (!s->at)
		s->zstd = zin_is_zstd(s->in);
	else
		s->begun[s->at] = s->begun[s->at - 1] + s->line;
	s->line = s->rows = 0;
	s->separator = 0;
	s->header_line = 0;
	s->header.n = 0;
	csv_rows_close(s->csv);
	s->csv = NULL;
	values_free(&s->values);
	s->values = (struct values){0};
	s->form = s->columns ? VALUES_NONE : values_form(s->in);
}

void source_open(struct row_source *s, char *const paths[], int n, const struct fate_opts *opts)
{
	*s = (struct row_source){.path = paths,
	                         .paths = n,
	                         .columns = opts->columns,
	                         .allow_empty = opts->allow_empty};
	s->hash = hash_new();
	s->begun = xzalloc(n ? n : 1, sizeof *s->begun);
	if (s->columns) /* wrong ones are noticed before the first row */
		csv_rows_close(csv_rows_open(s->columns, 0));
	open_next(s);
}

const char *source_name(const struct row_source *s, int i)
{
	return s->paths && strcmp(s->path[i], "-") ? s->path[i] : "stdin";
}

int row_drop(struct row *row, const char *id, const char *reason, int is_broken)
{
	row->id = id;
	row->json = NULL;
	row->dropped = reason;
	row->is_broken = is_broken;
	return -1;
}

static int is_blank(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++, n--;
	return !n;
}

static void set_text_n(struct row *row)
{
	row->text_n = row->n && row->bytes[row->n - 1] == '\r' ? row->n - 1 : row->n;
}

/* The next line of this file; 0 at its end. */
static int take_line(struct row_source *s, struct row *row)
{
	size_t n, raw;
	char *p = zin_line(s->in, &n, &raw);

	if (!p)
		return 0;
	s->line++;
	row->ended = raw > n;
	row->n = raw - row->ended;
	if (row->ended) /* as it was, in one piece */
		p[n] = row->n > n ? '\r' : '\n';
	hash_add(s->hash, p, raw);
	p[row->n] = 0;
	row->bytes = p;
	return 1;
}

/* The next line of this file that is not blank; 0 at its end.  A byte order mark before a line of
 * JSON is that of a file which another was put before. */
static int next_line(struct row_source *s, struct row *row)
{
	size_t bom;

	while (take_line(s, row)) {
		bom = s->line == 1 || s->form == VALUES_LINES ? utf8_bom(row->bytes, row->n) : 0;
		row->bytes += bom;
		row->n -= bom;
		set_text_n(row);
		row->line = s->line;
		if (!is_blank(row->bytes, row->n))
			return 1;
	}
	return 0;
}

/* The next object, or element of an array; 0 at the file's end. */
static int next_value(struct row_source *s, struct row *row)
{
	struct values *v = &s->values;
	int got = values_next(v, s->in, s->hash, &row->why);

	if (got < 0)
		die("%s:%ld: %s", zin_name(s->in), v->line, row->why.text);
	s->line = v->lines + 1;
	row->bytes = v->text.p;
	row->n = row->text_n = v->text.n;
	row->line = v->line;
	row->element = v->element;
	row->ended = 1; /* it is written as a line */
	return got;
}

/* Completes the record of CSV that begins with this line, into s->record; -1 with a fault. */
static int next_record(struct row_source *s, struct row *row, struct fault *f)
{
	struct csv *csv = csv_rows_csv(s->csv);
	int got;

	s->record.n = 0;
	for (;;) {
		buf_add(&s->record, row->bytes, row->n);
		if (row->ended)
			buf_str(&s->record, "\n");
		got = csv_line(csv, s->record.p + s->record.n - row->n - row->ended,
		               row->n + row->ended, f);
		if (got)
			break;
		if (!take_line(s, row)) {
			got = csv_end(csv, f);
			break;
		}
	}
	row->ended = s->record.p[s->record.n - 1] == '\n';
	row->bytes = s->record.p;
	row->n = s->record.n - row->ended;
	set_text_n(row);
	return got < 0 ? -1 : 0;
}

__attribute__((noreturn)) static void no_rows(const struct row *row, const char *why)
{
	die("%s:%ld: neither JSON nor CSV: %s", row->file, row->line, why);
}

/* JSON behind what was taken for a header: a remark stands before it, say.  No record of CSV begins
 * with a bracket and a quote. */
static void check_no_json(struct row_source *s, const struct row *row)
{
	char begins[4] = "", why[64];
	long line = s->line + 1;
	const char *p;
	size_t n;

	for (size_t i = 0, k = 0; k < 3; i++) {
		p = zin_peek(s->in, i + 1, &n);
		if (i >= n)
			break;
		if (p[i] == '\n' && !k)
			line++;
		else if (!p[i] || !strchr(" \t\r\n", p[i]))
			begins[k++] = p[i];
	}
	snprintf(why, sizeof why, "JSON begins in line %ld", line);
	if (!strncmp(begins, "{\"", 2) || !strcmp(begins, "[{\""))
		no_rows(row, why);
}

/* The line sep=; that Excel writes before the header, or takes from those who do. */
static int is_separator_line(const struct row *row)
{
	return row->text_n == 5 && !strncasecmp(row->bytes, "sep=", 4) && row->bytes[4] != '"';
}

/* Begins CSV with its first line, the header but with --columns; 0: the line said what separates,
 * and the next is the first. */
static int begin_csv(struct row_source *s, struct row *row)
{
	struct fault f;

	if (!s->separator && is_separator_line(row)) {
		s->separator = row->bytes[4];
		buf_add(&s->header, row->bytes, row->n);
		buf_str(&s->header, "\n");
		return 0;
	}
	if (!s->separator && !s->columns) {
		s->separator = csv_separator(row->bytes, row->text_n, &f);
		if (!s->separator)
			no_rows(row, f.text);
	}
	s->csv = csv_rows_open(s->columns, s->separator);
	s->header_line = s->columns ? 0 : row->line;
	return 1;
}

static void take_header(struct row_source *s, struct row *row)
{
	if (csv_rows_header(s->csv, &row->why))
		no_rows(row, row->why.text);
	check_no_json(s, row);
	buf_add(&s->header, s->record.p, s->record.n);
}

/* The next record of CSV: 1, 0 at the file's end, -1: dropped. */
static int next_csv(struct row_source *s, struct row *row)
{
	while (next_line(s, row)) {
		if (!s->csv && !begin_csv(s, row))
			continue;
		if (next_record(s, row, &row->why)) {
			if (!csv_rows_named(s->csv))
				no_rows(row, row->why.text);
			return row_drop(row, NULL, "bad CSV", 1);
		}
		if (csv_rows_named(s->csv))
			return 1;
		take_header(s, row);
	}
	row->line = s->header_line;
	if (s->header_line && !s->rows && csv_fields(csv_rows_csv(s->csv)) == 1)
		no_rows(row, "it is one line of text");
	return 0;
}

int source_next(struct row_source *s, struct row *row)
{
	int got;

	for (;;) {
		row->file = source_name(s, s->at);
		row->source = s->at;
		row->element = 0;
		switch (s->form) {
		case VALUES_NONE: got = next_csv(s, row); break;
		case VALUES_LINES: got = next_line(s, row); break;
		default: got = next_value(s, row);
		}
		s->rows += got != 0;
		if (!got && !s->rows && !s->allow_empty) /* mostly it is not what was meant */
			die("%s: no rows", row->file);
		if (got || s->at + 1 >= s->paths)
			return got;
		zin_close(s->in);
		s->at++;
		open_next(s);
	}
}

void source_close(struct row_source *s)
{
	zin_close(s->in);
	hash_free(s->hash);
	csv_rows_close(s->csv);
	values_free(&s->values);
	buf_free(&s->record);
	buf_free(&s->header);
	free(s->begun);
}
