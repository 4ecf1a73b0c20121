/* SPDX-License-Identifier: MIT */
/* checkpoint.c - writes, finds, restores and removes checkpoints; see checkpoint.h.
 *
 * A folder is written under another name and renamed when all of it is on the disk, so the newest
 * one is always whole.
 */
#include "checkpoint.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"
#include "../format/folder.h"
#include "../format/zio.h"

static const char file[] = "state.safetensors"; /* in the folder */

void state_add(struct state *s, const char *name, enum st_type type, void *host, long n)
{
	struct state_item *i = &s->item[s->n++];

	assert(s->n <= STATE_ITEMS);
	*i = (struct state_item){.type = type, .p = host, .n = n};
	snprintf(i->name, sizeof i->name, "%s", name);
}

void state_params(struct state *s, const char *name, struct params *a)
{
	float *const vector[] = {a->p, a->m, a->v};
	char full[32];

	for (int k = 0; k < 3; k++) {
		snprintf(full, sizeof full, "%s.%c", name, "pmv"[k]);
		state_add(s, full, ST_F32, vector[k], a->n);
		s->item[s->n - 1].dev = a->dev;
		s->item[s->n - 1].part = k ? a->part : NULL;
	}
	snprintf(full, sizeof full, "%s.step", name);
	state_add(s, full, ST_I64, &a->step, 1);
	assert(s->n_params < 2);
	s->params[s->n_params++] = a;
}

/* N of the folder name step-N; -1: it is another name. */
static long step_of(const char *name)
{
	char *end = "";
	long step = strncmp(name, "step-", 5) ? -1 : strtol(name + 5, &end, 10);

	return *end ? -1 : step;
}

/* Sets the steps of the two newest checkpoints in dir, -1 where there is none. */
static void newest(const char *dir, long step[2])
{
	DIR *d = opendir(dir);
	struct dirent *e;

	step[0] = step[1] = -1;
	if (!d && errno != ENOENT)
		die("open %s:", dir);
	while (d && (e = readdir(d))) {
		long at = step_of(e->d_name);

		if (at > step[0]) {
			step[1] = step[0];
			step[0] = at;
		} else if (at > step[1])
			step[1] = at;
	}
	if (d)
		closedir(d);
}

/* Removes what a run that was killed left unfinished (folder_begin), and the checkpoints of steps
 * before this one. */
static void prune(const char *dir, long oldest)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		long step = step_of(e->d_name);

		if ((step >= 0 && step < oldest) || !strncmp(e->d_name, ".step-", 6)) {
			char *path = xprintf("%s/%s", dir, e->d_name);

			folder_remove(path);
			free(path);
		}
	}
	if (d)
		closedir(d);
}

void checkpoint_refuse(const char *dir)
{
	long step[2];

	if (world_rank())
		return;
	newest(dir, step);
	if (step[0] >= 0)
		die("%s holds a checkpoint of step %ld (--resume goes on from it)", dir, step[0]);
	prune(dir, 0);
	if (access(dir, W_OK | X_OK)) {
		if (errno != ENOENT)
			die("write in %s:", dir);
		folder_try(dir);
	}
}

enum { CHUNK = 1 << 22 }; /* bytes written or read at a time */

/* Bytes of an item that one rank has: the owner's, of the item's from..to-1. */
struct piece_of {
	int owner;
	size_t from, to;
};

/* The piece that begins at a byte.  What is not divided is rank 0's. */
static struct piece_of piece_at(const struct state_item *it, size_t at)
{
	size_t one = st_size(it->type), end = it->n * one;
	int r = 0;

	while (it->part && it->part[r + 1] * one <= at)
		r++;
	if (it->part)
		end = it->part[r + 1] * one;
	return (struct piece_of){r, at, size_min(end, at + CHUNK)};
}

/* Where a byte of an item lies, of those that this rank has. */
static char *place(const struct state_item *it, size_t at)
{
	return (char *)it->p + (at - (it->part ? it->part[world_rank()] * st_size(it->type) : 0));
}

/* Rank 0 writes what each rank has; the others' outputs go nowhere.  room: [CHUNK] bytes. */
static void write_item(struct zout *out, const struct state_item *it, void *room)
{
	struct piece_of k;

	for (size_t at = 0; at < it->n * st_size(it->type); at = k.to) {
		size_t n;

		k = piece_at(it, at);
		n = k.to - at;
		if (k.owner == world_rank() && it->dev)
			it->dev->op->get(it->dev, room, place(it, at), n);
		else if (k.owner == world_rank())
			memcpy(room, place(it, at), n);
		world_pass(room, n, k.owner, 0);
		zout_write(out, room, n);
	}
}

