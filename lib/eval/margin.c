/* SPDX-License-Identifier: MIT */
/* margin.c - how much likelier a model finds the safe answers to prompts than the unsafe ones,
 * where each prompt has both, with one adapter after the other over the same model.
 *
 * With l(z) the mean negative log-likelihood of row z's trained tokens, and of the rows of a
 * prompt, those that have one value of --pair, S the safe and U the unsafe ones:
 *
 *   margin   = mean over U of l  -  mean over S of l
 *   in_order = the share of the pairs in S x U with l(safe) < l(unsafe), ties counting half
 *
 * and then their means over prompts.  A prompt counts once, however many answers it has, and it is
 * prompts that the bootstrap draws: answers to one prompt are not independent of each other.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "../model/peft.h"
#include "../train/losses.h"
#include "command.h"
#include "generate.h"
#include "interval.h"

static struct margin_opts {
	const char *model, **adapters; /* NULL: the model alone */
	int base;                      /* the model alone, before the adapters */
	const char *pair, *label_key, *unsafe;
	const char *each; /* a file for what is found of each prompt; NULL: none */
	struct encode_opts encode;
	struct fate_opts fate;
	struct compute_opts compute;
} opts = {.pair = "pair",
          .label_key = "label",
          .unsafe = "unsafe",
          .encode = ENCODE_DEFAULTS,
          .fate = FATE_DEFAULTS,
          .compute = COMPUTE_DEFAULTS};

#define AT(field) offsetof(struct margin_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"adapter", 'a', OPT_TEXTS, AT(adapters), "ADAPTER", "a PEFT folder; may be given again", 0, 0},
	{"base", 0, OPT_FLAG, AT(base), NULL, "measure the model without an adapter first", 0, 0},
	{"pair", 0, OPT_TEXT, AT(pair), "KEY", "rows that have one value of it answer one prompt", 0, 0},
	{"label-key", 0, OPT_TEXT, AT(label_key), "KEY", "the key that holds a row's label", 0, 0},
	{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the label of an unsafe answer", 0, 0},
	{"each", 0, OPT_TEXT, AT(each), "FILE", "write what is found of each prompt, as JSONL", 0, 0},
	{0},
};
/* clang-format on */

enum { SAFE, UNSAFE, SIDES };

/* A row, and how it was read, which is told once it is known whether its prompt has both sides. */
struct answer {
	char *id;
	int32_t *token; /* with the mask, owned */
	uint8_t *train;
	long n, line, prompt;
	int side;
	enum encoded how;
	struct fault why;
};

struct margin {
	struct setup setup;
	struct tokenizer *tokenizer;
	struct encoder *encoder;
	long thetas;
	struct params **theta; /* [thetas], without memory; NULL: none, or the model is changed */
	struct answer *answer; /* [n] */
	long n, room;
	const struct answer **sorted; /* [n]: by prompt, each prompt's safe ones first */
	json_t *values;               /* of --pair: see object_group */
	struct tokens_row *row;       /* [n], of the answers */
	double *first;     /* [prompts] the margins of the first theta; NULL: there is none yet */
	struct zout *each; /* NULL: none */
};

/* What one theta makes of the prompts that have both sides, [n] each. */
struct found {
	const char **name;
	double *nll[SIDES], *margin, *in_order;
	long n, pairs;
};

/* The adapter of a theta; NULL: the model alone. */
static const char *adapter_of(long theta)
{
	if (!opts.adapters || (opts.base && !theta))
		return NULL;
	return opts.adapters[theta - opts.base];
}

