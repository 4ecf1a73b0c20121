/* SPDX-License-Identifier: MIT */
/* zip.h - the members of a zip file that are stored without compression (PKWARE's APPNOTE.TXT,
 * section 4.3; without zip64, encryption and several disks). */
#ifndef SEAL_ZIP_H
#define SEAL_ZIP_H

#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"

/* Finds the one member of a mapped file that is named FOLDER/`want` (want_n bytes): 1 and its n
 * bytes, in the map, bounds and checksum checked; 0: there is none; -1 with a fault. */
int zip_find(const void *map, size_t bytes, const char *want, size_t want_n, const uint8_t **data,
             size_t *n, struct fault *);

#endif
