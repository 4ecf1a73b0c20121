/* SPDX-License-Identifier: MIT */
/* weights_open.c - a model's files: which they are, and whether all that is in them is of use. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/memory.h"
#include "../format/foreign.h"
#include "../format/zio.h"
#include "config_read.h"
#include "weights_in.h"

static struct mapped *map_file(struct weights *w, const char *path)
{
	struct mapped *f;

	w->file = xrealloc(w->file, (w->files + 1) * sizeof *w->file);
	f = &w->file[w->files++];
	memset(f, 0, sizeof *f);
	f->path = xstrdup(path);
	f->map = zio_map(path, &f->bytes);
	return f;
}

static void open_safetensors(struct weights *w, const char *path)
{
	struct mapped *f = map_file(w, path);
	struct fault why;
	size_t used;

	if (st_parse(&f->st, f->map, f->bytes, &used, &why))
		foreign_die(path, f->map, f->bytes, &why);
	if (used != f->bytes)
		die("%s: %zu bytes after the last tensor", path, f->bytes - used);
	/* The header brought pages after it, which the plan counts apart. */
	zio_forget(f->map, f->bytes);
}

/* The number of the file, opened if it was not. */
static int shard(struct weights *w, const char *folder, const char *name)
{
	char *path = xprintf("%s/%s", folder, name);
	int i = 0;

	while (i < w->files && strcmp(w->file[i].path, path))
		i++;
	if (i == w->files)
		open_safetensors(w, path);
	free(path);
	return i;
}

/* model.safetensors.index.json says in which file a tensor is: others may have older copies. */
static void open_shards(struct weights *w, const char *folder, const char *index)
{
	json_t *j = json_read_file(index), *map = json_object_get(j, "weight_map"), *v;
	const char *key;

	if (!json_is_object(map))
		die("%s: no \"weight_map\"", index);
	w->index = json_object();
	json_object_foreach(map, key, v)
	{
		const char *name = json_string_value(v);
		int i;

		if (!name || strchr(name, '/'))
			die("%s: \"%s\" names no file of the folder", index, key);
		i = shard(w, folder, name);
		if (!st_find(&w->file[i].st, key))
			die("%s: has no tensor %s, which %s says is there", w->file[i].path, key,
			    index);
		json_object_set_new(w->index, key, json_integer(i));
	}
	for (int i = 0; i < w->files; i++)
		for (int k = 0; k < w->file[i].st.n; k++)
			if (!json_object_get(map, w->file[i].st.tensor[k].name))
				die("%s: has the tensor %s, which %s does not know",
				    w->file[i].path, w->file[i].st.tensor[k].name, index);
	json_decref(j);
}

#define SAVE_IT                                                                        \
	"it is not read; AutoModelForCausalLM.from_pretrained and save_pretrained of " \
	"transformers write model.safetensors"

static void no_weights(const char *folder)
{
	static const struct foreign instead[] = {
		{"*.gguf", "a GGUF file is a model by itself: name that"},
		{"pytorch_model*.bin*", SAVE_IT},
		{"consolidated*", "the weights are in their maker's own form; a conversion to "
	                          "Hugging Face's is needed"},
		{"model-*.safetensors", "shards without the index that says which tensors they "
	                                "have"},
		{"adapter_model.*", "an adapter, not a model"},
		{"diffusion_pytorch_model*", "a model of images"},
		{"*.safetensors", "only a file of that name is read"},
		{"tf_model*", SAVE_IT},
		{"flax_model*", SAVE_IT},
		{"*.onnx", "a graph of ONNX is not read"},
		{"*.pth", SAVE_IT},
		{"*.pt", SAVE_IT},
		{"*.bin", SAVE_IT},
		{NULL, NULL},
	};

	foreign_missing(folder, "model.safetensors (or model.safetensors.index.json)", instead);
}

static void open_folder(struct weights *w, const char *folder, struct config *c)
{
	char *config = xprintf("%s/config.json", folder),
	     *one = xprintf("%s/model.safetensors", folder);
	char *index = xprintf("%s/model.safetensors.index.json", folder);
	json_t *j = json_read_file(config);
	struct fault why;
	struct stat st;

	if (config_hf(c, j, &why))
		die("%s: %s", config, why.text);
	json_decref(j);
	if (!stat(one, &st))
		open_safetensors(w, one);
	else if (!stat(index, &st))
		open_shards(w, folder, index);
	else
		no_weights(folder);
	free(config);
	free(one);
	free(index);
}

/* Part no, from 0, of the GGUF file that was opened. */
static void open_part(struct weights *w, const char *path, long no, long of)
{
	struct fault why;
	struct gguf part;
	struct stat st;
	struct mapped *f;
	long at, n;

	if (stat(path, &st))
		die("%s is part 1 of %ld, and part %ld is not beside it: open %s:", w->path, of,
		    no + 1, path);
	f = map_file(w, path);
	if (gguf_parse(&part, f->map, f->bytes, &why) || gguf_part(&part, &at, &n, &why))
		die("%s: %s", path, why.text);
	if (at != no || n != of)
		die("%s is part %ld of %ld, not %ld of %ld", path, at + 1, n, no + 1, of);
	if (gguf_join(&w->gguf, &part, &why))
		die("%s: %s", w->path, why.text);
}

