/* SPDX-License-Identifier: MIT */
/* generate.c - see generate.h.
 *
 * Rows are answered a group at a time; each has its own random numbers, from the
 * seed and its hash, so that its draws do not depend on its neighbours.
 */
#include "generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "../model/cache.h"

#define AT(field) offsetof(struct generate_opts, field)

const struct opt generate_options[] = {
	{"max-new", 0, OPT_COUNT, AT(max_new), "N", "tokens an answer has at most", 1, 1},
	{"batch", 'b', OPT_COUNT, AT(batch), "ROWS", "rows that are answered at a time", 1, 1},
	{"temperature", 0, OPT_REAL, AT(temperature), "T", "0 takes the likeliest token", 0, 1},
	{"top-p", 0, OPT_REAL, AT(top_p), "P", "sample from the likeliest tokens that reach P", 0,
         1},
	{"repetition-penalty", 0, OPT_REAL, AT(penalty), "R",
         "above 1 discourages tokens seen before", 0, 1},
	{"seed", 0, OPT_SEED, AT(seed), "N", "of the sampling", 0, 1},
	{0},
};

struct answer {
	json_t *out;    /* what is to be written, without "output" */
	struct ids ids; /* prompt, then answer */
	long prompt;
	struct rng rng;
	int done;
};

struct generation {
	const struct generate *run;
	const struct config *config;
	int32_t eos, stop;
	struct answer *answer; /* [opts->batch], of which n are taken */
	int n;
	long beyond; /* rows whose answer went past the model's context */
};

/* One token more for each of the rows that were fed. */
static void advance(struct generation *g, const int fed[], int n, float *logits)
{
	long vocab = g->config->vocab;

	for (int i = 0; i < n; i++) {
		struct answer *a = &g->answer[fed[i]];
		int32_t id = sample_token(logits + i * vocab, vocab, a->ids.p, a->ids.n,
		                          g->run->opts, &a->rng);

		if (id == g->eos || id == g->stop) {
			a->done = 1;
			continue;
		}
		ids_add(&a->ids, id);
		a->done = a->ids.n - a->prompt >= g->run->opts->max_new;
	}
}

static void answer_group(struct generation *g)
{
	long longest = 0, total = 0, vocab = g->config->vocab;
	int n = g->n, *slot = xalloc(n * sizeof *slot);
	int32_t *token, *start = xzalloc(n + 1, sizeof *start);
	float *logits = xalloc(n * vocab * sizeof *logits);
	struct cache *c;

	for (int i = 0; i < n; i++) {
		longest = g->answer[i].ids.n > longest ? g->answer[i].ids.n : longest;
		total += g->answer[i].ids.n;
	}
	token = xalloc(total * sizeof *token);
	for (int i = 0; i < n; i++) {
		memcpy(token + start[i], g->answer[i].ids.p, g->answer[i].ids.n * sizeof *token);
		start[i + 1] = start[i] + (int32_t)g->answer[i].ids.n;
		slot[i] = i;
	}
	c = cache_open(g->run->engine, g->run->theta, n, longest + g->run->opts->max_new);
	while (n) {
		int going = 0;

		cache_next(c, token, start, slot, n, logits);
		advance(g, slot, n, logits);
		for (int i = 0; i < n; i++)
			if (!g->answer[slot[i]].done) {
				token[going] =
					g->answer[slot[i]].ids.p[g->answer[slot[i]].ids.n - 1];
				start[going] = going;
				slot[going++] = slot[i];
			}
		start[n = going] = going;
	}
	cache_close(c);
	free(slot);
	free(start);
	free(token);
	free(logits);
}

static void write_group(struct generation *g, struct zout *out)
{
	long context = g->config->context;

	for (int i = 0; i < g->n; i++) {
		struct answer *a = &g->answer[i];
		struct buf text = {0};

		g->beyond += context && a->ids.n > context;
		tokenizer_decode(g->run->tokenizer, a->ids.p + a->prompt, a->ids.n - a->prompt, 0,
		                 0, &text);
		json_object_set_new(a->out, "output", json_repaired(text.p, text.n));
		json_write_line(out, a->out);
		json_decref(a->out);
		buf_free(&text);
		ids_free(&a->ids);
	}
	g->n = 0;
}

