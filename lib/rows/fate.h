/* SPDX-License-Identifier: MIT */
/* fate.h - no row disappears unnoticed.
 *
 * Counts what became of every row, by reason; writes --fates FILE; prints one
 * summary line at the end: "1990 rows kept, 10 dropped (8 too long, 2 empty answer)".
 */
#ifndef SEAL_FATE_H
#define SEAL_FATE_H

#include "../base/die.h"
#include "../base/opt.h"

/* on_error: fail|skip; columns: of CSV without a header, see row.h */
struct fate_opts {
	const char *fates, *on_error;
	long limit;
	const char *columns;
};
extern const struct opt fate_options[]; /* --fates --on-error --limit --columns */
#define FATE_DEFAULTS                 \
	{                             \
		NULL, "fail", 0, NULL \
	} /* limit 0: all rows */

struct fates;
struct fates *fates_open(const struct fate_opts *);
void fate_kept(struct fates *, const char *id, long line);
void fate_truncated(struct fates *, const char *id, long line, const char *reason);
void fate_dropped(struct fates *, const char *id, long line, const char *reason);
/* A broken row: with --on-error fail dies with "file:line: what is wrong";
 * with skip it is dropped, `reason` being its class ("bad JSON").  id may be NULL. */
void fate_broken(struct fates *, const char *file, const char *id, long line, const char *reason,
                 const struct fault *);
/* Prints the summary when a row was dropped or cut, or when `always`. */
void fates_close(struct fates *, int always);

#endif
