/* SPDX-License-Identifier: MIT */
/* checkpoint.h - a run's state in DIR/step-N, written whole or not at all.
 *
 * A checkpoint is a folder with one safetensors file, a tensor for each item of the state.  The
 * two newest stay.  It does not know how many processes were one run: all ranks call these, rank 0
 * writes and reads the files, and any number of ranks can go on from them.
 */
#ifndef SEAL_CHECKPOINT_H
#define SEAL_CHECKPOINT_H

#include "../format/jsonl.h"
#include "../format/safetensors.h"
#include "../model/params.h"

enum { STATE_ITEMS = 24 }; /* at most */

/* What has to be restored for a run to go on as if nothing had happened; begins as {0}. */
struct state {
	struct state_item {
		char name[32];
		enum st_type type;
		void *p; /* [n], borrowed; in the device's memory, or with dev NULL in the host's */
		long n;
		struct dev *dev;
		const size_t *part; /* [ranks+1]: p is this rank's part of the n; NULL: all */
	} item[STATE_ITEMS];
	int n;
	struct params *params[2]; /* of n_params, which are told when their values were restored */
	int n_params;
};

void state_add(struct state *, const char *name, enum st_type, void *host, long n);
/* Adds values, moments and the number of steps. */
void state_params(struct state *, const char *name, struct params *);

/* Writes DIR/step-N, and then removes all checkpoints but the two newest.  settings: an object
 * that a run which resumes must match. */
void checkpoint_save(const char *dir, long step, const struct state *, const json_t *settings);
/* Restores the newest checkpoint and returns its step; 0 when there is none.  Dies naming the
 * setting that differs, unless it only says when a run ends (epochs, max-steps, patience): whether
 * the state is one of this run then is for the caller to tell.  What a run that was killed left is
 * removed: a checkpoint that it had not finished, and a third one. */
long checkpoint_load(const char *dir, struct state *, const json_t *settings);
/* Dies when dir holds a checkpoint, since a run that does not resume must not mix with it, or when
 * none can be written there. */
void checkpoint_refuse(const char *dir);

#endif
