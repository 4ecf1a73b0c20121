/* SPDX-License-Identifier: MIT */
/* judge_pairs.c - which of two outputs of a prompt a judge prefers, a baseline's or a model's.
 *
 * Judges favour a place: so each pair is asked in both orders.  The first choice says that the
 * output shown first is better, the second that the other is; a third, where there is one, that
 * neither is.  With s the chance of the second (and half that of the third), of the order in which
 * the baseline (1) or the model (2) is shown first,
 *
 *   preference = 1 + (s_1 + 1 - s_2) / 2
 *
 * which is alpaca_eval's, from 1 (the baseline is better) to 2; --hard takes s from the verdicts
 * alone: 1, 2, and 1.5 where they contradict each other.  Null where one is no choice.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "command.h"
#include "interval.h"
#include "judge.h"

/* Objects of one file. */
struct judge_side {
	const char *path;
	json_t *rows, *by_id; /* by_id: {id: number} */
	char **where;
	long n, alone; /* alone: that the other has not */
};

struct judge_pairs {
	const struct judge *j;
	struct judge_side side[2]; /* baseline, model */
	long *base;                /* [model's n] the baseline's row for it, or -1 */
	long n;                    /* pairs */
	long first, second;        /* in how many this place won in both orders */
	long unread;               /* have no preference */
};

static const char *id_of(const json_t *row, struct buf *b) { return object_key(row, "id", b); }

static void read_side(struct judge_side *s, char *const path[])
{
	struct buf b = {0};

	s->path = *path;
	s->rows = judge_read(path, 1, &s->where);
	s->n = (long)json_array_size(s->rows);
	s->by_id = json_object();
	for (long i = 0; i < s->n; i++) {
		const char *id = id_of(json_array_get(s->rows, i), &b);

		if (json_object_get(s->by_id, id))
			die("%s: the id %s is there twice", s->where[i], id);
		json_object_set_new(s->by_id, id, json_integer(i));
	}
	buf_free(&b);
}

static void join(struct judge_pairs *p)
{
	struct judge_side *base = &p->side[0], *model = &p->side[1];
	struct buf b = {0};

	p->base = xalloc(model->n * sizeof *p->base);
	for (long i = 0; i < model->n; i++) {
		const json_t *row = json_array_get(model->rows, i);
		const json_t *k = json_object_get(base->by_id, id_of(row, &b));

		p->base[i] = k ? (long)json_integer_value(k) : -1;
		if (k && !json_equal(json_object_get(row, "instruction"),
		                     json_object_get(json_array_get(base->rows, p->base[i]),
		                                     "instruction")))
			die("%s: \"instruction\" is another than in %s", model->where[i],
			    base->where[p->base[i]]);
		p->n += k != NULL;
	}
	if (!p->n)
		die("%s and %s have no id in common", base->path, model->path);
	base->alone = base->n - p->n;
	model->alone = model->n - p->n;
	buf_free(&b);
}

/* What stands in the prompt of a pair: all of the model's keys, the outputs in this order. */
static json_t *shown(const json_t *row, const json_t *first, const json_t *second)
{
	json_t *o = json_copy((json_t *)row);

	json_object_del(o, "output");
	json_object_set(o, "output_1", json_object_get(first, "output"));
	json_object_set(o, "output_2", json_object_get(second, "output"));
	return o;
}

/* The chance that the output shown second is better; -1: not known. */
static double second_better(const struct judge *j, const json_t *answer)
{
	const json_t *p = json_object_get(answer, "p");
	const char *verdict = json_text(answer, "verdict", NULL);
	const struct choices *c = &j->choices;
	double x;

	if (!verdict)
		return -1;
	if (j->o->hard || !json_is_object(p)) {
		int v = choices_find(c, verdict);

		return v == 0 ? 0 : v == 1 ? 1 : 0.5;
	}
	x = json_number(p, c->name[1], 0);
	return c->names > 2 ? x + json_number(p, c->name[2], 0) / 2 : x;
}

static json_t *both(const struct question q[2], const char *key)
{
	json_t *list = json_array();

	for (int i = 0; i < 2; i++) {
		json_t *v = json_object_get(q[i].answer, key);

		json_array_append_new(list, v ? json_incref(v) : json_null());
	}
	return list;
}

/* The place whose output won whichever it was: 0, 1, or -1. */
static int place(const struct judge *j, const struct question q[2])
{
	const char *one = json_text(q[0].answer, "verdict", NULL);
	const char *two = json_text(q[1].answer, "verdict", NULL);
	int v = one && two && !strcmp(one, two) ? choices_find(&j->choices, one) : -1;

	return v < 2 ? v : -1;
}

