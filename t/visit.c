/* SPDX-License-Identifier: MIT */
/* visit.c - what a visitor is shown of rows: likelihoods, hidden states, gradients. */
#include "../lib/base/memory.h"
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6, MOST = 64 };

struct shown { /* of every row */
	float *state[ROWS], *nll[ROWS];
	long dim;
	int rows;
};

static void see(void *ctx, const struct visited *v)
{
	struct shown *s = ctx;

	ok(v->i == s->rows, "row %d comes in its turn", s->rows);
	s->rows++;
	if (v->state) {
		s->state[v->i] = xalloc(v->row->n * s->dim * sizeof(float));
		memcpy(s->state[v->i], v->state, v->row->n * s->dim * sizeof(float));
	}
	if (v->nll) {
		s->nll[v->i] = xalloc(v->row->n * sizeof(float));
		memcpy(s->nll[v->i], v->nll, v->row->n * sizeof(float));
	}
}

static struct shown shown(struct engine *e, const struct params *a, const struct batch *b, int layer, int no_nll)
{
	struct shown s = {.dim = engine_model(e)->config.dim};

	engine_visit(e, a, b, &(struct visit){.see = see, .ctx = &s, .all = 1, .layer = &layer, .layers = 1, .no_nll = no_nll});
	return s;
}

static void forget(struct shown *s)
{
	for (int i = 0; i < ROWS; i++) {
		free(s->state[i]);
		free(s->nll[i]);
	}
}

static double states_off(const struct shown *a, const struct shown *b, const struct batch *rows)
{
	double most = 0;

	for (int i = 0; i < rows->n; i++)
		for (long k = 0; k < rows->row[i].n * a->dim; k++)
			most = fmax(most, fabs((double)a->state[i][k] - b->state[i][k]));
	return most;
}

/* nll of a row's token t, by the final norm and the head in double, from the state before it. */
static double nll_of(const struct model *m, const float *x, int32_t target)
{
	const struct config *c = &m->config;
	const float *gain = m->net.final.gain.p, *bias = m->net.final.bias.p, *head = m->net.head.p;
	double mean = 0, square = 0, sum = 0, wanted = 0, most = -1e300;
	double *logit = xalloc(c->vocab * sizeof *logit);

	for (long j = 0; j < c->dim && !c->norm.rms; j++)
		mean += x[j] / (double)c->dim;
	for (long j = 0; j < c->dim; j++)
		square += (x[j] - mean) * (x[j] - mean) / c->dim;
	for (long i = 0; i < c->vocab; i++) {
		double s = 0;

		for (long j = 0; j < c->dim; j++) {
			double h = (x[j] - mean) / sqrt(square + c->norm.eps) * (c->norm.offset + gain[j]);

			s += (h + (bias ? bias[j] : 0)) * head[i * c->dim + j];
		}
		s *= c->logit_scale;
		logit[i] = c->logit_cap > 0 ? c->logit_cap * tanh(s / c->logit_cap) : s;
		most = fmax(most, logit[i]);
	}
	for (long i = 0; i < c->vocab; i++)
		sum += exp(logit[i] - most);
	wanted = most + log(sum) - logit[target];
	free(logit);
	return wanted;
}

/* The states after the last block predict what the likelihoods say. */
static void check_last(const char *name, struct engine *e, const struct batch *b)
{
	const struct model *m = engine_model(e);
	struct shown s = shown(e, NULL, b, (int)m->config.layers, 0);
	double off = 0;

	for (int i = 0; i < b->n; i++)
		for (long t = 1; t < b->row[i].n; t++)
			off = fmax(off, fabs(nll_of(m, s.state[i] + (t - 1) * s.dim, b->row[i].token[t]) - s.nll[i][t]));
	ok(off < 1e-4, "%s: the last states' likelihoods are those that are shown (off by %.1e)", name, off);
	forget(&s);
}

