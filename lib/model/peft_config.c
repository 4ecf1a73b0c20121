/* SPDX-License-Identifier: MIT */
/* peft_config.c - which modules an adapter_config.json means, as PEFT reads it.
 *
 * A list of target_modules names modules by their names or the ends of them behind a dot; a text is
 * a pattern of the whole name.  exclude_modules and modules_to_save take modules out;
 * layers_to_transform keeps some layers of those that a list names by their ends.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/memory.h"
#include "peft_in.h"

enum { RANK_MOST = 1 << 20 };

static int empty(const json_t *v)
{
	return !v || json_is_null(v) || json_is_false(v) ||
	       (json_is_object(v) && !json_object_size(v)) ||
	       (json_is_array(v) && !json_array_size(v)) ||
	       (json_is_string(v) && !json_string_length(v));
}

/* clang-format off */
/* What the configuration may say with any value. */
static const char *const known[] = {
	"peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "lora_bias", "bias", "target_modules",
	"exclude_modules", "modules_to_save", "layers_to_transform", "layers_pattern", "rank_pattern",
	"alpha_pattern", "init_lora_weights",
	/* without effect: no layer is a Conv1D */
	"fan_in_fan_out",
	/* of training, or of the initial values */
	"lora_dropout", "inference_mode", "merge_weights", "runtime_config", "loftq_config",
	"eva_config", "corda_config", "lora_ga_config",
	/* of what is not used, as is checked */
	"megatron_core", "qalora_group_size",
	/* names */
	"auto_mapping", "base_model_name_or_path", "revision", "task_type", "peft_version",
	"unsloth_fixed",
	NULL,
};

static const struct json_key types[] = {
	{"r", 'w'}, {"lora_alpha", 'n'}, {"use_rslora", 'f'}, {"use_dora", 'f'}, {"lora_bias", 'f'},
	{"rank_pattern", 'o'}, {"alpha_pattern", 'o'}, {"bias", 't'}, {NULL, 0},
};
/* clang-format on */

/* A key that is not known may mean anything, unless it says no. */
static int check_keys(const json_t *j, struct fault *f)
{
	const char *key;
	const json_t *v;

	json_object_foreach((json_t *)j, key, v)
	{
		int found = empty(v);

		for (int i = 0; known[i] && !found; i++)
			found = !strcmp(key, known[i]);
		if (!found)
			return fault(f, "\"%.40s\" is not supported", key);
	}
	return json_check(j, types, f);
}

/* The base that the pairs stand beside must be the model: these move a part of it into them. */
static int check_init(const json_t *j, struct fault *f)
{
	static const char *const plain[] = {"gaussian", "eva", "orthogonal", NULL};
	const json_t *v = json_object_get(j, "init_lora_weights");
	const char *text = json_string_value(v);

	if (!v || json_is_null(v) || json_is_boolean(v))
		return 0;
	for (int i = 0; text && plain[i]; i++)
		if (!strcasecmp(text, plain[i]))
			return 0;
	return fault(f,
	             "init_lora_weights \"%.40s\" is not supported: such pairs stand beside other "
	             "weights than the model's (PEFT's path_initial_model_for_weight_conversion "
	             "saves what does)",
	             text ? text : "?");
}

static int check_values(const json_t *j, struct fault *f)
{
	const char *bias = json_text(j, "bias", "none");
	long r = json_long(j, "r", 0);

	if (!json_is_object(j) || strcmp(json_text(j, "peft_type", ""), "LORA"))
		return fault(f, "peft_type \"%.40s\" is not LORA", json_text(j, "peft_type", ""));
	if (check_keys(j, f) || check_init(j, f))
		return -1;
	if (strcmp(bias, "none") && strcmp(bias, "all") && strcmp(bias, "lora_only"))
		return fault(f, "\"bias\" is \"%.40s\"", bias);
	if (r < 1 || r > RANK_MOST || !(json_number(j, "lora_alpha", 0) > 0))
		return fault(f, "\"r\" or \"lora_alpha\" is missing or makes no sense");
	if (json_flag(j, "use_dora", 0) && json_flag(j, "lora_bias", 0))
		return fault(f, "\"use_dora\" and \"lora_bias\" do not go together");
	return 0;
}

/* Is it a list of names, or nothing? */
static int is_list(const json_t *v)
{
	const json_t *name;
	size_t i;

	json_array_foreach(v, i, name)
	{
		if (!json_string_length(name))
			return 0;
	}
	return json_is_array(v) || empty(v);
}