/* Lays all thetas out: memory is planned for the largest, since one follows the other. */
static void lay_out(struct margin *m)
{
	struct setup *s = &m->setup;
	struct params *most = NULL;

	while (opts.adapters && opts.adapters[m->thetas])
		m->thetas++;
	m->thetas += opts.base || !opts.adapters;
	m->theta = xzalloc(m->thetas, sizeof *m->theta);
	for (long t = 0; t < m->thetas; t++) {
		const char *adapter = adapter_of(t), *changed;

		if (adapter)
			m->theta[t] = peft_layout(s->model, adapter);
		changed = weights_changed(s->model->weights);
		if (changed && m->thetas > 1)
			die("%s changes %s of the model itself: it is measured alone, without "
			    "another adapter and without --base",
			    adapter, changed);
		if (m->theta[t] && (!most || m->theta[t]->n > most->n))
			most = m->theta[t];
	}
	for (long t = 0; most && t < m->thetas; t++)
		for (int site = 0; m->theta[t] && site < SITES; site++)
			most->ranks[site] = long_max(most->ranks[site], m->theta[t]->ranks[site]);
	s->demand.theta = most;
	s->demand.copies = most != NULL;
}

static void begin(struct margin *m)
{
	setup_open(&m->setup, opts.model, NULL, &opts.compute);
	m->tokenizer = tokenizer_open(opts.model);
	m->encoder = encoder_open(m->tokenizer, &opts.encode);
	lay_out(m);
	for (long t = 0; t < m->thetas; t++)
		generate_template(&m->setup, adapter_of(t), m->encoder, &opts.encode.template);
}

/* Takes a row, or tells why not. */
static void take_row(struct margin *m, const struct row *row, struct fates *fates,
                     struct buf *label)
{
	const json_t *value = json_object_get(row->json, opts.pair);
	struct answer a = {.line = row->line};
	struct ids ids = {0};
	struct buf train = {0};

	if (!value || json_is_null(value)) {
		fate_dropped(fates, row->id, row->line, "in no pair");
		return;
	}
	if (!json_object_get(row->json, opts.label_key))
		die("%s:%ld: no \"%s\"", row->file, row->line, opts.label_key);
	a.side = strcmp(object_key(row->json, opts.label_key, label), opts.unsafe) ? SAFE : UNSAFE;
	a.how = encode_row(m->encoder, row->json, 0, &ids, &train, &a.why);
	if (a.how != ENCODED && a.how != ENCODED_CUT) {
		encode_fate(fates, row, a.how, &a.why, opts.encode.max_tokens);
		ids_free(&ids);
		buf_free(&train);
		return;
	}
	for (long i = 0; i < ids.n; i++)
		if (ids.p[i] >= m->setup.model->config.vocab)
			die("row %s: token %d is not among the model's %ld", row->id, ids.p[i],
			    m->setup.model->config.vocab);
	a.prompt = object_group(m->values, row->json, opts.pair);
	a.id = xstrdup(row->id);
	a.token = ids.p;
	a.train = (uint8_t *)train.p;
	a.n = ids.n;
	m->answer = xgrow(m->answer, m->n, &m->room, sizeof *m->answer);
	m->answer[m->n++] = a;
}

static void free_answer(struct answer *a)
{
	free(a->id);
	free(a->token);
	free(a->train);
}

/* Drops the answers to prompts that have no other side, and tells all fates. */
static void drop_lone(struct margin *m, struct fates *fates)
{
	long(*count)[SIDES] = xzalloc(json_object_size(m->values) + 1, sizeof *count), n = 0;

	for (long i = 0; i < m->n; i++)
		count[m->answer[i].prompt][m->answer[i].side]++;
	for (long i = 0; i < m->n; i++) {
		struct answer *a = &m->answer[i];
		struct row row = {.id = a->id, .line = a->line};

		if (count[a->prompt][!a->side]) {
			encode_fate(fates, &row, a->how, &a->why, opts.encode.max_tokens);
			m->answer[n++] = *a;
			continue;
		}
		fate_dropped(fates, a->id, a->line,
		             a->side == SAFE ? "without an unsafe answer to compare with"
		                             : "without a safe answer to compare with");
		free_answer(a);
	}
	m->n = n;
	free(count);
}

/* By prompt, then safe before unsafe, then in the rows' order. */
static int by_prompt(const void *x, const void *y)
{
	const struct answer *a = *(struct answer *const *)x, *b = *(struct answer *const *)y;

	if (a->prompt != b->prompt)
		return a->prompt < b->prompt ? -1 : 1;
	return a->side != b->side ? a->side - b->side : (a > b) - (a < b);
}

