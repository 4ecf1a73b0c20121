/* SPDX-License-Identifier: MIT */
/* config_read.h - a model's configuration from its files.
 *
 * Both readers return -1 with a fault that names an unknown family, a missing or nonsensical
 * key, or a setting that would be computed otherwise than the model means it.
 */
#ifndef SEAL_CONFIG_READ_H
#define SEAL_CONFIG_READ_H

#include "../format/gguf.h"
#include "../format/jsonl.h"
#include "config.h"

/* From a Hugging Face folder's config.json. */
int config_hf(struct config *, const json_t *, struct fault *);
/* From a GGUF file's metadata. */
int config_gguf(struct config *, const struct gguf *, struct fault *);

/* What both end with: completes what follows from the sizes and numbers, and refuses those that
 * make no sense.  rotary_share: of a head's columns.  A number of 0 is absent. */
int config_settle(struct config *, double rotary_share, const double number[NUMBERS],
                  struct fault *);
/* Gives the window to every layer, but for every full_every-th where that is not 0. */
void config_layers(struct config *, long full_every);
/* Checks that positions can be computed with. */
int config_ropes(const struct config *, struct fault *);
/* A count of heads, or -1 for what is none. */
static inline int config_count(long n) { return n > 0 && n <= 1 << 24 ? (int)n : -1; }
/* Sets act from a name that config.json may have. */
int config_act(struct config *, const char *name, struct fault *);
/* The fault of a model_type or architecture that is not in the table. */
int config_unknown(struct fault *, const char *key, const char *name);

#endif
