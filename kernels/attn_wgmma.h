/* SPDX-License-Identifier: MIT */
/* attn_wgmma.h - the products of attention on Hopper, by its own instructions.
 *
 * wgmma multiplies 64 rows at a time, by four warps, a group.  Its factors lie in shared memory,
 * the left one also in registers; it is asked for, and waited for later.  Who has which element of
 * a result is as in attn_cuda.h: warp w of the group has the rows from 16 w on, in pieces.
 *
 * A factor in shared memory is an operand: rows of 64 columns, 128 bytes each, whose chunks of 16
 * bytes are exchanged (chunk c of row r lies where c ^ r % 8 would), so that neither the chunks of
 * a row nor those of a column meet in one bank.  The same tile serves where its rows are multiplied
 * and where its columns are.
 */
#ifndef SEAL_ATTN_WGMMA_H
#define SEAL_ATTN_WGMMA_H

#include "attn_cuda.h"

enum { WG_ROWS = 64, WG_THREADS = 128 };

/* Whether what is compiled has these instructions.  A kernel that has not ends the run, should it
 * be called: a driver that is told to may compile PTX, which is for any card, instead. */
#if defined(__CUDA_ARCH__) && !defined(__CUDA_ARCH_FEAT_SM90_ALL)
enum { HAS_WGMMA = 0 };
static inline __device__ void refuse(void) { __trap(); }
#else
enum { HAS_WGMMA = 1 };
static inline __device__ void refuse(void) {}
#endif

/* A tile of ROWS rows and 16 ND columns: panels of 64 columns, which begin at a multiple of 1024
 * bytes. */
template <int ND, int ROWS> struct slab {
	enum { chunks = 2 * ND, panel = 64 * ROWS, size = (ND + 3) / 4 * panel };
};

/* The simulator has these under the same names. */
#ifndef CUDASIM
typedef uint64_t operand;

/* Rows from p on, whose address is below 2^18: eight of them are 1024 bytes (64 times 16), and
 * chunks are exchanged within 128 bytes (1 at the top); a leading offset (1) is then not looked
 * at. */
static inline __device__ operand operand_at(const bf16 *p)
{
	return (operand)1 << 62 | (operand)64 << 32 | (operand)1 << 16 |
	       (unsigned)__cvta_generic_to_shared(p) >> 4;
}

/* n elements further on. */
static inline __device__ operand further(operand x, int n) { return x + n / 8; }

#define AT(c, i)        (c)[(i) / 8].x[(i) % 8]
#define WG_4(how, c, i) how(AT(c, i)), how(AT(c, i + 1)), how(AT(c, i + 2)), how(AT(c, i + 3))
#define WG_8(how, c, i) WG_4(how, c, i), WG_4(how, c, i + 4)
#define WG_32(how, c)   WG_8(how, c, 0), WG_8(how, c, 8), WG_8(how, c, 16), WG_8(how, c, 24)
#define WG_NAMES_32                                                               \
	"{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
	"%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, "

/* c [64 x 64] = (then +=) a b', both row by row in shared memory */
#define WGMMA_T(name, how, add)                                                                  \
	static inline __device__ void name(struct piece *c, operand a, operand b)                \
	{                                                                                        \
		asm volatile("{\n.reg .pred p;\nsetp." add ".b32 p, 0, 0;\n"                     \
		             "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " WG_NAMES_32 \
		             "%32, %33, p, 1, 1, 0, 0;\n}\n"                                     \
		             : WG_32(how, c)                                                     \
		             : "l"(a), "l"(b));                                                  \
	}
WGMMA_T(wgmma_first, "=f", "ne")
WGMMA_T(wgmma_next, "+f", "eq")

