/* SPDX-License-Identifier: MIT */
/* checkpoint.c - see checkpoint.h. */
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
#include "../format/folder.h"
#include "../format/zio.h"

static const char *const file = "state.safetensors";

void state_add(struct state *s, const char *name, enum st_type type, void *host, long n)
{
	struct state_item *i = &s->item[s->n++];

	assert(s->n <= STATE_ITEMS);
	*i = (struct state_item){.type = type, .p = host, .n = n};
	snprintf(i->name, sizeof i->name, "%s", name);
}

static void add_device(struct state *s, struct dev *d, const char *name, char which, float *p,
                       long n)
{
	char full[32];

	snprintf(full, sizeof full, "%s.%c", name, which);
	state_add(s, full, ST_F32, p, n);
	s->item[s->n - 1].dev = d;
}

void state_params(struct state *s, const char *name, struct params *a)
{
	char step[32];

	add_device(s, a->dev, name, 'p', a->p, a->n);
	add_device(s, a->dev, name, 'm', a->m, a->n);
	add_device(s, a->dev, name, 'v', a->v, a->n);
	snprintf(step, sizeof step, "%s.step", name);
	state_add(s, step, ST_I64, &a->step, 1);
	assert(s->n_params < 2);
	s->params[s->n_params++] = a;
}

/* The steps of DIR/step-N, newest first; returns how many. */
static int list(const char *dir, long step[], int most)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	if (!d) {
		if (errno != ENOENT)
			die("open %s:", dir);
		return 0;
	}
	while ((e = readdir(d)) && n < most) {
		char *end;
		long at = strncmp(e->d_name, "step-", 5) ? -1 : strtol(e->d_name + 5, &end, 10);
		int i;

		if (at < 0 || *end)
			continue;
		for (i = n++; i > 0 && step[i - 1] < at; i--)
			step[i] = step[i - 1];
		step[i] = at;
	}
	closedir(d);
	return n;
}

/* Removes what a run that was killed left unfinished (folder_begin). */
static void sweep(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (!strncmp(e->d_name, ".step-", 6)) {
			char *path = xprintf("%s/%s", dir, e->d_name);

			folder_remove(path);
			free(path);
		}
	if (d)
		closedir(d);
}

void checkpoint_refuse(const char *dir)
{
	long step[64];

	if (list(dir, step, 64))
		die("%s holds a checkpoint of step %ld (--resume goes on from it)", dir, step[0]);
	sweep(dir);
	if (access(dir, W_OK | X_OK)) {
		if (errno != ENOENT)
			die("write in %s:", dir);
		folder_try(dir);
	}
}

enum { CHUNK = 1 << 22 }; /* bytes written or read at a time */

static void write_item(struct zout *out, const struct state_item *it, void *room)
{
	size_t bytes = it->n * st_size(it->type);

	for (size_t at = 0; at < bytes; at += CHUNK) {
		size_t n = bytes - at < CHUNK ? bytes - at : CHUNK;

		if (it->dev)
			it->dev->op->get(it->dev, room, (char *)it->p + at, n);
		zout_write(out, it->dev ? room : (char *)it->p + at, n);
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

		t[i] = (struct st_tensor){.name = (char *)it->name,
		                          .type = it->type,
		                          .rank = 1,
		                          .shape = {it->n},
		                          .bytes = it->n * st_size(it->type)};
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
	char *to = xprintf("%s/step-%ld", dir, step), *begun, *path;
	long old[64];
	int n;

	if (mkdir(dir, 0777) && errno != EEXIST)
		die("create %s:", dir);
	begun = folder_begin(to);
	path = xprintf("%s/%s", begun, file);
	write_state(path, s, settings);
	folder_commit(begun, to);
	n = list(dir, old, 64);
	for (int i = 2; i < n; i++) {
		free(path);
		path = xprintf("%s/step-%ld", dir, old[i]);
		folder_remove(path);
	}
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

		if (!w || !json_equal(v, w))
			differs(path, key, w, v);
	}
	json_object_foreach(j, key, v) if (!json_object_get(now, key)) differs(path, key, v, NULL);
	json_decref(j);
}

/* A piece at a time, so that the file does not take memory beside what it fills. */
static void read_item(const struct state_item *it, const char *data, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += CHUNK) {
		size_t n = bytes - at < CHUNK ? bytes - at : CHUNK;

		if (it->dev)
			it->dev->op->put(it->dev, (char *)it->p + at, data + at, n);
		else
			memcpy((char *)it->p + at, data + at, n);
		zio_forget(data + at, n);
	}
}

static void restore(const char *path, const struct safetensors *st, struct state *s)
{
	for (int i = 0; i < s->n; i++) {
		struct state_item *it = &s->item[i];
		const struct st_tensor *t = st_find(st, it->name);

		if (!t || t->type != it->type || t->bytes != it->n * st_size(it->type))
			die("%s: %s is missing or of another size", path, it->name);
		read_item(it, t->data, t->bytes);
	}
	for (int i = 0; i < s->n_params; i++)
		params_refresh(s->params[i]);
}

long checkpoint_load(const char *dir, struct state *s, const json_t *settings)
{
	struct safetensors st;
	struct fault why;
	const void *map;
	long step[64];
	size_t bytes, used;
	char *path;

	sweep(dir);
	if (!list(dir, step, 64))
		return 0;
	path = xprintf("%s/step-%ld/%s", dir, step[0], file);
	map = zio_map(path, &bytes);
	if (st_parse(&st, map, bytes, &used, &why))
		die("%s: %s", path, why.text);
	check_settings(path, st_meta(&st, "seal.settings"), settings);
	restore(path, &st, s);
	st_close(&st);
	zio_unmap(map, bytes);
	free(path);
	return step[0];
}
