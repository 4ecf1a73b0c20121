/* SPDX-License-Identifier: MIT */
/* weights.c - see weights.h.
 *
 * GGUF's llama stores row 2j + half of a q or k head where Hugging Face has
 * half * dim/2 + j (ORDER_ROTATED); its gptneox stores all q, all k, all v where
 * Hugging Face has q, k, v of each head in turn (ORDER_SEPARATE).
 */
#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../format/zio.h"
#include "weights_in.h"

enum { CHUNK = 1 << 20 }; /* values converted at a time */

struct source {
	const char *data;
	enum dtype type;
	long rank, shape[4];
	const struct change *change; /* NULL: none */
};

void weights_close(struct weights *w, struct dev *d)
{
	while (w->n_held)
		d->op->free(d, w->held[--w->n_held]);
	if (w->is_gguf)
		gguf_close(&w->gguf);
	for (int i = 0; i < w->files; i++) {
		if (!w->is_gguf)
			st_close(&w->file[i].st);
		zio_unmap(w->file[i].map, w->file[i].bytes);
		free(w->file[i].path);
	}
	json_decref(w->index);
	if (w->adapter.path) {
		st_close(&w->adapter.st);
		zio_unmap(w->adapter.map, w->adapter.bytes);
		free(w->adapter.path);
	}
	while (w->changes)
		change_free(&w->change[--w->changes]);
	free(w->change);
	free(w->file);
	free(w->held);
	free(w->order);
	free(w->head);
	free(w->path);
	free(w);
}

static int plain_type(enum st_type t, enum dtype *as)
{
	*as = st_dtype(t);
	return *as != DT_TYPES;
}

/* A safetensors file's tensor. */
static void take(const struct st_tensor *t, const char *path, struct source *s)
{
	*s = (struct source){.data = t->data, .rank = t->rank};
	if (!plain_type(t->type, &s->type))
		die("%s: %s is of type %s, not F32, F16 or BF16", path, t->name, st_name(t->type));
	for (int k = 0; k < t->rank && k < 4; k++)
		s->shape[k] = t->shape[k];
}

/* 1 when the tensor is in the model's files. */
static int find_own(const struct weights *w, const struct tensor_role *n, struct source *s)
{
	if (w->is_gguf) {
		const struct gguf_tensor *t = gguf_tensor(&w->gguf, n->gguf);

		if (!t)
			return 0;
		if (t->type == DT_TYPES)
			die("%s: %s is of type %s, which is not supported", w->path, t->name,
			    t->kind);
		*s = (struct source){.data = t->data, .type = t->type, .rank = t->rank};
		for (int i = 0; i < t->rank && i < 4; i++)
			s->shape[i] = t->shape[t->rank - 1 - i];
		return 1;
	}
	for (int i = 0; i < w->files; i++) {
		const struct st_tensor *t = st_find(&w->file[i].st, n->hf);

		if (!t || (w->index && json_long(w->index, n->hf, -1) != i))
			continue;
		take(t, w->file[i].path, s);
		return 1;
	}
	return 0;
}

static const struct change *change_of(const struct weights *w, const char *hf)
{
	for (int i = 0; i < w->changes; i++)
		if (!strcmp(w->change[i].hf, hf))
			return &w->change[i];
	return NULL;
}

/* 1 when the tensor is there, in the model's files or an adapter's. */
static int find(const struct weights *w, const struct tensor_role *n, struct source *s)
{
	const struct change *change = change_of(w, n->hf);
	int is_head = w->head && !strcmp(n->hf, w->head);

	if (change && change->with)
		take(change->with, w->adapter.path, s);
	else if (!find_own(w, is_head ? &w->embed : n, s))
		return 0;
	s->change = change;
	return 1;
}

/* Are its values an adapter's, which has all as Hugging Face does? */
static int is_foreign(const struct source *s) { return s->change && s->change->with; }

static int find_hf(const struct weights *w, const char *hf, struct source *s)
{
	struct tensor_role n;

	snprintf(n.hf, sizeof n.hf, "%s.weight", hf);
	return find(w, &n, s);
}

int weights_has_name(const struct weights *w, const char *hf)
{
	struct source s;

	return w->is_gguf || find_hf(w, hf, &s);
}

int weights_same(const struct weights *w, const char *hf, const char *other)
{
	struct source a, b;
	size_t bytes;
	int same;

	if (w->is_gguf)
		return 1;
	if (!find_hf(w, hf, &a) || !find_hf(w, other, &b) || a.rank != 2 || b.rank != 2 ||
	    a.type != b.type || memcmp(a.shape, b.shape, 2 * sizeof *a.shape))
		return 0;
	bytes = a.shape[0] * a.shape[1] * dtype_block_bytes(a.type);
	same = !memcmp(a.data, b.data, bytes);
	zio_forget(a.data, bytes);
	zio_forget(b.data, bytes);
	return same;
}

long weights_row(enum row_order order, const struct config *c, long i)
{
	long dim = c->heads.dim, head = i / dim, j = i % dim;

	if (order == ORDER_ROTATED)
		return head * dim + 2 * (j % (dim / 2)) + j / (dim / 2);
	if (order == ORDER_SEPARATE)
		return (head % 3 * c->heads.q + head / 3) * dim + j;
	return i;
}

