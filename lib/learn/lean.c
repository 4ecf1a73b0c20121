/* lean.c - see lean.h.
 *
 * A line with the hash of a scored row has its bytes, so it is JSON, and its id was
 * read then: it is the score's, unless that is made from the hash, as it is for a row
 * with no id of its own.  Scores may have been edited since, so the line must show
 * the id where it would stand, or nothing that looks like one.  An id is known by its
 * key, XXH64.
 */
#include "lean.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"

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
	const struct lean *l = lean;
	const uint32_t *at = places_look(l->by_hash, mixed(row->hash)), *same;
	int shown = at && !(*at & SHARED) ? shown_id(row->bytes, row->text_n, id, n) : -1;
	char hex[17];

	if (shown < 0)
		return 0;
	if (!shown) {
		hash_hex(row->hash, hex);
		*id = "";
		*n = 0;
	}
	same = places_look(l->by_key, shown ? hash_bytes(*id, *n) : hash_bytes(hex, 16));
	return same && *same == *at;
}

static uint32_t *line_of(void *lean, uint64_t key)
{
	struct lean *l = lean;
	const uint32_t *at = places_look(l->by_key, key);

	return at ? &l->line[*at - 1] : NULL;
}

long lean_of(const struct lean *l, const struct row *row)
{
	const uint32_t *at = places_look(l->by_key, row->key);

	if (!at)
		return -1;
	if (l->hash[*at - 1] != row->hash)
		die("%s:%ld: the row %s that was scored has another hash: another data set", l->name, *at + 1L, row->id);
	return *at - 1;
}

/* Reading: how much memory there is, whether weights are wanted. */
struct room { long n; int weights; };

static void add(struct lean *l, struct room *room, const struct glance *g, double weight)
{
	uint32_t *at = places_find(l->by_key, hash_bytes(g->id, g->id_n));

	if (*at)
		die("%s:%ld: id %.*s is on line %ld too", l->name, l->n + 2, (int)g->id_n, g->id, *at + 1L);
	*at = l->n + 1;
	at = places_find(l->by_hash, mixed(g->hash));
	*at = *at ? *at | SHARED : l->n + 1;
	if (l->n == room->n) {
		room->n = room->n * 3 / 2 + 1024;
		l->score = xrealloc(l->score, room->n * sizeof *l->score);
		l->hash = xrealloc(l->hash, room->n * sizeof *l->hash);
		if (room->weights)
			l->weight = xrealloc(l->weight, room->n * sizeof *l->weight);
	}
	l->score[l->n] = g->score;
	l->hash[l->n] = g->hash;
	if (room->weights)
		l->weight[l->n] = weight;
	l->n++;
}

/* Reads a line of scores in any form. */
static void add_line(struct lean *l, struct room *room, const char *text, size_t n)
{
	struct score s = {0};
	struct glance g;
	struct fault f;

	if (score_glance(text, n, &g, room->weights ? &s.weight : NULL)) {
		if (score_object(text, n, &s, &f))
			die("%s:%ld: %s", l->name, l->n + 2, f.text);
		g = (struct glance){ s.id, strlen(s.id), s.hash, s.score };
	}
	add(l, room, &g, s.weight);
	free(s.id);
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
	struct room room = { 0, weights };
	long rows = read_header(in);
	size_t n, raw;
	char *text;

	zin_ahead(in);
	l->name = xstrdup(zin_name(in));
	l->by_key = places_new();
	l->by_hash = places_new();
	l->known = (struct rows_known){ known_id, line_of, l };
	l->lines = (struct rows_known){ NULL, line_of, l };
	while ((text = zin_line(in, &n, &raw))) {
		if (l->n == rows)
			die("%s:%ld: more rows than the %ld that the header promises", l->name, l->n + 2, rows);
		add_line(l, &room, text, n);
	}
	if (l->n < rows)
		die("%s: cut short: %ld of %ld rows", l->name, l->n, rows);
	zin_close(in);
	l->line = xzalloc(l->n, sizeof *l->line);
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
	free(l->line);
	l->by_key = l->by_hash = NULL;
	l->line = NULL;
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
