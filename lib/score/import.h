/* SPDX-License-Identifier: MIT */
/* import.h - scores from a selector that was trained elsewhere. */
#ifndef SEAL_IMPORT_H
#define SEAL_IMPORT_H

#include "scores.h"

struct import_opts {
	const char *file, *rows;
};
extern const struct opt import_options[];

/* Reads a file of torch.save (../format/pt.h) and writes its values as scores: of the
 * rows of o->rows, in their order, or of rows whose ids are the line numbers.  Warns
 * when the two are not of one length; a row without a value has a null score. */
void score_import(const struct import_opts *, const struct fate_opts *, struct zout *);

#endif
