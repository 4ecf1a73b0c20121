/* SPDX-License-Identifier: MIT */
/* tiny.h - the tiny models of t/gold: their rows, gold values and adapters. */
#ifndef SEAL_TINY_H
#define SEAL_TINY_H

#include <stdio.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/safetensors.h"
#include "../lib/model/cache.h"
#include "../lib/model/engine.h"
#include "../lib/model/peft.h"
#include "../lib/rows/tokens.h"

#define TINY __attribute__((unused)) static
#define GOLD "t/gold/"
#ifndef TEST_DEVICE                    /* see ops_help.h */
#define TEST_DEVICE "cpu"
#endif

/* A file of t/gold; `then` is appended to the name. */
TINY const char *gold_path(const char *name, const char *then)
{
	static char path[4][256];
	static int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof *path, GOLD "%s%s", name, then);
	return path[turn];
}

TINY void *held(struct tokens *t, size_t bytes)
{
	void *p = xzalloc(bytes, 1);

	tokens_hold(t, p, bytes);
	return p;
}

/* [{"tokens":[...],"train":[...]}] as a token stream in memory. */
TINY struct tokens *tiny_rows(const json_t *rows)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct buf ids = {0};
	long total = 0, n = (long)json_array_size(rows), k = 0;

	for (long i = 0; i < n; i++)
		total += (long)json_array_size(json_object_get(json_array_get(rows, i), "tokens"));
	int32_t *token = held(t, total * sizeof *token);
	uint8_t *train = held(t, total);
	int64_t *offset = held(t, (n + 1) * sizeof *offset), *id_offset = held(t, (n + 1) * sizeof *offset);
	int64_t *line = held(t, n * sizeof *line);
	uint64_t *hash = held(t, n * sizeof *hash);
	for (long i = 0; i < n; i++) {
		json_t *row = json_array_get(rows, i), *tokens = json_object_get(row, "tokens");
		json_t *trained = json_object_get(row, "train");

		for (size_t j = 0; j < json_array_size(tokens); j++, k++) {
			token[k] = (int32_t)json_integer_value(json_array_get(tokens, j));
			train[k] = json_integer_value(json_array_get(trained, j)) != 0;
		}
		buf_fmt(&ids, "%ld", i);
		offset[i + 1] = k;
		id_offset[i + 1] = (int64_t)ids.n;
		hash[i] = (uint64_t)i * 7919 + 1;
		line[i] = i + 1;
		if (k - offset[i] > t->longest)
			t->longest = k - offset[i];
	}
	tokens_hold(t, ids.p, ids.n);
	t->rows = n;
	t->total = total;
	t->parts = 1;
	t->part = xalloc(sizeof *t->part);
	*t->part = (struct tokens_part){.rows = n, .token = token, .train = train, .offset = offset, .ids = ids.p,
	                                .id_offset = id_offset, .hash = hash, .line = line};
	snprintf(t->fingerprint, sizeof t->fingerprint, "%016d", 0);
	t->template = xstrdup("none");
	t->history = json_array();
	return t;
}

/* Rows row[0..n) of t as a batch, which tokens_close(t) frees. */
TINY struct batch tiny_batch(const struct tokens *t, const long row[], int n)
{
	struct tokens_row *r = held((struct tokens *)t, n * sizeof *r);

	for (int i = 0; i < n; i++)
		r[i] = tokens_row(t, row[i]);
	return (struct batch){r, n};
}

TINY int on_cpu(void) { return !strcmp(TEST_DEVICE, "cpu"); }

TINY struct compute_opts tiny_opts(const char *dtype, long pass, int threads)
{
	struct compute_opts o = COMPUTE_DEFAULTS;

	o.device = TEST_DEVICE;
	o.dtype = dtype;
	o.pass = pass;
	o.threads = threads;
	return o;
}

/* An engine for rows of up to 100 tokens, batches and caches of up to 600 of them, pairs of up to
 * rank 16 on every layer, and all weights.  As few blocks as can be keep activations, or weights
 * stay as the file has them. */
enum tiny_way { TINY_PLAIN, TINY_LEAST, TINY_STORED };
TINY struct engine *tiny_engine(const char *path, struct compute_opts o, enum tiny_way way)
{
	struct model *m = model_open(path, &o);
	struct params *widest = params_lora(&m->config, m->type, "all-linear", 16, 16);
	struct demand d = {.theta = widest, .copies = 1, .longest = 100, .rows = {600, 600}};
	struct engine *e;
	struct plan p;

	notice_quiet(1);
	m->stored = way == TINY_STORED;
	if (way == TINY_LEAST) {
		o.memory = 1;
		plan_make(&p, m, &d, &o);
		o.memory = (long)p.total;
	}
	e = engine_open(m, &o, &d);
	params_close(widest);
	return e;
}

