/* SPDX-License-Identifier: MIT */
/* lean.c - see lean.h.
 *
 * A line with the hash of a scored row has its bytes, so it is JSON, and its id was
 * read then: it is the score's, unless that is made from the hash, as it is for a row
 * with no id of its own.  Scores may have been edited since, so the line must show
 * the id where it would stand, or nothing that looks like one.  An id is known by its
 * key, XXH64, or here, where the hash has spoken already, by half of it.
 */
#include "lean.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/pages.h"

/* In by_hash: more than one score has this hash. */
static const uint32_t SHARED = 1u << 31;

/* Whoever wrote the scores wrote the hashes, and may have numbered them. */
static uint64_t mixed(uint64_t hash) { return hash * 0x9e3779b97f4a7c15; }

/* The first id in the line as it is spelled, if JSON's way to spell it is the only
 * one; 0: there is none, -1: it may be anything. */
static int shown_id(const char *p, size_t n, const char **id, size_t *id_n)
{
	const char *at = memmem(p, n, "\"id\"", 4), *end;

	if (!at)
		return 0;
	at += 4;
	at += strspn(at, " \t");
	if (*at++ != ':')
		return -1;
	at += strspn(at, " \t");
	if (*at == '"') {
		at++;
		end = memchr(at, '"', p + n - at);
		if (!end || memchr(at, '\\', end - at))
			return -1;
	} else {
		end = at + strspn(at, "-0123456789");
		if (*end != ',' && *end != '}' && *end != ' ')
			return -1;
	}
	*id = at;
	*id_n = end - at;
	return *id_n ? 1 : -1;
}

static int known_id(void *lean, const struct row *row, const char **id, size_t *n)
{
	struct lean *l = lean;
	const uint32_t *at = places_look(l->by_hash, mixed(row->hash));
	int shown = at && !(*at & SHARED) ? shown_id(row->bytes, row->text_n, id, n) : -1;
	char hex[17];

	if (shown < 0)
		return 0;
	if (!shown) {
		hash_hex(row->hash, hex);
		*id = "";
		*n = 0;
	}
	l->key = shown ? hash_bytes(*id, *n) : hash_bytes(hex, 16);
	l->at = *at;
	if (l->seen[*at - 1].key != (uint32_t)l->key)
		l->at = 0;
	return l->at != 0;
}

/* The place + 1 of the score whose id has this key, 0: none. */
static uint32_t find(struct lean *l, uint64_t key)
{
	const uint32_t *at;

	if (!l->at || l->key != key) {
		at = places_look(l->by_key, key);
		l->key = key;
		l->at = at ? *at : 0;
	}
	return l->at;
}

static uint32_t *line_of(void *lean, uint64_t key)
{
	struct lean *l = lean;
	uint32_t at = find(l, key);

	return at ? &l->seen[at - 1].line : NULL;
}

long lean_of(struct lean *l, const struct row *row)
{
	uint32_t at = find(l, row->key);

	if (at && l->hash[at - 1] != row->hash)
		die("%s:%ld: the row %s that was scored has another hash: another data set",
		    l->name, at + 1L, row->id);
	return at - 1L;
}

/* Reading: how much memory there is, whether weights are wanted; keys and hashes, with
 * place + 1. */
struct reading {
	long room;
	int weights;
	struct item *key, *hash;
};

static void add(struct lean *l, struct reading *r, const struct glance *g, double weight)
{
	if (l->n == r->room) {
		long more = r->room * 3 / 2 + 1024;

		r->key = pages_grow(r->key, r->room * sizeof *r->key, more * sizeof *r->key);
		r->hash = pages_grow(r->hash, r->room * sizeof *r->hash, more * sizeof *r->hash);
		r->room = more;
		l->score = xrealloc(l->score, r->room * sizeof *l->score);
		l->hash = xrealloc(l->hash, r->room * sizeof *l->hash);
		if (r->weights)
			l->weight = xrealloc(l->weight, r->room * sizeof *l->weight);
	}
	l->score[l->n] = g->score;
	l->hash[l->n] = g->hash;
	if (r->weights)
		l->weight[l->n] = weight;
	r->key[l->n] = (struct item){hash_bytes(g->id, g->id_n), l->n + 1};
	r->hash[l->n] = (struct item){mixed(g->hash), l->n + 1};
	l->n++;
}

