/* SPDX-License-Identifier: MIT */
/* weights.h - a model's tensors by name, from a Hugging Face folder (one or
 * many safetensors files) or a GGUF file, mapped. */
#ifndef SEAL_WEIGHTS_H
#define SEAL_WEIGHTS_H

#include "../format/safetensors.h"
#include "config.h"

struct weights;

/* Dies with the file's name.  Sets the config. */
struct weights *weights_open(const char *path, struct config *);
void weights_close(struct weights *, struct dev *);
void weights_release(struct weights *, struct dev *); /* gives back all that weights_mat gave */

/* How a file's row order differs from Hugging Face's. */
enum row_order { AS_STORED, ROTATED, SEPARATE };

/* A missing tensor that only may be there gives p == NULL; else its lack or its being there is death. */
enum need { MUST, MAY, MUST_NOT };

/* Both names of one tensor, and what is wanted of it. */
struct wanted {
	char hf[160], gguf[96];
	long rows, cols; /* a vector is [1 x n] */
	enum dtype type;
	enum row_order gguf_order; /* of the GGUF file; Hugging Face's is AS_STORED */
	enum need need;
	long layer;              /* -1: outside the blocks */
	const struct part *part; /* of a block's linear layer; else, and of biases, NULL */
};

/* Is there a tensor of this Hugging Face name, without ".weight"? (Some releases
 * of transformers save GPT-NeoX's head as lm_head.)  Always 1 for GGUF. */
int weights_has(const struct weights *, const char *hf);

/* Do both have the same values in the same type?  Always 1 for GGUF. */
int weights_same(const struct weights *, const char *hf, const char *other);

/* The matrix on the device: in place where the file holds that type, else
 * converted; owned by weights.  Dies when the shape is not [rows x cols]. */
struct mat weights_mat(struct weights *, struct dev *, const struct config *,
                       const struct wanted *);

/* Sets `into`, F32 of that shape, to its values, if it is there. */
void weights_read(struct weights *, struct dev *, const struct config *, const struct wanted *,
                  struct mat into);
enum dtype weights_type(const struct weights *, const struct wanted *); /* the file's */
/* The file's row that holds row i of this order. */
long weights_row(enum row_order, const struct config *, long i);
const char *weights_path(const struct weights *);
const char *weights_meta(const struct weights *,
                         const char *key); /* of safetensors files, or NULL */

/* The values of a floating-point tensor; -1 for other types. */
int weights_floats(const struct st_tensor *, float *);

/* Which weights these are: XXH64 over each file's length and 4 KiB at each of up
 * to 1024 even steps of it, so that 16 GB take no time. */
uint64_t weights_hash(const struct weights *);

#endif
