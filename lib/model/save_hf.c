/* SPDX-License-Identifier: MIT */
/* save_hf.c - a model under theta, as a Hugging Face folder: W, or W + scale b a. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/memory.h"
#include "../format/folder.h"
#include "../format/gguf.h"
#include "../format/zio.h"
#include "model.h"
#include "save_hf.h"

enum { CHUNK = 1 << 20 }; /* values converted at a time */

struct item {
	struct tensor_role role;
	enum dtype type;
};

struct saving {
	const struct model *m;
	const struct params *a;
	struct item *item;
	int n;
	long largest; /* values of a tensor */
};

static void add(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct saving *s = ctx;
	long n = r->rows * r->cols;

	(void)at;
	if (!weights_has(s->m->weights, r))
		return;
	s->item = xrealloc(s->item, (s->n + 1) * sizeof *s->item);
	s->item[s->n++] = (struct item){*r, s->a->net ? DT_F32 : weights_type(s->m->weights, r)};
	if (n > s->largest)
		s->largest = n;
}

/* w += scale b a, where theta has a pair for this matrix. */
static void add_pair(const struct params *a, const struct tensor_role *r, struct mat w)
{
	const struct slice *up = NULL, *down = NULL;

	for (int i = 0; i < a->slices && r->part; i++) {
		const struct slice *s = &a->slice[i];

		if (s->part == r->part && s->layer == r->layer && s->pair != 'c')
			*(s->pair == 'a' ? &up : &down) = s;
	}
	if (up)
		a->dev->op->gemm(a->dev, w, params_values(a, down), 0, params_values(a, up), 0,
		                 params_pair(a, up)->scale, 1);
}

/* The tensor's F32 values under theta, in `room` if need be. */
static struct mat under(const struct saving *s, const struct tensor_role *r, float *room)
{
	struct mat w = mat_of(room, DT_F32, r->rows, r->cols);

	if (s->a->net)
		return params_values(s->a, params_find(s->a, r->hf));
	weights_read(s->m->weights, s->m->dev, &s->m->config, r, w);
	add_pair(s->a, r, w);
	return w;
}

static void write_tensor(const struct saving *s, const struct item *it, struct zout *out,
                         float *room)
{
	struct mat w = under(s, &it->role, room);
	long n = w.rows * w.cols, size = (long)dtype_block_bytes(it->type);
	float *x = xalloc(CHUNK * sizeof *x);
	void *y = xalloc(CHUNK * size);

	for (long at = 0; at < n; at += CHUNK) {
		long k = n - at < CHUNK ? n - at : CHUNK;

		s->m->dev->op->get(s->m->dev, x, (float *)w.p + at, k * sizeof *x);
		for (long i = 0; i < k; i++)
			if (!isfinite(x[i]) || (it->type == DT_F16 && fabsf(x[i]) >= 65520))
				die("%s: the value %g does not fit %s", it->role.hf, x[i],
				    dtype_name(it->type));
		dtype_encode(it->type, x, k, y);
		zout_write(out, y, k * size);
	}
	free(x);
	free(y);
}

static void write_tensors(struct saving *s, const char *path, const char *template,
                          const json_t *settings)
{
	struct dev *d = s->m->dev;
	struct st_meta meta[4] = {{"format", "pt"}, {"seal.version", SEAL_VERSION}};
	struct st_tensor *t = xzalloc(s->n, sizeof *t);
	float *room = s->a->net ? NULL : d->op->alloc(d, s->largest * sizeof *room);
	struct zout *out = zout_open(path, ZOUT_PLAIN);
	struct buf text = {0}, head = {0};

	json_put(&text, settings);
	meta[2] = (struct st_meta){"seal.settings", text.p};
	meta[3] = (struct st_meta){"seal.template", (char *)template};
	for (int i = 0; i < s->n; i++) {
		const struct item *it = &s->item[i];
		const struct tensor_role *r = &it->role;
		int vector = r->rows == 1;

		t[i] = (struct st_tensor){.name = (char *)r->hf,
		                          .rank = vector ? 1 : 2,
		                          .shape = {r->rows, r->cols},
		                          .type = st_of_dtype(it->type),
		                          .bytes = r->rows * r->cols * dtype_block_bytes(it->type)};
		if (vector)
			t[i].shape[0] = r->cols;
	}
	st_head(&head, t, s->n, meta, template ? 4 : 3);
	zout_write(out, head.p, head.n);
	for (int i = 0; i < s->n; i++)
		write_tensor(s, &s->item[i], out, room);
	zout_close(out);
	d->op->free(d, room);
	free(t);
	buf_free(&text);
	buf_free(&head);
}

