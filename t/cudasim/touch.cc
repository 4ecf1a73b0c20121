/* SPDX-License-Identifier: MIT */
/* touch.cc - the calls that the compiler puts before each access of a kernel: is it the card's
 * memory, was it written, and is it in order with what other threads do there? */
#include <stdio.h>

#include "sim.h"

namespace cudasim {

static inline bool before(const struct access &a, uint32_t barrier, uint32_t warp_barrier, int thread)
{
	return a.time < barrier || a.thread == thread ||
	       (a.thread / 32 == thread / 32 && a.time < warp_barrier);
}

[[noreturn]] static void race(const char *p, bool write, bool of_write, const struct access &a, const void *pc)
{
	char where[200], who[60];

	describe(where, sizeof where, p);
	snprintf(who, sizeof who, "thread %d", a.thread);
	if (a.time < now.block)
		snprintf(who, sizeof who, "another block");
	fault_at(pc, "missing barrier: %s %s what %s %s, at %s", write ? "writes" : "reads",
	         "without one in between", who, of_write ? "wrote" : "read", where);
}

static inline void note_read(struct record &r, const struct access &me)
{
	if (r.earliest < now.launch)
		r.earliest = me.time;
	if (r.read[0].thread == me.thread) {
		r.read[0] = me;
	} else {
		if (r.read[0].thread / 32 == me.thread / 32) {
			r.read[1] = r.read[0];
		} else {
			r.other = r.read[0];
			r.read[1].time = 0;
		}
		r.read[0] = me;
	}
}

/* One granule: r is its record, p where it begins. */
template <bool WRITE> static inline void order(struct record &r, const char *p, bool atomic, const void *pc)
{
	int t = now.thread;
	uint32_t warp = now.warp[t / 32];
	struct access me = {now.clock, (uint16_t)t, atomic};
	/* blocks share the card's memory, and are in no order but the one of fences and atomics */
	bool blocks_meet = p >= space + SHARED_SPACE && !now.after_atomic;
	bool other_block = blocks_meet && r.write.time >= now.launch && r.write.time < now.block;

	if (!WRITE && r.read[0].time == me.time && r.read[0].thread == t && !atomic)
		return;
	if (!(atomic && r.write.atomic) && (other_block || !before(r.write, now.barrier, warp, t)))
		race(p, WRITE, true, r.write, pc);
	if (!WRITE) {
		note_read(r, me);
		return;
	}
	for (const struct access *a : {&r.read[0], &r.read[1], &r.other})
		if (!before(*a, now.barrier, warp, t) && !(atomic && a->atomic))
			race(p, true, false, *a, pc);
	if (blocks_meet && !atomic && r.earliest >= now.launch && r.earliest < now.block)
		race(p, true, false, {r.earliest, 0, 0}, pc);
	r.write = me;
}

/* A word has one record until somebody touches half of it. */
template <bool WRITE> __attribute__((always_inline)) static inline void order_all(const char *p, size_t n, bool atomic, const void *pc)
{
	size_t at = p - space;

	if (n == 1)
		return;                        /* bytes share a record: not ordered */
	if (n == 2) {
		struct record *word = &records[at / 4 * 2];

		if (!word->split) {
			word[1] = word[0];
			word->split = true;
		}
		order<WRITE>(records[at / 2], p, atomic, pc);
		return;
	}
	for (size_t i = 0; i < n; i += 4) {
		struct record *word = &records[(at + i) / 4 * 2];

		order<WRITE>(word[0], p + i, atomic, pc);
		if (word->split)
			order<WRITE>(word[1], p + i + 2, atomic, pc);
	}
}

[[noreturn]] static void bad_access(const char *p, size_t n, bool write, const void *pc)
{
	const char *first = p, *wrong = NULL;
	char where[200];

	if (on_device(p))
		wrong = trouble(p, n, !write, &first);
	describe(where, sizeof where, first);
	fault_at(pc, "%s of %zu bytes%s%s at %s", write ? "write" : "read", n, wrong ? ": " : "",
	         wrong ? wrong : "", where);
}

/* Not the card's memory and not the thread's own stack. */
static void elsewhere(const char *p, size_t n, bool write, const void *pc)
{
	if (!write && is_constant(p))
		return;
	bad_access(p, n, write, pc);
}

__attribute__((always_inline)) static inline bool all_written(const uint8_t *s, size_t n)
{
	const uint64_t all = WRITTEN * 0x0101010101010101u;
	uint64_t x;
	uint32_t y;

	for (; n >= 8; s += 8, n -= 8) {
		memcpy(&x, s, 8);
		if (x != all)
			return false;
	}
	if (n == 4) {
		memcpy(&y, s, 4);
		return y == (uint32_t)all;
	}
	for (size_t i = 0; i < n; i++)
		if (s[i] != WRITTEN)
			return false;
	return true;
}

static void host_access(const char *p, const void *pc)
{
	char where[200];

	if (opened || !on_device(p))
		return;
	describe(where, sizeof where, p);
	fault_at(pc, "host code touches %s", where);
}

template <bool WRITE> __attribute__((always_inline)) static inline void touch(const char *p, size_t n, bool atomic, const void *pc)
{
	size_t at = p - space;

	if (now.thread < 0) {
		host_access(p, pc);
		return;
	}
	if (at >= space_bytes) {
		if ((size_t)(p - now.stack) >= STACK)
			elsewhere(p, n, WRITE, pc);
		return;
	}
	uint8_t *s = states + at;
	if (!all_written(s, n)) {
		const char *first;
		if (trouble(p, n, !WRITE, &first))
			bad_access(p, n, WRITE, pc);
		memset(s, WRITTEN, n);
	}
	order_all<WRITE>(p, n, atomic, pc);
}

void atomic_load(const void *p, void *old, size_t n)
{
	touch<false>((const char *)p, n, true, __builtin_return_address(0));
	memcpy(old, p, n);
}

void atomic_store(void *p, const void *x, size_t n)
{
	touch<true>((const char *)p, n, true, __builtin_return_address(0));
	memcpy(p, x, n);
	now.after_atomic = now.after_atomic || now.fenced;
}

}

using namespace cudasim;

/* Before each access, by -fsanitize=thread. */
#define PC __builtin_return_address(0)
#define SIZE(n) \
	void __tsan_read##n(char *p) { touch<false>(p, n, false, PC); } \
	void __tsan_write##n(char *p) { touch<true>(p, n, false, PC); } \
	void __tsan_unaligned_read##n(char *p) { touch<false>(p, n, false, PC); } \
	void __tsan_unaligned_write##n(char *p) { touch<true>(p, n, false, PC); }

extern "C" {

SIZE(1)
SIZE(2)
SIZE(4)
SIZE(8)
SIZE(16)
void __tsan_read_range(char *p, size_t n) { touch<false>(p, n, false, PC); }
void __tsan_write_range(char *p, size_t n) { touch<true>(p, n, false, PC); }
void __tsan_vptr_update(void **, void *) {}
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}

/* The objects of kernels/ call these for the C library's (see the Makefile). */
void *cudasim_memcpy(char *y, const char *x, size_t n)
{
	if (n) {
		touch<false>(x, n, false, PC);
		touch<true>(y, n, false, PC);
	}
	return memcpy(y, x, n);
}

void *cudasim_memmove(char *y, const char *x, size_t n)
{
	if (n) {
		touch<false>(x, n, false, PC);
		touch<true>(y, n, false, PC);
	}
	return memmove(y, x, n);
}

void *cudasim_memset(char *y, int c, size_t n)
{
	if (n)
		touch<true>(y, n, false, PC);
	return memset(y, c, n);
}

}
