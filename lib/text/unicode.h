/* SPDX-License-Identifier: MIT */
/* unicode.h - UTF-8, and what Unicode says of characters.
 *
 * A character is its code point; -1 stands for a byte that belongs to no UTF-8.
 */
#ifndef SEAL_UNICODE_H
#define SEAL_UNICODE_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/utf8.h"

/* As utf8_first (base/utf8.h), of the last character. */
int utf8_last(const char *text, size_t n, int32_t *code);
int utf8_put(int32_t code, char text[4]); /* writes it; returns its length */

int unicode_is_space(int32_t code);   /* has the property White_Space */
int unicode_is_word(int32_t code);    /* a regular expression's \w, as Hugging Face's have it */
int unicode_is_circled(int32_t code); /* a letter or number in a circle or square that is cased */
int python_is_space(int32_t code);    /* str.isspace(): those, and the four ASCII separators */
const char *unicode_category(int32_t code); /* "Lu"; of the newest Unicode that there is */
int32_t unicode_lower(int32_t code);        /* the simple mappings */
int32_t unicode_upper(int32_t code);
int32_t unicode_title(int32_t code);

enum unicode_form { UNICODE_NFC, UNICODE_NFD, UNICODE_NFKC, UNICODE_NFKD };
/* Sets out to the text in this normal form, as of Unicode 9. */
void unicode_normalize(enum unicode_form, const char *text, size_t n, struct buf *out);
/* 1 when a glance tells that the text is in this form already. */
int unicode_is_plain(enum unicode_form, const char *text, size_t n);

/* Characters that others' tables lack (unicode_newer.c). */
int unicode_after_9(int32_t code); /* marks and compositions that came after Unicode 9 */
/* Letters and numbers of Unicode 15 and 16: an older character of the same category and length
 * in UTF-8 stands in for each; others stand for themselves. */
int32_t unicode_stand_in(int32_t code);
int unicode_has_newer(const char *text, size_t n);
/* Appends the text with all its stand-ins. */
void unicode_put_stand_ins(struct buf *, const char *text, size_t n);

#endif
