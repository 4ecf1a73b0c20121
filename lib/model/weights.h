/* SPDX-License-Identifier: MIT */
/* weights.h - a model's tensors by name, from a Hugging Face folder (one or
 * many safetensors files) or a GGUF file, mapped. */
#ifndef SEAL_WEIGHTS_H
#define SEAL_WEIGHTS_H

#include "../format/safetensors.h"
#include "change.h"
#include "roles.h"

struct weights;

/* Dies with the file's name.  Sets the config. */
struct weights *weights_open(const char *path, struct config *);
/* Dies, naming one, when the files hold tensors that play no role in this network and are not
 * known to be harmless: they would be left out of what the model computes. */
void weights_check_used(const struct weights *, const struct net *, const struct config *);
void weights_close(struct weights *, struct dev *);

/* Is there a tensor of this Hugging Face name, without ".weight"? (Some releases
 * of transformers save GPT-NeoX's head as lm_head.)  Always 1 for GGUF. */
int weights_has_name(const struct weights *, const char *hf);

/* Do both have the same values in the same type?  Always 1 for GGUF. */
int weights_same(const struct weights *, const char *hf, const char *other);

/* Is there a tensor in this role? */
int weights_has(const struct weights *, const struct tensor_role *);
/* How a matrix gets to a device that shares the host's memory or not: used where it lies in the
 * file, or in memory of its own. */
enum weights_way { WEIGHTS_ABSENT, WEIGHTS_MAPPED, WEIGHTS_COPIED, WEIGHTS_STORED, WEIGHTS_WAYS };
/* stored: matrices of blocks that would be copied stay as the file has them, where they can. */
enum weights_way weights_way(const struct weights *, const struct tensor_role *, int stored);
/* The bytes that it takes on the device. */
size_t weights_bytes(const struct weights *, const struct tensor_role *, int stored);
/* Does a tensor that gets to the device in this way take memory there? */
int weights_moves(const struct dev *, enum weights_way);
/* Takes memory on the device, as much as all matrices and all vectors that move there need: they
 * will lie one behind another, in the order in which they are asked for, each from a multiple of
 * MAT_ALIGN bytes on. */
void weights_room(struct weights *, struct dev *, const size_t bytes[2]);
/* The next matrices lie at this place in the device's memory, which is the caller's. */
void weights_room_at(struct weights *, void *);
/* The matrix on the device; owned by weights.  Where it is stored, its type is the file's.  Dies
 * when the shape is not [rows x cols]. */
struct mat weights_mat(struct weights *, struct dev *, const struct config *,
                       const struct tensor_role *, int stored);
/* Where the rows of a stored matrix are, on the device; owned by weights. */
const int32_t *weights_order(struct weights *, struct dev *, const struct config *,
                             enum row_order gguf_order, long rows);
/* Sets `into`, F32 or the role's type, to its values, if it is there. */
void weights_read(const struct weights *, struct dev *, const struct config *,
                  const struct tensor_role *, struct mat into);
/* From now on this tensor of the model is what the change makes of it; takes over what it owns. */
void weights_change(struct weights *, const struct change *);
/* The same of a file that changes point into: it is closed with the weights. */
void weights_keep(struct weights *, const struct mapped *);
/* From now on the head, which was the embedding, begins as that, but is a tensor of its own. */
void weights_untie(struct weights *, struct config *, const struct tensor_role *embed);
int weights_untied(const struct weights *, const struct config *); /* has it been called? */
/* The Hugging Face name of a tensor that is changed; NULL: none is. */
const char *weights_changed(const struct weights *);
enum dtype weights_type(const struct weights *, const struct tensor_role *); /* the file's */
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
