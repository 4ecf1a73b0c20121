/* SPDX-License-Identifier: MIT */
/* tiny.h - the tiny models of t/gold: their rows, gold values and adapters. */
#ifndef SEAL_TINY_H
#define SEAL_TINY_H

#include <stdio.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/safetensors.h"
#include "../lib/model/model.h"

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

TINY int on_cpu(void) { return !strcmp(TEST_DEVICE, "cpu"); }

/* threads: 1 for long tests, since threads that wait for each other crawl on a busy machine. */
TINY struct model *tiny_open(const char *name, const char *dtype, long pass, int threads)
{
	struct compute_opts o = COMPUTE_DEFAULTS;

	o.device = TEST_DEVICE;
	o.dtype = dtype;
	o.pass = pass;
	o.threads = threads;
	return model_open(gold_path(name, ""), &o);
}

TINY struct adapter *tiny_adapter(struct model *m, const char *name)
{
	return adapter_load(model_dev(m), model_config(m), model_dtype(m), gold_path(name, ""));
}

/* PEFT's name of a pair's matrix; which: 'A' or 'B'. */
TINY const char *peft_name(const struct config *c, long layer, const struct lora *p, char which)
{
	static char name[256];
	char block[128];

	snprintf(block, sizeof block, c->family->block, layer);
	snprintf(name, sizeof name, "base_model.model.%s.%s.lora_%c.weight", block, p->part->module, which);
	return name;
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

/* Compares an adapter's gradients (or, values, its F32 parameters) with the
 * tensors of f named prefix + PEFT's name; counts the pairs' matrices. */
TINY int apart_adapter(struct apart *d, const struct adapter *a, int values, const struct tensor_file *f,
                       const char *prefix)
{
	int found = 0;

	for (long l = 0; l < a->config->layers; l++)
		for (int s = 0; s < SITES; s++)
			for (int i = 0; i < a->site[l][s].n; i++)
				for (int b = 0; b < 2; b++) {
					const struct lora *p = &a->site[l][s].pair[i];
					struct mat m = b ? p->db : p->da;
					char *name = xprintf("%s%s", prefix, peft_name(a->config, l, p, b ? 'B' : 'A'));
					const struct st_tensor *t = st_find(&f->st, name);

					free(name);
					if (!t || t->type != ST_F32 || (long)(t->bytes / 4) != m.rows * m.cols)
						continue;
					found++;
					if (values)       /* p is laid out as g */
						m.p = a->p + ((float *)m.p - a->g);
					apart_mat(d, a->dev, m, t->data);
				}
	return found;
}

#endif
