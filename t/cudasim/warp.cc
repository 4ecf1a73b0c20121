/* SPDX-License-Identifier: MIT */
/* warp.cc - what the lanes of a warp do together: each brings its value and waits; the last
 * to come works out everyone's result. */
#include <string.h>

#include "sim.h"

namespace cudasim {

struct meeting {
	enum collective what;
	unsigned mask, come;
	struct place at;
	uint64_t value[32], result[32];
	int arg[32], width[32];
};

static struct meeting meetings[MAX_THREADS / 32];

static const char *const names[] = {
	"__syncwarp", "__shfl_sync", "__shfl_up_sync", "__shfl_down_sync", "__shfl_xor_sync",
	"a vote", "__reduce_add_sync", "__reduce_min_sync", "__reduce_max_sync", "__reduce_min_sync",
	"__reduce_max_sync", "__reduce_and_sync", "__reduce_or_sync", "ldmatrix", "mma.sync",
};

/* The lane whose value this lane gets; its own where the hardware says so. */
static int source(const struct meeting *m, int lane)
{
	int width = m->width[lane], first = lane / width * width, arg = m->arg[lane], from;

	switch (m->what) {
	case SHFL:
		return first + (arg & (width - 1));
	case UP:
		from = lane - arg;
		return from < first ? lane : from;
	case DOWN:
		from = lane + arg;
		return from >= first + width ? lane : from;
	default:
		from = lane ^ arg;
		return from >= first + width ? lane : from;
	}
}

static void shuffle(struct meeting *m)
{
	for (int lane = 0; lane < 32; lane++) {
		if (!(m->mask >> lane & 1))
			continue;
		int from = source(m, lane);
		if (from < 0 || from > 31 || !(m->mask >> from & 1))
			fault("%s of line %d: lane %d reads lane %d, which takes no part", names[m->what],
			      m->at.line, lane, from);
		m->result[lane] = m->value[from];
	}
}

static uint64_t combine(enum collective what, uint64_t x, uint64_t y)
{
	uint32_t a = (uint32_t)x, b = (uint32_t)y;

	switch (what) {
	case ADD:
		return a + b;
	case MIN_U:
		return a < b ? a : b;
	case MAX_U:
		return a > b ? a : b;
	case MIN_I:
		return (int32_t)a < (int32_t)b ? a : b;
	case MAX_I:
		return (int32_t)a > (int32_t)b ? a : b;
	case AND:
		return a & b;
	default:
		return a | b;
	}
}

static void reduce(struct meeting *m)
{
	uint64_t all = 0;
	bool first = true;

	for (int lane = 0; lane < 32; lane++) {
		if (!(m->mask >> lane & 1))
			continue;
		if (m->what == BALLOT)
			all |= m->value[lane] << lane;
		else
			all = first ? m->value[lane] : combine(m->what, all, m->value[lane]);
		first = false;
	}
	for (int lane = 0; lane < 32; lane++)
		m->result[lane] = all;
}

/* mma.cc */
void find_rows(const uint64_t lanes[32], struct place at);
void multiply(const uint64_t lanes[32]);

static void meet(struct meeting *m, int warp)
{
	switch (m->what) {
	case SYNC:
		now.warp[warp] = ++now.clock;
		break;
	case SHFL:
	case UP:
	case DOWN:
	case XOR:
		shuffle(m);
		break;
	case LDMATRIX:
		find_rows(m->value, m->at);
		break;
	case MMA:
		multiply(m->value);
		break;
	default:
		reduce(m);
	}
	for (int lane = 0; lane < 32; lane++)
		if (m->mask >> lane & 1)
			release(warp * 32 + lane);
	m->come = 0;
}

static void join(struct meeting *m, enum collective what, unsigned mask, int lane, struct place at)
{
	if (!(mask >> lane & 1))
		fault("%s of line %d: lane %d is not in its own mask %08x", names[what], at.line, lane, mask);
	if (m->come && (m->what != what || m->mask != mask))
		fault("diverged: lane %d comes to %s of line %d (mask %08x), others of its warp wait at %s "
		      "of line %d (mask %08x)", lane, names[what], at.line, mask, names[m->what],
		      m->at.line, m->mask);
	m->what = what;
	m->mask = mask;
	m->at = at;
	m->come |= 1u << lane;
}

uint64_t together(enum collective what, unsigned mask, uint64_t value, int arg, int width, struct place at)
{
	int t = now.thread, lane = t % 32;
	struct meeting *m = &meetings[t / 32];

	if (width < 1 || width > 32 || width & (width - 1))
		fault("%s of line %d: a width of %d", names[what], at.line, width);
	join(m, what, mask, lane, at);
	m->value[lane] = value;
	m->arg[lane] = arg;
	m->width[lane] = width;
	if (m->come == mask)
		meet(m, t / 32);
	else
		wait_here({wait::AT_WARP, names[what], at, mask});
	return m->result[lane];
}

void warps_clear() { memset(meetings, 0, sizeof meetings); }

}
