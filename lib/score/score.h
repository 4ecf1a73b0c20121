/* SPDX-License-Identifier: MIT */
/* score.h - a score for every row: by a method that trains theta, or does not. */
#ifndef SEAL_SCORE_H
#define SEAL_SCORE_H

#include "../train/bilevel.h"
#include "scores.h"

struct score_opts {
	const char *safe, *method, *score, *activation, *optim;
	long algorithm;
	double rate, gamma, gamma_step;
};
extern const struct opt score_options[];
#define SCORE_DEFAULTS                                                                        \
	{                                                                                     \
		.method = "bilevel", .algorithm = 2, .activation = "softmax", .optim = "sgd", \
		.rate = 0.1, .gamma = 0, .gamma_step = 0.03                                   \
	}

/* What a run finds out, 4 bytes a row each; NULL: not computed. */
struct scoring {
	const struct tokens *data;
	float *base, *loss, *hat; /* l(theta_0), l(theta), l(theta-hat) */
	float *weight;
	int32_t *visits, *last;
};

/* Scores the rows of data.  theta: trained in place, or as --init-adapter has it; it, safe
 * and valid may be NULL where the method needs none. */
void score_rows(struct scoring *, struct model *, struct adapter *theta, const struct tokens *data,
                const struct tokens *safe, const struct tokens *valid, const struct score_opts *,
                const struct train_opts *, const json_t *settings);
/* Has the model plan the run's memory. */
void score_budget(struct model *, const struct tokens *data, const struct tokens *safe,
                  const struct tokens *valid, const struct score_opts *, const struct train_opts *);
void score_write(const struct scoring *, const struct score_opts *, const json_t *header,
                 struct zout *);
void score_close(struct scoring *);
int score_trains(const struct score_opts *); /* does the method train theta? */
/* Dies (usage) on combinations that make no sense; sets the default score. */
void score_check(struct score_opts *);

#endif
