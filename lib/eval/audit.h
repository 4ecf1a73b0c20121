/* SPDX-License-Identifier: MIT */
/* audit.h - how far scores follow the order in which training visited the rows. */
#ifndef SEAL_AUDIT_H
#define SEAL_AUDIT_H

#include "../score/scores.h"

struct audit_opts {
	const char *scores, *order;
};
extern const struct opt audit_options[];

/* {"n","rho","chance","tenths":[{"n","mean","kept"}]}: rho is Spearman(score, last visit)
 * over the n rows that have both; chance = 3/sqrt(n), which |rho| of scores that know
 * nothing of the order passes one time in 370; for each tenth of the epoch, by last
 * visit, the mean score and the share of rows among the best 80 %.  The last visits are
 * the scores' own, or the line of the row's id in the file `order`, where the last
 * mention counts.  Owned. */
json_t *score_audit(const struct audit_opts *);

#endif
