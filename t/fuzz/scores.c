/* SPDX-License-Identifier: MIT */
/* scores.c - the lines of a scores file: the first is its header, the rest are
 * rows. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/base/memory.h"
#include "../../lib/score/scores.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	struct scores_cell cell[] = {{.name = "score"}, {.name = "loss", .f32 = 1}};
	struct scored row = {0};
	struct fault f;

	for (int line = 0; n; line++) {
		const unsigned char *lf = memchr(data, '\n', n);
		size_t len = lf ? (size_t)(lf - data) : n, used = len + !!lf;
		char *text = xstrndup((const char *)data, len);

		if (line)
			scores_row(&row, cell, 2, text, len, &f);
		else
			json_decref(scores_header(text, len, &f));
		free(text);
		data += used;
		n -= used;
	}
	buf_free(&row.id);
	return 0;
}
