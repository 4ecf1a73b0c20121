/* SPDX-License-Identifier: MIT */
/* lora.c - theta as LoRA pairs: which matrices have one, and where they lie. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "params.h"

/* Does the list name this module, as PEFT matches target_modules: by the module's name or
 * the end of it after a dot? */
static int named(const char *list, const char *module)
{
	size_t m = strlen(module);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n == 10 && !memcmp(p, "all-linear", 10))
			return 1;
		if (n && n <= m && !memcmp(module + m - n, p, n) &&
		    (n == m || module[m - n - 1] == '.'))
			return 1;
	}
	return 0;
}

static void check_targets(const struct config *c, const char *list)
{
	if (!*list)
		die("no linear layer to adapt is named");
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		char *word = xstrndup(p, strcspn(p, ","));
		int found = 0;

		for (const struct part *q = c->family->part; q->module; q++)
			found |= named(word, q->module);
		if (!found)
			die("%s has no linear layer \"%s\" to adapt", c->family->name, word);
		free(word);
	}
}

/* A slice of the module's pair, by PEFT's name, as in
 * "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight". */
static long add_slice(struct params *a, const char *module, const char *what, struct slice s)
{
	s.name = xprintf("base_model.model.%s.%s", module, what);
	return params_add(a, s);
}

/* "model.layers.3.self_attn.q_proj", owned */
static char *module_of(const struct config *c, long layer, const struct part *p)
{
	char block[96];

	snprintf(block, sizeof block, family_peft_block(c->family), layer);
	return xprintf("%s.%s", block, p->module);
}

/* A pair that the site does not yet have, and its a. */
static void add_a(struct params *a, struct lora_site *s, const char *module, struct slice of,
                  const struct lora_form *form)
{
	struct lora *l = &s->pair[s->n++];

	*l = (struct lora){.part = of.part,
	                   .rank = form->rank,
	                   .at = s->ranks,
	                   .scale = form->scale,
	                   .bias_at = form->bias ? 0 : -1};
	config_extent(a->config, of.part, &l->first, &l->cols);
	of.rows = l->rank;
	of.pair = 'a';
	l->a_at = add_slice(a, module, "lora_A.weight", of);
	s->ranks += l->rank;
}

/* Its b, and its bias if it has one. */
static void add_b(struct params *a, struct lora *l, const char *module, struct slice of)
{
	of.rows = l->cols;
	of.cols = l->rank;
	of.pair = 'b';
	l->b_at = add_slice(a, module, "lora_B.weight", of);
	if (l->bias_at < 0)
		return;
	of.rows = 1;
	of.cols = l->cols;
	of.pair = 'c';
	l->bias_at = add_slice(a, module, "lora_B.bias", of);
}

/* The pairs of one linear layer: all a's, then all else. */
static void add_site(struct params *a, long layer, enum site where, lora_fn *form, void *ctx)
{
	const struct config *c = a->config;
	struct lora_site *s = &a->site[layer][where];
	long in, out;

	config_site(c, where, &in, &out);
	for (const struct part *p = c->family->part; p->module; p++) {
		char *module = module_of(c, layer, p);
		struct lora_form is = {0};

		if (p->site == where && form(ctx, module, &is))
			add_a(a, s, module, (struct slice){.cols = in, .layer = layer, .part = p},
			      &is);
		free(module);
	}
	for (int i = 0; i < s->n; i++) {
		const struct part *p = s->pair[i].part;
		char *module = module_of(c, layer, p);

		add_b(a, &s->pair[i], module, (struct slice){.layer = layer, .part = p});
		free(module);
	}
	if (s->ranks > a->ranks[where])
		a->ranks[where] = s->ranks;
}

struct params *params_lora_by(const struct config *c, enum dtype type, lora_fn *form, void *ctx)
{
	struct params *a = xzalloc(1, sizeof *a);

	a->config = c;
	a->type = type;
	a->site = xzalloc(c->layers, sizeof *a->site);
	for (long i = 0; i < c->layers; i++)
		for (int s = 0; s < SITES; s++)
			add_site(a, i, s, form, ctx);
	return a;
}

/* Pairs that are all alike. */
struct alike {
	const char *targets;
	struct lora_form form;
};

static int is_target(void *ctx, const char *module, struct lora_form *form)
{
	const struct alike *l = ctx;

	*form = l->form;
	return named(l->targets, module);
}

struct params *params_lora(const struct config *c, enum dtype type, const char *targets, long rank,
                           double alpha)
{
	struct alike l = {strcmp(targets, "auto") ? targets : c->family->targets,
	                  {rank, (float)(alpha / rank), 0}};
	struct params *a;

	check_targets(c, l.targets);
	a = params_lora_by(c, type, is_target, &l);
	a->rank = rank;
	a->alpha = alpha;
	a->targets = xstrdup(l.targets);
	return a;
}

const struct lora *params_pair(const struct params *a, const struct slice *s)
{
	const struct lora_site *site =
		a->site && s->part ? &a->site[s->layer][s->part->site] : NULL;

	for (int i = 0; site && i < site->n; i++)
		if (site->pair[i].part == s->part)
			return &site->pair[i];
	return NULL;
}

/* The values that products see, from value `at` on. */
static struct mat seen(const struct params *a, long at, long rows, long cols)
{
	return mat_of((char *)a->shadow + at * dtype_size(a->type), a->type, rows, cols);
}

void lora_place(struct params *a)
{
	for (long i = 0; i < a->config->layers; i++)
		for (int k = 0; k < SITES; k++) {
			struct lora_site *s = &a->site[i][k];
			long in, out;

			config_site(a->config, k, &in, &out);
			for (int n = 0; n < s->n; n++) {
				struct lora *l = &s->pair[n];

				l->a = seen(a, l->a_at, l->rank, in);
				l->b = seen(a, l->b_at, l->cols, l->rank);
				l->da = mat_of(a->g + l->a_at, DT_F32, l->rank, in);
				l->db = mat_of(a->g + l->b_at, DT_F32, l->cols, l->rank);
				if (l->bias_at < 0)
					continue;
				l->bias = mat_of(a->p + l->bias_at, DT_F32, 1, l->cols);
				l->dbias = mat_of(a->g + l->bias_at, DT_F32, 1, l->cols);
			}
			s->a = seen(a, s->pair[0].a_at, s->ranks, in);
			s->da = mat_of(a->g + s->pair[0].a_at, DT_F32, s->ranks, in);
		}
}
