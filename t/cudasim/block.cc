/* SPDX-License-Identifier: MIT */
/* block.cc - runs a grid: its blocks one after another, a block's threads as fibres that
 * step aside where they wait for each other.
 *
 * The order of blocks, warps and lanes is forward, backward or shuffled (CUDASIM_ORDER); a
 * correct kernel gives the same in each.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <map>
#include <vector>

#include "sim.h"

uint3 cudasim_thread asm("threadIdx"), cudasim_block asm("blockIdx");
uint3 cudasim_block_dim asm("blockDim"), cudasim_grid_dim asm("gridDim");

namespace cudasim {

struct running now = {NULL, {NULL, 0}, -1, NULL, 1, 1, 1, 1, {}, false, false};

struct thread { struct wait wait; bool started; int slot; uint3 index; };

static struct thread threads[MAX_THREADS];
static int thread_count, gone, at_barrier, barrier_votes, barrier_result;
static std::vector<int> warp_order, lane_order;
static int lane_at;                    /* in lane_order, while a warp runs */
static struct fibre *fibres[MAX_THREADS];
static int free_slots[MAX_THREADS], free_count = -1;
static char *stacks;
static const struct launch_args *launched;
static std::map<const void *, void *> statics;
static void *dynamic;

bool in_any_stack(const void *p) { return (size_t)((const char *)p - stacks) < MAX_THREADS * STACK; }

bool in_stack(const void *p)
{
	return now.thread >= 0 && (size_t)((const char *)p - now.stack) < STACK;
}

bool in_guard(const void *p)
{
	return stacks && in_any_stack(p) && (size_t)((const char *)p - stacks) % STACK < GUARD;
}

static void stacks_open()
{
	stacks = (char *)mmap(NULL, MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
	                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stacks == MAP_FAILED)
		fault("no memory for the threads' stacks");
	for (int i = 0; i < (int)MAX_THREADS; i++) {
		mprotect(stacks + i * STACK, GUARD, PROT_NONE);
		fibres[i] = fibre_new(stacks + i * STACK);
		free_slots[i] = MAX_THREADS - 1 - i;
	}
	free_count = MAX_THREADS;
}

/* What a fibre runs: one thread. */
static void run_thread()
{
	int t = now.thread;
	char *args = stacks + (threads[t].slot + 1) * STACK - (launched->args_bytes + 15) / 16 * 16;

	launched->call(launched->function, args);
	copies_must_be_done(t);
	threads[t].wait.kind = wait::GONE;
	gone++;
	fibre_leave(fibres[threads[t].slot]);
}

static void start_thread(struct thread *t)
{
	t->started = true;
	memcpy(stacks + (t->slot + 1) * STACK - (launched->args_bytes + 15) / 16 * 16, launched->args,
	       launched->args_bytes);
	fibre_start(fibres[t->slot], run_thread, launched->args_bytes);
}

static void become(int i)
{
	now.thread = i;
	cudasim_thread = threads[i].index;
	now.stack = stacks + threads[i].slot * STACK;
}

/* Runs thread i, and others of its warp that it hands over to. */
static void run_on(int i)
{
	struct thread *t = &threads[i];

	if (!t->started)
		t->slot = free_slots[--free_count];
	become(i);
	if (t->started)
		fibre_resume(fibres[t->slot]);
	else
		start_thread(t);
	t = &threads[now.thread];
	now.thread = -1;
	if (t->wait.kind == wait::GONE)
		free_slots[free_count++] = t->slot;
}

void wait_here(const struct wait &w)
{
	int i = now.thread, warp = i / 32 * 32;
	struct thread *t = &threads[i];

	t->wait = w;
	while (++lane_at < 32) {               /* the next lane, without a turn outside */
		int next = warp + lane_order[lane_at];

		if (next >= thread_count || threads[next].wait.kind != wait::READY)
			continue;
		if (!threads[next].started) {
			lane_at--;
			break;
		}
		become(next);
		fibre_change(fibres[t->slot], fibres[threads[next].slot]);
		return;
	}
	fibre_leave(fibres[t->slot]);
}

const struct wait *wait_of(int i) { return i < thread_count ? &threads[i].wait : NULL; }
void release(int i) { threads[i].wait.kind = wait::READY; }

/* All threads have come, or the kernel is wrong. */
static void pass_barrier()
{
	barrier_result = barrier_votes;
	barrier_votes = at_barrier = 0;
	now.barrier = ++now.clock;
	for (int i = 0; i < thread_count; i++)
		release(i);
}

int barrier_count(int what, struct place at)
{
	barrier_votes += what;
	at_barrier++;
	wait_here({wait::AT_BARRIER, "__syncthreads", at, 0});
	return barrier_result;
}

void barrier(struct place at) { barrier_count(0, at); }
void fence() { now.fenced = true; }

