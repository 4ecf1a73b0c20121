/* SPDX-License-Identifier: MIT */
/* rank.h - what only the order of numbers decides. */
#ifndef SEAL_RANK_H
#define SEAL_RANK_H

#include <stdint.h>

/* order: the places of the n scores that are numbers, best first, ties by hash, the
 * smaller first, then as they stand.  Returns how many; NaN: null, or none. */
long rank_order(const double score[], const uint64_t hash[], long n, uint32_t order[]);
/* How many of `rows` rows "80%" (rounded half up) or "1600" means; -1: neither. */
long keep_count(const char *keep, long rows);
/* kept[i] 1: among all n rows, row i is one that `keep` means, the best scores first.  Owned. */
char *rank_keep(const char *keep, const double score[], const uint64_t hash[], long n);
/* win[j]: how many of x[0..n-1] exceed y[j], ties counting half.  The area
 * under the ROC curve, the chance that some x exceeds some y, is their sum over n m. */
void rank_wins(const double x[], long n, const double y[], long m, double win[]);
/* Spearman's rank correlation, ties at their mean rank; NaN for n < 2. */
double spearman(const double x[], const double y[], long n);

#endif
