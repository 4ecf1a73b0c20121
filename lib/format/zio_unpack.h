/* SPDX-License-Identifier: MIT */
/* zio_unpack.h - packed bytes made plain: zstd, gzip and xz, a frame at a time.
 *
 * A frame is what each of them can have several of, one after the other: a frame of zstd, a member
 * of gzip, a stream of xz.  What a frame says of itself is checked: lengths, checksums, and how
 * much memory it asks for.
 */
#ifndef SEAL_ZIO_UNPACK_H
#define SEAL_ZIO_UNPACK_H

#include <stddef.h>

#include "../base/die.h"

enum packing { PACKING_NONE, PACKING_ZSTD, PACKING_GZIP, PACKING_XZ };
enum { PACKING_MAGIC = 6 }; /* the bytes that tell, at most */

const char *packing_name(enum packing); /* "zstd" */
/* How bytes that begin so are packed; a skippable frame, as pzstd writes it, is zstd too. */
enum packing packing_of(const void *, size_t n);
/* How bytes are packed that end within what would tell: `n` are all there are. */
enum packing packing_cut(const void *, size_t n);

struct unpacker;
struct unpacker *unpacker_new(void);
void unpacker_free(struct unpacker *); /* NULL: nothing */
/* A frame so packed begins; the one before has ended, or is given up. */
void unpack_begin(struct unpacker *, enum packing);

/* Packed bytes to be taken, and where plain ones go; each call moves both. */
struct unpack_io {
	const char *in;
	size_t in_n;
	char *out;
	size_t out_n;
};
/* Returns 1 when the frame has ended, 0 when it goes on: with more input, or, where the output was
 * filled, perhaps without.  -1 with a fault. */
int unpack_some(struct unpacker *, struct unpack_io *, struct fault *);

#endif
