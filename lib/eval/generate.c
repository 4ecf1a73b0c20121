/* SPDX-License-Identifier: MIT */
/* generate.c - answers the prompts of rows: {"id","instruction","output","generator", the row's
 * other keys} for each, in the rows' order.
 *
 * Rows are answered some at a time.  Each has its own random numbers, from the seed and its hash,
 * so that its draws do not depend on its neighbours.
 */
#include "generate.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../base/world.h"
#include "../model/cache.h"
#include "../model/peft.h"
#include "../train/setup.h"
#include "command.h"

static struct generate_opts opts = {.max_new = 256,
                                    .batch = 64,
                                    .top_p = 1,
                                    .penalty = 1,
                                    .encode = ENCODE_DEFAULTS,
                                    .fate = FATE_DEFAULTS,
                                    .compute = COMPUTE_DEFAULTS};

#define AT(field) offsetof(struct generate_opts, field)

/* clang-format off */
static const struct opt model_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"adapter", 'a', OPT_TEXT, AT(adapter), "ADAPTER", "a PEFT folder", 0, 0},
	{0},
};

static const struct opt options[] = {
	{"max-new", 0, OPT_COUNT, AT(max_new), "N", "tokens an answer has at most", 1, 1},
	{"batch", 'b', OPT_COUNT, AT(batch), "ROWS", "rows that are answered at a time", 1, 1},
	{"temperature", 0, OPT_REAL, AT(temperature), "T", "0 takes the likeliest token", 0, 1},
	{"top-p", 0, OPT_REAL, AT(top_p), "P", "sample from the likeliest tokens that reach P", 0, 1},
	{"repetition-penalty", 0, OPT_REAL, AT(penalty), "R",
		"above 1 discourages tokens seen before", 0, 1},
	{"seed", 0, OPT_SEED, AT(seed), "N", "of the sampling", 0, 1},
	{0},
};
/* clang-format on */

/* A row that is being answered. */
struct answer {
	json_t *out;    /* what is to be written, without "output" */
	struct ids ids; /* prompt, then answer */
	long prompt;    /* tokens */
	struct rng rng;
	int done;
};

struct generation {
	struct setup setup;
	long vocab, context; /* of the model */
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	struct ids ends;       /* that end an answer */
	struct answer *answer; /* [opts.batch], of which n are taken */
	int n;
	long beyond; /* rows whose answer went past the model's context */
};

static int is_end(const struct generation *g, int32_t id)
{
	for (long i = 0; i < g->ends.n; i++)
		if (g->ends.p[i] == id)
			return 1;
	return 0;
}

/* One token more for each of the n answers fed[i]: best[i], or where there are logits [n x vocab],
 * what is drawn by them. */
static void advance(struct generation *g, const int fed[], int n, float *logits,
                    const int32_t *best)
{
	for (int i = 0; i < n; i++) {
		struct answer *a = &g->answer[fed[i]];
		int32_t id = !logits ? best[i]
		                     : sample_token(logits + i * g->vocab, g->vocab, a->ids.p,
		                                    a->ids.n, &opts, &a->rng);

		if (id < 0)
			die("row %s: the model's logits are not finite",
			    json_text(a->out, "id", "?"));
		if (is_end(g, id)) {
			a->done = 1;
			continue;
		}
		ids_add(&a->ids, id);
		a->done = a->ids.n - a->prompt >= opts.max_new;
	}
}

/* Answers the rows at hand: first their prompts are fed, then a token of each that goes on. */
static void answer_group(struct generation *g)
{
	long longest = 0, total = 0;
	int n = g->n, *slot = xalloc(n * sizeof *slot);
	int32_t *token, *start = xzalloc(n + 1, sizeof *start), *best = xalloc(n * sizeof *best);
	int greedy = opts.temperature == 0 && opts.penalty == 1;
	float *logits = greedy ? NULL : xalloc(n * g->vocab * sizeof *logits);
	struct cache *c;

	for (int i = 0; i < n; i++) {
		longest = long_max(longest, g->answer[i].ids.n);
		total += g->answer[i].ids.n;
	}
	token = xalloc(total * sizeof *token);
	for (int i = 0; i < n; i++) {
		memcpy(token + start[i], g->answer[i].ids.p, g->answer[i].ids.n * sizeof *token);
		start[i + 1] = start[i] + (int32_t)g->answer[i].ids.n;
		slot[i] = i;
	}
	c = cache_open(g->setup.engine, g->setup.theta, n, longest + opts.max_new);
	while (n) {
		int going = 0;

		if (greedy)
			cache_best(c, token, start, slot, n, best);
		else
			cache_next(c, token, start, slot, n, logits);
		advance(g, slot, n, logits, best);
		for (int i = 0; i < n; i++) {
			const struct answer *a = &g->answer[slot[i]];

			if (a->done)
				continue;
			token[going] = a->ids.p[a->ids.n - 1];
			start[going] = going;
			slot[going++] = slot[i];
		}
		start[n = going] = going;
	}
	cache_close(c);
	free(slot);
	free(start);
	free(token);
	free(best);
	free(logits);
}

