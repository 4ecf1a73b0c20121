/* SPDX-License-Identifier: MIT */
/* save_hf.h - a model under theta as a Hugging Face folder: W, or W + scale b a. */
#ifndef SEAL_SAVE_HF_H
#define SEAL_SAVE_HF_H

#include "../format/jsonl.h"
#include "model.h"

/* Writes the folder: the model's configuration and tokenizer, and model.safetensors.  Where theta
 * is all weights they are F32; else, with its pairs added, of the types that the model's files
 * have.  template may be NULL. */
void save_hf(const struct model *, const struct params *, const char *dir, const char *template,
             const json_t *settings);
/* Dies, before long work, where that cannot be done: a GGUF model has no such files; dir exists,
 * or (force) is not such a folder, or is the model itself. */
void save_hf_check(const char *model, const char *dir, int force);

#endif