static int ends(const char *name, const char *with)
{
	size_t n = strlen(name), m = strlen(with);

	return n >= m && !strcmp(name + n - m, with);
}

/* Configuration, tokenizer, templates, licence: not weights, whatever their format. */
static int goes_along(const char *name)
{
	static const char *const kinds[] = {".json",  ".model", ".tiktoken", ".txt",
	                                    ".jinja", ".py",    NULL};

	if (*name == '.' || ends(name, ".index.json") || !strcmp(name, "adapter_config.json"))
		return 0;
	for (const char *const *k = kinds; *k; k++)
		if (ends(name, *k))
			return 1;
	return !strncmp(name, "LICENSE", 7);
}

static void copy_file(const char *from, const char *to)
{
	size_t bytes;
	const void *p = zio_map(from, &bytes);

	zio_save(to, p, bytes);
	zio_unmap(p, bytes);
}

/* config.json says in which type the weights are. */
static void save_config(const char *from, const char *to)
{
	json_t *j = json_read_file(from);
	char *text;

	json_object_set_new(j, json_object_get(j, "dtype") ? "dtype" : "torch_dtype",
	                    json_string("float32"));
	text = json_dumps(j, JSON_INDENT(2));
	zio_save(to, text, strlen(text));
	free(text);
	json_decref(j);
}

static void copy_files(const char *from, const char *to, int as_f32)
{
	DIR *d = opendir(from);
	struct dirent *e;
	struct stat st;

	if (!d)
		die("open %s:", from);
	while ((e = readdir(d))) {
		char *a = xprintf("%s/%s", from, e->d_name), *b = xprintf("%s/%s", to, e->d_name);

		if (goes_along(e->d_name) && !stat(a, &st) && S_ISREG(st.st_mode) && st.st_size) {
			if (as_f32 && !strcmp(e->d_name, "config.json"))
				save_config(a, b);
			else
				copy_file(a, b);
		}
		free(a);
		free(b);
	}
	closedir(d);
}

void save_hf(const struct model *m, const struct params *a, const char *dir, const char *template,
             const json_t *settings)
{
	char *begun = folder_begin(dir), *path = xprintf("%s/model.safetensors", begun);
	struct saving s = {.m = m, .a = a};
	struct net none;

	net_like(&none, &m->net, &m->config);
	net_each(&none, &m->config, DT_F32, add, &s);
	net_close(&none);
	write_tensors(&s, path, template, settings);
	copy_files(weights_path(m->weights), begun, a->net != NULL);
	folder_commit(begun, dir);
	free(s.item);
	free(path);
}

/* A model that also sees images has tensors that a folder written here would lack. */
static void check_text_only(const char *model)
{
	char *path = xprintf("%s/config.json", model);
	json_t *j = json_read_file(path);

	if (json_object_get(j, "text_config"))
		die("%s: adapters only: the folder's image tensors would be lost", model);
	json_decref(j);
	free(path);
}

void save_hf_check(const char *model, const char *dir, int force)
{
	struct stat a, b;

	if (stat(model, &a))
		die("open %s:", model);
	if (!S_ISDIR(a.st_mode))
		die("%s: a GGUF file lacks the config.json and tokenizer files that a Hugging Face "
		    "folder needs: give that "
		    "folder as the model",
		    model);
	check_text_only(model);
	if (!stat(dir, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		die("%s is the model itself", dir);
	folder_refuse(dir, force, "config.json");
}
