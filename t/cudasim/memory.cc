/* SPDX-License-Identifier: MIT */
/* memory.cc - the card's memory and a block's shared memory: which bytes are whose, and which
 * were written. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>
#include <set>

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
static std::set<size_t> live;          /* those not freed */
static size_t next_free, shared_end, shared_total;
size_t opened;

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
	mprotect(space, SHARED_SPACE, PROT_READ | PROT_WRITE);
	next_free = SHARED_SPACE + RED;
	fault_open();
}

bool on_device(const void *p) { return (size_t)((const char *)p - space) < space_bytes; }

/* From the oldest allocation to the last. */
static void protect(int how)
{
	size_t first = (live.empty() ? next_free : *live.begin()) / 4096 * 4096;

	if (mprotect(space + first, (next_free - first + 4095) / 4096 * 4096, how))
		fault("mprotect fails");
}

/* Host code cannot reach the card's memory but between these two. */
void space_open()
{
	if (!opened++)
		protect(PROT_READ | PROT_WRITE);
}

void space_shut()
{
	if (!--opened)
		protect(PROT_NONE);
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
	live.insert(at);
	device_used += bytes;
	memset(states + at, BLANK, bytes);
	space_open();
	memset(space + at, 0xff, bytes < 1 << 20 ? bytes : 1 << 20);
	space_shut();
	return space + at;
}

/* Gives the whole pages between back to the system. */
static void forget(void *from, void *to)
{
	uintptr_t first = ((uintptr_t)from + 4095) & -4096, last = (uintptr_t)to & -4096;

	if (last > first)
		madvise((void *)first, last - first, MADV_DONTNEED);
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
	live.erase(b->first);
	device_used -= b->second.bytes;
	memset(states + b->first, FREED, b->second.bytes);
	forget(p, (char *)p + b->second.bytes);
	forget(&records[b->first / 2], &records[(b->first + b->second.bytes) / 2]);
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

const char *trouble(const char *p, size_t bytes, bool written, const char **first)
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

}
