/* SPDX-License-Identifier: MIT */
/* rank.h - what only the order of numbers decides. */
#ifndef SEAL_RANK_H
#define SEAL_RANK_H

#include <stdint.h>

/* Sets order[] to the places of the numbers among n scores (NaN: null, or none), best first;
 * of equal scores the smaller hash comes first, then the earlier place.  Returns how many. */
long rank_order(const double score[], const uint64_t hash[], long n, uint32_t order[]);
/* How many of `rows` rows "80%" (rounded half up) or "1600" means; -1: it is neither. */
long keep_count(const char *keep, long rows);
/* [n], owned: 1 where the row is among the best that `keep` means of n rows, else 0. */
char *rank_keep(const char *keep, const double score[], const uint64_t hash[], long n);
/* Sets win[j], j < m, to how many of x[0..n-1] exceed y[j], ties counting half.  Their sum over
 * n m is the area under the ROC curve: the chance that some x exceeds some y. */
void rank_wins(const double x[], long n, const double y[], long m, double win[]);
/* [n], owned: the rank of each x[i], from 1, the least; equal ones share their mean rank. */
double *rank_all(const double x[], long n);
/* Spearman's rank correlation of x and y, ties at their mean rank; NaN for n < 2. */
double spearman(const double x[], const double y[], long n);

#endif
