/* SPDX-License-Identifier: MIT */
/* CSV: records from lines, rows from records, and what they hash to. */
#include "tap.h"

#include "../lib/base/hash.h"
#include "../lib/rows/csv_rows.h"

/* All records of a text: "a|b;c|d", "!" where one is broken. */
static const char *records(const char *text)
{
	static struct buf out;
	struct csv *c = csv_open(',');
	struct fault f;
	int got = 1;

	out.n = 0;
	buf_str(&out, "");
	for (const char *p = text, *next; *p || !got; p = next) {
		next = strchr(p, '\n') ? strchr(p, '\n') + 1 : p + strlen(p);
		got = *p ? csv_line(c, p, next - p, &f) : csv_end(c, &f);
		if (got < 0)
			buf_str(&out, "!;");
		for (long i = 0; got > 0 && i < csv_fields(c); i++) {
			size_t n;
			const char *field = csv_field(c, i, &n);

			buf_add(&out, field, n);
			buf_str(&out, i + 1 < csv_fields(c) ? "|" : ";");
		}
	}
	csv_close(c);
	return out.p;
}

static void parsing(void)
{
	same(records("a,b\nc,d\n"), "a|b;c|d;", "two records");
	same(records("a,b\r\nc,d"), "a|b;c|d;", "CR LF, and no LF at the end");
	same(records("\"a,b\",\"c\"\"d\"\n"), "a,b|c\"d;", "quotes");
	same(records("\"a\nb\r\n\",c\nd,e\n"), "a\nb\r\n|c;d|e;", "line ends in quotes");
	same(records("\"\n\n\"\n"), "\n\n;", "an empty line in quotes");
	same(records(",\n\"\",\n"), "|;|;", "empty fields");
	same(records(" a , b\t\n"), " a | b\t;", "spaces belong to fields");
	same(records("gr\xc3\xbc\xc3\x9f,\xff\n"), "gr\xc3\xbc\xc3\x9f|\xff;", "bytes are kept");
	same(records("a\"b\nc\n"), "!;c;", "a quote inside a field; the next line is another record");
	same(records("\"a\"b\nc\n"), "!;c;", "text behind a closing quote");
	same(records("a\rb\nc\n"), "!;c;", "a CR outside quotes");
	same(records("c\n\"a\nb"), "c;!;", "a quote that is not closed");
	same(records("x,\"y"), "!;", "nor in a last line");
}

static json_t *row_of(struct csv_rows *t, const char *line, int *utf8, struct fault *f)
{
	ok(csv_line(csv_rows_csv(t), line, strlen(line), f) == 1, "a record");
	return csv_rows_row(t, utf8, f);
}

static void rows(void)
{
	/* the fields' lengths and bytes, as the manual says */
	static const char hashed[] = "\2\0\0\0\0\0\0\0hi" "\0\0\0\0\0\0\0\0";
	struct csv_rows *t = csv_rows_open("a,\"b,c\"", 0);
	struct fault f;
	struct buf b = {0};
	json_t *row;
	int utf8;

	ok(csv_rows_named(t), "--columns names the columns");
	row = row_of(t, "hi,\n", &utf8, &f);
	json_put(&b, row);
	same(b.p, "{\"a\":\"hi\",\"b,c\":\"\"}", "an object in the columns' order");
	ok(csv_rows_hash(t) == hash_bytes(hashed, sizeof hashed - 1), "hashed as length-prefixed fields");
	json_decref(row);
	ok(!row_of(t, "x\n", &utf8, &f) && !utf8, "a field too few");
	same(f.text, "1 fields where there are 2 columns", "is told");
	ok(!row_of(t, "x,\xff\n", &utf8, &f) && utf8, "bad UTF-8");
	same(f.text, "column 2 is not UTF-8", "names its column");
	csv_rows_close(t);
	buf_free(&b);
}

static int header(const char *line)
{
	struct csv_rows *t = csv_rows_open(NULL, 0);
	struct fault f;
	int bad = csv_line(csv_rows_csv(t), line, strlen(line), &f) != 1 || csv_rows_header(t, &f);

	csv_rows_close(t);
	return bad;
}

/* The separator that is recognised, or "?" and the fault. */
static void separated(const char *line, const char *want, const char *name)
{
	struct fault f = {""};
	char c = csv_separator(line, strlen(line), &f);

	same(c ? (char[]){c, 0} : f.text, want, name);
}

static void separators(void)
{
	struct csv_rows *t;
	struct fault f;

	separated("id,text", ",", "commas");
	separated("id;text;more", ";", "semicolons");
	separated("id\ttext", "\t", "tabs");
	separated("text", ",", "one column");
	separated("", ",", "none");
	separated("\"a;b\tc\",d", ",", "what is in quotes does not count");
	separated("\"a,\"\"b\"\",\";d", ";", "nor what is behind a doubled quote in quotes");
	separated("a,b;c", "fields may be separated by commas or semicolons; a line sep=; before it says so",
	          "two of them");
	separated("a\tb;c", "fields may be separated by tabs or semicolons; a line sep=; before it says so",
	          "in either order");
	separated("a;b\tc", "fields may be separated by semicolons or tabs; a line sep=; before it says so",
	          "and a tab, which is not spelled");
	t = csv_rows_open("a;b", 0);
	ok(csv_line(csv_rows_csv(t), "x,y;z\n", 6, &f) == 1 && csv_fields(csv_rows_csv(t)) == 2,
	   "records have the separator of --columns");
	csv_rows_close(t);
	t = csv_rows_open("a;b", '|');
	ok(csv_line(csv_rows_csv(t), "x;y|z\n", 6, &f) == 1 && csv_fields(csv_rows_csv(t)) == 2,
	   "or the one that is given");
	ok(csv_line(csv_rows_csv(t), "x|\"y\"z|\n", 9, &f) < 0 &&
	   csv_line(csv_rows_csv(t), "x|y\n", 4, &f) == 1 && csv_fields(csv_rows_csv(t)) == 2,
	   "which stays behind a broken record");
	csv_rows_close(t);
}

int main(void)
{
	parsing();
	rows();
	ok(!header("id,text\n"), "a header");
	ok(header("a,b,a\n"), "one name twice is none");
	ok(header("a,\xff\n"), "nor is bad UTF-8");
	separators();
	return tap_done();
}
