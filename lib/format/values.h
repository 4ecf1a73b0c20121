/* SPDX-License-Identifier: MIT */
/* values.h - the JSON values of a text whose lines are not its rows: objects that span lines, as jq
 * prints them, and the elements of arrays.
 *
 * The text is one or more objects and arrays, one after the other.  Each object is a value, and so
 * is each element of an array, whatever it is.  Where a value ends is told by quotes and brackets
 * alone; whether it is JSON is its reader's question.  So memory holds one value at a time.
 */
#ifndef SEAL_VALUES_H
#define SEAL_VALUES_H

#include "../base/buf.h"
#include "../base/hash.h"
#include "zio.h"

/* How the objects of a text lie: */
enum values_form {
	VALUES_NONE,  /* it begins with neither { nor [, or is empty */
	VALUES_LINES, /* JSONL: an object a line */
	VALUES_TEXT,  /* it begins with an array, or its first object goes on in the next line */
};
/* What the text that waits to be read is; none of it is read.  White space and a byte order mark
 * may come before. */
enum values_form values_form(struct zin *);

/* Cuts a text into values; fed with bytes in any pieces. */
struct values {
	struct buf text; /* the value, compact: without white space between its parts */
	long line;       /* from 1: where the value begins */
	long element;    /* from 1 within its array; 0: in none */

	/* Its own. */
	long lines;      /* that have ended */
	struct buf open; /* the value's open brackets, { and [ */
	int at;          /* where in the text: see values.c */
	int in_array;    /* the text's own array is open; elements and array_line are its */
	long elements, array_line;
	int escaped, blank, bom;
};

/* Begins as {0}.  Takes bytes up to the end of the next value, or all n; returns how many, and sets
 * *whole when the value is complete: then `text`, `line` and `element` are its, until the next
 * call.  -1 with a fault, and `line` is where it is: what follows cannot be cut. */
long values_take(struct values *, const char *p, size_t n, int *whole, struct fault *);
/* To be called at the end: -1 with a fault when the text ends too early; `line` is where what was
 * not ended began. */
int values_end(struct values *, struct fault *);
/* The next value of what waits to be read: 1, 0 at the end, -1 with a fault as above.  The bytes
 * that are read are added to the hash, unless it is NULL. */
int values_next(struct values *, struct zin *, struct hash *, struct fault *);
void values_free(struct values *);

#endif
