/* SPDX-License-Identifier: MIT */
/* fate.c - see fate.h. */
#include "fate.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/world.h"
#include "../format/jsonl.h"

#define AT(field) offsetof(struct fate_opts, field)

const struct opt fate_options[] = {
	{"fates", 0, OPT_TEXT, AT(fates), "FILE", "write what became of every row, as JSONL", 0, 0},
	{"on-error", 0, OPT_CHOICE, AT(on_error), "fail|skip", "at a broken row", 0, 1},
	{"limit", 0, OPT_COUNT, AT(limit), "N", "read the first N rows only; 0: all", 0, 1},
	{"columns", 0, OPT_TEXT, AT(columns), "A,B",
         "rows are CSV without a header, these are its columns", 0, 1},
	{"allow-empty", 0, OPT_FLAG, AT(allow_empty), NULL, "no rows are no error", 0, 0},
	{0},
};

enum fate_kind { KEPT, TRUNCATED, DROPPED };

struct reason {
	char *text;
	enum fate_kind kind;
	long count;
};

struct fates {
	const struct fate_opts *opts;
	struct zout *out; /* --fates, or NULL */
	int muted;
	int joined;   /* each rank tells of its own rows */
	long rows[3]; /* by kind */
	struct reason *reason;
	int reasons;
	struct buf line;
};

static struct fates *open_with(const struct fate_opts *opts, int flags)
{
	struct fates *f = xzalloc(1, sizeof *f);

	f->opts = opts;
	f->joined = flags == ZOUT_JOINED && world_size() > 1;
	if (opts->fates)
		f->out = zout_open(opts->fates, flags);
	return f;
}

struct fates *fates_open(const struct fate_opts *opts) { return open_with(opts, ZOUT_PLAIN); }

struct fates *fates_open_joined(const struct fate_opts *opts)
{
	return open_with(opts, ZOUT_JOINED);
}

static void count(struct fates *f, enum fate_kind kind, const char *text, long n)
{
	int i = 0;

	while (i < f->reasons && (f->reason[i].kind != kind || strcmp(f->reason[i].text, text)))
		i++;
	if (i == f->reasons) {
		f->reason = xrealloc(f->reason, (f->reasons + 1) * sizeof *f->reason);
		f->reason[f->reasons++] = (struct reason){xstrdup(text), kind, 0};
	}
	f->reason[i].count += n;
}

static void put_text(struct buf *b, const char *s)
{
	if (s)
		json_put_text(b, s, strlen(s));
	else
		buf_str(b, "null");
}

/* shown: the reason as --fates tells it. */
static void tell(struct fates *f, enum fate_kind kind, const char *id, long line,
                 const char *reason, const char *shown)
{
	static const char *const name[] = {"kept", "truncated", "dropped"};
	struct buf *b = &f->line;

	if (f->muted)
		return;
	f->rows[kind]++;
	if (reason)
		count(f, kind, reason, 1);
	if (!f->out)
		return;
	b->n = 0;
	buf_str(b, "{\"id\":");
	put_text(b, id);
	buf_fmt(b, ",\"line\":%ld,\"fate\":\"%s\",\"reason\":", line, name[kind]);
	put_text(b, shown);
	buf_str(b, "}\n");
	zout_write(f->out, b->p, b->n);
}

void fate_kept(struct fates *f, const char *id, long line) { tell(f, KEPT, id, line, NULL, NULL); }

void fate_truncated(struct fates *f, const char *id, long line, const char *reason)
{
	tell(f, TRUNCATED, id, line, reason, reason);
}

void fate_whole(struct fates *f, const char *id, long line, const char *left)
{
	char reason[128];

	if (!left || !*left) {
		fate_kept(f, id, line);
		return;
	}
	snprintf(reason, sizeof reason, "%s left out", left);
	fate_truncated(f, id, line, reason);
}

void fate_dropped(struct fates *f, const char *id, long line, const char *reason)
{
	tell(f, DROPPED, id, line, reason, reason);
}

