/* SPDX-License-Identifier: MIT */
/* peft_change.c - what an adapter changes of the model's own tensors.
 *
 * A tensor of the model's name stands in the model's place: PEFT writes those of modules_to_save,
 * of bias, and of an embedding or head that has pairs.  Pairs of head and embedding, and DoRA's of
 * any linear layer, are added:
 *
 *   linear     W + scale B A        A [r x in], B [out x r]
 *   embedding  W + scale (B A)'     A [r x vocabulary], B [dim x r]
 *
 * Head and embedding that are tied are one tensor with two uses, and PEFT changes each use: pairs
 * of one are not added to the other, and a saved module is a copy.  Other values in its place are
 * those of both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "peft_in.h"

/* A tensor of the model, and what becomes of it. */
struct outcome {
	struct tensor_role role;
	struct change change;
	int saved; /* by modules_to_save */
};

struct changing {
	const struct peft *peft;
	const struct config *config;
	const struct weights *weights;
	struct peft_tensors *tensors;
	struct outcome *outcome;
	int n;
};

static int is_embedding(const struct tensor_role *r)
{
	return !strcmp(r->gguf, "token_embd.weight");
}
static int is_head(const struct tensor_role *r) { return !strcmp(r->gguf, "output.weight"); }

/* PEFT's name of the module that has this tensor, owned.  other: the head's other name, since
 * versions of transformers call GPT-NeoX's differently; NULL where there is none. */
static char *module_of(const struct config *c, const struct tensor_role *r, int other)
{
	const char *own = strrchr(c->family->head, '.');
	char block[96], *name, *at;
	size_t n;

	if (is_head(r)) {
		own = own ? own + 1 : c->family->head;
		if (other)
			return strcmp(own, "lm_head") ? xstrdup("lm_head") : NULL;
		return xstrdup(own);
	}
	if (other)
		return NULL;
	if (r->layer >= 0) {
		n = snprintf(block, sizeof block, c->family->block, r->layer);
		snprintf(block, sizeof block, family_peft_block(c->family), r->layer);
		name = xprintf("%s%s", block, r->hf + n);
		*strrchr(name, '.') = 0;
		return name;
	}
	name = xstrdup(r->hf);
	*strrchr(name, '.') = 0;
	at = strrchr(name, '.');
	own = family_peft_block(c->family);
	at = xprintf("%.*s%s", (int)(strstr(own, "layers.") - own), own, at ? at + 1 : name);
	free(name);
	return at;
}

/* The values, owned, of a tensor that has to be there; rows 0: of a vector. */
static float *values(struct peft_tensors *t, const char *module, const char *what, long rows,
                     long cols)
{
	char *name = xprintf("base_model.model.%s.%s", module, what);
	const struct st_tensor *s = peft_take(t, name);
	float *x = xalloc((rows ? rows : 1) * cols * sizeof *x);

	if (!s)
		die("%s: the tensor %s is missing", t->file.path, name);
	if (s->rank != (rows ? 2 : 1) || s->shape[rows ? 1 : 0] != cols ||
	    (rows && s->shape[0] != rows))
		die("%s: %s is not [%ld x %ld]", t->file.path, name, rows ? rows : 1, cols);
	if (weights_floats(s, x))
		die("%s: %s is of type %s", t->file.path, name, st_name(s->type));
	free(name);
	return x;
}

static float *transposed(float *x, long rows, long cols)
{
	float *y = xalloc(rows * cols * sizeof *y);

	for (long i = 0; i < rows; i++)
		for (long j = 0; j < cols; j++)
			y[j * rows + i] = x[i * cols + j];
	free(x);
	return y;
}

/* The module's pair, if it has one that is no part of theta. */
static void add_pair(struct changing *k, struct outcome *o, const char *module)
{
	const struct tensor_role *r = &o->role;
	struct peft_tensors *t = k->tensors;
	struct change *c = &o->change;
	struct lora_form form;
	struct fault why;
	int rc = peft_form(k->peft, module, r->part != NULL, &form, &why);

	if (rc < 0)
		die("%s: %s", t->file.path, why.text);
	if (!rc)
		return;
	if (form.bias || (is_embedding(r) && k->peft->dora))
		die("%s: \"%s\" is not supported of %s", t->file.path,
		    form.bias ? "lora_bias" : "use_dora", module);
	c->rank = form.rank;
	c->scale = form.scale;
	if (is_embedding(r)) {
		c->left = transposed(values(t, module, "lora_embedding_A", form.rank, r->rows),
		                     form.rank, r->rows);
		c->right = transposed(values(t, module, "lora_embedding_B", r->cols, form.rank),
		                      r->cols, form.rank);
		return;
	}
	c->left = values(t, module, "lora_B.weight", r->rows, form.rank);
	c->right = values(t, module, "lora_A.weight", form.rank, r->cols);
	if (k->peft->dora)
		c->magnitude = values(t, module, "lora_magnitude_vector", 0, r->rows);
}