static int add(struct pattern_list *l, const char *before, const char *text, const char *behind,
               struct fault *f)
{
	char *all = xprintf("%s%s%s", before, text, behind);

	l->p = xrealloc(l->p, (l->n + 1) * sizeof *l->p);
	l->p[l->n] = pattern_open(all, f);
	free(all);
	return l->p[l->n] ? (l->n++, 0) : -1;
}

/* The keys of rank_pattern or alpha_pattern, in order; their values are numbers above 0. */
static int parse_numbers(const json_t *j, const char *name, int whole, struct pattern_list *l,
                         struct fault *f)
{
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(j, name), key, v)
	{
		double x = json_double(v);

		if (!(x > 0) || (whole && (!json_is_integer(v) || x > RANK_MOST)))
			return fault(f, "\"%s\" of \"%.60s\" makes no sense", name, key);
		if (add(l, "(.*\\.)?(", key, ")$", f))
			return -1;
	}
	return 0;
}

/* target_modules and exclude_modules */
static int parse_modules(struct peft *p, struct fault *f)
{
	const json_t *t = json_object_get(p->json, "target_modules");
	const json_t *x = json_object_get(p->json, "exclude_modules");
	const char *text = json_string_value(t);

	if (empty(t) || (!text && !is_list(t)))
		return fault(f, "\"target_modules\" is neither a list of names nor a pattern");
	p->all_linear = text && !strcasecmp(text, "all-linear");
	if (text && !p->all_linear && !(p->target = pattern_open(text, f)))
		return -1;
	if (!json_is_string(x) && !is_list(x))
		return fault(f, "\"exclude_modules\" is neither a list of names nor a pattern");
	if (json_string_length(x) && !(p->exclude = pattern_open(json_string_value(x), f)))
		return -1;
	return 0;
}

static int parse_saved(struct peft *p, struct fault *f)
{
	const json_t *list = json_object_get(p->json, "modules_to_save"), *v;
	size_t i;

	if (!is_list(list))
		return fault(f, "\"modules_to_save\" is not a list of names");
	json_array_foreach(list, i, v)
	{
		if (add(&p->save, "(^|.*\\.)", json_string_value(v), "($|\\..*)", f))
			return -1;
	}
	return 0;
}

/* layers_to_transform, a number or a list of them, and layers_pattern, a text or a list */
static int parse_layers(struct peft *p, struct fault *f)
{
	const json_t *layers = json_object_get(p->json, "layers_to_transform"), *v;
	const json_t *list = json_object_get(p->json, "layers_pattern");
	const char *before = "(?:^|.*?\\.)", *behind = "\\.(\\d+)\\.";
	size_t i;

	if (json_is_string(json_object_get(p->json, "target_modules")) &&
	    !(empty(layers) && empty(list)))
		return fault(f, "\"layers_to_transform\" goes with a list of target_modules alone");
	if (!json_is_integer(layers) && !json_is_array(layers) && !empty(layers))
		return fault(f, "\"layers_to_transform\" is neither a number nor a list");
	json_array_foreach(layers, i, v)
	{
		if (!json_is_integer(v))
			return fault(f, "\"layers_to_transform\" is not a list of numbers");
	}
	if (!json_is_string(list) && !is_list(list))
		return fault(f, "\"layers_pattern\" is neither a text nor a list of them");
	if (json_string_length(list))
		return add(&p->layer, before, json_string_value(list), behind, f);
	json_array_foreach(list, i, v)
	{
		if (add(&p->layer, before, json_string_value(v), behind, f))
			return -1;
	}
	/* no pattern: any name before the first number */
	return p->layer.n ? 0 : add(&p->layer, ".*?\\.", "[^.]*", behind, f);
}

struct peft *peft_parse(const json_t *j, struct fault *f)
{
	struct peft *p = xzalloc(1, sizeof *p);

	p->json = j;
	if (!check_values(j, f)) {
		p->rank = json_long(j, "r", 0);
		p->alpha = json_number(j, "lora_alpha", 0);
		p->rslora = json_flag(j, "use_rslora", 0);
		p->dora = json_flag(j, "use_dora", 0);
		p->bias = json_flag(j, "lora_bias", 0);
		if (!parse_modules(p, f) && !parse_saved(p, f) && !parse_layers(p, f) &&
		    !parse_numbers(j, "rank_pattern", 1, &p->rank_of, f) &&
		    !parse_numbers(j, "alpha_pattern", 0, &p->alpha_of, f))
			return p;
	}
	peft_free(p);
	return NULL;
}

