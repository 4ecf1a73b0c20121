/* tokens.c - a token stream of any bytes, blob by blob. */
#include <stdlib.h>

#include "../../lib/data/tokens.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	struct fault f;
	size_t used = 0;

	for (; n && !tokens_blob(t, data, n, &used, &f); data += used, n -= used)
		;
	tokens_close(t);
	return 0;
}
