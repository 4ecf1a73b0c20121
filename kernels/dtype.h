/* SPDX-License-Identifier: MIT */
/* dtype.h - the types of numbers that a matrix may hold. */
#ifndef SEAL_DTYPE_H
#define SEAL_DTYPE_H

#include <stddef.h>
#include <stdint.h>

enum dtype { DT_F32, DT_BF16 };

/* Bytes of one value. */
static inline size_t dtype_size(enum dtype t) { return t == DT_BF16 ? 2 : 4; }

#endif
