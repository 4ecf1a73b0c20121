/* SPDX-License-Identifier: MIT */
/* pack.c - see pack.h. */
#include "pack.h"

#include <assert.h>
#include <stdlib.h>

#include "../base/die.h"
#include "../base/memory.h"

static void place_groups(struct grouped *g, struct arena *a, long room)
{
	g->to = arena_ints(a, room);
	g->start = arena_ints(a, room + 1);
	g->place = arena_ints(a, room);
}

void pack_place(struct pack *p, struct arena *a, long room)
{
	*p = (struct pack){.room = room};
	p->id = arena_ints(a, room);
	p->position = arena_ints(a, room);
	p->q = arena_ints(a, room + 1);
	p->k = arena_ints(a, room);
	p->len = arena_ints(a, room);
	p->from = arena_ints(a, room);
	p->store = arena_ints(a, room);
	p->at = arena_ints(a, room);
	p->target = arena_ints(a, room);
	p->weight = arena_floats(a, room);
	p->loss = arena_floats(a, room);
	place_groups(&p->by_token, a, room);
	place_groups(&p->by_id, a, room);
}

void pack_clear(struct pack *p)
{
	p->tokens = p->rows = p->trained = p->keys = p->longest = 0;
	p->q[0] = 0;
}

void pack_tokens(struct pack *p, const struct config *c, const int32_t *token, long n, long skip,
                 int with)
{
	int32_t *from = p->from + p->keys;

	assert(p->keys + n <= p->room && p->rows < p->room);
	for (long i = 0; i < n; i++)
		from[i] = i < skip ? p->from[p->k[with] + i] : (int32_t)(p->tokens + i - skip);
	for (long i = skip; i < n; i++) {
		p->id[from[i]] = token ? token[i] : 0;
		p->position[from[i]] = (int32_t)rope_entry(&c->rope[0], i, n);
	}
	p->k[p->rows] = (int32_t)p->keys;
	p->len[p->rows++] = (int32_t)n;
	p->keys += n;
	p->tokens += n - skip;
	p->q[p->rows] = (int32_t)p->tokens;
	if (n > p->longest)
		p->longest = (int)n;
}

/* How many first tokens of r the row a has too, none of which a trained one is predicted from. */
static long common(const struct tokens_row *a, const struct tokens_row *r, int all)
{
	long n = 0;

	while (n < a->n && n < r->n - 1 && a->token[n] == r->token[n] && !(all || r->train[n + 1]))
		n++;
	return n;
}

/* The most tokens that row i has in common with one of the batch's rows from `first` on before
 * it, and with which.  None where angles depend on a row's length. */
static long shared(const struct config *c, const struct batch *b, int first, int i, int all,
                   int *with)
{
	long most = 0;

	for (int j = first; j < i && !c->rope[0].original; j++) {
		long n = common(&b->row[j], &b->row[i], all);

		if (n > most) {
			most = n;
			*with = j - first;
		}
	}
	return most;
}

long pack_trained(const struct tokens_row *r, int all)
{
	long n = 0;

	for (long i = 1; i < r->n; i++)
		n += all || r->train[i];
	return n;
}

void pack_row(struct pack *p, const struct config *c, const struct batch *b, int first, int i,
              int all, float weight)
{
	const struct tokens_row *r = &b->row[i];
	long trained = pack_trained(r, all), keys = p->keys, skip;
	int with = 0;
	char id[128];

	for (long j = 0; j < r->n; j++)
		if (r->token[j] < 0 || r->token[j] >= c->vocab)
			die("row %s: token %d is not among the model's %ld",
			    row_id(r, id, sizeof id), r->token[j], c->vocab);
	skip = p->shares ? shared(c, b, first, i, all, &with) : 0;
	pack_tokens(p, c, r->token, r->n, skip, with);
	for (long j = 1; j < r->n; j++)
		if (all || r->train[j]) {
			p->at[p->trained] = p->from[keys + j - 1];
			p->target[p->trained] = r->token[j];
			p->weight[p->trained++] = weight / trained;
		}
}

long pack_fill(struct pack *p, const struct config *c)
{
	long trained = p->trained;

	if (pack_round(p->tokens) > p->tokens)
		pack_tokens(p, c, NULL, pack_round(p->tokens) - p->tokens, 0, 0);
	for (; p->trained < pack_round(trained); p->trained++) {
		p->at[p->trained] = 0;
		p->target[p->trained] = -1;
		p->weight[p->trained] = 0;
	}
	return trained;
}

static void put(struct dev *d, void *to, const void *from, long n)
{
	if (n)
		d->op->put(d, to, from, n * sizeof(int32_t));
}

struct pass pack_put(struct dev *d, struct pack *to, const struct pack *p, struct mat keys,
                     float *const table[2])
{
	int shares = p->keys > p->tokens;

	put(d, to->id, p->id, p->tokens);
	put(d, to->position, p->position, p->tokens);
	put(d, to->q, p->q, p->rows + 1);
	put(d, to->k, p->k, p->rows);
	put(d, to->len, p->len, p->rows);
	put(d, to->from, p->from, keys.p ? p->keys : 0);
	put(d, to->at, p->at, p->trained);
	put(d, to->target, p->target, p->trained);
	put(d, to->weight, p->weight, p->trained);
	return (struct pass){.spans = {.q = to->q,
	                               .k = shares ? to->k : to->q,
	                               .len = to->len,
	                               .n = (int)p->rows,
	                               .longest = p->longest},
	                     .position = to->position,
	                     .table = {table[0], table[1]},
	                     .keys = keys,
	                     .from = to->from};
}

struct groups pack_group(struct dev *d, const struct grouped *device, const struct grouped *host,
                         const int32_t *of, long n, long limit)
{
	int32_t *next = xzalloc(limit, sizeof *next); /* place of each number */
	long groups = 0, at = 0;

	for (long i = 0; i < n; i++)
		next[of[i]]++;
	for (long v = 0; v < limit; v++) {
		if (!next[v])
			continue;
		host->to[groups] = (int32_t)v;
		host->start[groups++] = (int32_t)at;
		at += next[v];
		next[v] = host->start[groups - 1];
	}
	host->start[groups] = (int32_t)at;
	for (long i = 0; i < n; i++)
		host->place[next[of[i]]++] = (int32_t)i;
	free(next);
	put(d, device->to, host->to, groups);
	put(d, device->start, host->start, groups + 1);
	put(d, device->place, host->place, n);
	return (struct groups){device->to, device->start, device->place, groups};
}
