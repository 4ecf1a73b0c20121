/* SPDX-License-Identifier: MIT */
/* tokens_read.c - token streams from files and pipes; see tokens.h. */
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../format/foreign.h"
#include "places.h"
#include "tokens.h"

/* Where blobs are read from: what is left of a mapped file, or a stream, whose blob at hand lies in
 * memory. */
struct tokens_source {
	struct zin *z;
	const char *map; /* NULL: a stream */
	size_t left;
	struct buf b;
	int blobs; /* of this file so far */
};

/* The first n bytes of the blob at hand.  Memory grows with what is really there, not with what a
 * header claims. */
static const char *have(struct tokens_source *s, size_t n)
{
	if (s->map && n > s->left)
		die("%s: cut short within a blob", zin_name(s->z));
	while (!s->map && s->b.n < n) {
		size_t step = size_min(n - s->b.n, 1 << 24);

		buf_need(&s->b, step);
		if (zin_read(s->z, s->b.p + s->b.n, step) < step)
			die("%s: cut short within a blob", zin_name(s->z));
		s->b.n += step;
	}
	return s->map ? s->map : s->b.p;
}

/* Where a blob should begin there is none: mostly these are rows, by mistake. */
__attribute__((noreturn)) static void no_blob(struct tokens_source *s, const struct fault *f)
{
	const char *p = have(s, 8);

	if (*p == '{' || *p == '[')
		die("%s: rows, not tokens (seal-tokenize makes tokens of them)", zin_name(s->z));
	foreign_die(zin_name(s->z), p, 8, f);
}

/* The length of the next blob, all of which is there; 0 at the end. */
static size_t next_blob(struct tokens_source *s)
{
	struct safetensors st;
	struct fault f;
	size_t got = s->left, header, data;

	if (!s->map) {
		s->b.n = 0;
		buf_need(&s->b, 8);
		zin_joint(s->z);
		got = s->b.n = zin_read(s->z, s->b.p, 8);
	}
	if (!got)
		return 0;
	if (got < 8)
		die("%s: %zu stray bytes at the end", zin_name(s->z), got);
	if (st_header_bytes(have(s, 8), &header, &f))
		no_blob(s, &f);
	if (st_parse_header(&st, have(s, 8 + header) + 8, header, &data, &f))
		die("%s: %s", zin_name(s->z), f.text);
	st_close(&st);
	have(s, 8 + header + data);
	s->blobs++;
	return 8 + header + data;
}

static void add_blob(struct tokens *t, const struct tokens_source *s, const void *p, size_t n)
{
	struct fault f;
	size_t used;

	if (tokens_blob(t, p, n, &used, &f))
		die("%s: blob %d: %s", zin_name(s->z), s->blobs, f.text);
}

/* Reads to the end, or to where a packed segment begins behind plain ones. */
static void read_mapped(struct tokens *t, struct tokens_source *s)
{
	t->map = xrealloc(t->map, (t->maps + 1) * sizeof *t->map);
	t->map[t->maps].p = s->map;
	t->map[t->maps++].bytes = s->left;
	while (s->left && !zio_is_packed(s->map, s->left)) {
		size_t n = next_blob(s);

		add_blob(t, s, s->map, n);
		s->map += n;
		s->left -= n;
		t->mapped += n;
	}
}

static void check_end(const struct tokens *t, const struct tokens_source *s)
{
	if (!s->blobs)
		die("%s: is empty, not even a token stream of no rows", zin_name(s->z));
	if (t->open)
		die("%s: cut short: no seal.end", zin_name(s->z));
}

static void read_stream(struct tokens *t, const char *path)
{
	struct tokens_source s = {.z = zin_open(path)};
	int mapped;
	size_t n;

	s.map = zin_map(s.z, &s.left);
	if (s.map)
		read_mapped(t, &s);
	if (!s.map || s.left) {
		s.map = NULL;
		for (mapped = s.blobs, s.blobs = 0; s.blobs < mapped;) /* past them in the stream */
			if (!next_blob(&s))
				die("%s: changed while it was read", zin_name(s.z));
		while ((n = next_blob(&s))) {
			char *p = xrealloc(s.b.p, n);

			add_blob(t, &s, p, n);
			tokens_hold(t, p, n);
			s.b = (struct buf){0};
		}
		buf_free(&s.b);
	}
	check_end(t, &s);
	zin_close(s.z);
}

/* Of all row hashes, then all offsets, tokens, masks: however the stream is cut
 * into blobs. */
static uint64_t hash_data(const struct tokens *t)
{
	struct hash *h = hash_new();
	const struct tokens_part *end = t->part + t->parts;
	int64_t base = 0;
	uint64_t value;

	for (const struct tokens_part *p = t->part; p < end; p++)
		hash_add(h, p->hash, p->rows * sizeof *p->hash);
	hash_add(h, &base, sizeof base);
	for (const struct tokens_part *p = t->part; p < end; base += p->offset[p->rows], p++)
		for (long i = 1; i <= p->rows; i++) {
			int64_t o = base + p->offset[i];

			hash_add(h, &o, sizeof o);
		}
	for (const struct tokens_part *p = t->part; p < end; p++)
		hash_add(h, p->token, p->offset[p->rows] * sizeof *p->token);
	for (const struct tokens_part *p = t->part; p < end; p++)
		hash_add(h, p->train, p->offset[p->rows]);
	value = hash_value(h);
	hash_free(h);
	return value;
}

/* Refuses the rows from `first` on whose ids were seen. */
static void see(const struct tokens *t, struct places *seen, long first)
{
	char id[128];

	if (t->rows > UINT32_MAX)
		die("too many rows");
	for (long i = first; i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);
		uint32_t *row = places_find(seen, hash_bytes(r.id, r.id_n));

		if (*row)
			die("two rows have the id \"%s\" (rows %ld and %ld of the tokens)",
			    row_id(&r, id, sizeof id), (long)*row, i + 1);
		*row = i + 1;
	}
}

void tokens_each(char *const paths[], int n, int (*take)(void *, const struct tokens *, long),
                 void *ctx)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct places *seen = places_new();
	struct buf b = {0};
	int more = 1;

	for (int i = 0; more && i < (n ? n : 1); i++) {
		struct tokens_source s = {.z = zin_open(n ? paths[i] : NULL), .b = b};
		size_t bytes;

		while (more && (bytes = next_blob(&s))) {
			long first = t->rows;

			add_blob(t, &s, s.b.p, bytes);
			see(t, seen, first);
			more = take(ctx, t, first);
			tokens_drop(t);
		}
		if (more)
			check_end(t, &s);
		zin_close(s.z);
		b = s.b;
	}
	buf_free(&b);
	places_free(seen);
	tokens_close(t);
}

struct tokens *tokens_read(char *const paths[], int n)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct places *seen = places_new();

	for (int i = 0; i < (n ? n : 1); i++)
		read_stream(t, n ? paths[i] : NULL);
	see(t, seen, 0);
	places_free(seen);
	t->input = hash_data(t);
	return t;
}
