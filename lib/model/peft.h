/* SPDX-License-Identifier: MIT */
/* peft.h - adapters as PEFT folders: adapter_config.json, adapter_model.safetensors.
 *
 * Which modules have pairs, of which rank and scale, is what PEFT makes of the configuration.
 * Pairs of the blocks' linear layers become theta.  What else an adapter holds changes the model's
 * weights when it is opened (change.h): pairs of embedding and head, tensors in place of the
 * model's (modules_to_save, bias), and DoRA's matrices.  What this program would compute otherwise
 * than PEFT does is refused by its name.
 */
#ifndef SEAL_PEFT_H
#define SEAL_PEFT_H

#include "../format/jsonl.h"
#include "model.h"

/* Lays a folder's pairs out, without memory, and has its changes made to the model's weights, which
 * are not yet loaded; NULL if it has no pairs but only changes.  Several folders may be laid out
 * for one model while none has changes (weights_changed).  Dies. */
struct params *peft_layout(struct model *, const char *dir);
/* Sets the values of its pairs. */
void peft_read(struct params *, const char *dir);
/* Writes pairs as a folder that peft loads.  base: the model's name.  template, which may be
 * NULL, and settings are recorded in the tensors' file. */
void peft_save(const struct params *, const char *dir, const char *base, const char *template,
               const json_t *settings);
/* The template that was recorded; owned, or NULL. */
char *peft_template(const char *dir);

/* A configuration, as far as it decides what is computed. */
struct peft;
/* Owned, and borrows the JSON; NULL with a fault where it asks for what is refused. */
struct peft *peft_parse(const json_t *, struct fault *);
void peft_free(struct peft *);
/* 1 if it has a pair for the module of this name, as in "model.layers.3.self_attn.q_proj", whose
 * form is set; 0 if not; -1 with a fault where a pattern cannot be matched.  in_block: is the
 * module a linear layer of a block? */
int peft_form(const struct peft *, const char *module, int in_block, struct lora_form *,
              struct fault *);

#endif
