/* SPDX-License-Identifier: MIT */
/* sort.h - many numbers put in order. */
#ifndef SEAL_SORT_H
#define SEAL_SORT_H

#include <stdint.h>

struct item {
	uint64_t key;
	uint32_t at;
} __attribute__((packed, aligned(4))); /* 12 bytes */

/* By the key; items with equal ones stay as they stand. */
void sort_items(struct item p[], long n);

#endif
