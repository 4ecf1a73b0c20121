/* SPDX-License-Identifier: MIT */
/* evaluate.h - seal-eval's subcommands that need no model. */
#ifndef SEAL_EVALUATE_H
#define SEAL_EVALUATE_H

#include "../format/jsonl.h"

/* Each reads its inputs (none: stdin), and returns the result object (owned). */

/* Share of outputs ({"output"}) that contain one of the refusal phrases
 * (list: a file of one phrase a line, or NULL for the built-in list of Zou et
 * al. 2023, "Universal and Transferable Adversarial Attacks", appendix). */
json_t *evaluate_refusals(char *const paths[], int n, const char *list, const char *by);

/* Win rate as alpaca_eval computes it: preference 1..2 is the chance (minus 1)
 * that output 2 (the model) is preferred; version 1 knows 1, 2, and 0 or 1.5
 * for a draw; null is left out. */
json_t *evaluate_winrate(char *const paths[], int n);

#endif
