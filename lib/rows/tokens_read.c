/* SPDX-License-Identifier: MIT */
/* tokens_read.c - token streams from files and pipes; see tokens.h. */
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "places.h"
#include "tokens.h"

enum { SHARE = 1 << 20 }; /* ids that are compared at a time */

/* Memory grows with what is really there, not with what a header claims. */
static void read_exactly(struct zin *z, struct buf *b, size_t n)
{
	while (n) {
		size_t step = n < 1 << 24 ? n : 1 << 24;

		buf_need(b, step);
		if (zin_read(z, b->p + b->n, step) < step)
			die("%s: cut short within a blob", zin_name(z));
		b->n += step;
		n -= step;
	}
}

/* The length of the header that begins at p.  JSON there means rows: the usual mistake. */
static size_t header_at(const struct zin *z, const char *p)
{
	struct fault f;
	size_t header;

	if (!st_header_bytes(p, &header, &f))
		return header;
	if (*p == '{')
		die("%s: rows, not tokens (seal-tokenize makes tokens of them)", zin_name(z));
	die("%s: %s", zin_name(z), f.text);
}

/* The next blob's bytes; 0 at the end. */
static int read_blob(struct zin *z, struct buf *b)
{
	struct safetensors st;
	struct fault f;
	size_t got, header, data;

	b->n = 0;
	buf_need(b, 8);
	zin_joint(z);
	got = zin_read(z, b->p, 8);
	if (!got)
		return 0;
	b->n = got;
	if (got < 8)
		die("%s: %zu stray bytes at the end", zin_name(z), got);
	header = header_at(z, b->p);
	read_exactly(z, b, header);
	if (st_parse_header(&st, b->p + 8, header, &data, &f))
		die("%s: %s", zin_name(z), f.text);
	st_close(&st);
	read_exactly(z, b, data);
	return 1;
}

static void add_blob(struct tokens *t, const struct zin *z, int number, const void *p, size_t n)
{
	struct fault f;
	size_t used;

	if (tokens_blob(t, p, n, &used, &f))
		die("%s: blob %d: %s", zin_name(z), number, f.text);
}

/* The length of the blob at p, of which at least `left` bytes are there. */
static size_t mapped_blob(const struct zin *z, const char *p, size_t left)
{
	struct safetensors st;
	struct fault f;
	size_t header, data;

	if (left < 8)
		die("%s: %zu stray bytes at the end", zin_name(z), left);
	header = header_at(z, p);
	if (header > left - 8)
		die("%s: cut short within a blob", zin_name(z));
	if (st_parse_header(&st, p + 8, header, &data, &f))
		die("%s: %s", zin_name(z), f.text);
	st_close(&st);
	if (data > left - 8 - header)
		die("%s: cut short within a blob", zin_name(z));
	return 8 + header + data;
}

/* Where a packed segment begins behind plain ones, or else the end. */
static size_t read_mapped(struct tokens *t, const struct zin *z, const char *p, size_t bytes,
                          int *blobs)
{
	size_t at = 0;

	t->map = xrealloc(t->map, (t->maps + 1) * sizeof *t->map);
	t->map[t->maps].p = p;
	t->map[t->maps++].bytes = bytes;
	while (at < bytes && !zio_is_zstd(p + at, bytes - at)) {
		size_t n = mapped_blob(z, p + at, bytes - at);

		add_blob(t, z, ++*blobs, p + at, n);
		at += n;
	}
	t->mapped += at;
	return at;
}

static void skip(struct zin *z, size_t n)
{
	char p[1 << 14];

	while (n) {
		size_t got = zin_read(z, p, n < sizeof p ? n : sizeof p);

		if (!got)
			die("%s: changed while it was read", zin_name(z));
		n -= got;
	}
}

static void read_into_memory(struct tokens *t, struct zin *z, int *blobs)
{
	struct buf b = {0};

	while (read_blob(z, &b)) {
		char *p = xrealloc(b.p, b.n);

		add_blob(t, z, ++*blobs, p, b.n);
		tokens_hold(t, p, b.n);
		b = (struct buf){0};
	}
	buf_free(&b);
}

static void check_end(const struct tokens *t, const struct zin *z, int blobs)
{
	if (!blobs)
		die("%s: is empty, not even a token stream of no rows", zin_name(z));
	if (t->open)
		die("%s: cut short: no seal.end", zin_name(z));
}

static void read_stream(struct tokens *t, const char *path)
{
	struct zin *z = zin_open(path);
	int blobs = 0;
	size_t bytes;
	const void *p = zin_map(z, &bytes);
	size_t at = p ? read_mapped(t, z, p, bytes, &blobs) : 0;

	if (!p || at < bytes) {
		skip(z, at);
		read_into_memory(t, z, &blobs);
	}
	check_end(t, z, blobs);
	zin_close(z);
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
		struct zin *z = zin_open(n ? paths[i] : NULL);
		int blobs = 0;

		while (more && read_blob(z, &b)) {
			long first = t->rows;

			add_blob(t, z, ++blobs, b.p, b.n);
			see(t, seen, first);
			more = take(ctx, t, first);
			tokens_drop(t);
		}
		if (more)
			check_end(t, z, blobs);
		zin_close(z);
	}
	buf_free(&b);
	places_free(seen);
	tokens_close(t);
}

struct tokens *tokens_read(char *const paths[], int n)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct places *seen = places_new();

	if (!n)
		read_stream(t, NULL);
	for (int i = 0; i < n; i++)
		read_stream(t, paths[i]);
	see(t, seen, 0);
	places_free(seen);
	t->input = hash_data(t);
	return t;
}
