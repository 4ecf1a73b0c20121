/* pass.c - losses and gradients: rows packed into passes, through the blocks,
 * the head and back.
 *
 * A pass is filled up to a multiple of 64 tokens with one more row of padding
 * that nothing trains, so that products have few sizes; rows see only
 * themselves, so that it changes nothing.  The head works on the trained tokens
 * alone, HEAD_ROWS at a time:  loss = xent(norm(x) head').
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "model_in.h"

enum { ROUND = 64 };

static long round_up(long n) { return (n + ROUND - 1) / ROUND * ROUND; }

struct packed {                        /* host */
	long tokens, rows, trained, room;
	int longest;
	int32_t *id, *position;        /* [tokens]; the position's rope_entry */
	int32_t *q, *len;              /* [rows + 1], [rows] */
	int32_t *at, *target;          /* [trained]: predicted from row `at` of the activations */
	float *weight;                 /* [trained] */
};

static void packed_open(struct packed *p, long room)
{
	memset(p, 0, sizeof *p);
	p->room = room;
	p->id = xalloc(room * sizeof *p->id);
	p->position = xalloc(room * sizeof *p->position);
	p->q = xzalloc(room + 1, sizeof *p->q);
	p->len = xalloc(room * sizeof *p->len);
	p->at = xalloc((room + ROUND) * sizeof *p->at);
	p->target = xalloc((room + ROUND) * sizeof *p->target);
	p->weight = xalloc((room + ROUND) * sizeof *p->weight);
}

static void packed_close(struct packed *p)
{
	free(p->id);
	free(p->position);
	free(p->q);
	free(p->len);
	free(p->at);
	free(p->target);
	free(p->weight);
}

static void add_tokens(struct packed *p, const struct rope *rope, const int32_t *token, long n)
{
	for (long i = 0; i < n; i++) {
		p->id[p->tokens + i] = token ? token[i] : 0;
		p->position[p->tokens + i] = (int32_t)rope_entry(rope, i, n);
	}
	p->len[p->rows++] = (int32_t)n;
	p->tokens += n;
	p->q[p->rows] = (int32_t)p->tokens;
	if (n > p->longest)
		p->longest = (int)n;
}

static long count_trained(const struct tokens *d, long row, int all)
{
	long n = 0;

	for (int64_t i = d->offset[row] + 1; i < d->offset[row + 1]; i++)
		n += all || d->train[i];
	return n;
}

/* weight: of the row's mean loss. */
static void add_row(struct packed *p, const struct model *m, const struct tokens *d, long row, int all,
                    float weight)
{
	const int32_t *token = d->token + d->offset[row];
	const uint8_t *train = d->train + d->offset[row];
	long n = tokens_length(d, row), trained = count_trained(d, row, all), begin = p->tokens;
	char id[128];

	for (long i = 0; i < n; i++)
		if (token[i] < 0 || token[i] >= m->config.vocab)
			die("row %s: token %d is not among the model's %ld", tokens_id(d, row, id, sizeof id), token[i],
			    m->config.vocab);
	add_tokens(p, &m->config.rope, token, n);
	for (long i = 1; i < n; i++)
		if (all || train[i]) {
			p->at[p->trained] = (int32_t)(begin + i - 1);
			p->target[p->trained] = token[i];
			p->weight[p->trained++] = weight / trained;
		}
}

/* Device copies in w->ints: id, position, q, len, at, target; w->floats: loss, weight. */
struct placed { struct pack pack; int32_t *id, *at, *target; float *loss, *weight; };

static struct placed place(struct model *m, struct work *w, const struct packed *p)
{
	const struct ops *op = m->dev->op;
	long room = w->tokens;
	int32_t *position = w->ints + room, *q = position + room, *len = q + room + ROUND;
	struct placed d = {.id = w->ints, .at = len + room, .loss = w->floats, .weight = w->floats + room + ROUND};