/* Values that stand in place of the model's. */
static void replace(struct changing *k, struct outcome *o, const char *module)
{
	const struct tensor_role *r = &o->role;
	const char *kind = strrchr(r->hf, '.');
	struct peft_tensors *t = k->tensors;
	char *name = xprintf("base_model.model.%s%s", module, kind);
	char *below = xprintf("base_model.model.%s.base_layer%s", module, kind);
	const struct st_tensor *with = peft_take(t, name);

	if (!with && o->saved)
		die("%s: the tensor %s is missing, a part of modules_to_save", t->file.path, name);
	if (!with)
		with = peft_take(t, below);
	if (with &&
	    (with->rank != (r->rows > 1 ? 2 : 1) || with->shape[with->rank - 1] != r->cols ||
	     (r->rows > 1 && with->shape[0] != r->rows)))
		die("%s: %s is not [%ld x %ld]", t->file.path, with->name, r->rows, r->cols);
	if (with && st_dtype(with->type) == DT_TYPES)
		die("%s: %s is of type %s", t->file.path, with->name, st_name(with->type));
	o->change.with = with;
	free(name);
	free(below);
}

static int changes(const struct change *c) { return c->with || change_adds(c); }

static void see(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct changing *k = ctx;
	struct outcome o = {.role = *r};
	int is_matrix = r->rows > 1;
	char *module;

	(void)at;
	if (!weights_has(k->weights, r))
		return;
	for (int other = 0; other < 2 && (module = module_of(k->config, r, other)); other++) {
		o.saved = peft_saves(k->peft, module);
		replace(k, &o, module);
		if (is_matrix && (k->peft->dora || !r->part))
			add_pair(k, &o, module);
		free(module);
		if (changes(&o.change))
			break;
	}
	k->outcome = xrealloc(k->outcome, (k->n + 1) * sizeof *k->outcome);
	k->outcome[k->n++] = o;
}

static struct outcome *find(struct changing *k, int (*is)(const struct tensor_role *))
{
	for (int i = 0; i < k->n; i++)
		if (is(&k->outcome[i].role))
			return &k->outcome[i];
	die("no embedding or no head");
}

static int same(const struct st_tensor *a, const struct st_tensor *b)
{
	return a->type == b->type && a->bytes == b->bytes && !memcmp(a->data, b->data, a->bytes);
}

/* Other values of a tensor with two uses are those of both, but for a use that is saved. */
static void share(struct changing *k)
{
	struct outcome *e = find(k, is_embedding), *h = find(k, is_head);

	if (e->saved || h->saved)
		return;
	if (e->change.with && h->change.with && !same(e->change.with, h->change.with))
		die("%s: %s is not %s, but they are tied", k->tensors->file.path,
		    h->change.with->name, e->change.with->name);
	if (!e->change.with)
		e->change.with = h->change.with;
	h->change.with = e->change.with;
}

static void embedding_role(void *ctx, const struct tensor_role *r, struct mat *at)
{
	(void)at;
	if (is_embedding(r))
		*(struct tensor_role *)ctx = *r;
}

static void each(struct model *m, net_fn *f, void *ctx)
{
	struct net none;

	net_like(&none, &m->net, &m->config);
	net_each(&none, &m->config, DT_F32, f, ctx);
	net_close(&none);
}

int peft_change(const struct peft *p, struct model *m, struct peft_tensors *t)
{
	struct changing k = {p, &m->config, m->weights, t, NULL, 0};
	struct tensor_role embed;
	int n = 0, tied = m->config.tied;

	each(m, embedding_role, &embed);
	if (tied)
		weights_untie(m->weights, &m->config, &embed);
	each(m, see, &k);
	if (tied) {
		share(&k);
		m->config.tied = !changes(&find(&k, is_embedding)->change) &&
		                 !changes(&find(&k, is_head)->change);
	}
	for (int i = 0; i < k.n; i++) {
		struct change *c = &k.outcome[i].change;

		if (!changes(c))
			continue;
		c->hf = xstrdup(k.outcome[i].role.hf);
		weights_change(m->weights, c);
		n++;
	}
	free(k.outcome);
	return n;
}
