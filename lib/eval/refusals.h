/* SPDX-License-Identifier: MIT */
/* refusals.h - how many outputs of a model refuse. */
#ifndef SEAL_REFUSALS_H
#define SEAL_REFUSALS_H

#include "../format/jsonl.h"

struct refusals_opts {
	const char *list; /* a file of phrases, one a line; NULL: the built-in ones */
	const char *by;   /* a key: count for each of its values too; NULL: do not */
};
extern const struct opt refusals_options[];

/* Reads the objects of n files (0: of stdin), whose "output" is a text, and returns
 * {"n","refused","rate","by":{value:{"n","refused","rate"}}}, owned. */
json_t *evaluate_refusals(char *const paths[], int n, const struct refusals_opts *);

#endif
