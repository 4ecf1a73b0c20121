/* SPDX-License-Identifier: MIT */
/* audit.h - how far scores follow the order in which training visited the rows. */
#ifndef SEAL_AUDIT_H
#define SEAL_AUDIT_H

#include "../base/opt.h"
#include "../format/jsonl.h"

struct audit_opts {
	const char *by;    /* the score's formula */
	const char *order; /* a file of ids, or NULL: the scores tell */
};
extern const struct opt audit_options[];
#define AUDIT_DEFAULTS        \
	{                     \
		"score", NULL \
	}

/* Of the scores in a file (NULL: stdin): {"n","rho","chance","tenths":[{"n","mean","kept"}]}, owned;
 * see audit.c. */
json_t *evaluate_audit(const char *path, const struct audit_opts *);

#endif
