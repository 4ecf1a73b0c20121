/* SPDX-License-Identifier: MIT */
/* zip.h - the members of a zip file that are stored as they are, without compression.
 *
 * Source: PKWARE's APPNOTE.TXT 4.3; no zip64, no encryption, one disk. */
#ifndef SEAL_ZIP_H
#define SEAL_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"

struct zip {
	const uint8_t *map;
	size_t bytes, directory, end;
};

struct zip_member {
	const char *name;
	size_t name_n;
	const uint8_t *entry;
}; /* borrowed from the map */

/* Finds the directory of a file in memory; -1 with a fault. */
int zip_open(struct zip *, const void *map, size_t bytes, struct fault *);
/* The member at *at (first 0; moves to the next): 1, or 0 after the last; -1 with a fault. */
int zip_next(const struct zip *, size_t *at, struct zip_member *, struct fault *);
/* A member's bytes, bounds and checksum checked; -1 with a fault. */
int zip_data(const struct zip *, const struct zip_member *, const uint8_t **data, size_t *n,
             struct fault *);

#endif
