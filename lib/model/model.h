/* SPDX-License-Identifier: MIT */
/* model.h - a frozen language model, and the calls that are all of learning.
 *
 * l(theta; z) is the mean negative log-likelihood over the trained tokens of
 * row z.  Rows of a batch are packed without padding into passes whose tokens
 * fit the memory; rows never see each other.
 */
#ifndef SEAL_MODEL_H
#define SEAL_MODEL_H

#include "../base/opt.h"
#include "../rows/batch.h"
#include "adapter.h"

struct compute_opts {
	const char *device, *dtype;
	long threads, memory, pass;
};
extern const struct opt compute_options[]; /* --device --dtype -j --max-memory */
#define COMPUTE_DEFAULTS                                        \
	{                                                       \
		.device = "auto", .dtype = "auto", .pass = 2560 \
	}

struct model;

/* path: Hugging Face folder or GGUF file.  Dies. */
struct model *model_open(const char *path, const struct compute_opts *);
/* The same in two steps, so that memory can be planned between (plan.h): the first
 * takes hardly any, and is all that a theta of all weights needs. */
struct model *model_begin(const char *path, const struct compute_opts *);
void model_load(struct model *);
void model_close(struct model *);
const struct config *model_config(const struct model *);
struct dev *model_dev(const struct model *);
enum dtype model_dtype(const struct model *);
const char *model_template(const struct model *); /* that it was tuned with here, or NULL */
uint64_t model_hash(const struct model *);        /* of its weights, see weights.h */

/* A theta of all weights, which start as the model's, from its files. */
struct adapter *model_theta(struct model *, struct dev *);

/* Writes the model under theta as a Hugging Face folder: the folder's configuration and
 * tokenizer, and model.safetensors; where theta is all weights they are F32, else, with
 * scale b a added, of the types that the model's files have.  template may be NULL. */
void model_save(struct model *, const struct adapter *, const char *dir, const char *template,
                const json_t *settings);
/* Dies, before long work, where that cannot be done: a GGUF model has no such files; dir
 * exists, or (force) is not such a folder, or is the model itself. */
void model_save_check(const char *model, const char *dir, int force);

/* loss[i] = l(theta; z_i); adapter NULL: the model alone.  host arrays.  Where theta is
 * not all weights, the model is loaded. */
void model_loss(struct model *, struct adapter *, const struct batch *, float loss[]);
/* As model_loss, and adds sum_i weight[i] grad l(theta; z_i) to the adapter's gradient. */
void model_grad(struct model *, struct adapter *, const struct batch *, const float weight[],
                float loss[]);
/* nll of every token of the batch's rows end to end; NaN where a token is not
 * trained (all: every token but a row's first counts as trained). */
void model_nll(struct model *, struct adapter *, const struct batch *, int all, float nll[]);

/* The passes of batches: the tokens of the largest, and which sizes there are. */
struct passes {
	long largest;
	uint64_t seen[64];
};
/* Adds those into which this batch divides, when passes are to hold `pass` tokens. */
void passes_add(struct passes *, const struct batch *, long pass);
int passes_sizes(const struct passes *);

/* Generation: a cache holds the keys and values of up to n rows of up to
 * `positions` tokens. */
struct cache;
struct cache *cache_open(struct model *, struct adapter *, int n, long positions);
long cache_tokens(long n, long positions); /* of its largest pass */
/* Feeds row slot[i] the tokens token[start[i]..start[i+1]), i < n (each at
 * least one), and sets logits [n x vocab] (host) to those after its last. */
void model_next(struct cache *, const int32_t *token, const int32_t *start, const int *slot, int n,
                float *logits);
void cache_close(struct cache *);

#endif
