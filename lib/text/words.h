/* SPDX-License-Identifier: MIT */
/* words.h - the words of a text as Python has them: str.lower(), then the matches of
 * \w+|[^\w\s]+, which is nltk's WordPunctTokenizer.
 */
#ifndef SEAL_WORDS_H
#define SEAL_WORDS_H

#include <stddef.h>

#include "../base/buf.h"

/* Appends what Python's str.lower() makes of a text in valid UTF-8. */
void text_lower(const char *, size_t, struct buf *);

/* The first word of *p..end: its start, and *p moves to its end; NULL when there
 * is none. */
const char *next_word(const char **p, const char *end);

#endif
