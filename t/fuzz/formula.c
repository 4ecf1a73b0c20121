/* SPDX-License-Identifier: MIT */
/* formula.c - a formula over columns, as --by and --score take it. */
#include <stdlib.h>

#include "../../lib/base/memory.h"
#include "../../lib/score/columns.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	static const double column[FORMULA_COLUMNS] = {1, -2, 0.5, 3, 0, 1e300, -1e-300, 7};
	char *text = xstrndup((const char *)data, n);
	struct formula f;
	struct fault fault;

	if (!formula_parse(&f, text, &fault))
		formula_value(&f, column);
	free(text);
	return 0;
}
