/* SPDX-License-Identifier: MIT */
/* pass.c - losses and gradients: rows packed into passes, through the blocks,
 * the head and back.
 *
 * A pass is filled up to a multiple of 64 tokens with one more row of padding
 * that nothing trains, so that products have few sizes; rows see only
 * themselves, so that it changes nothing.  What rows begin with in common is computed
 * once (shared.c).  The head works on the trained tokens alone, HEAD_ROWS at a
 * time:  loss = xent(norm(x) head').
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "model_in.h"

static long round_up(long n) { return (n + ROUND - 1) / ROUND * ROUND; }

struct packed { /* host */
	long tokens, rows, trained, room;
	long keys; /* of all rows in full */
	int longest;
	int32_t *id, *position; /* [tokens]; the position's rope_entry */
	int32_t *q, *len, *k;   /* [rows + 1], [rows], [rows] */
	int32_t *from;          /* [keys]: the token that each key is of */
	int32_t *at, *target;   /* [trained]: predicted from row `at` of the activations */
	float *weight, *loss;   /* [trained] */
};

static struct packed *packed_open(long room)
{
	struct packed *p = xzalloc(1, sizeof *p);

	p->room = room;
	p->id = xalloc(room * sizeof *p->id);
	p->position = xalloc(room * sizeof *p->position);
	p->q = xzalloc(room + 1, sizeof *p->q);
	p->len = xalloc(room * sizeof *p->len);
	p->k = xalloc(room * sizeof *p->k);
	p->from = xalloc((room + ROUND) * sizeof *p->from);
	p->at = xalloc((room + ROUND) * sizeof *p->at);
	p->target = xalloc((room + ROUND) * sizeof *p->target);
	p->weight = xalloc((room + ROUND) * sizeof *p->weight);
	p->loss = xalloc(room * sizeof *p->loss);
	return p;
}

void packed_close(struct packed *p)
{
	if (!p)
		return;
	free(p->id);
	free(p->position);
	free(p->q);
	free(p->len);
	free(p->k);
	free(p->from);
	free(p->at);
	free(p->target);
	free(p->weight);
	free(p->loss);
	free(p);
}

/* The first `skip` tokens are those of row `with`, which is in the pass already. */
static void add_tokens(struct packed *p, const struct rope *rope, const int32_t *token, long n,
                       long skip, int with)
{
	int32_t *from = p->from + p->keys;

	for (long i = 0; i < n; i++)
		from[i] = i < skip ? p->from[p->k[with] + i] : (int32_t)(p->tokens + i - skip);
	for (long i = skip; i < n; i++) {
		p->id[from[i]] = token ? token[i] : 0;
		p->position[from[i]] = (int32_t)rope_entry(rope, i, n);
	}
	p->k[p->rows] = (int32_t)p->keys;
	p->len[p->rows++] = (int32_t)n;
	p->keys += n;
	p->tokens += n - skip;
	p->q[p->rows] = (int32_t)p->tokens;
	if (n > p->longest)
		p->longest = (int)n;
}

static long count_trained(const struct tokens *d, long row, int all)
{
	struct tokens_row r = tokens_row(d, row);
	long n = 0;

	for (long i = 1; i < r.n; i++)
		n += all || r.train[i];
	return n;
}

/* Row i of the batch, whose pass begins at row `from`; weight: of its mean loss. */
static void add_row(struct packed *p, const struct model *m, const struct batch *b, int from, int i,
                    int all, float weight)
{
	struct tokens_row r = tokens_row(b->data, b->row[i]);
	long trained = count_trained(b->data, b->row[i], all), keys = p->keys, skip;
	int with = 0;
	char id[128];

	for (long j = 0; j < r.n; j++)
		if (r.token[j] < 0 || r.token[j] >= m->config.vocab)
			die("row %s: token %d is not among the model's %ld",
			    tokens_id(b->data, b->row[i], id, sizeof id), r.token[j],
			    m->config.vocab);
	skip = shared_tokens(m, b, from, i, all, &with);
	add_tokens(p, &m->config.rope, r.token, r.n, skip, with);
	for (long j = 1; j < r.n; j++)
		if (all || r.train[j]) {
			p->at[p->trained] = p->from[keys + j - 1];
			p->target[p->trained] = r.token[j];
			p->weight[p->trained++] = weight / trained;
		}
}

