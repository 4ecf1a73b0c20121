/* SPDX-License-Identifier: MIT */
/* peft.h - adapters as PEFT folders: adapter_config.json, adapter_model.safetensors.
 *
 * What this program would compute otherwise than PEFT does (another peft_type, dora,
 * modules_to_save, ...) is refused by its name.
 */
#ifndef SEAL_PEFT_H
#define SEAL_PEFT_H

#include "../format/jsonl.h"
#include "params.h"

/* The layout that a folder's configuration asks for, its values, and both with memory.  Die. */
struct params *peft_layout(const struct config *, enum dtype, const char *dir);
void peft_read(struct params *, const char *dir);
struct params *peft_load(struct dev *, const struct config *, enum dtype, const char *dir);
/* Writes pairs as a folder that peft loads.  base: the model's name.  template, which may be
 * NULL, and settings are recorded in the tensors' file. */
void peft_save(const struct params *, const char *dir, const char *base, const char *template,
               const json_t *settings);
/* The template that was recorded; owned, or NULL. */
char *peft_template(const char *dir);
/* The modules of an adapter_config.json, comma-separated and owned; NULL with a fault where it
 * asks for what is refused.  "r" and "lora_alpha" make sense then. */
char *peft_targets(const struct config *, const json_t *, struct fault *);

#endif