/* Writes the answers at hand, and makes room for the next. */
static void write_group(struct generation *g, struct zout *out)
{
	for (int i = 0; i < g->n; i++) {
		struct answer *a = &g->answer[i];
		struct buf text = {0};

		g->beyond += g->context && a->ids.n > g->context;
		tokenizer_decode(g->tokenizer, a->ids.p + a->prompt, a->ids.n - a->prompt, 0, 0,
		                 &text);
		json_object_set_new(a->out, "output", json_repaired(text.p, text.n));
		json_write_line(out, a->out);
		json_decref(a->out);
		buf_free(&text);
		ids_free(&a->ids);
	}
	g->n = 0;
}

/* {"id","instruction","output": null,"generator", the row's other keys}, owned; NULL with a fault
 * where one of these could not be read, so that it cannot be written either. */
static json_t *answer_row(const struct row *r, struct fault *f)
{
	struct dialogue d = {0};
	struct fault why;
	size_t bytes = 0;
	const char *key, *text = NULL;
	json_t *j = json_object(), *v;

	if (!schema_turns(&opts.encode.schema, r->json, 0, &d, &why))
		text = schema_instruction(&d, &bytes);
	json_object_set_new(j, "id", json_string(r->id));
	json_object_set_new(j, "instruction", json_stringn(text ? text : "", bytes));
	json_object_set_new(j, "output", json_null());
	json_object_set_new(j, "generator", json_string(opts.adapter ? opts.adapter : opts.model));
	json_object_foreach(r->json, key, v)
	{
		const char *unread = json_unread_in(v);

		if (json_object_get(j, key) || !strcmp(key, "messages") ||
		    !strcmp(key, "conversations") || !strcmp(key, "conversation"))
			continue;
		if (unread) {
			fault(f, "\"%.60s\" %s, and cannot be written", key, unread);
			json_decref(j);
			j = NULL;
			break;
		}
		json_object_set(j, key, v);
	}
	dialogue_free(&d);
	return j;
}

/* Takes a row among those at hand, or tells why not. */
static void take_row(struct generation *g, const struct row *r, struct fates *fates)
{
	struct answer *a = &g->answer[g->n];
	struct buf train = {0};
	struct fault why;
	enum encoded how;

	memset(a, 0, sizeof *a);
	how = encode_row(g->encoder, r->json, 1, &a->ids, &train, &why);
	buf_free(&train);
	if (how == ENCODED_BROKEN || !a->ids.n) {
		if (how != ENCODED_BROKEN)
			fault(&why, "the prompt is empty");
		fate_broken(fates, r->file, r->id, r->line, r->element, "no prompt", &why);
		ids_free(&a->ids);
		return;
	}
	if (how == ENCODED_TOO_LONG || how == ENCODED_CUT) {
		fate_dropped(fates, r->id, r->line, "prompt too long");
		ids_free(&a->ids);
		return;
	}
	for (long i = 0; i < a->ids.n; i++)
		if (a->ids.p[i] >= g->vocab)
			die("row %s: token %d is not among the model's %ld", r->id, a->ids.p[i],
			    g->vocab);
	a->prompt = a->ids.n;
	a->rng = rng_new(opts.seed, r->hash);
	a->out = answer_row(r, &why);
	if (!a->out) {
		fate_broken(fates, r->file, r->id, r->line, r->element, "bad row", &why);
		ids_free(&a->ids);
		return;
	}
	fate_kept(fates, r->id, r->line);
	g->n++;
}

void generate_template(const struct setup *s, const char *adapter, const struct encoder *e,
                       const struct template_opts *o)
{
	char *of_adapter = adapter ? peft_template(adapter) : NULL;
	const char *trained = adapter ? of_adapter : model_template(s->model);
	const char *now = template_name(encoder_template(e));

	if (trained && strcmp(trained, now) && !strcmp(o->name, "auto"))
		die("%s was trained with the template %s, not %s (--template insists on one)",
		    adapter ? adapter : s->path, trained, now);
	free(of_adapter);
}

