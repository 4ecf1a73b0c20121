/* memory.cc - the card's memory and a block's shared memory: what each byte holds, who touched
 * it last, and the calls that the compiler puts before each access of a kernel. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "sim.h"

namespace cudasim {

char *space;
size_t space_bytes, device_used;
uint8_t *states;
struct record *records;

/* The card's allocations by where they begin; freed ones stay, so that a late
 * access can be named: addresses are not used twice. */
struct block { size_t bytes; bool freed; };
static std::map<size_t, struct block> blocks;
static size_t next_free, shared_end, shared_total, opened;

size_t env_number(const char *name, size_t otherwise)
{
	const char *text = getenv(name);
	char *end;
	double x;

	if (!text || !*text)
		return otherwise;
	x = strtod(text, &end);
	if (*end == 'k' || *end == 'K')
		x *= 1 << 10;
	else if (*end == 'm' || *end == 'M')
		x *= 1 << 20;
	else if (*end == 'g' || *end == 'G')
		x *= 1 << 30;
	return (size_t)x;
}

size_t device_memory() { return env_number("CUDASIM_MEMORY", size_t(8) << 30); }

static char *reserve(size_t bytes, int protection)
{
	void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fault("cannot reserve %zu bytes of addresses", bytes);
	return (char *)p;
}

void memory_open()
{
	if (space)
		return;
	space_bytes = env_number("CUDASIM_SPACE", size_t(32) << 30);
	space = reserve(space_bytes, PROT_NONE);
	states = (uint8_t *)reserve(space_bytes, PROT_READ | PROT_WRITE);
	records = (struct record *)reserve(space_bytes / 2 * sizeof *records, PROT_READ | PROT_WRITE);
	next_free = SHARED_SPACE + RED;
	fault_open();
}

bool on_device(const void *p) { return (size_t)((const char *)p - space) < space_bytes; }

/* Host code cannot reach the card's memory but between these two. */
void space_open()
{
	if (!opened++ && mprotect(space, next_free, PROT_READ | PROT_WRITE))
		fault("mprotect fails");
}

void space_shut()
{
	if (!--opened)
		mprotect(space, next_free, PROT_NONE);
}

void shared_clear()
{
	memset(states, NOTHING, shared_end);
	shared_end = shared_total = 0;
}

void *shared_take(size_t bytes)
{
	void *p = space + shared_end;

	if (shared_end + bytes + 2 * RED > SHARED_SPACE)
		fault("kernel %s takes more than %zu bytes of shared memory", now.kernel, SHARED_SPACE);
	memset(states + shared_end, BLANK, bytes);
	memset(p, 0xff, bytes);
	shared_end += (bytes + 2 * RED - 1) / RED * RED;
	shared_total += bytes;
	return p;
}

size_t shared_bytes() { return shared_total; }

void *device_alloc(size_t bytes)
{
	size_t at = next_free, room = (bytes + 2 * RED - 1) / RED * RED;

	if (at + room > space_bytes)
		fault("more than %zu bytes of addresses are used: raise CUDASIM_SPACE", space_bytes);
	next_free += room;
	blocks[at] = {bytes, false};
	device_used += bytes;
	memset(states + at, BLANK, bytes);
	space_open();
	memset(space + at, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
	space_shut();
	return space + at;
}

void device_free(void *p)
{
	auto b = blocks.find((char *)p - space);
	char where[200];

	if (b == blocks.end() || b->second.freed) {
		describe(where, sizeof where, p);
		fault("cudaFree: not an allocation: %s", where);
	}
	b->second.freed = true;
	device_used -= b->second.bytes;
	memset(states + b->first, FREED, b->second.bytes);
	madvise((void *)(((uintptr_t)p + 4095) & -4096), b->second.bytes & -4096, MADV_DONTNEED);
}

/* "4 bytes past the end of 100 bytes of device memory" */
static void describe_device(char *text, size_t n, size_t at)
{
	auto next = blocks.upper_bound(at);

	if (next != blocks.begin()) {
		auto b = std::prev(next);
		size_t in = at - b->first, size = b->second.bytes;
		const char *kind = b->second.freed ? "freed device memory" : "device memory";

		if (in < size) {
			snprintf(text, n, "byte %zu of %zu of %s", in, size, kind);
			return;
		}
		if (next == blocks.end() || next->first - at >= in - size) {
			snprintf(text, n, "%zu bytes past the end of %zu bytes of %s", in - size, size, kind);
			return;
		}
	}
	if (next == blocks.end())
		snprintf(text, n, "device memory that nobody asked for");
	else
		snprintf(text, n, "%zu bytes before %zu bytes of device memory", next->first - at,
		         next->second.bytes);
}

void describe(char *text, size_t n, const void *p)
{
	size_t at = (const char *)p - space;

	if ((uintptr_t)p < 65536)
		snprintf(text, n, "address %zu, a null pointer", (size_t)p);
	else if (!on_device(p))
		snprintf(text, n, in_any_stack(p) ? "the stack of another thread" : "a host pointer (%p)", p);
	else if (at < SHARED_SPACE)
		snprintf(text, n, "byte %zu of %zu of shared memory", at, shared_end);
	else
		describe_device(text, n, at);
}

static const char *trouble(const char *p, size_t bytes, bool written, const char **first)
{
	const uint8_t *s = states + (p - space);

	for (size_t i = 0; i < bytes; i++) {
		*first = p + i;
		if (s[i] == NOTHING)
			return "out of bounds";
		if (s[i] == FREED)
			return "use after free";
		if (s[i] == BLANK && written)
			return "never written";
	}
	return NULL;
}

void device_must(const char *what, const void *p, size_t bytes, bool written)
{
	const char *first = (const char *)p, *wrong;
	char where[200];

	if (!bytes)
		return;
	wrong = on_device(p) && on_device((const char *)p + bytes - 1)
	        ? trouble((const char *)p, bytes, written, &first) : "not device memory";
	if (!wrong)
		return;
	describe(where, sizeof where, first);
	fault("%s: %zu bytes: %s at %s", what, bytes, wrong, where);
}

void device_written(void *p, size_t bytes) { memset(states + ((char *)p - space), WRITTEN, bytes); }

/* What kernels do to memory. */

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