void fate_dropped_beside(struct fates *f, const char *id, long line, const char *reason,
                         const char *other)
{
	char *shown = xprintf("%s of %s", reason, other);

	tell(f, DROPPED, id, line, reason, shown);
	free(shown);
}

void fate_broken(struct fates *f, const char *file, const char *id, long line, long element,
                 const char *reason, const struct fault *why)
{
	char *text =
		strcmp(reason, why->text) ? xprintf("%s: %s", reason, why->text) : xstrdup(reason);

	if (!f->muted && strcmp(f->opts->on_error, "skip")) {
		if (element)
			die("%s:%ld: element %ld: %s", file, line, element, text);
		die("%s:%ld: %s", file, line, text);
	}
	tell(f, DROPPED, id, line, reason, text);
	free(text);
}

void fates_mute(struct fates *f, int on) { f->muted = on; }

/* " (8 too long, 2 empty answer)", or nothing */
static void put_reasons(struct buf *b, const struct fates *f, enum fate_kind kind)
{
	const char *before = " (";

	for (int i = 0; i < f->reasons; i++)
		if (f->reason[i].kind == kind) {
			buf_fmt(b, "%s%ld %s", before, f->reason[i].count, f->reason[i].text);
			before = ", ";
		}
	if (*before == ',')
		buf_str(b, ")");
}

static const char *summary(struct fates *f)
{
	struct buf *b = &f->line;

	b->n = 0;
	buf_fmt(b, "%ld rows kept", f->rows[KEPT] + f->rows[TRUNCATED]);
	put_reasons(b, f, TRUNCATED);
	buf_fmt(b, ", %ld dropped", f->rows[DROPPED]);
	put_reasons(b, f, DROPPED);
	return b->p;
}

/* Adds what another rank counted: lines of a kind, a count and a reason, or no reason. */
static void add_counts(struct fates *f, char *text)
{
	for (char *next; *text; text = next) {
		char *end;
		long kind = strtol(text, &end, 10), n = strtol(end, &end, 10);

		next = strchrnul(end, '\n');
		if (*next)
			*next++ = 0;
		if (end[1])
			count(f, (enum fate_kind)kind, end + 1, n);
		else
			f->rows[kind] += n;
	}
}

/* Rank 0 counts the rows of all. */
static void join_counts(struct fates *f)
{
	struct buf b = {0};
	size_t n;

	for (int k = 0; k < 3; k++)
		buf_fmt(&b, "%d %ld \n", k, f->rows[k]);
	for (int i = 0; i < f->reasons; i++)
		buf_fmt(&b, "%d %ld %s\n", (int)f->reason[i].kind, f->reason[i].count,
		        f->reason[i].text);
	for (int r = 1; r < world_size(); r++) {
		n = b.n;
		world_pass(&n, sizeof n, r, 0);
		if (!world_rank()) {
			b.n = 0;
			buf_need(&b, n + 1);
		}
		world_pass(b.p, n, r, 0);
		if (!world_rank()) {
			b.p[n] = 0;
			add_counts(f, b.p);
		}
	}
	buf_free(&b);
}

void fates_need_row(struct fates *f)
{
	long left = f->rows[KEPT] + f->rows[TRUNCATED];

	if (f->joined)
		left = (long)world_add((double)left);
	if (left || f->opts->allow_empty)
		return;
	if (f->joined)
		join_counts(f);
	if (world_rank())
		world_barrier(); /* rank 0 knows all counts, and says it */
	die("nothing is left: %s", summary(f));
}

void fates_close(struct fates *f, int always)
{
	if (f->joined)
		join_counts(f);
	if (always || f->reasons)
		notice("%s", summary(f));
	zout_close(f->out);
	for (int i = 0; i < f->reasons; i++)
		free(f->reason[i].text);
	free(f->reason);
	buf_free(&f->line);
	free(f);
}
