/* SPDX-License-Identifier: MIT */
/* mma.cc - what the lanes of a warp do together on tensor cores. */
#include <vector>

#include "mma.h"
#include "sim.h"

namespace cudasim {

/* What each thread of the block has asked for, the first last. */
static std::vector<struct copy> asked[MAX_THREADS];

void copy_asked(const struct copy &c) { asked[now.thread].insert(asked[now.thread].begin(), c); }

bool copy_due(struct copy *c)
{
	std::vector<struct copy> &own = asked[now.thread];

	if (own.empty())
		return false;
	*c = own.back();
	own.pop_back();
	return true;
}

void copies_must_be_done(int thread)
{
	if (!asked[thread].empty())
		fault("thread %d ends while %zu copies into shared memory are on their way", thread,
		      asked[thread].size());
}

static bool is_shared(const void *p)
{
	return (const char *)p >= space && (const char *)p < space + SHARED_SPACE;
}

void find_rows(const uint64_t lanes[32], struct place at)
{
	for (int lane = 0; lane < 32; lane++) {
		struct rows *r = (struct rows *)lanes[lane];

		if (!is_shared(r->row) || (uintptr_t)r->row % 16)
			fault("ldmatrix of line %d: lane %d names a row that is not in shared memory, or "
			      "begins at no multiple of 16 bytes", at.line, lane);
		for (int i = 0; i < 8; i++) {
			int one = lane / 4, other = lane % 4 * 2 + i % 2;
			int row = r->transposed ? other : one, column = r->transposed ? one : other;

			r->element[i] = ((struct rows *)lanes[i / 2 * 8 + row])->row + column;
		}
	}
}

/* Element i of a lane's registers x. */
static float value_of(const unsigned *x, int i)
{
	uint16_t bits = (uint16_t)(x[i / 2] >> 16 * (i % 2));
	__nv_bfloat16 e;

	memcpy((void *)&e, &bits, 2);
	return __bfloat162float(e);
}

/* Lane l has in register r of a the elements (l / 4 + 8 (r % 2), 2 (l % 4) + 8 (r / 2)) and the next of its row,
 * in register r of b (2 (l % 4) + 8 r, l / 4) and the next of its column, as its i-th of c
 * (l / 4 + 8 (i / 2), 2 (l % 4) + i % 2). */
void multiply(const uint64_t lanes[32])
{
	static float a[16][16], b[16][8];

	for (int lane = 0; lane < 32; lane++) {
		const struct product *p = (const struct product *)lanes[lane];
		int one = lane / 4, other = lane % 4 * 2;

		for (int i = 0; i < 8; i++)
			a[one + 8 * (i / 2 % 2)][other + i % 2 + 8 * (i / 4)] = value_of(p->a, i);
		for (int i = 0; i < 4; i++)
			b[other + i % 2 + 8 * (i / 2)][one] = value_of(p->b, i);
	}
	for (int lane = 0; lane < 32; lane++) {
		const struct product *p = (const struct product *)lanes[lane];

		for (int i = 0; i < 4; i++) {
			int row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;

			for (int k = 0; k < 16; k++)
				p->c[i] += a[row][k] * b[k][column];
		}
	}
}

}
