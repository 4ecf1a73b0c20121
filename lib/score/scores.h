/* SPDX-License-Identifier: MIT */
/* scores.h - the scores file (seal-scores(5)): a header object, then a row each. */
#ifndef SEAL_SCORES_H
#define SEAL_SCORES_H

#include <stdint.h>

#include "../rows/fate.h"
#include "../format/jsonl.h"

struct score {
	char *id; /* owned by scores */
	uint64_t hash;
	long line;
	double score, weight; /* NaN: null */
	long visits, last;    /* -1: null; last: position of the last visit in its epoch */
	double loss_base, loss, loss_hat;
};

struct scores {
	char *name; /* of the file */
	json_t *header;
	struct score *row;
	long n;
	struct score_slot *slot;
	size_t mask; /* where an id's row is */
};

/* header: an object of the method, settings, fingerprints; "seal" and "rows"
 * are put first. */
void scores_write(struct zout *, const json_t *header, const struct score row[], long n);
/* The same in steps: the header, then n rows. */
void scores_begin(struct zout *, const json_t *header, long n);
void scores_add(struct zout *, const struct score *);
/* Dies on a cut or malformed file, or one with two rows of one id. */
struct scores *scores_read(const char *path);
void scores_close(struct scores *);

/* The two kinds of line, for scores_read and the fuzzer: -1 with a fault. */
int scores_header(const char *text, size_t n, json_t **header, long *rows, struct fault *);
int score_parse(const char *text, size_t n, struct score *,
                struct fault *); /* id: owned by the caller */
/* Its two ways: the very form that scores_write gives, by hand (-1: another form), and any JSON. */
int score_line(const char *text, size_t n, struct score *);
int score_object(const char *text, size_t n, struct score *, struct fault *);
/* The first, for whoever needs no more of it; id: in the text; weight: NULL if it does not matter. */
struct glance {
	const char *id;
	size_t id_n;
	uint64_t hash;
	double score;
};
int score_glance(const char *text, size_t n, struct glance *, double *weight);

/* By id: the row's score, or NULL when the scores lack it.  A different hash dies ("another data set"). */
const struct score *score_lookup(const struct scores *, const char *id, uint64_t hash);
const struct score *score_of(const struct scores *, const char *id); /* the id alone */

/* --method random: reads rows and writes scores uniform in [0, 1) for them, in
 * their order.  header as for scores_write. */
void score_random(char *const paths[], int n, uint64_t seed, const struct fate_opts *,
                  const json_t *header, struct zout *);

/* order: the places of the n scores that are numbers, best first, ties by hash, the
 * smaller first, then as they stand.  Returns how many; NaN: null, or none. */
long rank_order(const double score[], const uint64_t hash[], long n, uint32_t order[]);
/* How many of `rows` rows "80%" (rounded half up) or "1600" means; -1: neither. */
long keep_count(const char *keep, long rows);
/* win[j]: how many of x[0..n-1] exceed y[j], ties counting half.  The area
 * under the ROC curve, the chance that some x exceeds some y, is their sum over n m. */
void rank_wins(const double x[], long n, const double y[], long m, double win[]);
/* Spearman's rank correlation, ties at their mean rank; NaN for n < 2. */
double spearman(const double x[], const double y[], long n);

#endif
