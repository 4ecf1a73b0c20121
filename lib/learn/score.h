/* score.h - a score for every row: by a method that trains theta, or does not. */
#ifndef SEAL_SCORE_H
#define SEAL_SCORE_H

#include "bilevel.h"
#include "scores.h"

struct score_opts {
	const char *safe, *method, *score, *activation, *optim;
	long algorithm;
	double rate, gamma, gamma_step;
};
extern const struct opt score_options[];
#define SCORE_DEFAULTS { .method = "bilevel", .algorithm = 2, .activation = "softmax", .optim = "sgd", \
                         .rate = 0.1, .gamma = 0, .gamma_step = 0.03 }

/* Fills row[] (id, hash, line, score and all that the method computes) for every
 * row of data.  theta: trained in place; safe, valid: may be NULL where the
 * method needs none. */
struct score *score_rows(struct model *, struct adapter *theta, const struct tokens *data,
                         const struct tokens *safe, const struct tokens *valid, const struct score_opts *,
                         const struct train_opts *, const json_t *settings);
int score_trains(const struct score_opts *);     /* does the method train theta? */
/* Dies (usage) on combinations that make no sense; sets the default score. */
void score_check(struct score_opts *);

#endif
