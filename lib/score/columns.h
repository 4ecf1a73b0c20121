/* SPDX-License-Identifier: MIT */
/* columns.h - the columns of a scores file, and formulas over them.
 *
 * A run of seal-score leaves several numbers beside every row, its columns.  A score is a
 * formula over them, evaluated for one row at a time:
 *
 *   formula = term { (+ | -) term }      term = factor { (* | /) factor }
 *   factor  = - factor | number | column | ( formula )
 */
#ifndef SEAL_COLUMNS_H
#define SEAL_COLUMNS_H

#include "../base/die.h"

/* How a column is written: as a float, nine digits of which give it back exactly; as a
 * double, by the shortest text that does; or as a count from 0. */
enum column_type { COLUMN_F32, COLUMN_F64, COLUMN_COUNT };

/* A list of these ends with a NULL name. */
struct column {
	const char *name;
	enum column_type type;
	const char *meaning;
};

/* The most of a formula: operations, columns, bytes of a column's name, bytes with the NUL. */
enum { FORMULA_OPS = 64, FORMULA_COLUMNS = 8, COLUMN_NAME = 32, FORMULA_TEXT = 256 };

struct formula {
	char text[FORMULA_TEXT]; /* as it was given, or what its name stands for */
	int columns;             /* how many it asks for, each once */
	char column[FORMULA_COLUMNS][COLUMN_NAME + 1]; /* their names */
	int ops;                                       /* in the order of evaluation on a stack */
	struct formula_op {
		char what; /* '#' pushes number, '@' pushes column[at], '~' negates, + - * / */
		int at;
		double number;
	} op[FORMULA_OPS];
};

/* text: a formula, or one of the names weight, loss, gain, gap, tempered, which stand for one each
 * (within a longer formula such a name means the column).  -1 with a fault. */
int formula_parse(struct formula *, const char *text, struct fault *);
/* The same; a fault is a wrong use of this option, and ends the program. */
struct formula formula_option(const char *option, const char *text);
/* The formula of one row; column[i] is the value of the formula's own i-th column, NaN where it is
 * null.  NaN where one of them is, or where the result is not finite. */
double formula_value(const struct formula *, const double column[]);

#endif
