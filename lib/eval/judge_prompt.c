/* SPDX-License-Identifier: MIT */
/* judge_prompt.c - what a judge is asked: a prompt's text with values put in, or a dialogue.
 *
 * Prompts of judges are published as texts with {instruction} and {output}, or names like these.
 * So {KEY}, of letters, digits and _, stands for the value of that key; the names that HarmBench
 * and WildGuard use stand for the same two keys.  Any other brace is text.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "judge.h"

struct judge_prompt {
	const char *path;
	char *text;
	size_t n;
	const char *map;
	size_t mapped;
};

struct judge_prompt *judge_prompt_open(const char *path)
{
	struct judge_prompt *p = xzalloc(1, sizeof *p);
	json_t *utf8;

	p->path = path;
	p->map = zio_map(path, &p->mapped);
	utf8 = json_stringn(p->map, p->mapped);
	if (!utf8)
		die("%s: not a text of UTF-8", path);
	json_decref(utf8);
	p->text = xstrndup(p->map, p->mapped);
	p->n = p->mapped - (p->map[p->mapped - 1] == '\n'); /* an editor put it there */
	return p;
}

void judge_prompt_close(struct judge_prompt *p)
{
	if (!p)
		return;
	zio_unmap(p->map, p->mapped);
	free(p->text);
	free(p);
}

/* The value that the name of n bytes stands for; NULL: none. */
static const json_t *value_of(const json_t *values, const char *name, size_t n)
{
	static const char *const also[][2] = {{"behavior", "instruction"},
	                                      {"prompt", "instruction"},
	                                      {"generation", "output"},
	                                      {"response", "output"}};
	char *key = xstrndup(name, n);
	const json_t *v = json_object_get(values, key);

	for (int i = 0; i < 4 && !v; i++)
		if (!strcmp(key, also[i][0]))
			v = json_object_get(values, also[i][1]);
	free(key);
	return v;
}

static void add(struct pieces *l, enum piece_kind kind, const char *text, size_t n)
{
	if (!n)
		return;
	l->piece = xgrow(l->piece, l->n, &l->cap, sizeof *l->piece);
	l->piece[l->n++] = (struct piece){kind, text, n, 0};
}

int judge_prompt_pieces(const struct judge_prompt *p, const json_t *values, struct pieces *l,
                        struct fault *f)
{
	static const char name[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
	const char *at = p->text, *from = at, *end = at + p->n;

	l->n = 0;
	while ((at = memchr(at, '{', end - at))) {
		size_t n = strspn(at + 1, name);
		const json_t *v;

		if (!n || at[1 + n] != '}') {
			at++;
			continue;
		}
		v = value_of(values, at + 1, n);
		if (!json_is_string(v))
			return fault(f, "\"%.*s\", which %.100s names, is not a text", (int)n,
			             at + 1, p->path);
		add(l, PIECE_CONTROL, from, at - from);
		add(l, PIECE_TEXT, json_string_value(v), json_string_length(v));
		from = at += n + 2;
	}
	add(l, PIECE_CONTROL, from, end - from);
	return 0;
}

void question_end(struct question *q)
{
	json_decref(q->values);
	json_decref(q->request);
	json_decref(q->answer);
}

void question_make(const struct judge *j, struct question *q)
{
	struct pieces pieces = {0};
	struct buf text = {0};
	struct fault f;

	if (!j->prompt) {
		q->request =
			json_pack("{s:[{s:s, s:O}, {s:s, s:O}], s:O}", "messages", "role", "user",
		                  "content", json_object_get(q->values, "instruction"), "role",
		                  "assistant", "content", json_object_get(q->values, "output"),
		                  "choices", j->choices.list);
		return;
	}
	if (judge_prompt_pieces(j->prompt, q->values, &pieces, &f))
		die("%s: %s", q->where, f.text);
	for (int i = 0; i < pieces.n; i++)
		buf_add(&text, pieces.piece[i].text, pieces.piece[i].n);
	q->request = json_pack("{s:s%, s:O}", "prompt", text.p ? text.p : "", text.n, "choices",
	                       j->choices.list);
	pieces_free(&pieces);
	buf_free(&text);
}
