/* SPDX-License-Identifier: MIT */
/* scorer.c - see scorer.h. */
#include "scorer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../format/safetensors.h"
#include "../format/zio.h"
#include "../model/config.h"

void scorer_write(const struct scorer *s, struct zout *to, const json_t *settings)
{
	json_t *own =
		json_pack("{s:f, s:f, s:f, s:f, s:i, s:I, s:s, s:s, s:s}", "b", s->fit.b, "slope",
	                  s->odds.slope, "offset", s->odds.offset, "prior", s->odds.prior, "layer",
	                  s->layer, "blocks", (json_int_t)s->blocks, "model", s->model,
	                  "fingerprint", s->fingerprint, "template", s->template);
	const struct st_tensor tensor[] = {
		{"weight", ST_F64, 1, {s->fit.d}, s->fit.w, s->fit.d * sizeof(double)},
		{"mean", ST_F64, 1, {s->fit.d}, s->fit.mean, s->fit.d * sizeof(double)},
	};
	struct buf text = {0}, made = {0}, out = {0};
	struct st_meta meta[3];

	json_put(&text, own);
	buf_add(&text, "", 1);
	json_put(&made, settings);
	buf_add(&made, "", 1);
	meta[0] = (struct st_meta){"seal.kind", "scorer"};
	meta[1] = (struct st_meta){"seal.scorer", text.p};
	meta[2] = (struct st_meta){"seal.settings", made.p};
	st_write(&out, tensor, 2, meta, 3, 0);
	zout_write(to, out.p, out.n);
	buf_free(&text);
	buf_free(&made);
	buf_free(&out);
	json_decref(own);
}

/* A copy of the tensor of d finite doubles (d 0: of however many), owned; NULL with a fault. */
static double *values(const struct safetensors *st, const char *name, long d, struct fault *f)
{
	const struct st_tensor *t = st_find(st, name);
	double *v;

	if (!t || t->type != ST_F64 || t->rank != 1 || t->shape[0] < 1 || (d && t->shape[0] != d)) {
		fault(f, "no vector \"%s\" of doubles, all of one length", name);
		return NULL;
	}
	v = xalloc(t->bytes);
	memcpy(v, t->data, t->bytes);
	for (long j = 0; j < t->shape[0]; j++)
		if (!isfinite(v[j])) {
			fault(f, "a number of \"%s\" is not finite", name);
			free(v);
			return NULL;
		}
	return v;
}

static const struct json_key keys[] = {{"b", 'n'},        {"slope", 'n'},
                                       {"offset", 'n'},   {"prior", 'n'},
                                       {"layer", 'w'},    {"blocks", 'w'},
                                       {"model", 't'},    {"fingerprint", 't'},
                                       {"template", 't'}, {0}};

/* What the metadata says; -1 with a fault. */
static int read_own(struct scorer *s, const json_t *own, struct fault *f)
{
	for (int k = 0; keys[k].name; k++)
		if (!json_object_get(own, keys[k].name) ||
		    json_is_null(json_object_get(own, keys[k].name)))
			return fault(f, "no \"%s\"", keys[k].name);
	if (json_check(own, keys, f))
		return -1;
	s->fit.b = json_number(own, "b", 0);
	s->odds.slope = json_number(own, "slope", 0);
	s->odds.offset = json_number(own, "offset", 0);
	s->odds.prior = json_number(own, "prior", 0);
	s->blocks = json_long(own, "blocks", 0);
	s->layer = (int)long_min(json_long(own, "layer", 0), s->blocks + 1);
	if (s->layer < 0 || s->blocks < 1 || s->blocks > CONFIG_LAYERS || s->layer > s->blocks)
		return fault(f, "\"layer\" and \"blocks\" make no sense");
	if (s->odds.prior <= 0 || s->odds.prior >= 1)
		return fault(f, "\"prior\" is not between 0 and 1");
	snprintf(s->model, sizeof s->model, "%s", json_text(own, "model", ""));
	snprintf(s->fingerprint, sizeof s->fingerprint, "%s", json_text(own, "fingerprint", ""));
	s->template = xstrdup(json_text(own, "template", ""));
	return 0;
}

static int parse(struct scorer *s, const struct safetensors *st, struct fault *f)
{
	const char *kind = st_meta(st, "seal.kind"), *text = st_meta(st, "seal.scorer");
	struct fault why;
	json_t *own;
	int rc;

	if (!kind || strcmp(kind, "scorer") || !text)
		return fault(f, "is no scorer (--save-scorer)");
	own = json_parse(text, strlen(text), &why);
	if (!own)
		return fault(f, "seal.scorer: %s", why.text);
	rc = json_is_object(own) ? read_own(s, own, f) : fault(f, "seal.scorer is no object");
	json_decref(own);
	if (rc)
		return -1;
	s->fit.w = values(st, "weight", 0, f);
	if (s->fit.w) {
		s->fit.d = st_find(st, "weight")->shape[0];
		s->fit.mean = values(st, "mean", s->fit.d, f);
	}
	return s->fit.mean ? 0 : -1;
}

int scorer_parse(struct scorer *s, const void *p, size_t bytes, struct fault *f)
{
	struct safetensors st;
	size_t used;
	int rc;

	*s = (struct scorer){0};
	if (st_parse(&st, p, bytes, &used, f))
		return -1;
	rc = used == bytes ? parse(s, &st, f) : fault(f, "bytes follow behind the tensors");
	st_close(&st);
	if (rc)
		scorer_free(s);
	return rc;
}

void scorer_read(struct scorer *s, const char *path)
{
	size_t bytes;
	const void *p = zio_map(path, &bytes);
	struct fault f;

	if (scorer_parse(s, p, bytes, &f))
		die("%s: %s", path, f.text);
	zio_unmap(p, bytes);
}

void scorer_free(struct scorer *s)
{
	logit_free(&s->fit);
	free(s->template);
	s->template = NULL;
}
