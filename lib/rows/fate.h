/* SPDX-License-Identifier: MIT */
/* fate.h - no row disappears unnoticed.
 *
 * A program tells the fate of every row.  They are counted by reason, written to --fates FILE,
 * and summed up in a line: "1990 rows kept, 10 dropped (8 too long, 2 empty answer)".
 */
#ifndef SEAL_FATE_H
#define SEAL_FATE_H

#include "../base/die.h"
#include "../base/opt.h"

struct fate_opts {
	const char *fates;    /* a file's name, or NULL */
	const char *on_error; /* fail|skip */
	long limit;           /* rows that are read; 0: all */
	const char *columns;  /* of CSV without a header (row.h), or NULL */
	int allow_empty;      /* no rows are no error */
};
extern const struct opt fate_options[]; /* --fates --on-error --limit --columns --allow-empty */
#define FATE_DEFAULTS                    \
	{                                \
		NULL, "fail", 0, NULL, 0 \
	}

struct fates;
struct fates *fates_open(const struct fate_opts *);
/* The same where each process of a run tells of its own rows alone (fates_mute). */
struct fates *fates_open_joined(const struct fate_opts *);
void fate_kept(struct fates *, const char *id, long line);
void fate_truncated(struct fates *, const char *id, long line, const char *reason);
/* Kept; or, where `left` (else NULL or empty) names what was left out of the row, truncated. */
void fate_whole(struct fates *, const char *id, long line, const char *left);
void fate_dropped(struct fates *, const char *id, long line, const char *reason);
/* The same, of a row that is too much beside another: --fates tells "REASON of OTHER". */
void fate_dropped_beside(struct fates *, const char *id, long line, const char *reason,
                         const char *other);
/* A broken row; element: its number in an array, or 0.  --on-error fail: dies with "file:line: what
 * is wrong"; skip: the row is dropped and counted under `reason`, the class of what is wrong
 * ("bad JSON").  id may be NULL: it could not be read. */
void fate_broken(struct fates *, const char *file, const char *id, long line, long element,
                 const char *reason, const struct fault *);
/* While muted, nothing is told, and a broken row is no reason to die: another process has it. */
void fates_mute(struct fates *, int on);
/* To be called when all fates are told, before outputs are put in place: dies when no row was kept,
 * but with --allow-empty. */
void fates_need_row(struct fates *);
/* Prints the summary when a row was dropped or cut, or when `always`. */
void fates_close(struct fates *, int always);

#endif
