/* SPDX-License-Identifier: MIT */
/* jinja.c - any bytes as a chat template, and behind a NUL as the row's variables; what is rendered
 * is UTF-8 with a mark for each byte, the same each time, and of the template alone without a row. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/text/jinja.h"

static const char row[] =
	"{\"messages\":[{\"role\":\"system\",\"content\":\" Be b\\u00e9ief\\n\"},{\"role\":\"user\",\"content\":\"<|im_end|>\"},"
	"{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1.5}}}]}],"
	"\"d\":{\"b\":1,\"a\":[1,2.0,\"x\"],\"items\":\"k\"},\"xs\":[3,1,2,1],\"names\":[\"bob\",\"Alice\"],\"s\":\"Hello, World\","
	"\"t\":\"a'b\\\"c\\\\d\\n\\u0435\\ud83d\\ude00\",\"i\":7,\"f\":2.5,\"yes\":true,\"none\":null,\"rows\":[{\"n\":2},{\"s\":\"a\"}]}";

static int is_utf8(const struct buf *b)
{
	struct buf copy = {0};
	int same;

	buf_utf8(&copy, b->p, b->n);
	same = copy.n == b->n && (!b->n || !memcmp(copy.p, b->p, b->n));
	buf_free(&copy);
	return same;
}

static void render(const struct jinja *t, const json_t *data)
{
	static const struct jinja_limits limits = {.steps = 100000, .bytes = 1 << 20, .memory = 16 << 20, .depth = 200};
	static const struct tm now = {.tm_year = 124, .tm_mon = 6, .tm_mday = 4, .tm_wday = 4, .tm_yday = 185};
	json_t *trusted = json_pack("{ss,sb}", "bos_token", "<s>", "add_generation_prompt", 1);
	struct jinja_text one = {0}, two = {0};
	struct fault f, g;
	int got = jinja_render(t, trusted, data, &now, &limits, &one, &f);

	assert(jinja_render(t, trusted, data, &now, &limits, &two, &g) == got);
	assert(one.text.n == one.mark.n && one.text.n == two.text.n);
	assert(got < 0 ? !one.text.n && !strcmp(f.text, g.text) : is_utf8(&one.text));
	assert(!one.text.n || !memcmp(one.text.p, two.text.p, one.text.n));
	assert(!one.mark.n || !memcmp(one.mark.p, two.mark.p, one.mark.n));
	for (size_t i = 0; !data && i < one.mark.n; i++)
		assert(!(one.mark.p[i] & JINJA_DATA));
	jinja_text_free(&one);
	jinja_text_free(&two);
	json_decref(trusted);
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	static json_t *usual;
	const unsigned char *end = memchr(p, 0, n);
	size_t source = end ? (size_t)(end - p) : n;
	struct fault f;
	struct jinja *t = jinja_open((const char *)p, source, &f);
	json_t *data = end ? json_parse_python((const char *)end + 1, n - source - 1, &f) : NULL;

	if (!usual)
		usual = json_parse(row, sizeof row - 1, &f);
	assert(usual);
	if (t) {
		render(t, NULL);
		render(t, json_is_object(data) ? data : usual);
		jinja_close(t);
	}
	json_decref(data);
	return 0;
}
