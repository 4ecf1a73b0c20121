/* SPDX-License-Identifier: MIT */
/* template_chat.c - a model's own chat template, and which part of what it writes is trained.
 *
 * A chat template writes a whole dialogue at once, or, asked with add_generation_prompt, one that
 * ends where an answer begins.  So each trained answer is found by writing twice:
 *
 *   before   the turns up to the answer, with add_generation_prompt
 *   behind   the turns up to the answer and the answer
 *
 * What `behind` adds to `before` is the answer as the model would write it, with all that the
 * template puts around its text (an empty <think> block, the mark that ends it).  `before` must
 * begin `behind`, and `behind` the whole text up to the answer's end; else the model would be
 * trained on an answer that it is never asked for, and the row is refused.  Templates that drop
 * the thinking of all answers but the last are such: there only the last can be trained.
 *
 * A template with {% generation %} blocks says by itself what is trained.
 *
 * Each byte of the text is marked with where it came from (jinja.h), so that a row's text that
 * spells a control token stays text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/memory.h"
#include "jinja.h"
#include "template_in.h"

struct chat {
	const struct tokenizer *tok;
	struct jinja *plain, *with_tools; /* with_tools: NULL where `plain` is for tools too */
	json_t *vars[2];                  /* of the template's side; [1]: add_generation_prompt */
	char *system;
	struct tm *now;
	int parts;     /* content must come in parts, not as a text */
	int developer; /* it knows the role */
	char *source;  /* of `plain`, for what it has the words for */
	int32_t stop;  /* the token that ends an answer, or -1 */
};

/* A dialogue on its way through the template. */
struct writing {
	const struct chat *c;
	const struct jinja *jinja;
	const struct dialogue *d;
	json_t *messages; /* a system turn that the options give, if any, and the turns */
	json_t *data;     /* what the template sees of the row */
	int given;        /* the number of turns before the dialogue's own: 0 or 1 */
	struct jinja_text whole;
	struct fault *f;
};

/* Writes the first n messages. */
static int render(const struct writing *w, int n, int prompt, struct jinja_text *out)
{
	json_t *some = json_array();
	struct fault why;
	int rc;

	for (int i = 0; i < n; i++)
		json_array_append(some, json_array_get(w->messages, i));
	json_object_set_new(w->data, "messages", some);
	rc = jinja_render(w->jinja, w->c->vars[prompt], w->data, w->c->now, NULL, out, &why);
	return rc ? fault(w->f, "the chat template refuses the row: %s", why.text) : 0;
}

static void writing_begin(struct writing *w, const struct chat *c, const struct dialogue *d,
                          struct fault *f)
{
	*w = (struct writing){.c = c, .d = d, .f = f, .messages = json_array()};
	w->jinja = d->tools && c->with_tools ? c->with_tools : c->plain;
	w->given = c->system && d->turn[0].role != ROLE_SYSTEM;
	if (w->given)
		json_array_append_new(w->messages, json_pack("{s:s, s:s}", "role", "system",
		                                             "content", c->system));
	for (int i = 0; i < d->n; i++)
		json_array_append_new(w->messages,
		                      chat_message(&d->turn[i], c->parts, c->developer));
	w->data = chat_beside(d);
}

static void writing_end(struct writing *w)
{
	json_decref(w->messages);
	json_decref(w->data);
	jinja_text_free(&w->whole);
}

static size_t common(const struct buf *a, const struct buf *b)
{
	size_t n = 0;

	while (n < a->n && n < b->n && a->p[n] == b->p[n])
		n++;
	return n;
}

/* Behind the last byte of [from, to) that is the row's. */
static size_t data_end(const struct jinja_text *t, size_t from, size_t to)
{
	while (to > from && !(t->mark.p[to - 1] & JINJA_DATA))
		to--;
	return to;
}

/* Where in [from, to) of the whole text an answer's end mark ends, and special tokens that follow
 * it at once; 0: there is none. */
static size_t mark_end(const struct writing *w, size_t from, size_t to)
{
	size_t start = from, end, last = 0;
	int32_t id;
	int stopped = 0;

	while ((id = tokenizer_next_special(w->c->tok, w->whole.text.p, to, &start, &end)) >= 0 &&
	       !(stopped && start > last)) {
		last = start = end;
		stopped |= id == w->c->stop;
	}
	return last;
}

static int not_alike(const struct writing *w)
{
	return fault(w->f, "the chat template writes a dialogue up to an answer otherwise than "
	                   "the same text in the whole dialogue (some drop earlier thinking, for "
	                   "which --train-turns last helps), so what to train is not clear");
}

/* Where the answer of turn k begins in the whole text; -1 with a fault. */
static int answer_start(const struct writing *w, int k, size_t *start)
{
	struct jinja_text before = {0};
	int rc = render(w, w->given + k, 1, &before);

	*start = before.text.n;
	if (!rc && common(&before.text, &w->whole.text) < before.text.n)
		rc = not_alike(w);
	jinja_text_free(&before);
	return rc;
}