/* A line of an annotation, as alpaca_eval has them. */
static void write_pair(struct judge_pairs *p, json_t *row, const json_t *base,
                       const struct question q[2], struct zout *out)
{
	static const char *const places[] = {"first", "second"};
	double s[2] = {second_better(p->j, q[0].answer), second_better(p->j, q[1].answer)};
	int read = s[0] >= 0 && s[1] >= 0, won = place(p->j, q);
	json_t *o = json_object(), *v;
	const char *key;

	json_object_set(o, "id", json_object_get(row, "id"));
	json_object_set(o, "instruction", json_object_get(row, "instruction"));
	json_object_set(o, "output_1", json_object_get(base, "output"));
	json_object_set(o, "output_2", json_object_get(row, "output"));
	for (int i = 0; i < 2; i++) {
		v = json_object_get(i ? row : base, "generator");
		json_object_set_new(o, i ? "generator_2" : "generator_1",
		                    v ? json_incref(v) : json_null());
	}
	json_object_foreach(row, key, v) if (strcmp(key, "output") && strcmp(key, "generator") &&
	                                     !json_object_get(o, key)) json_object_set(o, key, v);
	json_object_set_new(o, "verdicts", both(q, "verdict"));
	json_object_set_new(o, "p", both(q, "p"));
	json_object_set_new(o, "mass", both(q, "mass"));
	json_object_set_new(o, "place", won < 0 ? json_null() : json_string(places[won]));
	json_object_set_new(o, "preference",
	                    read ? json_real(1 + (s[0] + 1 - s[1]) / 2) : json_null());
	json_write_line(out, o);
	json_decref(o);
	p->first += won == 0;
	p->second += won == 1;
	p->unread += !read;
}

static void summarize(const struct judge_pairs *p)
{
	long read = p->n - p->unread;
	struct interval a = interval_share((double)p->first, (double)read);
	struct interval b = interval_share((double)p->second, (double)read);

	notice("%ld prompts judged in both orders, %ld without a preference; the output shown "
	       "first won in both for %.1f %% of the others (%.1f to %.1f), the second for "
	       "%.1f %% (%.1f to %.1f)",
	       p->n, p->unread, 100 * a.mean, 100 * a.low, 100 * a.high, 100 * b.mean, 100 * b.low,
	       100 * b.high);
	for (int i = 0; i < 2; i++)
		if (p->side[i].alone)
			notice("%s: %ld of %ld ids are not in %s, and are left out",
			       p->side[i].path, p->side[i].alone, p->side[i].n, p->side[!i].path);
}

/* Questions 2k and 2k + 1 are about pair k. */
static struct question *ask(const struct judge_pairs *p)
{
	struct question *q = xzalloc(2 * p->n, sizeof *q), *at = q;

	for (long i = 0; i < p->side[1].n; i++) {
		const json_t *row = json_array_get(p->side[1].rows, i), *base;

		if (p->base[i] < 0)
			continue;
		base = json_array_get(p->side[0].rows, p->base[i]);
		for (int order = 0; order < 2; order++, at++) {
			at->where = p->side[1].where[i];
			at->values = shown(row, order ? row : base, order ? base : row);
		}
	}
	judge_ask(p->j, q, 2 * p->n);
	return q;
}

void judge_pairs(const struct judge *j, char *const paths[2], struct zout *out)
{
	struct judge_pairs p = {.j = j};
	struct question *q, *at;

	if (j->choices.names > 3)
		die_usage("--pairwise has two --choices (the output shown first is better, the "
		          "second is), or three (neither is)");
	read_side(&p.side[0], paths);
	read_side(&p.side[1], paths + 1);
	join(&p);
	q = at = ask(&p);
	for (long i = 0; i < p.side[1].n; i++) {
		if (p.base[i] < 0)
			continue;
		write_pair(&p, json_array_get(p.side[1].rows, i),
		           json_array_get(p.side[0].rows, p.base[i]), at, out);
		at += 2;
	}
	summarize(&p);
	for (at = q; at < q + 2 * p.n; at++)
		question_end(at);
	free(q);
	free(p.base);
	for (int i = 0; i < 2; i++) {
		json_decref(p.side[i].by_id);
		judge_read_free(p.side[i].rows, p.side[i].where);
	}
}
