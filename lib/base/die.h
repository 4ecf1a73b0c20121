/* SPDX-License-Identifier: MIT */
/* die.h - how the programs speak of trouble.
 *
 * What is the world's fault (a missing file, a full disk, a broken row) ends the program with one
 * line on stderr and exit status 1; what is the caller's (an unknown option) with status 2; what
 * is ours is an assert.  A format that ends in a colon gets the system's reason appended:
 * die("open %s:", path).  Control characters in what is quoted are printed as '?'.
 */
#ifndef SEAL_DIE_H
#define SEAL_DIE_H

#include <stddef.h>

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Names the program in messages; `name` is kept, not copied. */
void die_name(const char *name);
const char *program_name(void);

void die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
void die_usage(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
void warn(const char *fmt, ...) PRINTF(1, 2);
/* One line about what was done or is remarkable (counts, fates, the device, rows longer than the
 * model's context); silent under -q.  warn is for what nobody may miss: that a result is likely to
 * be wrong, or why the program ends. */
void notice(const char *fmt, ...) PRINTF(1, 2);
void notice_quiet(int quiet);
int notice_is_quiet(void);
/* From now on neither says anything: this is a process of several, and another one speaks. */
void notice_mute(void);
/* Where several processes are one run (world.h): messages of the end begin with `who`, which is
 * kept, and are given to `tell` first; it returns 1 where another process says it. */
void die_of_several(const char *who, int (*tell)(const char *text));
/* Says such a message here; it is for the caller to end the program. */
void warn_last(const char *fmt, ...) PRINTF(1, 2);

/* What a parser of foreign bytes found wrong.  Parsers return -1 and set it; they neither print
 * nor exit.  fault() puts '?' for control characters, and always returns -1. */
struct fault {
	char text[256];
};
int fault(struct fault *, const char *fmt, ...) PRINTF(2, 3);

#endif
