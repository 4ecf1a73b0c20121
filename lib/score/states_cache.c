/* SPDX-License-Identifier: MIT */
/* states_cache.c - features of rows that outlive a run; see states.h.
 *
 * A folder of safetensors files MODEL-TYPE-LAYER-HASH.states, each with the tensors
 *
 *   row U64 [n]        a hash of each row's tokens and mask
 *   x   F32 [n, wide]  its features after LAYER blocks
 *
 * Whoever computes features of rows that no file has adds a file.  A file that is no such file is
 * an error; one of another model or type has another name, and is passed over.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/world.h"
#include "../format/safetensors.h"
#include "../format/zio.h"
#include "../rows/places.h"
#include "../train/losses.h"
#include "states.h"

struct states_cache {
	const char *folder;
	char *prefix; /* of the names of this model's files */
	long wide;
	struct places *place; /* of a row after a layer: 1 + its number in x */
	const float **x;
	long n, room;
	struct {
		const void *p;
		size_t bytes;
	} * map; /* [maps] */
	long maps, maps_room;
};

static uint64_t layer_key(uint64_t row, int layer)
{
	const uint64_t parts[] = {row, (uint64_t)layer};

	return hash_bytes(parts, sizeof parts);
}

static void enter(struct states_cache *c, uint64_t key, const float *x)
{
	uint32_t *place = places_find(c->place, key);

	if (*place)
		return;
	c->x = xgrow(c->x, c->n, &c->room, sizeof *c->x);
	c->x[c->n++] = x;
	*place = (uint32_t)c->n;
}

/* Maps a file, and enters its rows. */
static void read_file(struct states_cache *c, const char *name, int layer)
{
	char *path = xprintf("%s/%s", c->folder, name);
	const struct st_tensor *row, *x;
	struct safetensors st;
	struct fault f;
	size_t bytes, used;
	const void *p = zio_map(path, &bytes);

	if (st_parse(&st, p, bytes, &used, &f))
		die("%s: %s", path, f.text);
	row = st_find(&st, "row");
	x = st_find(&st, "x");
	if (!row || !x || row->type != ST_U64 || row->rank != 1 || x->type != ST_F32 ||
	    x->rank != 2 || x->shape[0] != row->shape[0] || x->shape[1] != c->wide ||
	    (uintptr_t)row->data % 8 || (uintptr_t)x->data % 4)
		die("%s: is no file of features, %ld numbers a row", path, c->wide);
	for (long i = 0; i < row->shape[0]; i++)
		enter(c, layer_key(((const uint64_t *)row->data)[i], layer),
		      (const float *)x->data + i * c->wide);
	c->map = xgrow(c->map, c->maps, &c->maps_room, sizeof *c->map);
	c->map[c->maps].p = p;
	c->map[c->maps++].bytes = bytes;
	st_close(&st);
	free(path);
}

/* Reads the files in the order of their names: a row that two of them have is then always that of
 * the same one. */
static void read_folder(struct states_cache *c)
{
	size_t prefix = strlen(c->prefix);
	struct dirent **e;
	int n = scandir(c->folder, &e, NULL, alphasort);

	if (n < 0)
		die("open %s:", c->folder);
	for (int i = 0; i < n; i++) {
		const char *name = e[i]->d_name;

		if (!strncmp(name, c->prefix, prefix) && strstr(name, ".states"))
			read_file(c, name, atoi(name + prefix));
		free(e[i]);
	}
	free(e);
}

struct states_cache *states_cache_open(const char *folder, uint64_t model, enum dtype type,
                                       long wide)
{
	struct states_cache *c = xzalloc(1, sizeof *c);
	char hex[17];

	hash_hex(model, hex);
	c->folder = folder;
	c->prefix = xprintf("%s-%s-", hex, type == DT_BF16 ? "bf16" : "f32");
	c->wide = wide;
	c->place = places_new();
	if (mkdir(folder, 0777) && errno != EEXIST)
		die("make %s:", folder);
	read_folder(c);
	return c;
}

void states_cache_close(struct states_cache *c)
{
	if (!c)
		return;
	for (long i = 0; i < c->maps; i++)
		zio_unmap(c->map[i].p, c->map[i].bytes);
	places_free(c->place);
	free(c->map);
	free(c->x);
	free(c->prefix);
	free(c);
}

/* Writes a file of those of the rows that the cache does not have after this layer, if there are
 * any.  Its name is a hash of them, so a file of that name would have had them. */