/* Decodes the tensor into m; `more` is what its file's values are too large by. */
static void convert(struct dev *d, struct mat m, const struct source *s, enum row_order order,
                    const struct config *c, float more)
{
	long block = dtype_block(s->type), most = CHUNK / m.cols + 1;
	size_t row_bytes = m.cols / block * dtype_block_bytes(s->type);
	float *x = xalloc(most * m.cols * sizeof *x);
	uint16_t *h = m.type == DT_BF16 ? xalloc(most * m.cols * sizeof *h) : NULL;

	for (long at = 0; at < m.rows; at += most) {
		long n = m.rows - at < most ? m.rows - at : most;

#pragma omp parallel for schedule(static)
		for (long i = 0; i < n; i++) {
			dtype_decode(s->type, s->data + weights_row(order, c, at + i) * row_bytes,
			             m.cols, x + i * m.cols);
			for (long j = 0; more != 0 && j < m.cols; j++)
				x[i * m.cols + j] -= more;
			if (s->change)
				change_row(s->change, at + i, m.cols, x + i * m.cols);
			if (h)
				dtype_encode(DT_BF16, x + i * m.cols, m.cols, h + i * m.cols);
		}
		d->op->put(d, row_range(m, at, n).p, h ? (void *)h : x,
		           n * m.cols * dtype_size(m.type));
	}
	zio_forget(s->data, m.rows * row_bytes);
	free(x);
	free(h);
}

/* Finds the tensor, checks its shape, and says in which order its rows are; 0 when
 * it is optional and not there. */
static int locate(const struct weights *w, const struct tensor_role *n, struct source *s,
                  enum row_order *order)
{
	const char *name = w->is_gguf ? n->gguf : n->hf;

	*order = w->is_gguf ? n->gguf_order : ORDER_SAME;
	if (!find(w, n, s)) {
		if (n->need == NEED_MUST)
			die("%s: the tensor %s is missing", w->path, name);
		return 0;
	}
	if (is_foreign(s))
		*order = ORDER_SAME;
	if (n->need == NEED_NONE)
		die("%s: has the tensor %s, which the configuration does not ask for", w->path,
		    name);
	if (!(s->rank == 2 && s->shape[0] == n->rows && s->shape[1] == n->cols) &&
	    !(s->rank == 1 && n->rows == 1 && s->shape[0] == n->cols))
		die("%s: %s is [%ld x %ld], not the [%ld x %ld] that the configuration asks for",
		    w->path, name, s->shape[0], s->rank > 1 ? s->shape[1] : 1, n->rows, n->cols);
	if (n->cols % dtype_block(s->type) ||
	    (n->rows == 1 && *order != ORDER_SAME && dtype_block(s->type) > 1))
		die("%s: %s: rows of %ld values do not divide into blocks of %s", w->path, name,
		    n->cols, dtype_name(s->type));
	return 1;
}

/* A vector's rows, for the order's sake, are its values. */
static struct mat in_rows(struct mat m, enum row_order order)
{
	return m.rows == 1 && order != ORDER_SAME ? mat_of(m.p, m.type, m.cols, 1) : m;
}

int weights_has(const struct weights *w, const struct tensor_role *n)
{
	enum row_order order;
	struct source s;

	return locate(w, n, &s, &order);
}

/* Vectors are copied: to use one in place would keep the pages around it in memory. */
enum weights_way weights_way(const struct weights *w, const struct tensor_role *n, int stored)
{
	enum row_order order;
	struct source s;

	if (!locate(w, n, &s, &order))
		return WEIGHTS_ABSENT;
	if (n->rows == 1 || change_adds(s.change))
		return WEIGHTS_COPIED;
	if (order == ORDER_SAME && s.type == n->type &&
	    (uintptr_t)s.data % dtype_size(n->type) == 0)
		return WEIGHTS_MAPPED;
	return stored && n->part && !s.change && s.type != n->type ? WEIGHTS_STORED
	                                                           : WEIGHTS_COPIED;
}

/* The bytes of the tensor in its file. */
static size_t stored_bytes(const struct source *s, const struct tensor_role *n)
{
	return (size_t)n->rows * (n->cols / dtype_block(s->type)) * dtype_block_bytes(s->type);
}

size_t weights_bytes(const struct weights *w, const struct tensor_role *n, int stored)
{
	struct source s;

	if (weights_way(w, n, stored) == WEIGHTS_STORED && find(w, n, &s))
		return stored_bytes(&s, n);
	return (size_t)n->rows * n->cols * dtype_size(n->type);
}

static void *hold(struct weights *w, void *p)
{
	w->held = xrealloc(w->held, (w->n_held + 1) * sizeof *w->held);
	return w->held[w->n_held++] = p;
}

const int32_t *weights_order(struct weights *w, struct dev *d, const struct config *c,
                             enum row_order order, long rows)
{
	int32_t *host, *at;

