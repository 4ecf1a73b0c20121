/* SPDX-License-Identifier: MIT */
/* pt.h - reads the one float32 vector of a file that torch.save wrote.
 *
 * The file is a zip: NAME/data.pkl is a pickle that says what is there, and NAME/data/KEY holds
 * its bytes.  A pickle is a program; this one is never run, but compared with the shapes that are
 * known here: a tensor, a parameter, or a dictionary (plain, or a module's state) that holds one
 * of them.
 */
#ifndef SEAL_PT_H
#define SEAL_PT_H

#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"

struct pt {
	const uint8_t *data; /* borrowed from the map, little-endian, maybe unaligned */
	long n;
};

int pt_parse(struct pt *, const void *map, size_t bytes, struct fault *); /* -1 with a fault */
float pt_value(const struct pt *, long i);

/* What data.pkl says: the values offset..offset+n-1 of the storage KEY, which holds `stored`. */
struct pt_view {
	const char *key;
	size_t key_n;
	long stored, offset, n;
};
int pt_pickle(struct pt_view *, const void *pickle, size_t bytes, struct fault *);

#endif