/* Device copies in w->ints: id, position, q, len, at, target, from, k; w->floats: loss, weight. */
struct placed {
	struct pack pack;
	int32_t *id, *at, *target;
	float *loss, *weight;
};

static struct placed place(struct model *m, struct work *w, const struct packed *p)
{
	const struct ops *op = m->dev->op;
	long room = w->tokens;
	int32_t *position = w->ints + room, *q = position + room, *len = q + room + ROUND;
	struct placed d = {.id = w->ints,
	                   .at = len + room,
	                   .loss = w->floats,
	                   .weight = w->floats + room + ROUND};

	d.target = d.at + room + ROUND;
	op->put(m->dev, d.id, p->id, p->tokens * sizeof *d.id);
	op->put(m->dev, position, p->position, p->tokens * sizeof *position);
	op->put(m->dev, q, p->q, (p->rows + 1) * sizeof *q);
	op->put(m->dev, len, p->len, p->rows * sizeof *len);
	op->put(m->dev, d.at, p->at, round_up(p->trained) * sizeof *d.at);
	op->put(m->dev, d.target, p->target, round_up(p->trained) * sizeof *d.target);
	op->put(m->dev, d.weight, p->weight, round_up(p->trained) * sizeof *d.weight);
	model_positions(m, p->longest);
	d.pack.spans = (struct spans){.q = q,
	                              .k = q,
	                              .len = len,
	                              .n = (int)p->rows,
	                              .longest = p->longest};
	d.pack.position = position;
	d.pack.table = m->rope;
	d.pack.keys = w->keys;
	if (p->keys > p->tokens) {
		int32_t *from = d.target + room + ROUND, *k = from + p->keys;

		op->put(m->dev, from, p->from, p->keys * sizeof *from);
		op->put(m->dev, k, p->k, p->rows * sizeof *k);
		d.pack.from = from;
		d.pack.spans.k = k;
	}
	return d;
}

/* The place of block i's activations; the lower blocks share the first. */
static struct kept *kept_of(const struct model *m, struct work *w, long i)
{
	long shared = m->config.layers - w->kept;

	return &w->block[i > shared ? i - shared : 0];
}

struct mat model_blocks(struct model *m, const struct adapter *a, struct work *w,
                        const struct pack *p, const int32_t *id, struct cache_layer *cache,
                        const int32_t *only, long n)
{
	const struct net *t = net_of(m, a);
	struct mat x = w->x[0];

	m->dev->op->gather(m->dev, x, t->embed, id);
	for (long i = 0; i < m->config.layers; i++) {
		const int32_t *here = i == m->config.layers - 1 ? only : NULL;
		struct mat y = w->xs > 1 ? w->x[i + 1] : x;
		struct kept k = *kept_of(m, w, i);

		if (here)
			y.rows = n;
		else if (y.p == x.p) /* there is no way back: x1 in place too */
			k.x1 = x;
		block_forward(m->dev, &m->config, &t->layer[i], theta_of(a, i), p, y, x, &k,
		              cache ? &cache[i] : NULL, here);
		x = y;
	}
	return x;
}

struct mat model_head(struct model *m, const struct adapter *a, struct work *w, struct mat h)
{
	const struct ops *op = m->dev->op;
	const struct net *t = net_of(m, a);
	struct mat hn = row_range(w->hn, 0, h.rows), logits = row_range(w->logits, 0, h.rows);

	op->norm(m->dev, hn, w->hstat, h, t->gain, t->bias, m->config.eps, m->config.family->rms);
	op->gemm(m->dev, logits, hn, 0, t->head, 1, 1, 0);
	return logits;
}

/* Losses of the trained tokens, and w->dy = their weighted gradient when backward; x: what
 * they are predicted from, backwards among the rest. */
