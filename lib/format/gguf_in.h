/* SPDX-License-Identifier: MIT */
/* gguf_in.h - what reading and writing GGUF know of ggml's types. */
#ifndef SEAL_GGUF_IN_H
#define SEAL_GGUF_IN_H

#include "gguf.h"

/* Sets the type, by its number in the file, of a tensor of n values, and how many bytes it has. */
int gguf_type(struct gguf_tensor *, uint64_t number, long n, struct fault *);
int gguf_number(enum dtype);

#endif
