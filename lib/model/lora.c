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

/* PEFT's name: "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight" */
static char *peft_name(const struct config *c, long layer, const struct part *p, char which)
{
	char block[96];

	snprintf(block, sizeof block, family_peft_block(c->family), layer);
	return xprintf("base_model.model.%s.%s.lora_%c.weight", block, p->module, which);
}

/* The pairs of one linear layer: all a's, then all b's. */
static void add_site(struct params *a, long layer, enum site where)
{
	const struct config *c = a->config;
	struct lora_site *s = &a->site[layer][where];
	long in, out;

	config_site(c, where, &in, &out);
	for (const struct part *p = c->family->part; p->module; p++) {
		struct lora *l = &s->pair[s->n];

		if (p->site != where || !named(a->targets, p->module))
			continue;
		*l = (struct lora){.part = p, .rank = a->rank, .at = s->ranks};
		config_extent(c, p, &l->first, &l->cols);
		l->a_at = params_add(a, (struct slice){.name = peft_name(c, layer, p, 'A'),
		                                       .rows = l->rank,
		                                       .cols = in,
		                                       .layer = layer,
		                                       .part = p,
		                                       .pair = 'a'});
		s->ranks += l->rank;
		s->n++;
	}
	for (int i = 0; i < s->n; i++) {
		struct lora *l = &s->pair[i];

		l->b_at = params_add(a, (struct slice){.name = peft_name(c, layer, l->part, 'B'),
		                                       .rows = l->cols,
		                                       .cols = l->rank,
		                                       .layer = layer,
		                                       .part = l->part,
		                                       .pair = 'b'});
	}
	if (s->ranks > a->ranks[where])
		a->ranks[where] = s->ranks;
}

struct params *params_lora(const struct config *c, enum dtype type, const char *targets, long rank,
                           double alpha)
{
	struct params *a = xzalloc(1, sizeof *a);

	a->config = c;
	a->type = type;
	a->rank = rank;
	a->alpha = alpha;
	a->scale = (float)(alpha / rank);
	a->targets = xstrdup(strcmp(targets, "auto") ? targets : c->family->targets);
	check_targets(c, a->targets);
	a->site = xzalloc(c->layers, sizeof *a->site);
	for (long i = 0; i < c->layers; i++)
		for (int s = 0; s < SITES; s++)
			add_site(a, i, s);
	return a;
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
			}
			s->a = seen(a, s->pair[0].a_at, s->ranks, in);
			s->da = mat_of(a->g + s->pair[0].a_at, DT_F32, s->ranks, in);
		}
}
