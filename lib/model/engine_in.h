/* SPDX-License-Identifier: MIT */
/* engine_in.h - what engine.c, pass.c and cache.c share; private to lib/model. */
#ifndef SEAL_ENGINE_IN_H
#define SEAL_ENGINE_IN_H

#include "engine.h"
#include "work.h"

struct engine {
	struct model *model;
	struct dev *dev;
	const struct config *config;
	long pass;          /* tokens that a pass is to have */
	struct arena arena; /* the device memory of a pass */
	struct work work;   /* how it is divided for this one */
	struct arena arrays;
	struct pack pack; /* the host's, in `arrays` */
	float *rope[2];   /* device: rope_table of full and of local layers */
	long positions;   /* that these hold */
};

/* One way through the blocks. */
struct way {
	const struct params *theta; /* NULL: the model alone */
	const struct pass *pass;
	const int32_t *id;         /* device, [tokens] */
	struct groups same;        /* tokens of one id, where the embedding is trained */
	struct cache_layer *cache; /* [layers], or NULL */
	const int32_t *only;       /* device, [n]: the rows that the last block gives; NULL: all */
	long n;
	long blocks; /* how many are computed */
	const int
		*tap; /* [taps], ascending: the states after so many blocks are copied to `taken` */
	int taps;
	float *taken; /* host, [taps x tokens x dim] */
};

/* Lays out the work of a pass of so many tokens; keys: 0 where none shares tokens. */
void pass_open(struct engine *, const struct params *theta, long tokens, long keys, int backward);
/* Embeds the tokens and runs the blocks; what the last one gives. */
struct mat pass_blocks(struct engine *, const struct way *);
/* The logits that follow the rows of h, at most dev->head_rows, by way of work.hn. */
struct mat pass_logits(struct engine *, const struct params *theta, struct mat h);
/* Losses of the predicted tokens, `trained` of them and what fills them up, into the device's
 * numbers.loss; where backward, work.dy = their weighted gradient.  x holds the rows that they are
 * predicted from: these alone, in order (only), or among all. */
void pass_head(struct engine *, const struct params *theta, struct mat x, int only, long trained,
               int backward);
/* Where the weights are divided among ranks (divided.h): a number, not 0, for the blocks that a way
 * goes through, and back; and the same without computing, beside ranks that do. */
long pass_number(const struct way *, int backward);
void pass_idle(struct engine *, long number);
/* From work.dy to theta's gradient. */
void pass_back(struct engine *, const struct way *);

#endif
