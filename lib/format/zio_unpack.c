/* SPDX-License-Identifier: MIT */
/* zio_unpack.c - see zio_unpack.h.
 *
 * A frame of zstd names the window of past bytes that unpacking needs, one of xz its dictionary;
 * that much memory it may take, as far as it comes to be filled.  Windows of up to 2 GiB are read
 * (zstd --long=31, as in large public dumps; xz -9 asks for 64 MiB, and can be made to ask for
 * 1.5 GiB).  gzip's window is 32 KiB.
 */
#include "zio_unpack.h"

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { WINDOW_LOG = 31 };
#define XZ_MEMORY (2ull << 30)

struct unpacker {
	enum packing packing;
	ZSTD_DCtx *zstd; /* each is made when it is first needed, and used again */
	z_stream gzip;
	int has_gzip;
	lzma_stream xz;
};

static const struct {
	const char *name, *magic;
	size_t n;
} packings[] = {
	[PACKING_NONE] = {"plain", "", 0},
	[PACKING_ZSTD] = {"zstd", "\x28\xb5\x2f\xfd", 4},
	[PACKING_GZIP] = {"gzip", "\x1f\x8b\x08", 3},
	[PACKING_XZ] = {"xz",
                        "\xfd"
                        "7zXZ",
                        6}, /* with its NUL */
};

const char *packing_name(enum packing k) { return packings[k].name; }

enum packing packing_of(const void *bytes, size_t n)
{
	const char *p = bytes;

	for (enum packing k = PACKING_ZSTD; k <= PACKING_XZ; k++)
		if (n >= packings[k].n && !memcmp(p, packings[k].magic, packings[k].n))
			return k;
	return n >= 4 && (p[0] & 0xf0) == 0x50 && !memcmp(p + 1, "\x2a\x4d\x18", 3) ? PACKING_ZSTD
	                                                                            : PACKING_NONE;
}

enum packing packing_cut(const void *p, size_t n)
{
	for (enum packing k = PACKING_ZSTD; n && k <= PACKING_XZ; k++)
		if (n < packings[k].n && !memcmp(p, packings[k].magic, n))
			return k;
	return PACKING_NONE;
}

struct unpacker *unpacker_new(void)
{
	struct unpacker *u = xzalloc(1, sizeof *u);

	u->xz = (lzma_stream)LZMA_STREAM_INIT;
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	if (u->has_gzip)
		inflateEnd(&u->gzip);
	lzma_end(&u->xz);
	free(u);
}

static int begin_zstd(struct unpacker *u)
{
	if (!u->zstd)
		u->zstd = ZSTD_createDCtx();
	return !u->zstd || ZSTD_isError(ZSTD_initDStream(u->zstd)) ||
	       ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG));
}

static int begin_gzip(struct unpacker *u)
{
	enum { GZIP_ONLY = 16 };

	if (u->has_gzip)
		return inflateReset(&u->gzip) != Z_OK;
	u->has_gzip = 1;
	return inflateInit2(&u->gzip, MAX_WBITS + GZIP_ONLY) != Z_OK;
}

void unpack_begin(struct unpacker *u, enum packing packing)
{
	int failed = 0;

	u->packing = packing;
	switch (packing) {
	case PACKING_NONE: break;
	case PACKING_ZSTD: failed = begin_zstd(u); break;
	case PACKING_GZIP: failed = begin_gzip(u); break;
	case PACKING_XZ:
		failed = lzma_stream_decoder(&u->xz, XZ_MEMORY, LZMA_TELL_UNSUPPORTED_CHECK) !=
		         LZMA_OK;
	}
	if (failed)
		die("out of memory");
}

/* One call of zstd unpacks as much as it can. */
static int zstd_some(struct unpacker *u, struct unpack_io *io, struct fault *f)
{
	ZSTD_inBuffer in = {io->in, io->in_n, 0};
	ZSTD_outBuffer out = {io->out, io->out_n, 0};
	size_t left = ZSTD_decompressStream(u->zstd, &out, &in);

	io->in += in.pos;
	io->in_n -= in.pos;
	io->out += out.pos;
	io->out_n -= out.pos;
	if (!ZSTD_isError(left))
		return !left;
	switch (ZSTD_getErrorCode(left)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return fault(f, "it asks for a window of more than 2 GiB");
	case ZSTD_error_memory_allocation:
		return fault(f, "there is no memory for its window (zstd --long)");
	default: return fault(f, "%s", ZSTD_getErrorName(left));
	}
}

/* zlib counts in 32 bits. */
static int gzip_some(struct unpacker *u, struct unpack_io *io, struct fault *f)
{
	size_t in = size_min(io->in_n, 1 << 30), out = size_min(io->out_n, 1 << 30);
	int got;

	u->gzip.next_in = (unsigned char *)io->in;
	u->gzip.avail_in = (unsigned)in;
	u->gzip.next_out = (unsigned char *)io->out;
	u->gzip.avail_out = (unsigned)out;
	got = inflate(&u->gzip, Z_NO_FLUSH);
	in -= u->gzip.avail_in;
	out -= u->gzip.avail_out;
	io->in += in;
	io->in_n -= in;
	io->out += out;
	io->out_n -= out;
	if (got == Z_OK || got == Z_BUF_ERROR || got == Z_STREAM_END)
		return got == Z_STREAM_END;
	return fault(f, "%s",
	             u->gzip.msg          ? u->gzip.msg
	             : got == Z_MEM_ERROR ? "there is no memory for it"
	                                  : "it asks for a dictionary");
}

static int xz_fault(struct unpacker *u, lzma_ret got, struct fault *f)
{
	switch (got) {
	case LZMA_MEM_ERROR: return fault(f, "there is no memory for its dictionary");
	case LZMA_MEMLIMIT_ERROR:
		return fault(f, "it asks for %.1f GiB of memory, and 2 GiB are the most",
		             (double)lzma_memusage(&u->xz) / (1 << 30));
	case LZMA_OPTIONS_ERROR: return fault(f, "it was packed in a way that is not known");
	case LZMA_UNSUPPORTED_CHECK: return fault(f, "its kind of checksum is not known");
	default: return fault(f, "the data is corrupt");
	}
}

static int xz_some(struct unpacker *u, struct unpack_io *io, struct fault *f)
{
	lzma_ret got;

	u->xz.next_in = (const uint8_t *)io->in;
	u->xz.avail_in = io->in_n;
	u->xz.next_out = (uint8_t *)io->out;
	u->xz.avail_out = io->out_n;
	got = lzma_code(&u->xz, LZMA_RUN);
	io->in = (const char *)u->xz.next_in;
	io->in_n = u->xz.avail_in;
	io->out = (char *)u->xz.next_out;
	io->out_n = u->xz.avail_out;
	if (got == LZMA_OK || got == LZMA_BUF_ERROR || got == LZMA_STREAM_END)
		return got == LZMA_STREAM_END;
	return xz_fault(u, got, f);
}

int unpack_some(struct unpacker *u, struct unpack_io *io, struct fault *f)
{
	switch (u->packing) {
	case PACKING_ZSTD: return zstd_some(u, io, f);
	case PACKING_GZIP: return gzip_some(u, io, f);
	case PACKING_XZ: return xz_some(u, io, f);
	default: return fault(f, "no frame has begun");
	}
}
