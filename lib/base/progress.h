/* SPDX-License-Identifier: MIT */
/* progress.h - how far along a long run is, on stderr.
 *
 * On a terminal one line is redrawn with the time left; otherwise a line is
 * printed every half minute.  Silent under -q. */
#ifndef SEAL_PROGRESS_H
#define SEAL_PROGRESS_H

struct progress;

/* total: how many units the whole is, 0 when unknown. */
struct progress *progress_open(const char *what, const char *unit, double total);
/* done: units done so far; note: short text shown beside it, or NULL. */
void progress_at(struct progress *, double done, const char *note);
void progress_close(struct progress *);

double seconds_now(void); /* monotonic clock */
long peak_memory(void);   /* this process's peak resident bytes */

#endif