static void save(const struct states_cache *c, int layer, const uint64_t *key, long rows,
                 const float *x)
{
	uint64_t *lacking = xalloc(rows * sizeof *lacking);
	long *at = xalloc(rows * sizeof *at), n = 0;
	struct st_tensor tensor[] = {{"row", ST_U64, 1, {0}, NULL, 0},
	                             {"x", ST_F32, 2, {0, c->wide}, NULL, 0}};
	struct buf head = {0};
	char hex[17], *path;
	struct zout *out;

	for (long i = 0; i < rows; i++)
		if (!places_look(c->place, layer_key(key[i], layer))) {
			lacking[n] = key[i];
			at[n++] = i;
		}
	if (n) {
		hash_hex(hash_bytes(lacking, n * sizeof *lacking), hex);
		path = xprintf("%s/%s%d-%s.states", c->folder, c->prefix, layer, hex);
		tensor[0].shape[0] = tensor[1].shape[0] = n;
		tensor[0].bytes = n * sizeof *lacking;
		tensor[1].bytes = n * c->wide * sizeof *x;
		out = zout_open(path, ZOUT_BINARY);
		st_head(&head, tensor, 2, NULL, 0);
		zout_write(out, head.p, head.n);
		zout_write(out, lacking, n * sizeof *lacking);
		for (long i = 0; i < n; i++)
			zout_write(out, x + at[i] * c->wide, c->wide * sizeof *x);
		zout_close(out);
		buf_free(&head);
		free(path);
	}
	free(lacking);
	free(at);
}

/* Sets the features that the cache has of a row; 0 when it lacks some of the layers'. */
static int look(const struct states_cache *c, const struct states *s, uint64_t key, long i,
                float *x[])
{
	const uint32_t *place[STATES_LAYERS];

	for (int l = 0; l < s->layers; l++) {
		place[l] = places_look(c->place, layer_key(key, s->layer[l]));
		if (!place[l])
			return 0;
		memcpy(x[l] + i * c->wide, c->x[*place[l] - 1], c->wide * sizeof *x[l]);
	}
	return 1;
}

struct states_sink {
	const struct states *s;
	long wide;
	float **x;
};

static void put(void *sink, const struct pooled *p)
{
	struct states_sink *f = sink;

	for (int l = 0; l < f->s->layers; l++)
		memcpy(f->x[l] + p->row->at * f->wide, p->x + l * f->wide, f->wide * sizeof *p->x);
}

/* Where the shares of those of the rows that the cache lacks begin, at[r] of rank r: each has whole
 * batches of them, as one process would make them. */
static void share_lacking(const struct tokens *t, const char *had, long lacking, size_t at[])
{
	long k = 0, row = 0;

	for (int r = 0; r < world_size(); r++) {
		struct share share = share_of_rank(r, lacking, LOSS_BATCH);

		for (; k < share.first || (row < t->rows && had[row] && k == share.first && r);
		     row++)
			k += !had[row];
		at[r] = row;
	}
	at[world_size()] = t->rows;
}

/* Computes the features of the rows that the cache lacks: this rank's, and the others tell
 * theirs. */
static void compute(const struct states *s, const struct tokens *t, const char *had, long lacking,
                    float *x[], const char *what)
{
	struct states_sink f = {s, states_wide(&engine_model(s->engine)->config), x};
	size_t *at = xalloc((world_size() + 1) * sizeof *at);
	int rank = world_rank();

	share_lacking(t, had, lacking, at);
	states_each(s, t, (struct share){at[rank], at[rank + 1], !rank}, had, put, &f, what);
	for (int r = 0; r <= world_size(); r++)
		at[r] *= f.wide * sizeof(float);
	for (int l = 0; l < s->layers; l++)
		world_gather(x[l], at);
	free(at);
}

void states_fill(const struct states *s, struct states_cache *c, const struct tokens *t, float *x[],
                 const char *what)
{
	uint64_t *key = xalloc(t->rows * sizeof *key);
	char *had = xzalloc(t->rows, 1);
	long n = t->rows;

	for (long i = 0; c && i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		key[i] = tokens_row_key(&r);
		had[i] = (char)look(c, s, key[i], i, x);
		n -= had[i];
	}
	world_same("the features that are there already", hash_bytes(had, t->rows));
	if (n)
		compute(s, t, had, n, x, what);
	for (int l = 0; c && n && l < s->layers; l++)
		save(c, s->layer[l], key, t->rows, x[l]);
	free(key);
	free(had);
}
