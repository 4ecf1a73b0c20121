/* SPDX-License-Identifier: MIT */
/* peft.c - see peft.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/opt.h"
#include "../format/folder.h"
#include "../format/foreign.h"
#include "../format/jsonl.h"
#include "../format/zio.h"
#include "peft.h"
#include "weights.h"

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
		n = snprintf(block, sizeof block, family_peft_block(c->family), i);
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

struct params *peft_layout(const struct config *c, enum dtype type, const char *dir)
{
	char *path = xprintf("%s/adapter_config.json", dir), *targets;
	json_t *j = json_read_file(path);
	struct params *a;
	struct fault why;

	targets = peft_targets(c, j, &why);
	if (!targets)
		die("%s: %s", path, why.text);
	a = params_lora(c, type, targets, json_long(j, "r", 0), json_number(j, "lora_alpha", 0));
	json_decref(j);
	free(targets);
	free(path);
	return a;
}

static void read_slice(const struct slice *s, const struct safetensors *st, const char *path,
                       float *into)
{
	const struct st_tensor *t = st_find(st, s->name);

	if (!t)
		die("%s: the tensor %s is missing", path, s->name);
	if (t->rank != 2 || t->shape[0] != s->rows || t->shape[1] != s->cols)
		die("%s: %s is not [%ld x %ld]", path, s->name, s->rows, s->cols);
	if (weights_floats(t, into))
		die("%s: %s is of type %s", path, s->name, st_name(t->type));
}

/* The tensors of an adapter's folder, mapped. */
struct tensors {
	char *path;
	const void *map;
	size_t bytes;
	struct safetensors st;
};

static struct tensors open_tensors(const char *dir)
{
	static const struct foreign instead[] = {
		{"adapter_model.bin", "it is not read; PeftModel.from_pretrained and "
	                              "save_pretrained of PEFT write safetensors"},
		{"adapter_model.*", "it is not read"},
		{"*.gguf", "an adapter of llama.cpp's format is not read"},
		{"*.safetensors", "only a file of that name is read"},
		{NULL, NULL},
	};
	struct tensors t = {.path = xprintf("%s/adapter_model.safetensors", dir)};
	struct fault why;
	size_t used;

	if (access(t.path, F_OK) && errno == ENOENT)
		foreign_missing(dir, "adapter_model.safetensors", instead);
	t.map = zio_map(t.path, &t.bytes);
	if (st_parse(&t.st, t.map, t.bytes, &used, &why))
		foreign_die(t.path, t.map, t.bytes, &why);
	return t;
}

static void close_tensors(struct tensors *t)
{
	st_close(&t->st);
	zio_unmap(t->map, t->bytes);
	free(t->path);
}

void peft_read(struct params *a, const char *dir)
{
	struct tensors t = open_tensors(dir);
	float *p = xalloc(a->n * sizeof *p);

	for (int i = 0; i < a->slices; i++)
		read_slice(&a->slice[i], &t.st, t.path, p + a->slice[i].at);
	if (a->slices != t.st.n)
		die("%s: holds %d tensors, of which the model takes %d", t.path, t.st.n, a->slices);
	params_set(a, p);
	close_tensors(&t);
	free(p);
}

struct params *peft_load(struct dev *d, const struct config *c, enum dtype type, const char *dir)
{
	struct params *a = peft_layout(c, type, dir);

	params_room(a, d);
	peft_read(a, dir);
	return a;
}

char *peft_template(const char *dir)
{
	struct tensors t = open_tensors(dir);
	const char *name = st_meta(&t.st, "seal.template");
	char *own = name ? xstrdup(name) : NULL;

	close_tensors(&t);
	return own;
}

static void save_config(const struct params *a, const char *dir, const char *base)
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

void peft_save(const struct params *a, const char *dir, const char *base, const char *template,
               const json_t *settings)
{
	char *begun = folder_begin(dir), *path = xprintf("%s/adapter_model.safetensors", begun);
	struct st_meta meta[4] = {{"format", "pt"}, {"seal.version", SEAL_VERSION}};
	struct st_tensor *t = xalloc(a->slices * sizeof *t);
	float *p = xalloc(a->n * sizeof *p);
	struct buf text = {0}, blob = {0};
	int metas = 2;

	params_get(a, p);
	json_put(&text, settings);
	meta[metas++] = (struct st_meta){"seal.settings", text.p};
	if (template)
		meta[metas++] = (struct st_meta){"seal.template", (char *)template};
	for (int i = 0; i < a->slices; i++) {
		const struct slice *s = &a->slice[i];

		t[i] = (struct st_tensor){.name = s->name,
		                          .type = ST_F32,
		                          .rank = 2,
		                          .shape = {s->rows, s->cols},
		                          .data = p + s->at,
		                          .bytes = s->rows * s->cols * sizeof *p};
	}
	st_write(&blob, t, a->slices, meta, metas, 0);
	zio_save(path, blob.p, blob.n);
	save_config(a, begun, base);
	folder_commit(begun, dir);
	free(t);
	free(p);
	free(path);
	buf_free(&text);
	buf_free(&blob);
}