/* How far the text up to the answer of turn k agrees with the whole. */
static int answer_end(const struct writing *w, int k, size_t start, size_t *end)
{
	struct jinja_text behind = {0};
	size_t data;
	int rc;

	*end = w->whole.text.n;
	if (k == w->d->n - 1)
		return 0;
	rc = render(w, w->given + k + 1, 0, &behind);
	if (!rc) {
		*end = common(&behind.text, &w->whole.text);
		data = data_end(&behind, start, behind.text.n);
		/* All of the row's text must agree, and what is behind it or, of that, the mark. */
		if (*end < start || *end < data ||
		    (*end < behind.text.n && !mark_end(w, data, *end)))
			rc = not_alike(w);
	}
	jinja_text_free(&behind);
	return rc;
}

/* The last run of bytes in generation blocks. */
static size_t last_block(const struct jinja_text *t)
{
	size_t i = t->text.n;

	while (i && !(t->mark.p[i - 1] & JINJA_GENERATED))
		i--;
	while (i && t->mark.p[i - 1] & JINJA_GENERATED)
		i--;
	return i;
}

/* Sets the bytes of turn k's answer in train[], and how far the row goes. */
static int train_answer(const struct writing *w, int k, int blocks, char *train, size_t *row_end)
{
	const struct jinja_text *t = &w->whole;
	int last = k == w->d->n - 1;
	size_t from, to, mark;

	if (answer_start(w, k, &from)) {
		if (!blocks || !last)
			return -1;
		from = last_block(t);
	}
	if (answer_end(w, k, from, &to))
		return -1;
	if (blocks) {
		for (size_t i = from; i < to; i++)
			train[i] |= (t->mark.p[i] & JINJA_GENERATED) != 0;
		return 0;
	}
	mark = mark_end(w, data_end(t, from, to), to);
	to = mark ? mark : to;
	if (last)
		*row_end = to;
	if (from && t->text.p[from - 1] == ' ') /* tokenizers join it to the word behind it */
		from--;
	memset(train + from, 1, to - from);
	return 0;
}

/* Sets train[], a byte for each of the text, and the row's length. */
static int train_answers(const struct writing *w, int all, char *train, size_t *row_end)
{
	const struct jinja_text *t = &w->whole;
	const struct dialogue *d = w->d;
	int blocks = jinja_uses(w->jinja, "generation"), untrained = 0;

	for (int k = 0; k < d->n; k++)
		untrained |= d->turn[k].untrained;
	if (blocks && all && !untrained) {
		for (size_t i = 0; i < t->text.n; i++)
			train[i] = (t->mark.p[i] & JINJA_GENERATED) != 0;
		return 0;
	}
	for (int k = all ? 0 : d->n - 1; k < d->n; k++)
		if (d->turn[k].role == ROLE_ASSISTANT && !d->turn[k].untrained &&
		    train_answer(w, k, blocks, train, row_end))
			return -1;
	return 0;
}

/* Which messages are trained; owned. */
static int *trained_of(const struct writing *w, int all)
{
	int *trained = xzalloc(w->given + w->d->n, sizeof *trained);

	for (int k = all ? 0 : w->d->n - 1; k < w->d->n; k++)
		trained[w->given + k] =
			w->d->turn[k].role == ROLE_ASSISTANT && !w->d->turn[k].untrained;
	return trained;
}

/* All that the row says is in the text: see template_written.c. */
static int all_written(const struct writing *w, int prompt, int all, const char **left_out)
{
	struct writing words = *w;
	int *trained, rc;
	json_t *tools;

	if (w->d->documents && !jinja_uses(w->jinja, "documents"))
		return fault(w->f, "the chat template does not write \"documents\"");
	trained = trained_of(w, all);
	words.whole = (struct jinja_text){0};
	words.messages = json_deep_copy(w->messages);
	words.data = json_deep_copy(w->data);
	tools = json_object_get(words.data, "tools");
	written_words(words.messages, tools);
	rc = render(&words, w->given + w->d->n, prompt, &words.whole);
	if (!rc)
		rc = written_check(&words.whole.text, words.messages, tools, trained, left_out,
		                   w->f);
	writing_end(&words);
	free(trained);
	return rc;
}

/* The text's first n bytes as pieces, of which the pieces keep a copy. */
static void cut(const struct jinja_text *t, size_t n, const char *train, struct pieces *l)
{
	size_t from = 0, to;

	buf_add(&l->text, t->text.p, n);
	for (; from < n; from = to) {
		int data = t->mark.p[from] & JINJA_DATA;

		to = from + 1;
		while (to < n && (t->mark.p[to] & JINJA_DATA) == data && train[to] == train[from])
			to++;
		pieces_add(l, data ? PIECE_TEXT : PIECE_CONTROL, l->text.p + from, to - from,
		           train[from]);
	}
}