/* The other parts of a model in several files, by llama.cpp's rule for their names. */
static void open_parts(struct weights *w, long of)
{
	char *end = xprintf("-00001-of-%05ld.gguf", of);
	size_t n = strlen(w->path), stem = n < strlen(end) ? 0 : n - strlen(end);
	long tensors;

	if (strcmp(w->path + stem, end) != 0)
		die("%s is part 1 of %ld, and its name does not end in %s, by which the others are "
		    "found",
		    w->path, of, end);
	for (long i = 1; i < of; i++) {
		char *path = xprintf("%.*s-%05ld-of-%05ld.gguf", (int)stem, w->path, i + 1, of);

		open_part(w, path, i, of);
		free(path);
	}
	tensors = gguf_int(&w->gguf, "split.tensors.count", w->gguf.tensors);
	if (tensors != w->gguf.tensors)
		die("%s: its %ld parts hold %ld tensors, not the %ld of split.tensors.count",
		    w->path, of, w->gguf.tensors, tensors);
	free(end);
}

static void open_gguf(struct weights *w, const char *path, struct config *c)
{
	struct mapped *f = map_file(w, path);
	struct fault why;
	long no, of;

	if (!gguf_is(f->map, f->bytes) && !gguf_old(f->map, f->bytes)) {
		fault(&why, "neither a model folder nor a GGUF file");
		foreign_die(path, f->map, f->bytes, &why);
	}
	if (gguf_parse(&w->gguf, f->map, f->bytes, &why) || gguf_first(&w->gguf, &why) ||
	    gguf_part(&w->gguf, &no, &of, &why))
		die("%s: %s", path, why.text);
	w->is_gguf = 1;
	if (of > 1)
		open_parts(w, of);
	if (config_gguf(c, &w->gguf, &why))
		die("%s: %s", path, why.text);
}

struct weights *weights_open(const char *path, struct config *c)
{
	struct weights *w = xzalloc(1, sizeof *w);
	struct stat st;

	w->path = xstrdup(path);
	if (stat(path, &st))
		die("open %s:", path);
	if (S_ISDIR(st.st_mode)) {
		open_folder(w, path, c);
		return w;
	}
	open_gguf(w, path, c);
	return w;
}

static int begins_with(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* Weights that were made smaller have other tensors beside, or in the place of, each matrix. */
static const char *quantised(const char *name)
{
	static const struct {
		const char *suffix, *what;
	} forms[] = {
		{".qweight", "GPTQ or AWQ"},
		{".qzeros", "GPTQ or AWQ"},
		{".g_idx", "GPTQ"},
		{".absmax", "bitsandbytes, 4 bits"},
		{".quant_map", "bitsandbytes, 4 bits"},
		{".SCB", "bitsandbytes, 8 bits"},
		{".weight_packed", "compressed-tensors"},
		{".weight_scale", "FP8 or compressed-tensors"},
		{".weight_scale_inv", "FP8"},
		{".weight_blocks", "MXFP4"},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (ends_with(name, forms[i].suffix))
			return forms[i].what;
	return NULL;
}

/* What a model's files may hold besides: what follows from the configuration (rates of rotation,
 * causal masks), a tied head, and the parts for images of a model of which the text is read. */
static int harmless(const struct weights *w, const struct config *c, const char *name)
{
	static const char *const suffix[] = {".rotary_emb.inv_freq", ".attention.bias",
	                                     ".attention.masked_bias", ".attn.bias",
	                                     ".attn.masked_bias"};
	static const char *const images[] = {"vision_tower.", "multi_modal_projector.",
	                                     "model.vision_tower.", "model.multi_modal_projector."};
	static const char *const gguf[] = {"rope_freqs.weight", "rope_factors_long.weight",
	                                   "rope_factors_short.weight"};
	size_t head = strlen(c->head);

	for (size_t i = 0; w->is_gguf && i < sizeof gguf / sizeof *gguf; i++)
		if (!strcmp(name, gguf[i]))
			return 1;
	for (size_t i = 0; !w->is_gguf && i < sizeof suffix / sizeof *suffix; i++)
		if (ends_with(name, suffix[i]))
			return 1;
	for (size_t i = 0; c->family->text && i < sizeof images / sizeof *images; i++)
		if (begins_with(name, images[i]))
			return 1;
	return c->tied && begins_with(name, c->head) && !strcmp(name + head, ".weight");
}

struct names {
	json_t *used; /* tensor names */
	int is_gguf;
};

static void note(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct names *n = ctx;

	(void)at;
	json_object_set_new(n->used, n->is_gguf ? r->gguf : r->hf, json_true());
}

/* Tensors that are of no use. */
struct useless {
	const char *name, *type; /* the first */
	long count;
};

static void see(const struct weights *w, const struct config *c, const struct names *n,
                const char *name, const char *type, struct useless *u)
{
	const char *form = w->is_gguf ? NULL : quantised(name);

	if (json_object_get(n->used, name) || harmless(w, c, name))
		return;
	if (form)
		die("%s: quantised weights (%s: %s) are not read: give a folder of F32, F16 or "
		    "BF16, or a GGUF file",
		    w->path, form, name);
	if (!u->count++) {
		u->name = name;
		u->type = type;
	}
}

void weights_check_used(const struct weights *w, const struct net *net, const struct config *c)
{
	struct names n = {json_object(), w->is_gguf};
	struct useless u = {0};
	struct net none;

	net_like(&none, net, c);
	net_each(&none, c, DT_F32, note, &n);
	net_close(&none);
	for (long i = 0; w->is_gguf && i < w->gguf.tensors; i++)
		see(w, c, &n, w->gguf.tensor[i].name, w->gguf.tensor[i].kind, &u);
	for (int i = 0; !w->is_gguf && i < w->files; i++)
		for (int k = 0; k < w->file[i].st.n; k++)
			see(w, c, &n, w->file[i].st.tensor[k].name,
			    st_name(w->file[i].st.tensor[k].type), &u);
	json_decref(n.used);
	if (u.count)
		die("%s: %ld tensor%s that the family %s, as it is configured, does not use: %s "
		    "(%s)%s",
		    w->path, u.count, u.count > 1 ? "s" : "", c->family->name, u.name, u.type,
		    u.count > 1 ? ", ..." : "");
}
