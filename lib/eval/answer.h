/* SPDX-License-Identifier: MIT */
/* answer.h - what a text answers: a number, a choice by its letter, or the text itself.
 *
 * The rules for numbers and letters are those that lm-evaluation-harness measures gsm8k and mmlu
 * by, made exact: numbers are compared as numbers there is no "3.0" that is not 3, and a hyphen is
 * no sign.  Each function returns a JSON value, owned, so that equal answers are equal by
 * json_equal; or NULL where it finds none.
 */
#ifndef SEAL_ANSWER_H
#define SEAL_ANSWER_H

#include <jansson.h>

/* The number behind the first "####" that has one right behind it, as gsm8k's answers end; else the
 * last number of the text.  A number is
 *
 *   digits, in which commas stand before each three; a point and digits; e and an exponent
 *
 * and, behind a single /, another one to divide by.  What stands before and behind it ($, %, a full
 * stop) does not count, but for a sign: -, + or U+2212, before the number or its currency, and
 * not behind a letter, a digit or a closing bracket ("5-3" ends in 3).  A real. */
json_t *answer_number(const char *text);

/* The letter, one of `choices` (such as "ABCD"), that is the first to be found, by the first of
 * these rules that finds one; it stands alone:
 *
 *   behind "answer is" or "answer:", in upper or lower case, and spaces, *, ( or :
 *   in parentheses: (B)
 *   at the text's beginning, where its line ends, or . ) : or , follows; a small one if it is all
 *   behind a colon, where its line ends, or . ) or , follows
 */
json_t *answer_choice(const char *text, const char *choices);

/* The text in lower case, with one space for any white space in it, and none at its ends; NULL
 * where that is empty. */
json_t *answer_text(const char *text);

#endif