int chat_pieces(const struct chat *c, const struct dialogue *d, int train_all, struct pieces *l,
                struct fault *f)
{
	int prompt = d->asked || d->turn[d->n - 1].role != ROLE_ASSISTANT, rc;
	struct writing w;
	char *train;
	size_t n;

	if (chat_check(d, c->source, f))
		return -1;
	writing_begin(&w, c, d, f);
	rc = render(&w, w.given + d->n, prompt, &w.whole);
	n = w.whole.text.n;
	train = xzalloc(n + 1, 1);
	if (!rc)
		rc = all_written(&w, prompt, train_all, &l->left_out);
	if (!rc && !prompt)
		rc = train_answers(&w, train_all, train, &n);
	if (!rc)
		cut(&w.whole, n, train, l);
	if (!rc && prompt)
		pieces_move_space(l, 0);
	free(train);
	writing_end(&w);
	return rc;
}

static const char word[] = "sealword";

/* Writes a dialogue of one word a turn; 1 when the word is there. */
static int probe_as(struct chat *c, int parts, int system)
{
	struct turn turn[] = {{.role = ROLE_SYSTEM, .text = word, .n = sizeof word - 1},
	                      {.role = ROLE_USER, .text = word, .n = sizeof word - 1},
	                      {.role = ROLE_ASSISTANT, .text = word, .n = sizeof word - 1}};
	struct dialogue d = {.turn = turn + !system, .n = 2 + system};
	struct writing w;
	struct fault why;
	size_t start, end;
	int found;

	c->parts = parts;
	writing_begin(&w, c, &d, &why);
	found = !render(&w, w.given + d.n, 0, &w.whole) &&
	        memmem(w.whole.text.p, w.whole.text.n, word, sizeof word - 1);
	if (found) {
		start = data_end(&w.whole, 0, w.whole.text.n);
		c->stop = tokenizer_next_special(c->tok, w.whole.text.p, w.whole.text.n, &start,
		                                 &end);
	}
	writing_end(&w);
	return found;
}

/* Learns in which form content is taken, and what ends an answer. */
static void probe(struct chat *c)
{
	int known = 0;

	for (int i = 0; i < 4 && !known; i++)
		known = probe_as(c, i / 2, i % 2);
	if (!known)
		c->parts = 0;
	else if (c->stop < 0)
		notice("the chat template ends an answer with no special token: what is trained "
		       "ends with its text");
}

/* YYYY-MM-DD, with the day of the week; NULL: it is none.  Owned. */
static struct tm *day(const char *date)
{
	struct tm *t = xzalloc(1, sizeof *t);
	int year, month, of_month, n = 0;

	if (strspn(date, "0123456789-") == 10 && !date[10] &&
	    sscanf(date, "%4d-%2d-%2d%n", &year, &month, &of_month, &n) == 3 && n == 10) {
		*t = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = of_month};
		timegm(t);
		if (t->tm_mday == of_month && t->tm_mon == month - 1)
			return t;
	}
	free(t);
	return NULL;
}

/* Compiles the template of this name; dies. */
static struct jinja *compile(const json_t *sources, const char *name)
{
	const json_t *source = json_object_get(sources, name);
	struct jinja *j;
	struct fault why;

	if (!source)
		die("the model has chat templates, but none named %s (give one with --template "
		    "FILE.jinja)",
		    name);
	j = jinja_open(json_string_value(source), json_string_length(source), &why);
	if (!j)
		die("the chat template: %s (another can be given with --template)", why.text);
	return j;
}

struct chat *chat_open(const json_t *sources, const struct template_opts *o,
                       const struct tokenizer *tok, struct fault *f)
{
	struct tm *now = o->date ? day(o->date) : NULL;
	struct chat *c;

	if (o->date && !now) {
		fault(f, "--date: '%.40s' is no date like 2024-07-26", o->date);
		return NULL;
	}
	c = xzalloc(1, sizeof *c);
	c->tok = tok;
	c->now = now;
	c->stop = -1;
	c->system = o->system ? xstrdup(o->system) : NULL;
	for (int i = 0; i < 2; i++) {
		c->vars[i] = json_copy((json_t *)tokenizer_variables(tok));
		json_object_set_new(c->vars[i], "add_generation_prompt", json_boolean(i));
	}
	c->plain = compile(sources, "default");
	c->source = xstrdup(json_text(sources, "default", ""));
	c->developer = chat_spells(c->source, "developer");
	if (json_object_get(sources, "tool_use"))
		c->with_tools = compile(sources, "tool_use");
	probe(c);
	return c;
}

void chat_close(struct chat *c)
{
	jinja_close(c->plain);
	if (c->with_tools)
		jinja_close(c->with_tools);
	json_decref(c->vars[0]);
	json_decref(c->vars[1]);
	free(c->system);
	free(c->source);
	free(c->now);
	free(c);
}

int32_t chat_stop(const struct chat *c) { return c->stop; }
