/* SPDX-License-Identifier: MIT */
/* amxsim.h - AMX's tiles in C, where the processor has none: kernels/tile_amx.c is compiled with this
 * before it (Makefile), so that products and attention by AMX are tested on every processor that
 * has the rest of what they use (AVX-512 with bf16).  Elsewhere amx_is_there() says no.
 *
 * A tile that is used before tile_loadconfig, or after tile_release, ends the test, as it does on a
 * processor.  Sums are in F32, pair after pair; AMX flushes denormal numbers, this does not. */
#ifndef SEAL_AMXSIM_H
#define SEAL_AMXSIM_H

#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/base/num.h"

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) amxsim_configure(*(const uint8_t *)(config))
#define _tile_release()          amxsim_configure(0)
#define _tile_zero(t)            memset(amxsim_tile(t), 0, sizeof *amxsim_tiles)
#define _tile_loadd(t, p, apart) amxsim_load(amxsim_tile(t), (const char *)(p), apart)
#define _tile_stored(t, p, apart) amxsim_store((char *)(p), apart, amxsim_tile(t))
#define _tile_dpbf16ps(c, a, b)  amxsim_product(amxsim_tile(c), amxsim_tile(a), amxsim_tile(b))

enum { AMXSIM_SIDE = 16 };

typedef union {
	float sum[AMXSIM_SIDE][AMXSIM_SIDE];
	uint16_t pair[AMXSIM_SIDE][AMXSIM_SIDE][2];
} amxsim;

static _Thread_local amxsim amxsim_tiles[8];
static _Thread_local int amxsim_ready;

/* palette: the first byte of a configuration, 1; 0 without one */
static void amxsim_configure(int palette) { amxsim_ready = palette == 1; }

static amxsim *amxsim_tile(int t)
{
	if (!amxsim_ready)
		abort();
	return &amxsim_tiles[t];
}

static void amxsim_load(amxsim *t, const char *p, long apart)
{
	for (int i = 0; i < AMXSIM_SIDE; i++)
		memcpy(t->sum[i], p + i * apart, sizeof t->sum[i]);
}

static void amxsim_store(char *p, long apart, const amxsim *t)
{
	for (int i = 0; i < AMXSIM_SIDE; i++)
		memcpy(p + i * apart, t->sum[i], sizeof t->sum[i]);
}

static void amxsim_product(amxsim *c, const amxsim *a, const amxsim *b)
{
	for (int i = 0; i < AMXSIM_SIDE; i++)
		for (int k = 0; k < AMXSIM_SIDE; k++)
			for (int of = 0; of < 2; of++)
				for (int j = 0; j < AMXSIM_SIDE; j++)
					c->sum[i][j] += float_of_bf16(a->pair[i][k][of]) *
					                float_of_bf16(b->pair[k][j][of]);
}

int bf16_is_fast(void);
int amx_is_there(void);
int amx_is_there(void) { return bf16_is_fast(); }

#endif
