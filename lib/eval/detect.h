/* SPDX-License-Identifier: MIT */
/* detect.h - how well scores tell unsafe rows from safe ones. */
#ifndef SEAL_DETECT_H
#define SEAL_DETECT_H

#include "../base/opt.h"
#include "../format/jsonl.h"

struct detect_opts {
	const char *scores;             /* a file */
	const char *by;                 /* the score's formula */
	const char *label_key, *unsafe; /* a row is unsafe whose value of this key is this text */
	const char *group;              /* a key, or NULL */
	const char *keep;               /* what seal-select --keep would be told */
};
extern const struct opt detect_options[];
#define DETECT_DEFAULTS                                                                 \
	{                                                                               \
		.by = "score", .label_key = "label", .unsafe = "unsafe", .keep = "80%", \
	}

/* Reads the labelled rows of n files (0: of stdin), which may be a part of the scored ones, and
 * returns {"auroc","kept_unsafe","rho","n","unsafe","by"}, owned; see detect.c. */
json_t *evaluate_detect(char *const paths[], int n, const struct detect_opts *);

#endif