void *shared_static(const void *key, size_t bytes)
{
	void *&p = statics[key];

	if (!p) {
		p = shared_take(bytes);
		if (shared_bytes() - launched->shared > 48 << 10)
			fault("more than 48 KB of SHARED arrays");
	}
	return p;
}

void *shared_dynamic()
{
	if (!dynamic)
		fault_at(NULL, "SHARED_DYNAMIC, but launched with 0 bytes of it");
	return dynamic;
}

/* Nothing moves: some threads wait for others that will never come. */
[[noreturn]] static void stuck()
{
	const struct wait *first = NULL, *other = NULL;
	int a = 0, b = 0;

	for (int i = 0; i < thread_count; i++) {
		const struct wait *w = &threads[i].wait;

		if (!first && w->kind != wait::GONE) {
			first = w;
			a = i;
		}
	}
	for (int i = 0; i < thread_count; i++) {
		const struct wait *w = &threads[i].wait;
		bool same_warp = first->kind != wait::AT_WARP || i / 32 == a / 32;

		if (!other && same_warp && (w->kind != first->kind || w->at.line != first->at.line)) {
			other = w;
			b = i;
		}
	}
	const char *name = strrchr(first->at.file, '/');
	name = name ? name + 1 : first->at.file;
	if (!other)
		fault("diverged: thread %d waits at %s of %s:%d for lanes that are not there", a,
		      first->what, name, first->at.line);
	if (other->kind == wait::GONE)
		fault("diverged: thread %d waits at %s of %s:%d, thread %d has left the kernel", a,
		      first->what, name, first->at.line, b);
	fault("diverged: thread %d waits at %s of %s:%d, thread %d at %s of line %d", a, first->what,
	      name, first->at.line, b, other->what, other->at.line);
}

/* Until each lane has left, or waits for other warps. */
static bool run_warp(int warp)
{
	bool any = false, moved = true;

	while (moved) {
		moved = false;
		for (lane_at = 0; lane_at < 32; lane_at++) {
			int i = warp * 32 + lane_order[lane_at];

			if (i < thread_count && threads[i].wait.kind == wait::READY) {
				run_on(i);
				any = moved = true;
			}
		}
	}
	return any;
}

static bool one_barrier()
{
	for (int i = 1; i < thread_count; i++)
		if (threads[i].wait.at.line != threads[0].wait.at.line ||
		    threads[i].wait.at.file != threads[0].wait.at.file)
			return false;
	return true;
}

static void run_block()
{
	gone = at_barrier = barrier_votes = 0;
	statics.clear();
	shared_clear();
	dynamic = launched->shared ? shared_take(launched->shared) : NULL;
	now.block = now.barrier = ++now.clock;
	now.fenced = now.after_atomic = false;
	memset(now.warp, 0, sizeof now.warp);
	for (int i = 0; i < thread_count; i++) {
		threads[i].wait = {wait::READY, "", {"", 0}, 0};
		threads[i].started = false;
	}
	while (gone < thread_count) {
		bool moved = false;

		for (int warp : warp_order)
			moved |= run_warp(warp);
		if (at_barrier == thread_count && one_barrier())
			pass_barrier();
		else if (!moved)
			stuck();
	}
}

/* 0..n-1 in the order that is asked for */
static std::vector<int> order_of(int n)
{
	static uint32_t dice = 12345;
	const char *how = getenv("CUDASIM_ORDER");
	std::vector<int> v(n);

	for (int i = 0; i < n; i++)
		v[i] = how && *how == 'b' ? n - 1 - i : i;
	if (how && *how == 's')
		for (int i = n - 1; i > 0; i--) {
			dice = dice * 1664525u + 1013904223u;
			std::swap(v[i], v[(size_t)(dice >> 8) % (i + 1)]);
		}
	return v;
}

static void launch_prepare(const struct launch_args &l)
{
	if (free_count < 0)
		stacks_open();
	launched = &l;
	now.kernel = l.kernel;
	now.from = {l.file, l.line};
	now.launch = ++now.clock;
	cudasim_block_dim = {l.block.x, l.block.y, l.block.z};
	cudasim_grid_dim = {l.grid.x, l.grid.y, l.grid.z};
	thread_count = (int)(l.block.x * l.block.y * l.block.z);
	warp_order = order_of((thread_count + 31) / 32);
	lane_order = order_of(32);
	for (int i = 0; i < thread_count; i++)
		threads[i].index = {i % l.block.x, i / l.block.x % l.block.y, i / (l.block.x * l.block.y)};
}

void run_grid(const struct launch_args &l)
{
	long blocks = (long)l.grid.x * l.grid.y * l.grid.z;

	launch_prepare(l);
	space_open();
	for (int b : order_of((int)blocks)) {
		cudasim_block = {b % l.grid.x, b / l.grid.x % l.grid.y, b / (l.grid.x * l.grid.y)};
		run_block();
	}
	space_shut();
	shared_clear();
	now.kernel = NULL;
}

}
