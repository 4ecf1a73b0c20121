/* SPDX-License-Identifier: MIT */
/* checkpoint.h - a run's state in DIR/step-N, written whole or not at all. */
#ifndef SEAL_CHECKPOINT_H
#define SEAL_CHECKPOINT_H

#include "../format/jsonl.h"
#include "../format/safetensors.h"
#include "../model/params.h"

struct state_item {
	char name[32];
	enum st_type type;
	void *p;
	long n;
	struct dev *dev; /* NULL: p is host memory */
};

enum { STATE_ITEMS = 24 };

/* What has to be restored for a run to go on as if nothing had happened. */
struct state {
	struct state_item item[STATE_ITEMS];
	int n;
	struct params *params[2]; /* whose shadows follow a restored p */
	int n_params;
};

void state_add(struct state *, const char *name, enum st_type, void *host, long n);
void state_params(struct state *, const char *name, struct params *); /* p, m, v, step */

/* Writes DIR/step-N; the two newest stay.  settings: an object that a run that
 * resumes must match. */
void checkpoint_save(const char *dir, long step, const struct state *, const json_t *settings);
/* Restores the newest and returns its step; 0 when there is none.  Dies naming the
 * setting that differs. */
long checkpoint_load(const char *dir, struct state *, const json_t *settings);
/* Dies when dir holds a checkpoint: a run that does not resume must not mix with it. */
void checkpoint_refuse(const char *dir);

#endif