static void head(struct model *m, const struct adapter *a, struct work *w, const struct placed *p,
                 struct mat x, long trained, int backward)
{
	const struct ops *op = m->dev->op;
	static const struct net frozen;
	const struct net *t = net_of(m, a), *g = a && a->grad ? a->grad : &frozen;
	const struct mat none = {0};

	if (backward)
		op->zero(m->dev, w->dy.p, w->dy.rows * w->dy.cols * sizeof(float));
	for (long i = 0; i < trained; i += HEAD_ROWS) {
		long n = trained - i < HEAD_ROWS ? trained - i : HEAD_ROWS;
		struct mat h = row_range(backward ? w->h : x, backward ? 0 : i, n), logits;
		struct mat dlogits = row_range(w->dlogits, 0, n), dh = row_range(w->dh, 0, n);

		if (backward)
			op->gather(m->dev, h, x, p->at + i);
		logits = model_head(m, a, w, h);
		op->xent(m->dev, p->loss + i, backward ? dlogits : none, logits, p->target + i,
		         p->weight + i);
		if (!backward)
			continue;
		op->gemm(m->dev, dh, dlogits, 0, t->head, 0, 1, 0);
		if (g->head.p)
			op->gemm(m->dev, g->head, dlogits, 1, row_range(w->hn, 0, n), 0, 1, 1);
		op->zero(m->dev, w->h2.p, n * dh.cols * sizeof(float));
		op->norm_back(m->dev, row_range(w->h2, 0, n), g->gain, g->bias, dh, h, t->gain,
		              w->hstat, m->config.family->rms);
		op->scatter_add(m->dev, w->dy, row_range(w->h2, 0, n), p->at + i);
	}
}

static long lowest_trained(const struct adapter *a)
{
	if (a->grad)
		return 0;
	for (long i = 0; i < a->config->layers; i++)
		for (int s = 0; s < SITES; s++)
			if (a->site[i][s].n)
				return i;
	return a->config->layers;
}

static void back(struct model *m, const struct adapter *a, struct work *w, const struct pack *p,
                 const int32_t *id)
{
	const struct net *n = net_of(m, a);
	long low = lowest_trained(a), shared = m->config.layers - w->kept;

	for (long i = m->config.layers - 1; i >= low; i--) {
		struct kept *k = kept_of(m, w, i);

		if (i < shared) /* its activations were overwritten: compute them again */
			block_forward(m->dev, &m->config, &n->layer[i], theta_of(a, i), p,
			              w->x[i + 1], w->x[i], k, NULL, NULL);
		block_back(m->dev, &m->config, &n->layer[i], theta_of(a, i), p, w->dy, w->x[i], k,
		           &w->scratch, i > low || a->grad);
	}
	if (a->grad)
		m->dev->op->scatter_add(m->dev, a->grad->embed, w->dy, id);
}

/* Memory for this pass, as it is or larger. */
static void make_room(struct model *m, const struct adapter *a, const struct packed *p,
                      int backward)
{
	long most = m->largest[backward] ? m->largest[backward] : m->pass,
	     keys = p->keys > p->tokens ? p->keys : 0;

	if (m->work && !work_divide(m->work, m, a, p->tokens, keys, backward))
		return;
	if (m->work)
		work_close(m->work);
	most = p->tokens > most ? p->tokens : most;
	m->work = work_open(m, a, most, keys > most + ROUND ? keys : most + ROUND, backward);
	if (work_divide(m->work, m, a, p->tokens, keys, backward))
		assert(!"the work that was opened for a pass holds it");
}