static void write_state(const char *path, const struct state *s, const json_t *settings)
{
	struct st_tensor t[STATE_ITEMS] = {0};
	struct st_meta meta[2] = {{"seal.kind", "checkpoint"}};
	struct zout *out = zout_open(path, ZOUT_PLAIN);
	struct buf text = {0}, head = {0};
	void *room = xalloc(CHUNK);

	for (int i = 0; i < s->n; i++) {
		const struct state_item *it = &s->item[i];
		size_t bytes = it->n * st_size(it->type);

		t[i] = (struct st_tensor){(char *)it->name, it->type, 1, {it->n}, NULL, bytes};
	}
	json_put(&text, settings);
	meta[1] = (struct st_meta){"seal.settings", text.p};
	st_head(&head, t, s->n, meta, 2);
	zout_write(out, head.p, head.n);
	for (int i = 0; i < s->n; i++)
		write_item(out, &s->item[i], room);
	zout_close(out);
	buf_free(&text);
	buf_free(&head);
	free(room);
}

void checkpoint_save(const char *dir, long step, const struct state *s, const json_t *settings)
{
	char *to, *begun, *path;
	long kept[2];

	if (world_rank()) {
		write_state("a checkpoint", s, settings);
		return;
	}
	to = xprintf("%s/step-%ld", dir, step);
	if (mkdir(dir, 0777) && errno != EEXIST)
		die("create %s:", dir);
	begun = folder_begin(to);
	path = xprintf("%s/%s", begun, file);
	write_state(path, s, settings);
	folder_commit(begun, to);
	newest(dir, kept);
	prune(dir, kept[1]);
	free(path);
	free(to);
}

static _Noreturn void differs(const char *path, const char *key, const json_t *was,
                              const json_t *now)
{
	struct buf a = {0}, b = {0};

	json_put(&a, was ? was : json_null());
	json_put(&b, now ? now : json_null());
	die("%s is of another run: %s was %s, and is %s now", path, key, a.p, b.p);
}

static int is_length(const char *key)
{
	return !strcmp(key, "epochs") || !strcmp(key, "max-steps") || !strcmp(key, "patience");
}

/* Dies when the settings that were recorded are not those of now. */
static void check_settings(const char *path, const char *was, const json_t *now)
{
	struct fault why;
	json_t *j = json_parse(was ? was : "", was ? strlen(was) : 0, &why), *v;
	const char *key;

	if (!j)
		die("%s: no settings (%s)", path, why.text);
	json_object_foreach((json_t *)now, key, v)
	{
		json_t *w = json_object_get(j, key);

		if (!is_length(key) && (!w || !json_equal(v, w)))
			differs(path, key, w, v);
	}
	json_object_foreach(j, key, v)
	{
		if (!is_length(key) && !json_object_get(now, key))
			differs(path, key, v, NULL);
	}
	json_decref(j);
}

/* A piece at a time, and each leaves the memory, so that the file takes none beside what it
 * fills.  data: on rank 0, the item's bytes in the file; the others are told them. */
static void read_item(const struct state_item *it, const char *data, void *room)
{
	struct piece_of k;

	for (size_t at = 0; at < it->n * st_size(it->type); at = k.to) {
		size_t n;

		k = piece_at(it, at);
		n = k.to - at;
		if (data) {
			memcpy(room, data + at, n);
			zio_forget(data + at, n);
		}
		if (it->part)
			world_pass(room, n, 0, k.owner);
		else
			world_broadcast(room, n);
		if (it->part && k.owner != world_rank())
			continue;
		if (it->dev)
			it->dev->op->put(it->dev, place(it, at), room, n);
		else
			memcpy(place(it, at), room, n);
	}
}

/* st: of rank 0; NULL on the others. */
static void restore(const char *path, const struct safetensors *st, struct state *s)
{
	void *room = xalloc(CHUNK);

	for (int i = 0; i < s->n; i++) {
		struct state_item *it = &s->item[i];
		const struct st_tensor *t = st ? st_find(st, it->name) : NULL;

		if (st && (!t || t->type != it->type || t->bytes != it->n * st_size(it->type)))
			die("%s: %s is missing or of another size", path, it->name);
		read_item(it, t ? t->data : NULL, room);
	}
	for (int i = 0; i < s->n_params; i++)
		params_refresh(s->params[i]);
	free(room);
}

/* Reads the checkpoint of a step. */
static void load(const char *dir, long step, struct state *s, const json_t *settings)
{
	struct safetensors st;
	struct fault why;
	const void *map;
	size_t bytes, used;
	char *path = xprintf("%s/step-%ld/%s", dir, step, file);

	map = zio_map(path, &bytes);
	if (st_parse(&st, map, bytes, &used, &why))
		die("%s: %s", path, why.text);
	check_settings(path, st_meta(&st, "seal.settings"), settings);
	restore(path, &st, s);
	st_close(&st);
	zio_unmap(map, bytes);
	free(path);
}

long checkpoint_load(const char *dir, struct state *s, const json_t *settings)
{
	long step[2] = {0, 0};

	if (!world_rank()) {
		newest(dir, step);
		prune(dir, step[1]);
	}
	world_broadcast(step, sizeof step);
	if (step[0] < 0)
		return 0;
	if (world_rank())
		restore(dir, NULL, s);
	else
		load(dir, step[0], s, settings);
	return step[0];
}
