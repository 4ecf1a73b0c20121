/* SPDX-License-Identifier: MIT */
/* save_gguf.h - LoRA pairs as a GGUF file that llama.cpp takes with --lora. */
#ifndef SEAL_SAVE_GGUF_H
#define SEAL_SAVE_GGUF_H

#include "params.h"
#include "../base/buf.h"

/* Appends the file to out. */
void save_gguf_lora(const struct params *, struct buf *out);

#endif
