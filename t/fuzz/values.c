/* SPDX-License-Identifier: MIT */
/* values.c - any bytes as a text of JSON that is cut into values: in whatever pieces it comes, the
 * values are the same, and of a text that is JSON they are those that jansson finds in it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/format/jsonl.h"
#include "../../lib/format/values.h"

/* All values, a line each behind where they are, and in the end the fault. */
static void cut(const char *p, size_t n, size_t step, struct buf *out)
{
	struct values v = {0};
	struct fault f;
	int whole;

	while (n) {
		size_t piece = step < n ? step : n;
		long took = values_take(&v, p, piece, &whole, &f);

		if (took < 0)
			break;
		assert((size_t)took <= piece && (whole || (size_t)took == piece));
		p += took;
		n -= took;
		if (whole) {
			buf_fmt(out, "%ld %ld ", v.line, v.element);
			buf_add(out, v.text.p, v.text.n);
			buf_str(out, "\n");
		}
	}
	if (n || values_end(&v, &f))
		buf_fmt(out, "%ld: %s", v.line, f.text);
	values_free(&v);
}

/* The next value of a text that is JSON is this one. */
static const char *next_is(struct values *v, const char *p, const char *end, const json_t *want)
{
	struct fault f;
	json_t *got;
	int whole;
	long took = values_take(v, p, end - p, &whole, &f);

	assert(took >= 0 && whole);
	got = json_parse(v->text.p, v->text.n, &f);
	assert(json_equal(got, want));
	json_decref(got);
	return p + took;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	static const size_t steps[] = {1, 2, 3, 17};
	const char *p = (const char *)data, *end = p + n;
	struct buf whole = {0}, pieces = {0};
	struct values v = {0};
	struct fault f;
	json_t *all = json_parse(p, n, &f);
	int more;

	cut(p, n, n, &whole);
	for (int i = 0; i < 4; i++) {
		pieces.n = 0;
		cut(p, n, steps[i], &pieces);
		assert(whole.n == pieces.n && (!whole.n || !memcmp(whole.p, pieces.p, whole.n)));
	}
	if (json_is_object(all))
		p = next_is(&v, p, end, all);
	for (size_t i = 0; i < json_array_size(all); i++)
		p = next_is(&v, p, end, json_array_get(all, i));
	if (json_is_object(all) || json_is_array(all))
		assert(values_take(&v, p, end - p, &more, &f) == end - p && !more && !values_end(&v, &f));
	values_free(&v);
	json_decref(all);
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