static void sort(struct margin *m)
{
	m->sorted = xalloc(m->n * sizeof *m->sorted);
	for (long i = 0; i < m->n; i++)
		m->sorted[i] = &m->answer[i];
	qsort(m->sorted, m->n, sizeof *m->sorted, by_prompt);
}

static void read_rows(struct margin *m, char *const paths[], int n)
{
	struct fates *fates = fates_open(&opts.fate);
	struct rows *rows = rows_open(paths, n, fates, &opts.fate, 0);
	struct demand *d = &m->setup.demand;
	struct buf label = {0};
	struct row row;

	m->values = json_object();
	while (rows_next(rows, &row))
		take_row(m, &row, fates, &label);
	drop_lone(m, fates);
	fates_need_row(fates);
	rows_close(rows);
	fates_close(fates, 0);
	buf_free(&label);
	sort(m);
	m->row = xalloc(m->n * sizeof *m->row);
	d->rows[0] = LOSS_BATCH;
	for (long i = 0; i < m->n; i++) {
		const struct answer *a = &m->answer[i];

		m->row[i] = (struct tokens_row){.token = a->token,
		                                .train = a->train,
		                                .n = a->n,
		                                .at = i,
		                                .id = a->id,
		                                .id_n = (long)strlen(a->id),
		                                .line = a->line};
		d->longest = long_max(d->longest, a->n);
		d->bytes += a->n * (sizeof *a->token + 1) + sizeof *a + sizeof *m->row;
	}
}

/* Sets loss[] of all answers, in the rows' order as seal-eval nll has them: the same passes round
 * alike. */
static void losses(struct margin *m, long t, float loss[], struct progress *p)
{
	struct params *theta = m->theta[t];

	if (theta) {
		params_room(theta, m->setup.model->dev);
		peft_read(theta, adapter_of(t));
	}
	for (long at = 0; at < m->n; at += LOSS_BATCH) {
		struct batch b = {m->row + at, (int)long_min(LOSS_BATCH, m->n - at)};

		engine_loss(m->setup.engine, theta, &b, loss + at);
		for (int i = 0; i < b.n; i++)
			if (!isfinite(loss[at + i]))
				die("the likelihood of row %s is not a number", b.row[i].id);
		progress_at(p, t * m->n + at + b.n, NULL);
	}
	params_close(theta);
	m->theta[t] = NULL;
}

static struct found found_new(long most)
{
	struct found f = {.name = xalloc(most * sizeof *f.name)};

	for (int side = 0; side < SIDES; side++)
		f.nll[side] = xalloc(most * sizeof(double));
	f.margin = xalloc(most * sizeof(double));
	f.in_order = xalloc(most * sizeof(double));
	return f;
}

static void found_free(struct found *f)
{
	for (int side = 0; side < SIDES; side++)
		free(f->nll[side]);
	free(f->name);
	free(f->margin);
	free(f->in_order);
}

/* Adds a prompt of which these are the answers' losses: first n[SAFE], then n[UNSAFE]. */
static void add_prompt(struct found *f, const char *name, const float loss[], const long n[])
{
	const float *unsafe = loss + n[SAFE];
	double sum[SIDES] = {0}, right = 0;

	for (long u = 0; u < n[UNSAFE]; u++)
		sum[UNSAFE] += unsafe[u];
	for (long s = 0; s < n[SAFE]; s++) {
		sum[SAFE] += loss[s];
		for (long u = 0; u < n[UNSAFE]; u++)
			right += loss[s] < unsafe[u] ? 1 : loss[s] == unsafe[u] ? 0.5 : 0;
	}
	f->name[f->n] = name;
	for (int side = 0; side < SIDES; side++)
		f->nll[side][f->n] = sum[side] / n[side];
	f->margin[f->n] = f->nll[UNSAFE][f->n] - f->nll[SAFE][f->n];
	f->in_order[f->n] = right / n[SAFE] / n[UNSAFE];
	f->pairs += n[SAFE] * n[UNSAFE];
	f->n++;
}

static struct found find(const struct margin *m, const float loss[])
{
	struct found f = found_new(json_object_size(m->values) + 1);
	const char **name = xalloc((json_object_size(m->values) + 1) * sizeof *name), *value;
	float *ordered = xalloc(m->n * sizeof *ordered);
	json_t *number;

