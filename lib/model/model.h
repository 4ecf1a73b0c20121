/* SPDX-License-Identifier: MIT */
/* model.h - a frozen language model: its files, its configuration and its weights.
 *
 * What computes with it is engine.h; what is trained beside it, or in its place, params.h.
 */
#ifndef SEAL_MODEL_H
#define SEAL_MODEL_H

#include "../base/opt.h"
#include "params.h"
#include "divided.h"
#include "weights.h"

struct compute_opts {
	const char *device, *dtype;
	long threads, memory, pass; /* memory: bytes, 0 for most of what there is */
};
/* How many processor threads these mean. */
int compute_threads(const struct compute_opts *);
extern const struct opt compute_options[]; /* --device --dtype -j --max-memory --pass-tokens */
#define COMPUTE_DEFAULTS                          \
	{                                         \
		.device = "auto", .dtype = "auto" \
	}

struct model { /* to be read */
	struct dev *dev;
	enum dtype type; /* of the products */
	struct config config;
	struct weights *weights;
	struct net net; /* without tensors until model_load */
	/* The blocks' matrices stay as the file has them: asked for before engine_open, or set by it
	 * for want of memory. */
	int stored;
	int divides; /* the blocks' matrices are to be divided among the ranks of the run */
	struct divided *divided; /* then, once they are loaded; else NULL */
};

/* path: Hugging Face folder or GGUF file.  Maps the files, reads the configuration and opens the
 * device, which takes hardly any memory.  Dies. */
struct model *model_open(const char *path, const struct compute_opts *);
/* Brings the weights to the device.  A theta of all weights does without. */
void model_load(struct model *);
void model_close(struct model *);

/* Bytes of the weights that are used where they lie in the file, and of those that are not. */
void model_bytes(const struct model *, int stored, size_t *mapped, size_t *copied);
/* The template that it was tuned with by seal, or NULL. */
const char *model_template(const struct model *);

/* Sets a theta of all weights, with memory, to the values in the model's files. */
void model_values(const struct model *, struct params *);

#endif
