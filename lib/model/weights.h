/* weights.h - a model's tensors by name, from a Hugging Face folder (one or
 * many safetensors files, mapped) or a GGUF file (mapped). */
#ifndef SEAL_WEIGHTS_H
#define SEAL_WEIGHTS_H

#include "config.h"

struct weights;

/* Dies with the file's name.  Sets the config. */
struct weights *weights_open(const char *path, struct config *);
void weights_close(struct weights *);

/* The matrix on the device in the wanted type: used in place where the file's
 * type is that type, else converted; owned by weights until weights_close.
 * A vector is [1 x n].  Names are Hugging Face's, without ".weight": `name` may
 * hold one %d, the layer.  suffix: "weight" or "bias".  Dies when the shape is
 * not [rows x cols]; a missing tensor dies, or gives p == NULL when optional. */
struct mat weights_mat(struct weights *, struct dev *, const char *name, const char *gguf, long layer,
                       const char *suffix, long rows, long cols, enum dtype, int optional);

/* Hash over names and bytes of all tensors as stored. (Base fingerprint.) */
uint64_t weights_bytes(const struct weights *);     /* total bytes mapped */

#endif