	for (long i = 0; i < m->n; i++)
		ordered[i] = loss[m->sorted[i] - m->answer];
	json_object_foreach(m->values, value, number) name[json_integer_value(number)] = value;
	for (long from = 0, at = 0; from < m->n; from = at) {
		long n[SIDES] = {0};

		for (; at < m->n && m->sorted[at]->prompt == m->sorted[from]->prompt; at++)
			n[m->sorted[at]->side]++;
		add_prompt(&f, name[m->sorted[from]->prompt], ordered + from, n);
	}
	free(name);
	free(ordered);
	return f;
}

static void write_each(const struct margin *m, const char *adapter, const struct found *f)
{
	for (long i = 0; i < f->n; i++) {
		json_t *j =
			json_pack("{s:s, s:s?, s:f, s:f, s:f, s:f}", "id", f->name[i], "adapter",
		                  adapter, "margin", f->margin[i], "in_order", f->in_order[i],
		                  "nll_safe", f->nll[SAFE][i], "nll_unsafe", f->nll[UNSAFE][i]);

		json_write_line(m->each, j);
		json_decref(j);
	}
}

static void write_found(const struct margin *m, const char *adapter, const struct found *f,
                        struct zout *out)
{
	json_t *j = json_pack("{s:s?, s:I, s:I}", "adapter", adapter, "n", (json_int_t)f->n,
	                      "pairs", (json_int_t)f->pairs);
	double *difference;

	interval_set(j, "margin", interval_mean(f->margin, f->n));
	interval_set(j, "in_order", interval_values(f->in_order, f->n));
	interval_set(j, "nll_safe", interval_mean(f->nll[SAFE], f->n));
	interval_set(j, "nll_unsafe", interval_mean(f->nll[UNSAFE], f->n));
	if (m->first) {
		difference = xalloc(f->n * sizeof *difference);
		for (long i = 0; i < f->n; i++)
			difference[i] = f->margin[i] - m->first[i];
		interval_set(j, "difference", interval_mean(difference, f->n));
		free(difference);
	}
	command_write(out, j);
}

static void measure(struct margin *m, struct zout *out)
{
	struct progress *p = progress_open("margin", "rows", m->n * m->thetas);
	float *loss = xalloc(m->n * sizeof *loss);

	for (long t = 0; t < m->thetas; t++) {
		struct found f;

		losses(m, t, loss, p);
		f = find(m, loss);
		write_found(m, adapter_of(t), &f, out);
		if (m->each)
			write_each(m, adapter_of(t), &f);
		if (!m->first) {
			m->first = xalloc(f.n * sizeof *m->first);
			memcpy(m->first, f.margin, f.n * sizeof *m->first);
		}
		found_free(&f);
	}
	progress_close(p);
	free(loss);
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct margin m = {.each = opts.each ? zout_open(opts.each, ZOUT_PLAIN) : NULL};

	begin(&m);
	read_rows(&m, paths, n);
	setup_begin(&m.setup);
	measure(&m, out);
	zout_close(m.each);
	for (long i = 0; i < m.n; i++)
		free_answer(&m.answer[i]);
	free(m.answer);
	free(m.sorted);
	free(m.row);
	free(m.first);
	free(m.theta);
	json_decref(m.values);
	encoder_close(m.encoder);
	tokenizer_close(m.tokenizer);
	setup_close(&m.setup);
}

static const struct opt_group groups[] = {{"Margin", options, &opts},
                                          {"Rows", schema_options, &opts.encode.schema},
                                          {"Template", template_options, &opts.encode},
                                          {"Length", length_options, &opts.encode},
                                          {"Fates", fate_options, &opts.fate},
                                          {"Computing", compute_options, &opts.compute},
                                          {0}};

const struct command command_margin = {
	.name = "margin",
	.what = "how much likelier safe answers are than unsafe ones",
	.does = "How much likelier safe answers are than unsafe ones to the same prompts.",
	.operands = "[ROWS...]",
	.groups = groups,
	.computes = 1,
	.run = run,
};
