/* SPDX-License-Identifier: MIT */
/* winrate.h - how often a model's output was preferred to another's. */
#ifndef SEAL_WINRATE_H
#define SEAL_WINRATE_H

#include "../format/jsonl.h"

/* Reads the objects of n files (0: of stdin), whose "preference" is a number or null, and returns
 * {"win_rate","standard_error","n_wins","n_wins_base","n_draws","n_total"}, owned. */
json_t *evaluate_winrate(char *const paths[], int n);

#endif
