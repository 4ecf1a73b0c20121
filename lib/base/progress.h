/* SPDX-License-Identifier: MIT */
/* progress.h - tells on stderr how far a long run is.
 *
 * On a terminal one line is redrawn, with the time that is left; elsewhere a line is printed
 * every half minute.  Under -q nothing is. */
#ifndef SEAL_PROGRESS_H
#define SEAL_PROGRESS_H

struct progress;

/* what and unit are kept, not copied; total: how many units there are, 0 when nobody knows. */
struct progress *progress_open(const char *what, const char *unit, double total);
/* done: units done so far; note: a short text to show beside it, or NULL. */
void progress_at(struct progress *, double done, const char *note);
void progress_close(struct progress *);

double seconds_now(void); /* of a clock that only goes forward */
long peak_memory(void);   /* this process's peak resident bytes */

#endif
