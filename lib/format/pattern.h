/* SPDX-License-Identifier: MIT */
/* pattern.h - regular expressions of Python's re module, matched against short names.
 *
 * The library that matches them (Oniguruma) is not Python.  So only what both read alike is
 * taken: characters, classes, groups, alternatives, counts, anchors, word bounds, looking ahead
 * and back, and (?i) at the front.  All else is a fault that shows the place.
 */
#ifndef SEAL_PATTERN_H
#define SEAL_PATTERN_H

#include "../base/die.h"

struct pattern;

/* Owned; NULL with a fault. */
struct pattern *pattern_open(const char *text, struct fault *);
void pattern_close(struct pattern *); /* NULL does nothing */

/* As re.match, from the name's beginning, or re.fullmatch, of all of it: 1 or 0; -1 with a fault
 * where that takes more steps back than any sensible pattern does. */
int pattern_match(const struct pattern *, const char *name, struct fault *);
int pattern_full(const struct pattern *, const char *name, struct fault *);
/* pattern_match, and where that is 1 the number that the last group's text is; -1: it is none. */
int pattern_number(const struct pattern *, const char *name, long *number, struct fault *);

#endif