/* Sets p->loss. */
static void run(struct model *m, const struct adapter *a, struct packed *p, int backward)
{
	struct placed d;
	struct mat x;

	if (!p->trained)
		return;
	if (round_up(p->tokens) > p->tokens)
		add_tokens(p, &m->config.rope, NULL, round_up(p->tokens) - p->tokens, 0, 0);
	for (long i = p->trained; i < round_up(p->trained); i++) {
		p->at[i] = 0;
		p->target[i] = -1;
		p->weight[i] = 0;
	}
	make_room(m, a, p, backward);
	d = place(m, m->work, p);
	x = model_blocks(m, a, m->work, &d.pack, d.id, NULL, backward ? NULL : d.at,
	                 round_up(p->trained));
	head(m, a, m->work, &d, x, round_up(p->trained), backward);
	if (backward)
		back(m, a, m->work, &d.pack, d.id);
	m->dev->op->get(m->dev, p->loss, d.loss, p->trained * sizeof *p->loss);
}

/* How many rows from b->row[from] on make the next pass: rows of even shares of
 * what is left, none over `pass` tokens unless a single row is; *tokens of them. */
static int next_pass(long pass, const struct batch *b, int from, long *tokens)
{
	long left = 0, share, n = 0;
	int to = from;

	for (int i = from; i < b->n; i++)
		left += tokens_length(b->data, b->row[i]);
	share = left / ((left + pass - 1) / pass);
	while (to < b->n &&
	       (to == from || (n < share && n + tokens_length(b->data, b->row[to]) <= pass)))
		n += tokens_length(b->data, b->row[to++]);
	*tokens = n;
	return to - from;
}

void passes_add(struct passes *p, const struct batch *b, long pass)
{
	long tokens;

	for (int from = 0; from < b->n;) {
		from += next_pass(pass, b, from, &tokens);
		tokens = round_up(tokens);
		p->seen[tokens / ROUND / 64 % 64] |= 1ull << tokens / ROUND % 64;
		if (tokens > p->largest)
			p->largest = tokens;
	}
}

int passes_sizes(const struct passes *p)
{
	int n = 0;

	for (int i = 0; i < 64; i++)
		n += __builtin_popcountll(p->seen[i]);
	return n;
}

/* The host's arrays, with room for a pass of so many tokens. */
static struct packed *empty(struct model *m, long tokens)
{
	struct packed *p = m->packed;

	tokens = round_up(tokens);
	if (!p || p->room < tokens) {
		packed_close(p);
		m->packed = p = packed_open(tokens > m->pass ? tokens : m->pass);
	}
	p->tokens = p->rows = p->trained = p->longest = p->keys = 0;
	return p;
}

/* The one way through: weight NULL is forwards only; mean and nll as in model.h. */
static void batch_run(struct model *m, struct adapter *a, const struct batch *b,
                      const float weight[], int all, float mean[], float nll[])
{
	char id[128];
	long at = 0, tokens;

	for (int from = 0, n; from < b->n; from += n) {
		struct packed *p;
		const float *l;

		n = next_pass(m->pass, b, from, &tokens);
		p = empty(m, tokens);
		for (int i = from; i < from + n; i++)
			add_row(p, m, b, from, i, all, weight ? weight[i] : 0);
		run(m, a, p, weight != NULL);
		l = p->loss;
		for (int i = from; i < from + n; i++) {
			long row = b->row[i], trained = count_trained(b->data, row, all);
			struct tokens_row r = tokens_row(b->data, row);
			double sum = 0;

			if (!trained && mean)
				die("row %s has no trained token",
				    tokens_id(b->data, row, id, sizeof id));
			for (long t = 0; t < r.n; t++) {
				int on = t && (all || r.train[t]);
				float x = on ? *l++ : NAN;

				if (nll)
					nll[at + t] = x;
				sum += on ? x : 0;
			}
			at += r.n;
			if (mean)
				mean[i] = (float)(sum / trained);
		}
	}
}

void model_loss(struct model *m, struct adapter *a, const struct batch *b, float loss[])
{
	batch_run(m, a, b, NULL, 0, loss, NULL);
}

void model_grad(struct model *m, struct adapter *a, const struct batch *b, const float weight[],
                float loss[])
{
	batch_run(m, a, b, weight, 0, loss, NULL);
}

void model_nll(struct model *m, struct adapter *a, const struct batch *b, int all, float nll[])
{
	batch_run(m, a, b, NULL, all, NULL, nll);
}