/* Reads a line of scores in any form. */
static void add_line(struct lean *l, struct reading *r, const char *text, size_t n)
{
	struct score s = {0};
	struct glance g;
	struct fault f;

	if (score_glance(text, n, &g, r->weights ? &s.weight : NULL)) {
		if (score_object(text, n, &s, &f))
			die("%s:%ld: %s", l->name, l->n + 2, f.text);
		g = (struct glance){s.id, strlen(s.id), s.hash, s.score};
	}
	add(l, r, &g, s.weight);
	free(s.id);
}

/* After reading: what finds a row. */
static void index_all(struct lean *l, struct reading *r, const char *path)
{
	sort_items(r->key, l->n);
	for (long i = 1; i < l->n; i++)
		if (r->key[i].key == r->key[i - 1].key)
			die("%s:%ld: id %s is on line %ld too", l->name, r->key[i].at + 1L,
			    lean_id(l, path, r->key[i].at - 1), r->key[i - 1].at + 1L);
	sort_items(r->hash, l->n);
	for (long i = 1; i < l->n; i++)
		if (r->hash[i].key == r->hash[i - 1].key) {
			r->hash[i - 1].at |= SHARED;
			r->hash[i].at |= SHARED;
		}
	l->seen = xzalloc(l->n, sizeof *l->seen);
	for (long i = 0; i < l->n; i++)
		l->seen[r->key[i].at - 1].key = (uint32_t)r->key[i].key;
	l->by_key = places_of(r->key, l->n, r->room * sizeof *r->key);
	l->by_hash = places_of(r->hash, l->n, r->room * sizeof *r->hash);
}

/* Reads the header; returns how many rows it promises. */
static long read_header(struct zin *in)
{
	size_t n, raw;
	char *text = zin_line(in, &n, &raw);
	json_t *header;
	struct fault f;
	long rows;

	if (!text)
		die("%s: empty, not a scores file", zin_name(in));
	if (scores_header(text, n, &header, &rows, &f))
		die("%s:1: %s", zin_name(in), f.text);
	json_decref(header);
	if (rows >= SHARED)
		die("%s: too many rows", zin_name(in));
	return rows;
}

struct lean *lean_read(const char *path, int weights)
{
	struct zin *in = zin_open(path);
	struct lean *l = xzalloc(1, sizeof *l);
	struct reading r = {.weights = weights};
	long rows = read_header(in);
	size_t n, raw;
	char *text;

	zin_ahead(in);
	l->name = xstrdup(zin_name(in));
	l->known = (struct rows_known){known_id, line_of, l};
	l->lines = (struct rows_known){NULL, line_of, l};
	while ((text = zin_line(in, &n, &raw))) {
		if (l->n == rows)
			die("%s:%ld: more rows than the %ld that the header promises", l->name,
			    l->n + 2, rows);
		add_line(l, &r, text, n);
	}
	if (l->n < rows)
		die("%s: cut short: %ld of %ld rows", l->name, l->n, rows);
	zin_close(in);
	index_all(l, &r, path);
	return l;
}

char *lean_id(const struct lean *l, const char *path, long at)
{
	struct zin *in = zin_open(path);
	struct score s;
	struct fault f;
	size_t n, raw;
	char *text;

	for (long i = 0; (text = zin_line(in, &n, &raw)) && i < at + 1; i++)
		;
	if (!text || score_parse(text, n, &s, &f))
		die("%s: changed while it was read", l->name);
	zin_close(in);
	return s.id;
}

void lean_found(struct lean *l)
{
	places_free(l->by_key);
	places_free(l->by_hash);
	free(l->seen);
	l->by_key = l->by_hash = NULL;
	l->seen = NULL;
}

void lean_close(struct lean *l)
{
	lean_found(l);
	free(l->name);
	free(l->score);
	free(l->weight);
	free(l->hash);
	free(l);
}