/* c [64 x 64] += a b, a in registers */
static inline __device__ void wgmma_64(struct piece *c, const unsigned a[4], operand b)
{
	asm volatile("{\n.reg .pred p;\nsetp.eq.b32 p, 0, 0;\n"
	             "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " WG_NAMES_32
	             "{%32, %33, %34, %35}, %36, p, 1, 1, 1;\n}\n"
	             : WG_32("+f", c)
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

/* c [64 x 16] += a b */
static inline __device__ void wgmma_16(struct piece *c, const unsigned a[4], operand b)
{
	asm volatile("{\n.reg .pred p;\nsetp.eq.b32 p, 0, 0;\n"
	             "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 "
	             "{%0, %1, %2, %3, %4, %5, %6, %7}, {%8, %9, %10, %11}, %12, p, 1, 1, 1;\n}\n"
	             : WG_8("+f", c, 0)
	             : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

/* Before products that read registers which were written since, or add to such. */
static inline __device__ void wgmma_begin(void)
{
	asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

static inline __device__ void wgmma_commit(void)
{
	asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/* Waits for all that were asked for but the last N commits. */
template <int N> static inline __device__ void wgmma_wait(void)
{
	asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* 16 bytes, or zeros, into shared memory; they have come after copies_wait. */
static inline __device__ void copy_16(bf16 *to, const bf16 *from, bool zeros)
{
	asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
			     (unsigned)__cvta_generic_to_shared(to)),
	             "l"(__cvta_generic_to_global(from)), "r"(zeros ? 0 : 16)
	             : "memory");
}

/* What a thread itself has copied, or stored to shared memory, products may read after the next
 * barrier. */
static inline __device__ void copies_wait(void)
{
	asm volatile("cp.async.wait_all;\nfence.proxy.async.shared::cta;" ::: "memory");
}

/* threadIdx.x, of which the compiler does not know that it stays the same: what follows from it is
 * computed anew each time, and takes no registers in between. */
static inline __device__ int own_thread(void)
{
	int x;

	asm volatile("mov.u32 %0, %%tid.x;" : "=r"(x));
	return x;
}

/* What the compiler is to have in registers here: results of products that were waited for, which
 * it must not look at before, and what products will read or add to. */
static inline __device__ void settle(struct piece *c, int n)
{
#pragma unroll
	for (int i = 0; i < n; i++)
#pragma unroll
		for (int k = 0; k < 8; k++)
			asm volatile("" : "+f"(c[i].x[k])::"memory");
}

static inline __device__ void settle(struct left_bf16 *a, int n)
{
#pragma unroll
	for (int i = 0; i < n; i++)
#pragma unroll
		for (int k = 0; k < 4; k++)
			asm volatile("" : "+r"(a[i].x[k])::"memory");
}
#undef AT
#endif

/* Asks for x's rows from row `first` on, n of the tile's ROWS; the others, and columns from dim on,
 * are 0. */
template <int ND, int ROWS, int THREADS>
static inline __device__ void ask(bf16 *y, const bf16 *x, const struct cuda_lanes &a, int first,
                                  int n, const struct cuda_heads &s)
{
	typedef slab<ND, ROWS> to;
	int own = own_thread();

#pragma unroll
	for (int from = 0; from < ROWS * to::chunks; from += THREADS) {
		int at = from + own, r = at / to::chunks, j = at % to::chunks;
		bool there = r < n && 8 * j < s.dim;

		if (ROWS * to::chunks % THREADS && r >= ROWS)
			break;
		copy_16(y + j / 8 * to::panel + 64 * r + 8 * (j % 8 ^ r % 8),
		        there ? x + offset(a, first + r) + 8 * j : x, !there);
	}
}

/* Asks for c [64 x 64] = a b', where a is 64 rows of a tile of ROWS, and b a tile of 64. */
template <int ND, int ROWS>
static inline __device__ void ask_scores(struct piece *c, const bf16 *a, const bf16 *b)
{
	operand x = operand_at(a), y = operand_at(b);

	wgmma_first(c, x, y);
#pragma unroll
	for (int d = 1; d < ND; d++) {
		int column = d % 4 * ATTN_EDGE;

		wgmma_next(c, further(x, d / 4 * slab<ND, ROWS>::panel + column),
		           further(y, d / 4 * slab<ND, WG_ROWS>::panel + column));
	}
	wgmma_commit();
}

/* Asks for c [64 x 16 ND] += a b, where a is [64 x 64], and b a tile of 64 rows. */
template <int ND>
static inline __device__ void ask_product(struct piece *c, const struct left_bf16 *a, const bf16 *b)
{
	operand y = operand_at(b);

#pragma unroll
	for (int k = 0; k < WG_ROWS / ATTN_EDGE; k++) {
#pragma unroll
		for (int d = 0; d < ND; d += d + 4 <= ND ? 4 : 1) {
			operand at = further(y, 64 * ATTN_EDGE * k + d % 4 * ATTN_EDGE +
			                                d / 4 * slab<ND, WG_ROWS>::panel);

			if (d + 4 <= ND)
				wgmma_64(c + d, a[k].x, at);
			else
				wgmma_16(c + d, a[k].x, at);
		}
	}
	wgmma_commit();
}

#endif