/* Before the first block there are the embeddings. */
static void check_first(const char *name, struct engine *e, const struct batch *b)
{
	const struct model *m = engine_model(e);
	struct shown s = shown(e, NULL, b, 0, 1);
	const float *embed = m->net.embed.p;
	double off = 0;

	ok(!s.nll[0], "%s: no likelihoods where none are asked for", name);
	for (int i = 0; i < b->n; i++)
		for (long k = 0; k < b->row[i].n * s.dim; k++)
			off = fmax(off, fabs(s.state[i][k] - m->config.embed_scale *
			                     embed[b->row[i].token[k / s.dim] * s.dim + k % s.dim]));
	ok(off < 1e-6, "%s: states before the first block are embeddings (off by %.1e)", name, off);
	forget(&s);
}

/* The same with and without likelihoods, in passes of few rows, and one row at a time. */
static void check_ways(const char *name, struct engine *e, struct engine *narrow, const struct batch *b)
{
	struct shown with = shown(e, NULL, b, 1, 0), without = shown(e, NULL, b, 1, 1);
	struct shown few = shown(narrow, NULL, b, 1, 1);

	ok(states_off(&with, &without, b) < 1e-5, "%s: with and without likelihoods", name);
	ok(states_off(&few, &without, b) < 1e-5, "%s: in passes of few tokens", name);
	forget(&few);
	forget(&with);
	forget(&without);
}

struct sum {
	double *g;
	float loss[ROWS];
	int rows;
};

static void add_gradient(void *ctx, const struct tokens_row *r, float loss, const struct params *a)
{
	struct sum *s = ctx;
	float *g = xalloc(a->n * sizeof *g);

	(void)r;
	a->dev->op->get(a->dev, g, a->g, a->n * sizeof *g);
	for (long i = 0; i < a->n; i++)
		s->g[i] += g[i];
	s->loss[s->rows++] = loss;
	free(g);
}

static void check_gradients(const char *name, struct engine *e, const struct batch *b)
{
	struct params *a = tiny_new(e, "all-linear", 4, 4, 1);
	struct sum s = {.g = xzalloc(a->n, sizeof(double))};
	float weight[ROWS] = {1, 1, 1, 1, 1, 1}, loss[ROWS], *g = xalloc(a->n * sizeof *g);
	double off = 0, most = 0;

	engine_row_gradients(e, a, b, add_gradient, &s);
	ok(s.rows == b->n && params_norm(a) == 0, "%s: a gradient for each row, and none is left", name);
	engine_grad(e, a, b, weight, loss);
	a->dev->op->get(a->dev, g, a->g, a->n * sizeof *g);
	for (long i = 0; i < a->n; i++) {
		off = fmax(off, fabs(s.g[i] - g[i]));
		most = fmax(most, fabs(g[i]));
	}
	for (int i = 0; i < b->n; i++)
		off = fmax(off, fabs(s.loss[i] - loss[i]));
	ok(off < 1e-5 * fmax(1, most), "%s: they add up to the batch's (off by %.1e of %.1e)", name, off, most);
	free(s.g);
	free(g);
	params_close(a);
}

int main(void)
{
	static const char *const names[] = {"tiny-llama", "tiny-neox", "tiny-gemma2", "tiny-olmo2"};
	json_t *json = json_read_file(GOLD "rows.json");
	struct tokens *rows = tiny_rows(json);
	long row[ROWS] = {3, 0, 5, 2, 1, 4};
	struct batch b = tiny_batch(rows, row, ROWS);

	die_name("visit.t");
	notice_quiet(1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct engine *e = tiny_open(names[i], "f32", 2048, 1), *narrow = tiny_open(names[i], "f32", 64, 1);

		check_first(names[i], e, &b);
		check_last(names[i], e, &b);
		check_ways(names[i], e, narrow, &b);
		check_gradients(names[i], e, &b);
		tiny_close(e);
		tiny_close(narrow);
	}
	tokens_close(rows);
	json_decref(json);
	return tap_done();
}
