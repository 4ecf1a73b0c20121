/* SPDX-License-Identifier: MIT */
/* select_write.c - the second pass of seal-select: the picked rows go out; see
 * select_in.h. */
#include "select_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl_objects.h"

/* The rows go out as they came; only the last may lack its line feed. */
static void emit(struct picker *p, const char *bytes, size_t n, int ended)
{
	if (p->open)
		zout_str(p->out, "\n");
	zout_write(p->out, bytes, n);
	if (ended)
		zout_str(p->out, "\n");
	p->open = !ended;
}

static void annotate(const struct picker *p, const struct row *row, const char *id, uint32_t which,
                     struct buf *b)
{
	int scored = which != UNSCORED;
	json_t *o, *rank = scored && p->rank[which] ? json_integer(p->rank[which]) : json_null();
	struct fault f;

	o = json_parse(row->bytes, row->text_n, &f);
	if (!o)
		die("%s:%ld: %s", row->file, row->line, f.text);
	if (!json_object_get(o, "id") || json_is_null(json_object_get(o, "id")))
		json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "seal",
	                    json_pack("{s:o, s:o, s:o}", "score",
	                              real_or_null(scored ? p->scores->score[which] : NAN),
	                              "weight",
	                              real_or_null(scored ? p->scores->weight[which] : NAN), "rank",
	                              rank));
	b->n = 0;
	json_put(b, o);
	json_decref(o);
}

/* Writes the row, or holds it until the better ones, or worse ones, are there. */
static void take(struct picker *p, const struct row *row, const char *id, uint32_t which)
{
	const char *bytes = row->bytes;
	int ended = row->ended;
	struct buf b = {0};
	size_t n = row->n;

	if (p->o->annotate) {
		annotate(p, row, id, which, &b);
		bytes = b.p;
		n = b.n;
		ended = 1;
	}
	if (p->held)
		p->held[p->o->bottom ? p->numbers - p->rank[which] : p->rank[which] - 1] =
			(struct held){xstrndup(bytes, n), n, ended};
	else
		emit(p, bytes, n, ended);
	buf_free(&b);
}

/* The next row that was there in the first pass, and its id, if ids are kept. */
static int next(struct part *part, struct row *row, uint32_t *which, const char **id)
{
	while (rows_next(part->in, row)) {
		*which = row->at < part->n ? part->which[row->at] : GONE;
		if (*which == GONE)
			continue;
		if (*id)
			*id += strlen(*id) + 1;
		else
			*id = part->ids.p;
		return 1;
	}
	return 0;
}

void write_rows(struct picker *p, struct part *part)
{
	const char *id = NULL;
	uint32_t which;
	struct row row;

	rows_again(part->in);
	while (next(part, &row, &which, &id)) {
		int scored = which != UNSCORED;

		if ((scored && p->picked[which]) != p->o->invert) {
			take(p, &row, id, which);
			fate_kept(p->fates, id, row.line);
		} else {
			fate_dropped(p->fates, id, row.line,
			             p->o->invert || (scored && p->rank[which]) ? "not picked"
			             : scored                                   ? "null score"
			                                                        : "no score");
		}
	}
}

void write_added(struct picker *p, struct part *part)
{
	const char *id = NULL;
	uint32_t which;
	struct row row;

	rows_again(part->in);
	while (next(part, &row, &which, &id)) {
		emit(p, row.bytes, row.n, row.ended);
		fate_kept(p->fates, id, row.line);
	}
}

void write_held(struct picker *p)
{
	for (long k = 0; k < p->holds; k++) {
		struct held *h = &p->held[k];

		if (h->bytes)
			emit(p, h->bytes, h->n, h->ended);
		free(h->bytes);
	}
	free(p->held);
	p->held = NULL;
}
