/* SPDX-License-Identifier: MIT */
/* json.c - any bytes as JSON; what is accepted reads back from what is written, and means the
 * same to the readers of Python's JSON and of rows, which take more. */
#include "../../lib/format/jsonl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fault f;
	struct buf b = {0}, again = {0}, text = {0};
	json_t *j = json_parse((const char *)p, n, &f), *k;

	json_put_text(&text, (const char *)p, n);      /* any bytes become a JSON string */
	k = json_parse(text.p, text.n, &f);
	assert(json_is_string(k) || memchr(p, 0, n));
	json_decref(k);
	if (j) {
		json_put(&b, j);
		k = json_parse(b.p, b.n, &f);
		assert(k);
		json_put(&again, k);
		assert(b.n == again.n && !memcmp(b.p, again.p, b.n));
		json_decref(k);
		again.n = 0;
		k = json_parse_python((const char *)p, n, &f);
		assert(k);
		json_put(&again, k);
		assert(b.n == again.n && !memcmp(b.p, again.p, b.n));
		json_decref(k);
		json_decref(j);
	} else {
		json_decref(json_parse_python((const char *)p, n, &f));
		k = json_parse_row((const char *)p, n, &f);
		if (k) {                       /* it has something unread, and no more is wrong */
			json_put(&b, k);
			assert(json_unread_in(k) && strstr(b.p, JSON_UNREAD));
			json_decref(json_parse_python((const char *)p, n, &f));
		}
		json_decref(k);
	}
	buf_free(&b);
	buf_free(&again);
	buf_free(&text);
	return 0;
}