	d.target = d.at + room + ROUND;
	op->put(m->dev, d.id, p->id, p->tokens * sizeof *d.id);
	op->put(m->dev, position, p->position, p->tokens * sizeof *position);
	op->put(m->dev, q, p->q, (p->rows + 1) * sizeof *q);
	op->put(m->dev, len, p->len, p->rows * sizeof *len);
	op->put(m->dev, d.at, p->at, round_up(p->trained) * sizeof *d.at);
	op->put(m->dev, d.target, p->target, round_up(p->trained) * sizeof *d.target);
	op->put(m->dev, d.weight, p->weight, round_up(p->trained) * sizeof *d.weight);
	model_positions(m, p->longest);
	d.pack.spans = (struct spans){.q = q, .k = q, .len = len, .n = (int)p->rows, .longest = p->longest};
	d.pack.position = position;
	d.pack.table = m->rope;
	return d;
}

/* The place of block i's activations; the lower blocks share the first. */
static struct kept *kept_of(const struct model *m, struct work *w, long i)
{
	long shared = m->config.layers - w->kept;

	return &w->block[i > shared ? i - shared : 0];
}

struct mat model_blocks(struct model *m, const struct adapter *a, struct work *w, const struct pack *p,
                        const int32_t *id, long tokens, struct cache_layer *cache)
{
	const struct net *n = net_of(m, a);
	struct mat x = w->x[0];

	work_rows(w, tokens);
	x.rows = tokens;
	m->dev->op->gather(m->dev, x, n->embed, id);
	for (long i = 0; i < m->config.layers; i++) {
		struct mat y = w->xs > 1 ? w->x[i + 1] : x;

		block_forward(m->dev, &m->config, &n->layer[i], theta_of(a, i), p, y, x, kept_of(m, w, i),
		              cache ? &cache[i] : NULL);
		x = y;
	}
	return x;
}

struct mat model_head(struct model *m, const struct adapter *a, struct work *w, struct mat x, const int32_t *at,
                      long n)
{
	const struct ops *op = m->dev->op;
	const struct net *t = net_of(m, a);
	struct mat h = row_range(w->h, 0, n), hn = row_range(w->hn, 0, n), logits = row_range(w->logits, 0, n);

	op->gather(m->dev, h, x, at);
	op->norm(m->dev, hn, w->hstat, h, t->gain, t->bias, m->config.eps, m->config.family->rms);
	op->gemm(m->dev, logits, hn, 0, t->head, 1, 1, 0);
	return logits;
}

