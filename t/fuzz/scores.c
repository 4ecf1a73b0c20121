/* SPDX-License-Identifier: MIT */
/* scores.c - the lines of a scores file: the first is its header, the rest are
 * rows. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/score/scores.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	const char *text = (const char *)data;
	struct fault f;
	long rows;

	for (int line = 0; n; line++) {
		const char *lf = memchr(text, '\n', n);
		size_t len = lf ? (size_t)(lf - text) : n, used = len + !!lf;
		struct score s;
		json_t *header;

		if (line && !score_parse(text, len, &s, &f))
			free(s.id);
		if (!line && !scores_header(text, len, &header, &rows, &f))
			json_decref(header);
		text += used;
		n -= used;
	}
	return 0;
}