/* threads: 1 for long tests, since threads that wait for each other crawl on a busy machine. */
TINY struct engine *tiny_open(const char *name, const char *dtype, long pass, int threads)
{
	return tiny_engine(gold_path(name, ""), tiny_opts(dtype, pass, threads), TINY_PLAIN);
}

TINY void tiny_close(struct engine *e)
{
	struct model *m = (struct model *)engine_model(e);

	engine_close(e);
	model_close(m);
}

/* An adapter that is pairs alone, beside a model that is there. */
TINY struct params *tiny_peft(struct engine *e, const char *dir)
{
	struct model *m = (struct model *)engine_model(e);
	struct params *a = peft_layout(m, dir);

	params_room(a, m->dev);
	peft_read(a, dir);
	return a;
}

TINY struct params *tiny_adapter(struct engine *e, const char *name)
{
	return tiny_peft(e, gold_path(name, ""));
}

/* All weights, which start as the model's. */
TINY struct params *tiny_whole(struct engine *e)
{
	const struct model *m = engine_model(e);
	struct params *a = params_whole(&m->config, m->type, m->weights);

	params_room(a, m->dev);
	model_values(m, a);
	return a;
}

TINY struct params *tiny_new(struct engine *e, const char *targets, long rank, double alpha,
                             uint64_t seed)
{
	const struct model *m = engine_model(e);
	struct params *a = params_lora(&m->config, m->type, targets, rank, alpha);

	params_room(a, m->dev);
	params_random(a, seed);
	return a;
}

/* nll of every token of the batch's rows, end to end; NaN where one is not predicted. */
struct tiny_nlls { float *at; };

TINY void tiny_see(void *ctx, const struct visited *v)
{
	struct tiny_nlls *n = ctx;

	memcpy(n->at, v->nll, v->row->n * sizeof *n->at);
	n->at += v->row->n;
}

TINY void tiny_nll(struct engine *e, const struct params *a, const struct batch *b, int all, float nll[])
{
	struct tiny_nlls n = {nll};

	engine_visit(e, a, b, &(struct visit){.see = tiny_see, .ctx = &n, .all = all});
}

/* A safetensors file, mapped. */
struct tensor_file { struct safetensors st; const void *map; size_t bytes; };

TINY void tensors_open(struct tensor_file *f, const char *path)
{
	struct fault why;
	size_t used;

	f->map = zio_map(path, &f->bytes);
	if (st_parse(&f->st, f->map, f->bytes, &used, &why))
		die("%s: %s", path, why.text);
}

TINY void tensors_close(struct tensor_file *f)
{
	st_close(&f->st);
	zio_unmap(f->map, f->bytes);
}

/* Sums over two vectors, to say how far they are apart. */
struct apart { double dot, aa, bb, most, largest; long n; };

/* got: F32 in device memory; want: host. */
TINY void apart_mat(struct apart *d, struct dev *dev, struct mat got, const float *want)
{
	float *host = xalloc(got.cols * sizeof *host);

	for (long i = 0; i < got.rows; i++) {
		dev->op->get(dev, host, (float *)got.p + i * got.ld, got.cols * sizeof *host);
		for (long j = 0; j < got.cols; j++) {
			double a = host[j], b = want[i * got.cols + j], gap = a > b ? a - b : b - a;

			d->dot += a * b;
			d->aa += a * a;
			d->bb += b * b;
			if (!(gap <= d->most))
				d->most = gap;
			if (b * b > d->largest * d->largest)
				d->largest = b < 0 ? -b : b;
			d->n++;
		}
	}
	free(host);
}

/* Compares theta's gradients (or its values) with the tensors of f named prefix + the slice's
 * name; returns how many slices are there. */
TINY int apart_params(struct apart *d, const struct params *a, int values, const struct tensor_file *f,
                      const char *prefix)
{
	int found = 0;

	for (int i = 0; i < a->slices; i++) {
		const struct slice *s = &a->slice[i];
		char *name = xprintf("%s%s", prefix, s->name);
		const struct st_tensor *t = st_find(&f->st, name);

		free(name);
		if (!t || t->type != ST_F32 || (long)(t->bytes / 4) != s->rows * s->cols)
			continue;
		found++;
		apart_mat(d, a->dev, values ? params_values(a, s) : params_gradient(a, s), t->data);
	}
	return found;
}

#endif
