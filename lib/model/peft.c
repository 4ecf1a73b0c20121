/* SPDX-License-Identifier: MIT */
/* peft.c - adapters as PEFT folders: adapter_config.json, adapter_model.safetensors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/memory.h"
#include "../base/opt.h"
#include "../format/folder.h"
#include "../format/jsonl.h"
#include "../format/zio.h"
#include "adapter.h"
#include "weights.h"

/* "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight" */
static char *tensor_name(const struct config *c, long layer, const struct lora *l, char which)
{
	char block[96];

	snprintf(block, sizeof block, c->family->block, layer);
	return xprintf("base_model.model.%s.%s.lora_%c.weight", block, l->part->module, which);
}

/* Every matrix of the adapter in the vector's order: f(ctx, name, rows, cols, offset). */
static void each(const struct adapter *a, void (*f)(void *, char *, const struct mat *, long),
                 void *ctx)
{
	for (long i = 0; i < a->config->layers; i++)
		for (int s = 0; s < SITES; s++)
			for (int k = 0; k < a->site[i][s].n; k++) {
				const struct lora *l = &a->site[i][s].pair[k];

				f(ctx, tensor_name(a->config, i, l, 'A'), &l->da,
				  (float *)l->da.p - a->g);
				f(ctx, tensor_name(a->config, i, l, 'B'), &l->db,
				  (float *)l->db.p - a->g);
			}
}

struct reading {
	const char *path;
	const struct safetensors *st;
	float *p;
	int used;
};

static void read_one(void *ctx, char *name, const struct mat *m, long at)
{
	struct reading *r = ctx;
	const struct st_tensor *t = st_find(r->st, name);

	if (!t)
		die("%s: the tensor %s is missing", r->path, name);
	if (t->rank != 2 || t->shape[0] != m->rows || t->shape[1] != m->cols)
		die("%s: %s is not [%ld x %ld]", r->path, name, m->rows, m->cols);
	if (weights_floats(t, r->p + at))
		die("%s: %s is of type %s", r->path, name, st_name(t->type));
	r->used++;
	free(name);
}

static int empty(const json_t *v)
{
	return !v || json_is_null(v) || json_is_false(v) ||
	       (json_is_object(v) && !json_object_size(v)) ||
	       (json_is_array(v) && !json_array_size(v));
}

/* What this program would compute otherwise than PEFT is refused. */
static int check_config(const json_t *j, struct fault *f)
{
	static const char *const none[] = {"use_dora",
	                                   "use_rslora",
	                                   "modules_to_save",
	                                   "rank_pattern",
	                                   "alpha_pattern",
	                                   "layers_to_transform",
	                                   "fan_in_fan_out",
	                                   "lora_bias",
	                                   "target_parameters",
	                                   "trainable_token_indices",
	                                   "exclude_modules",
	                                   "layer_replication",
	                                   "megatron_config",
	                                   "use_qalora",
	                                   "alora_invocation_tokens",
	                                   "use_bdlora",
	                                   "arrow_config",
	                                   "kasa_config",
	                                   "monteclora_config",
	                                   "velora_config",
	                                   NULL};
	static const char *const split[] = {"pissa", "olora", "corda", "loftq", NULL};

	if (strcmp(json_text(j, "peft_type", ""), "LORA"))
		return fault(f, "peft_type \"%.40s\" is not LORA", json_text(j, "peft_type", ""));
	if (!empty(json_object_get(j, "bias")) && strcmp(json_text(j, "bias", ""), "none"))
		return fault(f, "\"bias\" is not \"none\"");
	for (int i = 0; none[i]; i++)
		if (!empty(json_object_get(j, none[i])))
			return fault(f, "\"%s\" is not supported", none[i]);
	/* these move a part of the base into the pairs when PEFT loads them */
	for (const char *const *p = split; *p; p++)
		if (!strncasecmp(json_text(j, "init_lora_weights", ""), *p, strlen(*p)))
			return fault(f, "init_lora_weights \"%s\" is not supported", *p);
	if (json_long(j, "r", 0) < 1 || json_long(j, "r", 0) > 1 << 20 ||
	    !(json_number(j, "lora_alpha", 0) > 0))
		return fault(f, "\"r\" or \"lora_alpha\" is missing or makes no sense");
	return 0;
}

/* The module below the block: peft resolves "all-linear" to names such as
 * "model.layers.3.mlp.up_proj".  That each layer has it is seen from the tensors. */
static const char *below_block(const struct config *c, const char *name)
{
	char block[96];
	size_t n;

	for (long i = 0; i < c->layers; i++) {
		n = snprintf(block, sizeof block, c->family->block, i);
		if (!strncmp(name, block, n) && name[n] == '.')
			return name + n + 1;
	}
	return name;
}

static int listed(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; p && *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && !memcmp(p, word, n))
			return 1;
	return 0;
}

