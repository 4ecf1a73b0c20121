/* scores.h - the scores file (seal-scores(5)): a header object, then a row each. */
#ifndef SEAL_SCORES_H
#define SEAL_SCORES_H

#include <stdint.h>

#include "../format/jsonl.h"

struct score {
	char *id;                       /* owned by scores */
	uint64_t hash;
	long line;
	double score, weight;           /* NaN: null */
	long visits, last;              /* -1: null; last: position of the last visit in its epoch */
	double loss_base, loss, loss_hat;
};

struct scores { json_t *header; struct score *row; long n; };

/* header: an object of the method, settings, fingerprints; "seal" and "rows"
 * are put first. */
void scores_write(struct zout *, const json_t *header, const struct score row[], long n);
/* Dies on a cut or malformed file, or one with two rows of one id. */
struct scores *scores_read(const char *path);
void scores_close(struct scores *);

/* By id: the row's score, or NULL when the scores lack it.  A different hash dies ("another data set"). */
struct score_index;
struct score_index *score_index(const struct scores *);
const struct score *score_lookup(const struct score_index *, const char *id, uint64_t hash);
void score_index_close(struct score_index *);

/* Area under the ROC curve: the chance that a positive's value exceeds a
 * negative's, ties counting half.  NaN when a class is empty. */
double auroc(const double value[], const int positive[], long n);
/* Spearman's rank correlation, ties at their mean rank; NaN for n < 2. */
double spearman(const double x[], const double y[], long n);

#endif
