/* SPDX-License-Identifier: MIT */
/* rope.h - rotary positions: how far each pair of a head's columns turns.
 *
 * cos and sin of position * rate[j], both times the amplitude, turn pair j.
 */
#ifndef SEAL_ROPE_H
#define SEAL_ROPE_H

#include "../format/gguf.h"
#include "../format/jsonl.h"

enum { ROPE_PAIRS = 256 }; /* at most */

struct rope {
	int pairs;
	double rate[2][ROPE_PAIRS]; /* [1]: in rows longer than `original` */
	long original;              /* 0: rate[0] in rows of any length */
	float amplitude;
};

/* What a config.json calls the base outside of rope_parameters, and its
 * original_max_position_embeddings where it has none (0: rope_parameters says). */
struct rope_keys {
	const char *theta;
	long original;
};

/* What config.json or GGUF metadata says of a model that turns this many pairs;
 * -1 with a fault that names an unknown kind of scaling. */
int rope_json(struct rope *, int pairs, struct rope_keys, const json_t *config, struct fault *);
int rope_gguf(struct rope *, int pairs, const struct gguf *, const char *arch, struct fault *);

/* rope_scaling or rope_parameters of a config.json; NULL if it has neither. */
const json_t *rope_parameters(const json_t *config);

/* Tables hold cos [pairs], sin [pairs] of each position, for both rates in turn
 * where there are two: the entry of a token in a row of so many tokens. */
static inline long rope_entry(const struct rope *r, long position, long length)
{
	return r->original ? 2 * position + (length > r->original) : position;
}

/* table [entries x 2 pairs] */
void rope_table(const struct rope *, float *table, long entries);

#endif