static void begin(struct generation *g)
{
	struct setup *s = &g->setup;

	setup_open(s, opts.model, opts.adapter, &opts.compute);
	g->tokenizer = tokenizer_open(opts.model);
	g->encoder = encoder_open(g->tokenizer, &opts.encode);
	generate_template(s, opts.adapter, g->encoder, &opts.encode.template);
	s->demand.slots = opts.batch;
	s->demand.longest = s->demand.positions = opts.encode.max_tokens + opts.max_new;
	setup_begin(s);
	g->vocab = s->model->config.vocab;
	g->context = s->model->config.context;
	generate_ends(&g->ends, g->tokenizer, opts.model);
	ids_add(&g->ends, template_stop(encoder_template(g->encoder)));
	g->answer = xalloc(opts.batch * sizeof *g->answer);
}

/* Forgets the row that was taken last. */
static void leave_row(struct generation *g)
{
	struct answer *a = &g->answer[--g->n];

	json_decref(a->out);
	ids_free(&a->ids);
}

/* How many rows have a prompt that is answered. */
static long count_rows(struct generation *g, char *const paths[], int n)
{
	struct fates *fates = fates_open(&(struct fate_opts){.on_error = "skip"});
	struct rows *rows = rows_open(paths, n, fates, &opts.fate, 0);
	struct row row;
	long count = 0;

	fates_mute(fates, 1);
	while (rows_next(rows, &row)) {
		take_row(g, &row, fates);
		count += g->n;
		if (g->n)
			leave_row(g);
	}
	rows_close(rows);
	fates_close(fates, 0);
	return count;
}

/* Answers the rows of a share, which are counted by prompts that are answered; a row that is not
 * belongs to the share of the next one that is. */
static void answer_rows(struct generation *g, char *const paths[], int n, struct zout *out)
{
	long all = shard_asked(&opts.shard) ? count_rows(g, paths, n) : 0, taken = 0, done = 0;
	struct share share = shard_of(&opts.shard, all, opts.batch);
	struct fates *fates = fates_open_joined(&opts.fate);
	struct rows *rows = rows_open(paths, n, fates, &opts.fate, 0);
	struct progress *p = progress_open("generate", "rows", 0);
	struct row row;
	int before;

	for (;;) {
		/* rows that have no prompt, behind all that have one, are the last share's */
		int last = share.end == all && (all || world_rank() == world_size() - 1),
		    own = taken >= share.first && (taken < share.end || last);

		fates_mute(fates, !own);
		if (!rows_next(rows, &row))
			break;
		before = g->n;
		take_row(g, &row, fates);
		taken += g->n - before;
		if (!own && g->n > before)
			leave_row(g);
		if (g->n < opts.batch)
			continue;
		done += g->n;
		answer_group(g);
		write_group(g, out);
		progress_at(p, done, NULL);
	}
	if (g->n)
		answer_group(g);
	write_group(g, out);
	if (!opts.shard.shard)
		fates_need_row(fates);
	world_same("the rows", rows_hash(rows));
	if (g->beyond)
		notice("answers beyond the %ld positions that the model was made for: %ld",
		       g->context, g->beyond);
	progress_close(p);
	rows_close(rows);
	fates_close(fates, 0);
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct generation g = {0};

	shard_check(&opts.shard, 1, paths, n);
	begin(&g);
	answer_rows(&g, paths, n, out);
	free(g.answer);
	ids_free(&g.ends);
	encoder_close(g.encoder);
	tokenizer_close(g.tokenizer);
	setup_close(&g.setup);
}

static const struct opt_group groups[] = {{"Model", model_options, &opts},
                                          {"Generation", options, &opts},
                                          {"Rows", schema_options, &opts.encode.schema},
                                          {"Template", template_options, &opts.encode},
                                          {"Fates", fate_options, &opts.fate},
                                          {"Sharing the work", shard_options, &opts.shard},
                                          {"Computing", compute_options, &opts.compute},
                                          {0}};

const struct command command_generate = {
	.name = "generate",
	.what = "a model's answers to prompts",
	.does = "Answers every row's prompt.",
	.operands = "[ROWS...]",
	.groups = groups,
	.computes = 1,
	.shares = 1,
	.run = run,
};