	order = w->is_gguf ? order : ORDER_SAME;
	for (int i = 0; i < w->orders; i++)
		if (w->order[i].order == order && w->order[i].rows == rows)
			return w->order[i].at;
	host = xalloc(rows * sizeof *host);
	for (long i = 0; i < rows; i++)
		host[i] = (int32_t)weights_row(order, c, i);
	at = hold(w, d->op->alloc(d, rows * sizeof *at));
	d->op->put(d, at, host, rows * sizeof *at);
	free(host);
	w->order = xrealloc(w->order, (w->orders + 1) * sizeof *w->order);
	w->order[w->orders].order = order;
	w->order[w->orders].rows = rows;
	w->order[w->orders++].at = at;
	return at;
}

int weights_moves(const struct dev *d, enum weights_way way)
{
	return way == WEIGHTS_COPIED || (way != WEIGHTS_ABSENT && d->apart);
}

void weights_room(struct weights *w, struct dev *d, const size_t bytes[2])
{
	for (int i = 0; i < 2; i++) {
		w->room[i] = hold(w, d->op->alloc(d, bytes[i]));
		if (d->large_pages)
			memory_all_used(w->room[i], bytes[i]);
	}
}

void weights_room_at(struct weights *w, void *p) { w->room[0] = p; }

struct mat weights_mat(struct weights *w, struct dev *d, const struct config *c,
                       const struct tensor_role *n, int stored)
{
	struct mat m = mat_of(NULL, n->type, n->rows, n->cols);
	enum weights_way way = weights_way(w, n, stored);
	int is_vector = n->rows == 1;
	struct source s;

	if (way == WEIGHTS_ABSENT)
		return m;
	find(w, n, &s);
	m.p = (void *)s.data;
	if (way != WEIGHTS_COPIED)
		m.type = s.type;
	if (!weights_moves(d, way))
		return m;
	m.p = w->room[is_vector];
	w->room[is_vector] += size_round_up(weights_bytes(w, n, stored), MAT_ALIGN);
	if (way == WEIGHTS_COPIED) {
		weights_read(w, d, c, n, m);
		return m;
	}
	d->op->put(d, m.p, s.data, stored_bytes(&s, n));
	zio_forget(s.data, stored_bytes(&s, n));
	return m;
}

void weights_read(const struct weights *w, struct dev *d, const struct config *c,
                  const struct tensor_role *n, struct mat into)
{
	enum row_order order;
	struct source s;

	if (locate(w, n, &s, &order))
		convert(d, in_rows(into, order), &s, order, c,
		        w->is_gguf && !is_foreign(&s) ? n->gguf_more : 0);
}

void weights_change(struct weights *w, const struct change *c)
{
	w->change = xrealloc(w->change, (w->changes + 1) * sizeof *w->change);
	w->change[w->changes++] = *c;
}

void weights_keep(struct weights *w, const struct mapped *file) { w->adapter = *file; }

void weights_untie(struct weights *w, struct config *c, const struct tensor_role *embed)
{
	c->tied = 0;
	w->embed = *embed;
	free(w->head); /* of an adapter that was laid out before */
	w->head = xprintf("%s.weight", c->head);
}

int weights_untied(const struct weights *w, const struct config *c) { return w->head && !c->tied; }

const char *weights_changed(const struct weights *w) { return w->changes ? w->change[0].hf : NULL; }

enum dtype weights_type(const struct weights *w, const struct tensor_role *n)
{
	struct source s = {0};

	find(w, n, &s);
	return s.type;
}

const char *weights_meta(const struct weights *w, const char *key)
{
	const char *v = NULL;

	for (int i = 0; i < w->files && !w->is_gguf && !v; i++)
		v = st_meta(&w->file[i].st, key);
	return v;
}

const char *weights_path(const struct weights *w) { return w->path; }

int weights_floats(const struct st_tensor *t, float *x)
{
	enum dtype type;
	long n = 1;

	if (!plain_type(t->type, &type))
		return -1;
	for (int i = 0; i < t->rank; i++)
		n *= t->shape[i];
	dtype_decode(type, t->data, n, x);
	return 0;
}

static void hash_file(struct hash *h, const struct mapped *f)
{
	const size_t page = 4096, steps = 1024;
	size_t step = f->bytes / steps / page * page;

	if (step < page)
		step = page;
	hash_add(h, &f->bytes, sizeof f->bytes);
	for (size_t at = 0; at < f->bytes; at += step) {
		const char *p = (const char *)f->map + at;
		size_t left = f->bytes - at;

		hash_add(h, p, left < page ? left : page);
		zio_forget(p,
		           left < step ? left : step); /* the system maps pages around this one */
	}
}

uint64_t weights_hash(const struct weights *w)
{
	struct hash *h = hash_new();
	uint64_t v;

	for (int i = 0; i < w->files; i++)
		hash_file(h, &w->file[i]);
	if (w->adapter.path)
		hash_file(h, &w->adapter);
	for (int i = 0; i < w->changes; i++)
		hash_add(h, &w->change[i].scale, sizeof w->change[i].scale);
	v = hash_value(h);
	hash_free(h);
	return v;
}
