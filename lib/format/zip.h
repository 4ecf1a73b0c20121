/* SPDX-License-Identifier: MIT */
/* zip.h - the members of a zip file that are stored without compression (PKWARE's APPNOTE.TXT,
 * section 4.3; without zip64, encryption and several disks). */
#ifndef SEAL_ZIP_H
#define SEAL_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"

struct zip { /* a file, whose directory lies between two offsets */
	const uint8_t *map;
	size_t directory, end;
};

struct zip_member { /* all borrowed from the map */
	const char *name;
	size_t name_n;
	const uint8_t *entry; /* its record in the directory */
};

/* Finds the directory of a mapped file; -1 with a fault.  There is nothing to close. */
int zip_open(struct zip *, const void *map, size_t bytes, struct fault *);
/* The next member: 1, 0 after the last, -1 with a fault.  *at is 0 for the first and is moved. */
int zip_next(const struct zip *, size_t *at, struct zip_member *, struct fault *);
/* A member's n bytes, in the map, once its bounds and checksum have been checked; -1 with a
 * fault. */
int zip_data(const struct zip *, const struct zip_member *, const uint8_t **data, size_t *n,
             struct fault *);

#endif