void peft_free(struct peft *p)
{
	struct pattern_list *list[] = {&p->save, &p->layer, &p->rank_of, &p->alpha_of};

	for (int i = 0; i < 4; i++) {
		while (list[i]->n)
			pattern_close(list[i]->p[--list[i]->n]);
		free(list[i]->p);
	}
	pattern_close(p->target);
	pattern_close(p->exclude);
	free(p);
}

/* Which pattern of the list matches first; its length: none does; -1 with a fault. */
static int first_match(const struct pattern_list *l, const char *module, struct fault *f)
{
	int i = 0, rc = 0;

	while (i < l->n && !(rc = pattern_match(l->p[i], module, f)))
		i++;
	return rc < 0 ? -1 : i;
}

/* Does a list name the module: by its whole name (2), or by its end (1)? */
static int listed(const json_t *list, const char *module)
{
	const json_t *v;
	int by_end = 0;
	size_t i, n = strlen(module);

	json_array_foreach(list, i, v)
	{
		const char *name = json_string_value(v);
		size_t m = strlen(name);

		if (!strcmp(module, name))
			return 2;
		by_end |= n > m && module[n - m - 1] == '.' && ends_with(module, name);
	}
	return by_end;
}

static int excluded(const struct peft *p, const char *module, struct fault *f)
{
	int rc = p->exclude ? pattern_full(p->exclude, module, f)
	                    : listed(json_object_get(p->json, "exclude_modules"), module);

	if (rc)
		return rc;
	rc = first_match(&p->save, module, f);
	return rc < 0 ? rc : rc < p->save.n;
}

/* Is the module, which is named by its end, in one of the layers_to_transform? */
static int in_layers(const struct peft *p, const char *module, struct fault *f)
{
	const json_t *layers = json_object_get(p->json, "layers_to_transform"), *v;
	long layer = -1;
	int rc = 0;
	size_t i;

	if (empty(layers))
		return 1;
	for (int k = 0; k < p->layer.n && !rc; k++)
		rc = pattern_number(p->layer.p[k], module, &layer, f);
	if (rc < 1 || layer < 0)
		return rc < 0 ? rc : 0;
	if (json_is_integer(layers))
		return json_integer_value(layers) == layer;
	json_array_foreach(layers, i, v)
	{
		if (json_integer_value(v) == layer)
			return 1;
	}
	return 0;
}

static int targeted(const struct peft *p, const char *module, int in_block, struct fault *f)
{
	int rc = excluded(p, module, f);

	if (rc)
		return rc < 0 ? rc : 0;
	if (p->all_linear)
		return in_block;
	if (p->target)
		return pattern_full(p->target, module, f);
	rc = listed(json_object_get(p->json, "target_modules"), module);
	return rc == 1 ? in_layers(p, module, f) : rc > 0;
}

/* The value of the pattern that matches first, else `otherwise`; -1 with a fault. */
static double number_of(const struct peft *p, const char *name, const struct pattern_list *l,
                        const char *module, double otherwise, struct fault *f)
{
	int k = first_match(l, module, f), i = 0;
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(p->json, name), key, v)
	{
		if (i++ == k)
			return json_double(v);
	}
	return k < 0 ? -1 : otherwise;
}

int peft_form(const struct peft *p, const char *module, int in_block, struct lora_form *form,
              struct fault *f)
{
	int rc = targeted(p, module, in_block, f);
	double r, alpha;

	if (rc < 1)
		return rc;
	r = number_of(p, "rank_pattern", &p->rank_of, module, (double)p->rank, f);
	alpha = number_of(p, "alpha_pattern", &p->alpha_of, module, p->alpha, f);
	if (r < 0 || alpha < 0)
		return -1;
	*form = (struct lora_form){.rank = (long)r,
	                           .scale = (float)(alpha / (p->rslora ? sqrt(r) : r)),
	                           .bias = p->bias};
	return 1;
}

int peft_saves(const struct peft *p, const char *module)
{
	const json_t *list = json_object_get(p->json, "modules_to_save"), *v;
	char *part = xstrdup(module);
	int saves = 0;
	size_t i;

	for (char *dot; *part && !saves; *dot = 0) { /* the module, and those that it is in */
		json_array_foreach(list, i, v) { saves |= ends_with(part, json_string_value(v)); }
		dot = strrchr(part, '.');
		dot = dot ? dot : part;
	}
	free(part);
	return saves;
}