/* {"id","instruction","output": to come,"generator", the row's other keys} */
static json_t *answer_row(const struct row *r, const struct schema_opts *schema,
                          const char *generator)
{
	struct turn turn[TURNS_MOST];
	struct buf own = {0};
	struct fault why;
	size_t bytes = 0;
	const char *key, *text = NULL;
	json_t *j = json_object(), *v;
	int n = 0;

	if (!schema_turns(schema, r->json, 0, turn, &n, &own, &why))
		text = schema_instruction(turn, n, &bytes);
	json_object_set_new(j, "id", json_string(r->id));
	json_object_set_new(j, "instruction", json_stringn(text ? text : "", bytes));
	json_object_set_new(j, "output", json_null());
	json_object_set_new(j, "generator", json_string(generator));
	json_object_foreach(r->json, key,
	                    v) if (!json_object_get(j, key) && strcmp(key, "messages") &&
	                           strcmp(key, "conversations")) json_object_set(j, key, v);
	buf_free(&own);
	return j;
}

static void one_row(struct generation *g, const struct row *r, struct fates *fates)
{
	struct answer *a = &g->answer[g->n];
	long vocab = g->config->vocab;
	struct buf train = {0};
	struct fault why;
	enum encoded how;

	memset(a, 0, sizeof *a);
	how = encode_row(g->run->encoder, r->json, 1, &a->ids, &train, &why);
	buf_free(&train);
	if (how == ENCODED_BROKEN || !a->ids.n) {
		if (how != ENCODED_BROKEN)
			fault(&why, "the prompt is empty");
		fate_broken(fates, r->file, r->id, r->line, "no prompt", &why);
		ids_free(&a->ids);
		return;
	}
	if (how == ENCODED_TOO_LONG || how == ENCODED_CUT) {
		fate_dropped(fates, r->id, r->line, "prompt too long");
		ids_free(&a->ids);
		return;
	}
	for (long i = 0; i < a->ids.n; i++)
		if (a->ids.p[i] >= vocab)
			die("row %s: token %d is not among the model's %ld", r->id, a->ids.p[i],
			    vocab);
	a->prompt = a->ids.n;
	a->rng = rng_new(g->run->opts->seed, r->hash);
	a->out = answer_row(r, g->run->schema, g->run->generator);
	fate_kept(fates, r->id, r->line);
	g->n++;
}

void generate_rows(const struct generate *run, char *const paths[], int n, struct zout *out)
{
	const char *stop = template_stop(encoder_template(run->encoder));
	struct generation g = {.run = run,
	                       .config = &engine_model(run->engine)->config,
	                       .answer = xalloc(run->opts->batch * sizeof *g.answer),
	                       .eos = tokenizer_eos(run->tokenizer),
	                       .stop = stop ? tokenizer_id(run->tokenizer, stop) : -1};
	struct fates *fates = fates_open(run->fate);
	struct rows *rows = rows_open(paths, n, fates, run->fate, 0);
	struct progress *p = progress_open("generate", "rows", 0);
	struct row row;
	long done = 0;

	while (rows_next(rows, &row)) {
		one_row(&g, &row, fates);
		if (g.n < run->opts->batch)
			continue;
		done += g.n;
		answer_group(&g);
		write_group(&g, out);
		progress_at(p, done, NULL);
	}
	if (g.n)
		answer_group(&g);
	write_group(&g, out);
	if (g.beyond)
		warn("answers beyond the %ld positions that the model was made for: %ld",
		     g.config->context, g.beyond);
	progress_close(p);
	rows_close(rows);
	fates_close(fates, 0);
	free(g.answer);
}
