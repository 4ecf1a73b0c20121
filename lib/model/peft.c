/* SPDX-License-Identifier: MIT */
/* peft.c - see peft.h. */
#include "peft.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../format/folder.h"
#include "../format/foreign.h"
#include "../format/zio.h"
#include "peft_in.h"

/* The tensors of an adapter's folder, mapped. */
static struct peft_tensors open_tensors(const char *dir)
{
	static const struct foreign instead[] = {
		{"adapter_model.bin", "it is not read; PeftModel.from_pretrained and "
	                              "save_pretrained of PEFT write safetensors"},
		{"adapter_model.*", "it is not read"},
		{"*.gguf", "an adapter of llama.cpp's format is not read"},
		{"*.safetensors", "only a file of that name is read"},
		{NULL, NULL},
	};
	struct peft_tensors t = {.file.path = xprintf("%s/adapter_model.safetensors", dir)};
	struct fault why;
	size_t used;

	if (access(t.file.path, F_OK) && errno == ENOENT)
		foreign_missing(dir, "adapter_model.safetensors", instead);
	t.file.map = zio_map(t.file.path, &t.file.bytes);
	if (st_parse(&t.file.st, t.file.map, t.file.bytes, &used, &why))
		foreign_die(t.file.path, t.file.map, t.file.bytes, &why);
	t.taken = xzalloc(t.file.st.n + 1, 1);
	return t;
}

static void close_tensors(struct peft_tensors *t)
{
	st_close(&t->file.st);
	zio_unmap(t->file.map, t->file.bytes);
	free(t->file.path);
	free(t->taken);
}

const struct st_tensor *peft_take(struct peft_tensors *t, const char *name)
{
	const struct st_tensor *s = st_find(&t->file.st, name);

	if (s)
		t->taken[s - t->file.st.tensor] = 1;
	return s;
}

/* All that is there is used. */
static void check_taken(const struct peft_tensors *t)
{
	for (int i = 0; i < t->file.st.n; i++)
		if (!t->taken[i])
			die("%s: %s belongs to nothing of the model that the configuration names",
			    t->file.path, t->file.st.tensor[i].name);
}

static const struct st_tensor *find(struct peft_tensors *t, const struct slice *s)
{
	const struct st_tensor *it = peft_take(t, s->name);
	int vector = s->pair == 'c';

	if (!it)
		die("%s: the tensor %s is missing", t->file.path, s->name);
	if (it->rank != (vector ? 1 : 2) || it->shape[vector ? 0 : 1] != s->cols ||
	    (!vector && it->shape[0] != s->rows))
		die("%s: %s is not [%ld x %ld]", t->file.path, s->name, s->rows, s->cols);
	return it;
}

/* The text that settings record. */
static char *targets_of(const json_t *t)
{
	struct buf b = {0};
	const json_t *v;
	size_t i;

	if (json_is_string(t))
		return xstrdup(json_string_value(t));
	json_array_foreach(t, i, v)
	{
		buf_str(&b, b.n ? "," : "");
		buf_str(&b, json_string_value(v));
	}
	return b.p;
}

struct asking {
	const struct peft *peft;
	const char *path;
};

/* DoRA's pairs are no part of theta: what they do to a matrix is no sum. */
static int ask(void *ctx, const char *module, struct lora_form *form)
{
	const struct asking *a = ctx;
	struct fault why;
	int rc = peft_form(a->peft, module, 1, form, &why);

	if (rc < 0)
		die("%s: %s", a->path, why.text);
	return rc && !a->peft->dora;
}

static struct params *layout(const struct config *c, enum dtype type, const struct peft *p,
                             const char *path)
{
	struct asking asking = {p, path};
	struct params *a = params_lora_by(c, type, ask, &asking);

	a->rank = p->rank;
	a->alpha = p->alpha;
	a->targets = targets_of(json_object_get(p->json, "target_modules"));
	a->peft = json_incref((json_t *)p->json);
	return a;
}

