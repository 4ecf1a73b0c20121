/* SPDX-License-Identifier: MIT */
/* work.c - see work.h. */
#include "work.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"

void work_open(struct work *w, const struct config *c)
{
	memset(w, 0, sizeof *w);
	w->block = xzalloc(c->layers + 1, sizeof *w->block);
	w->x = xzalloc(c->layers + 1, sizeof *w->x);
}

void work_close(struct work *w)
{
	free(w->block);
	free(w->x);
}

static long rank(const struct work_size *s, enum site site)
{
	return s->ranks ? s->ranks[site] : 0;
}

static void place_block(struct kept *k, struct arena *a, const struct work_size *s)
{
	const struct config *c = s->config;
	const char *const *norm = c->family->norm;
	long t = s->tokens, o = (long)c->heads.q * c->heads.dim, in, up, cols;

	config_site(c, SITE_UP, &in, &up);
	k->n1 = arena_mat(a, s->type, t, c->dim);
	k->raw = arena_mat(a, s->type, t, norm[NORM_QUERY] ? c->v_at : 0);
	k->qkv = arena_mat(a, s->type, t, c->qkv);
	k->o = arena_mat(a, s->type, t, o);
	k->attn = arena_mat(a, s->type, t, norm[NORM_POST_ATTN] ? c->dim : 0);
	k->x1 = arena_mat(a, DT_F32, t, c->dim);
	k->n2 = arena_mat(a, s->type, t, c->dim);
	k->u = arena_mat(a, s->type, t, up);
	k->h = arena_mat(a, s->type, t, c->ffn);
	k->mlp = arena_mat(a, s->type, t, norm[NORM_POST_MLP] ? c->dim : 0);
	for (int i = 0; i < SITES; i++)
		k->t[i] = arena_mat(a, s->type, t, rank(s, i));
	for (int r = 0; r < NORM_ROLES; r++)
		k->stat[r] = arena_floats(a, norm[r] ? 2 * t * config_norm(c, r, &cols).heads : 0);
	k->lse = arena_floats(a, t * c->heads.q);
}

static void place_scratch(struct scratch *r, struct arena *a, const struct work_size *s)
{
	const struct config *c = s->config;
	long t = s->tokens, keys = s->keys, wide = c->qkv - c->k_at, in, up;
	int post = c->family->norm[NORM_POST_ATTN] || c->family->norm[NORM_POST_MLP];

	config_site(c, SITE_UP, &in, &up);
	r->g = arena_mat(a, s->type, s->type == DT_F32 && !post ? 0 : t, c->dim);
	r->dh = arena_mat(a, s->type, t, c->ffn);
	r->du = arena_mat(a, s->type, t, up);
	r->dn = arena_mat(a, DT_F32, t, c->dim);
	r->dn2 = c->parallel ? arena_mat(a, DT_F32, t, c->dim) : r->dn;
	r->dout = arena_mat(a, s->type, t, (long)c->heads.q * c->heads.dim);
	r->dqkv = arena_mat(a, s->type, t, c->qkv);
	for (int i = 0; i < SITES; i++)
		r->dt[i] = arena_mat(a, s->type, t, rank(s, i));
	r->dkeys = arena_mat(a, s->type, keys, wide);
}

/* A row of logits for each of `rows` tokens; rows begin at a multiple of 64 elements also where the
 * vocabulary has another number, since cuBLAS multiplies what is not aligned at half the speed. */
static struct mat place_logits(struct arena *a, enum dtype type, long rows, long vocab)
{
	return columns(arena_mat(a, type, rows, size_round_up(vocab, 64)), 0, vocab);
}

static void place_head(struct work *w, struct arena *a, const struct work_size *s)
{
	const struct config *c = s->config;
	long rows = long_min(s->head, pack_round(s->tokens));

	w->hn = arena_mat(a, s->type, rows, c->dim);
	w->hstat = arena_floats(a, 2 * rows);
	w->logits = place_logits(a, DT_F32, rows, c->vocab);
	w->h = arena_mat(a, DT_F32, rows, c->dim);
	if (!s->backward)
		return;
	w->h2 = arena_mat(a, DT_F32, rows, c->dim);
	w->dh = arena_mat(a, DT_F32, rows, c->dim);
	w->dlogits = s->type == DT_F32 ? w->logits : place_logits(a, s->type, rows, c->vocab);
}

/* The bytes of a block's largest linear layer, decoded. */
static size_t largest(const struct work_size *s)
{
	const struct config *c = s->config;
	size_t bytes[SITES] = {0}, most = 0;
	long in, out, first, rows;

	for (const struct part *p = c->family->part; p->module; p++) {
		config_site(c, p->site, &in, &out);
		config_extent(c, p, &first, &rows);
		bytes[p->site] += size_round_up(in * rows * dtype_size(s->type), MAT_ALIGN);
		most = size_max(most, bytes[p->site]);
	}
	return most;
}

void work_place(struct work *w, struct arena *a, const struct work_size *s)
{
	const struct config *c = s->config;

	a->used = 0;
	memset(a->by, 0, sizeof a->by);
	w->tokens = s->tokens;
	w->kept = s->kept;
	w->one_x = !s->backward;
	a->kind = ARENA_ACTIVATIONS;
	for (int i = 0; i < s->kept; i++)
		place_block(&w->block[i], a, s);
	for (long i = 0; i < (s->backward ? c->layers + 1 : 1); i++)
		w->x[i] = arena_mat(a, DT_F32, s->tokens, c->dim);
	a->kind = ARENA_HEAD;
	place_head(w, a, s);
	a->kind = ARENA_SCRATCH;
	w->decoded = arena_mat(a, s->type, 1, s->stored ? largest(s) / dtype_size(s->type) : 0);
	w->keys = arena_mat(a, s->type, s->keys, c->qkv - c->k_at);
	if (s->backward) {
		w->dy = arena_mat(a, DT_F32, s->tokens, c->dim);
		place_scratch(&w->scratch, a, s);
	}
	pack_place(&w->numbers, a, (s->keys > s->tokens ? s->keys : s->tokens) + PACK_ROUND);
}

size_t work_bytes(struct work *w, const struct work_size *s, size_t by[ARENA_KINDS])
{
	struct arena a = {0};

	work_place(w, &a, s);
	if (by)
		memcpy(by, a.by, sizeof a.by);
	return a.used;
}

int work_keeps(struct work *w, const struct work_size *size, size_t bytes)
{
	struct work_size s = *size;
	size_t one, each;
	long more;

	s.kept = 1;
	one = work_bytes(w, &s, NULL);
	if (bytes < one)
		return 0;
	if (!s.backward)
		return 1;
	s.kept = 2;
	each = work_bytes(w, &s, NULL) - one;
	more = (long)((bytes - one) / each);
	return more < s.config->layers - 1 ? (int)(1 + more) : (int)s.config->layers;
}