static char *config_targets(const struct config *c, const json_t *j, struct fault *f)
{
	const json_t *t = json_object_get(j, "target_modules"), *v;
	struct buf b = {0};
	size_t i;

	if (json_is_string(t) && !strcmp(json_string_value(t), "all-linear"))
		return xstrdup("all-linear");
	json_array_foreach(t, i, v)
	{
		const char *word = json_is_string(v) ? below_block(c, json_string_value(v)) : "";

		if (!*word || strchr(word, ',')) {
			buf_free(&b);
			break;
		}
		if (listed(b.p, word))
			continue;
		buf_str(&b, b.n ? "," : "");
		buf_str(&b, word);
	}
	if (!b.n)
		fault(f, "\"target_modules\" is not a list of names");
	return b.p;
}

char *peft_targets(const struct config *c, const json_t *j, struct fault *f)
{
	return check_config(j, f) ? NULL : config_targets(c, j, f);
}

struct adapter *adapter_load(struct dev *d, const struct config *c, enum dtype type,
                             const char *dir)
{
	char *config = xprintf("%s/adapter_config.json", dir),
	     *path = xprintf("%s/adapter_model.safetensors", dir);
	json_t *j = json_read_file(config);
	struct reading r = {.path = path};
	struct safetensors st;
	struct adapter *a;
	struct fault why;
	size_t bytes, used;
	const void *map;
	char *targets;

	targets = peft_targets(c, j, &why);
	if (!targets)
		die("%s: %s", config, why.text);
	a = adapter_blank(d, c, type, targets, json_long(j, "r", 0),
	                  json_number(j, "lora_alpha", 0));
	map = zio_map(path, &bytes);
	if (st_parse(&st, map, bytes, &used, &why))
		die("%s: %s", path, why.text);
	r.st = &st;
	r.p = xalloc(a->n * sizeof *r.p);
	each(a, read_one, &r);
	if (r.used != st.n)
		die("%s: holds %d tensors, of which the model takes %d", path, st.n, r.used);
	d->op->put(d, a->p, r.p, a->n * sizeof *r.p);
	adapter_refresh(a);
	st_close(&st);
	zio_unmap(map, bytes);
	json_decref(j);
	free(r.p);
	free(targets);
	free(config);
	free(path);
	return a;
}

char *adapter_template(const char *dir)
{
	char *path = xprintf("%s/adapter_model.safetensors", dir), *name = NULL;
	struct safetensors st;
	struct fault why;
	size_t bytes, used;
	const void *map = zio_map(path, &bytes);

	if (st_parse(&st, map, bytes, &used, &why))
		die("%s: %s", path, why.text);
	if (st_meta(&st, "seal.template"))
		name = xstrdup(st_meta(&st, "seal.template"));
	st_close(&st);
	zio_unmap(map, bytes);
	free(path);
	return name;
}

static void save_config(const struct adapter *a, const char *dir, const char *base)
{
	char *path = xprintf("%s/adapter_config.json", dir), *text;
	int all = !strcmp(a->targets, "all-linear");
	json_t *targets = all ? json_string(a->targets) : json_array(), *j;
	char *list = xstrdup(a->targets), *at = NULL;

	for (char *w = strtok_r(list, ",", &at); w && !all; w = strtok_r(NULL, ",", &at))
		json_array_append_new(targets, json_string(w));
	j = json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:n, s:n, s:f, s:f, s:n, s:I, s:o, s:b, s:b, "
	              "s:b}",
	              "peft_type", "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path",
	              base, "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1,
	              "layers_pattern", "layers_to_transform", "lora_alpha", a->alpha,
	              "lora_dropout", 0.0, "modules_to_save", "r", (json_int_t)a->rank,
	              "target_modules", targets, "init_lora_weights", 1, "use_dora", 0,
	              "use_rslora", 0);
	text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	zio_save(path, text, strlen(text));
	json_decref(j);
	free(text);
	free(list);
	free(path);
}

struct writing {
	struct st_tensor *t;
	int n;
	const float *p;
};

static void write_one(void *ctx, char *name, const struct mat *m, long at)
{
	struct writing *w = ctx;

	w->t = xrealloc(w->t, (w->n + 1) * sizeof *w->t);
	w->t[w->n++] = (struct st_tensor){.name = name,
	                                  .type = ST_F32,
	                                  .rank = 2,
	                                  .shape = {m->rows, m->cols},
	                                  .data = w->p + at,
	                                  .bytes = m->rows * m->cols * sizeof(float)};
}

void adapter_save(const struct adapter *a, const char *dir, const char *base, const char *template,
                  const json_t *settings)
{
	char *begun = folder_begin(dir), *path = xprintf("%s/adapter_model.safetensors", begun);
	float *p = xalloc(a->n * sizeof *p);
	struct writing w = {.p = p};
	struct st_meta meta[4] = {{"format", "pt"}, {"seal.version", SEAL_VERSION}};
	struct buf text = {0}, blob = {0};
	int metas = 2;

	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	json_put(&text, settings);
	meta[metas++] = (struct st_meta){"seal.settings", text.p};
	if (template)
		meta[metas++] = (struct st_meta){"seal.template", (char *)template};
	each(a, write_one, &w);
	st_write(&blob, w.t, w.n, meta, metas, 0);
	zio_save(path, blob.p, blob.n);
	save_config(a, begun, base);
	folder_commit(begun, dir);
	for (int i = 0; i < w.n; i++)
		free(w.t[i].name);
	free(w.t);
	free(p);
	free(path);
	buf_free(&text);
	buf_free(&blob);
}
