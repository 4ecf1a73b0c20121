/* SPDX-License-Identifier: MIT */
/* csv.c - see csv.h. */
#include "csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/memory.h"

struct csv {
	struct csv_parser parser;
	char separator;
	struct buf text; /* the fields, one behind the other */
	size_t *end;     /* of each field in text */
	long fields, room;
	int complete; /* a record is */
	int more;     /* something came behind it in the same line */
};

static int no_space(unsigned char c)
{
	(void)c;
	return 0;
}

static void begin(struct csv *c)
{
	if (csv_init(&c->parser, CSV_STRICT | CSV_STRICT_FINI))
		die("out of memory");
	csv_set_space_func(&c->parser, no_space);
	csv_set_blk_size(&c->parser, 1 << 16);
	csv_set_delim(&c->parser, c->separator);
	c->text.n = c->fields = c->complete = c->more = 0;
}

char csv_separator(const char *p, size_t n, struct fault *f)
{
	static const char all[] = ",;\t", *const names[] = {"commas", "semicolons", "tabs"};
	int quoted = 0, first = -1;

	for (size_t i = 0; i < n; i++) {
		const char *at = quoted ? NULL : memchr(all, p[i], 3);
		int k = at ? (int)(at - all) : first;

		quoted ^= p[i] == '"';
		if (first >= 0 && k != first) {
			fault(f,
			      "fields may be separated by %s or %s; a line sep=%c before it says "
			      "so",
			      names[first], names[k], k == 2 ? all[first] : all[k]);
			return 0;
		}
		first = k;
	}
	return all[first < 0 ? 0 : first];
}

struct csv *csv_open(char separator)
{
	struct csv *c = xzalloc(1, sizeof *c);

	c->separator = separator;
	begin(c);
	return c;
}

void csv_separate(struct csv *c, char separator)
{
	c->separator = separator;
	csv_set_delim(&c->parser, separator);
}

void csv_close(struct csv *c)
{
	csv_free(&c->parser);
	buf_free(&c->text);
	free(c->end);
	free(c);
}

static void take_field(void *p, size_t n, void *csv)
{
	struct csv *c = csv;

	c->more |= c->complete;
	c->end = xgrow(c->end, c->fields, &c->room, sizeof *c->end);
	if (n)
		buf_add(&c->text, p, n);
	c->end[c->fields++] = c->text.n;
}

static void take_record(int last, void *csv)
{
	(void)last;
	((struct csv *)csv)->complete = 1;
}

static int give_up(struct csv *c, struct fault *f)
{
	int code = csv_error(&c->parser);

	csv_free(&c->parser);
	begin(c);
	if (code != CSV_EPARSE && code)
		die("CSV: %s", csv_strerror(code));
	return fault(f,
	             code ? "a quote inside a field without quotes, or text behind a closing quote"
	                  : "a CR outside quotes");
}

int csv_line(struct csv *c, const char *p, size_t n, struct fault *f)
{
	if (c->complete)
		c->text.n = c->fields = c->complete = 0;
	if (csv_parse(&c->parser, p, n, take_field, take_record, c) != n || c->more)
		return give_up(c, f);
	return c->complete;
}

int csv_end(struct csv *c, struct fault *f)
{
	if (csv_fini(&c->parser, take_field, take_record, c)) {
		give_up(c, f);
		return fault(f, "a quote is not closed before the end");
	}
	return c->more ? give_up(c, f) : c->complete;
}

long csv_fields(const struct csv *c) { return c->fields; }

const char *csv_field(const struct csv *c, long i, size_t *n)
{
	size_t from = i ? c->end[i - 1] : 0;

	*n = c->end[i] - from;
	return *n ? c->text.p + from : "";
}