struct params *peft_layout(struct model *m, const char *dir)
{
	char *path = xprintf("%s/adapter_config.json", dir);
	json_t *j = json_read_file(path);
	struct peft_tensors t;
	struct fault why;
	struct peft *p = peft_parse(j, &why);
	struct params *a;
	int changes;

	if (!p)
		die("%s: %s", path, why.text);
	t = open_tensors(dir);
	a = layout(&m->config, m->type, p, path);
	changes = peft_change(p, m, &t);
	if (!changes && !a->slices)
		die("%s: \"target_modules\" names nothing of the model", path);
	for (int i = 0; i < a->slices; i++)
		find(&t, &a->slice[i]);
	check_taken(&t);
	assert(!changes || !m->net.embed.p);
	if (changes) {
		weights_keep(m->weights, &t.file);
		free(t.taken);
	} else {
		close_tensors(&t);
	}
	if (!a->slices) {
		params_close(a);
		a = NULL;
	}
	peft_free(p);
	json_decref(j);
	free(path);
	return a;
}

void peft_read(struct params *a, const char *dir)
{
	struct peft_tensors t = open_tensors(dir);
	float *p = xalloc(a->n * sizeof *p);

	for (int i = 0; i < a->slices; i++) {
		const struct st_tensor *s = find(&t, &a->slice[i]);

		if (weights_floats(s, p + a->slice[i].at))
			die("%s: %s is of type %s", t.file.path, s->name, st_name(s->type));
	}
	params_set(a, p);
	close_tensors(&t);
	free(p);
}

char *peft_template(const char *dir)
{
	struct peft_tensors t = open_tensors(dir);
	const char *name = st_meta(&t.file.st, "seal.template");
	char *own = name ? xstrdup(name) : NULL;

	close_tensors(&t);
	return own;
}

/* Of new pairs, which are all alike; owned. */
static json_t *new_config(const struct params *a)
{
	int all = !strcmp(a->targets, "all-linear");
	json_t *targets = all ? json_string(a->targets) : json_array();
	char *list = xstrdup(a->targets), *at = NULL;

	for (char *w = strtok_r(list, ",", &at); w && !all; w = strtok_r(NULL, ",", &at))
		json_array_append_new(targets, json_string(w));
	free(list);
	return json_pack("{s:s, s:s, s:n, s:s, s:b, s:b, s:n, s:n, s:f, s:f, s:n, s:I, s:o, s:b, "
	                 "s:b, s:b}",
	                 "peft_type", "LORA", "task_type", "CAUSAL_LM", "base_model_name_or_path",
	                 "bias", "none", "fan_in_fan_out", 0, "inference_mode", 1, "layers_pattern",
	                 "layers_to_transform", "lora_alpha", a->alpha, "lora_dropout", 0.0,
	                 "modules_to_save", "r", (json_int_t)a->rank, "target_modules", targets,
	                 "init_lora_weights", 1, "use_dora", 0, "use_rslora", 0);
}

/* Pairs that were read stay what their configuration says. */
static void save_config(const struct params *a, const char *dir, const char *base)
{
	char *path = xprintf("%s/adapter_config.json", dir), *text;
	json_t *j = a->peft ? json_copy(a->peft) : new_config(a);

	json_object_set_new(j, "base_model_name_or_path", json_string(base));
	json_object_set_new(j, "inference_mode", json_true());
	json_object_set_new(j, "init_lora_weights", json_true());
	text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
	zio_save(path, text, strlen(text));
	json_decref(j);
	free(text);
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
		                          .rank = s->pair == 'c' ? 1 : 2,
		                          .shape = {s->rows, s->cols},
		                          .data = p + s->at,
		                          .bytes = s->rows * s->cols * sizeof *p};
		if (s->pair == 'c')
			t[i].shape[0] = s->cols;
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