/* Losses of the trained tokens, and w->dy = their weighted gradient when backward. */
static void head(struct model *m, const struct adapter *a, struct work *w, const struct placed *p, struct mat x,
                 long trained, int backward)
{
	const struct ops *op = m->dev->op;
	static const struct net frozen;
	const struct net *t = net_of(m, a), *g = a && a->grad ? a->grad : &frozen;
	const struct mat none = {0};

	if (backward)
		op->zero(m->dev, w->dy.p, w->dy.rows * w->dy.cols * sizeof(float));
	for (long i = 0; i < trained; i += HEAD_ROWS) {
		long n = trained - i < HEAD_ROWS ? trained - i : HEAD_ROWS;
		struct mat logits = model_head(m, a, w, x, p->at + i, n);
		struct mat dlogits = row_range(w->dlogits, 0, n), dh = row_range(w->dh, 0, n);

		op->xent(m->dev, p->loss + i, backward ? dlogits : none, logits, p->target + i, p->weight + i);
		if (!backward)
			continue;
		op->gemm(m->dev, dh, dlogits, 0, t->head, 0, 1, 0);
		if (g->head.p)
			op->gemm(m->dev, g->head, dlogits, 1, row_range(w->hn, 0, n), 0, 1, 1);
		op->zero(m->dev, w->h2.p, n * dh.cols * sizeof(float));
		op->norm_back(m->dev, row_range(w->h2, 0, n), g->gain, g->bias, dh, row_range(w->h, 0, n), t->gain,
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

static void back(struct model *m, const struct adapter *a, struct work *w, const struct pack *p, const int32_t *id)
{
	const struct net *n = net_of(m, a);
	long low = lowest_trained(a), shared = m->config.layers - w->kept;

	for (long i = m->config.layers - 1; i >= low; i--) {
		struct kept *k = kept_of(m, w, i);

		if (i < shared)         /* its activations were overwritten: compute them again */
			block_forward(m->dev, &m->config, &n->layer[i], theta_of(a, i), p, w->x[i + 1], w->x[i], k, NULL);
		block_back(m->dev, &m->config, &n->layer[i], theta_of(a, i), p, w->dy, w->x[i], k, &w->scratch,
		           i > low || a->grad);
	}
	if (a->grad)
		m->dev->op->scatter_add(m->dev, a->grad->embed, w->dy, id);
}

/* loss: host, [trained] */
static void run(struct model *m, const struct adapter *a, struct packed *p, int backward, float loss[])
{
	struct placed d;
	struct mat x;

	if (round_up(p->tokens) > p->tokens)
		add_tokens(p, &m->config.rope, NULL, round_up(p->tokens) - p->tokens);
	for (long i = p->trained; i < round_up(p->trained); i++) {
		p->at[i] = 0;
		p->target[i] = -1;
		p->weight[i] = 0;
	}
	if (m->work && !work_fits(m->work, a, p->room, backward)) {
		work_close(m->work);
		m->work = NULL;
	}
	if (!m->work)
		m->work = work_open(m, a, p->room, backward);
	d = place(m, m->work, p);
	x = model_blocks(m, a, m->work, &d.pack, d.id, p->tokens, NULL);
	head(m, a, m->work, &d, x, round_up(p->trained), backward);
	if (backward)
		back(m, a, m->work, &d.pack, d.id);
	m->dev->op->get(m->dev, loss, d.loss, p->trained * sizeof *loss);
}

/* How many rows from b->row[from] on make the next pass: rows of even shares of
 * what is left, none over the model's pass unless a single row is. */
static int next_pass(const struct model *m, const struct batch *b, int from)
{
	long left = 0, share, n = 0;
	int to = from;

	for (int i = from; i < b->n; i++)
		left += tokens_length(b->data, b->row[i]);
	share = left / ((left + m->pass - 1) / m->pass);
	while (to < b->n && (to == from || (n < share && n + tokens_length(b->data, b->row[to]) <= m->pass)))
		n += tokens_length(b->data, b->row[to++]);
	return to - from;
}

static long room_for(const struct model *m, const struct batch *b)
{
	long most = m->pass;

	for (int i = 0; i < b->n; i++)
		if (tokens_length(b->data, b->row[i]) > most)
			most = tokens_length(b->data, b->row[i]);
	return round_up(most);
}

/* The one way through: weight NULL is forwards only; mean and nll as in model.h. */
static void batch_run(struct model *m, struct adapter *a, const struct batch *b, const float weight[], int all,
                      float mean[], float nll[])
{
	struct packed p;
	float *loss;
	char id[128];
	long at = 0;

	packed_open(&p, room_for(m, b));
	loss = xalloc(p.room * sizeof *loss);
	for (int from = 0, n; from < b->n; from += n) {
		const float *l = loss;

		n = next_pass(m, b, from);
		p.tokens = p.rows = p.trained = p.longest = 0;
		for (int i = from; i < from + n; i++)
			add_row(&p, m, b->data, b->row[i], all, weight ? weight[i] : 0);
		run(m, a, &p, weight != NULL, loss);
		for (int i = from; i < from + n; i++) {
			long row = b->row[i], trained = count_trained(b->data, row, all), len = tokens_length(b->data, row);
			const uint8_t *train = b->data->train + b->data->offset[row];
			double sum = 0;

			if (!trained && mean)
				die("row %s has no trained token", tokens_id(b->data, row, id, sizeof id));
			for (long t = 0; t < len; t++) {
				int on = t && (all || train[t]);
				float x = on ? *l++ : NAN;

				if (nll)
					nll[at + t] = x;
				sum += on ? x : 0;
			}
			at += len;
			if (mean)
				mean[i] = (float)(sum / trained);
		}
	}
	free(loss);
	packed_close(&p);
}

void model_loss(struct model *m, struct adapter *a, const struct batch *b, float loss[])
{
	batch_run(m, a, b, NULL, 0, loss, NULL);
}

void model_grad(struct model *m, struct adapter *a, const struct batch *b, const float weight[], float loss[])
{
	batch_run(m, a, b, weight, 0, loss, NULL);
}

void model_nll(struct model *m, struct adapter *a, const struct batch *b, int all, float nll[])
{
	batch_run(m, a, b, NULL, all, NULL, nll);
}
