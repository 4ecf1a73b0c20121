/* SPDX-License-Identifier: MIT */
/* sim.h - what the parts of the simulator share with each other; kernels never see it.
 *
 * Device memory and a block's shared memory are one reserved range of addresses, `space`:
 * the first SHARED_SPACE bytes are the shared memory of the block that runs, the rest is the
 * card's.  Beside each byte lies its state, beside each two bytes a record of who touched
 * them last.  Time is a counter that every barrier moves on; two accesses are in order if a
 * barrier that both threads took part in lies between them.
 */
#ifndef CUDASIM_SIM_H
#define CUDASIM_SIM_H

#include <stddef.h>
#include <stdint.h>

#include <functional>

#include "../../lib/base/die.h"
#include "cuda_runtime.h"

namespace cudasim {

enum : size_t {
	SHARED_SPACE = size_t(1) << 20,
	RED = 256,                     /* bytes between allocations */
	MAX_THREADS = 1024,
};
enum state : uint8_t { NOTHING, BLANK, WRITTEN, FREED };     /* of a byte */

/* memory.cc; touch.cc has the accesses of kernels */
struct access { uint32_t time; uint16_t thread, atomic; };   /* time 0: none */
struct record {
	struct access write;
	struct access read[2];         /* the last two readers, of one warp */
	struct access other;           /* the last reader of another warp */
	uint32_t earliest;             /* the first read of this launch */
	bool split;                    /* the other half of the word has its own record */
};
extern char *space;
extern size_t space_bytes, device_used;
extern uint8_t *states;                /* [space_bytes] */
extern struct record *records;         /* [space_bytes / 2]; of a word, of its second half, ... */
void memory_open();
bool on_device(const void *);
void *device_alloc(size_t bytes);
void device_free(void *);
/* Shared memory of the block, all its bytes blank. */
void shared_clear();
void *shared_take(size_t bytes);       /* with a red zone after it */
size_t shared_bytes();
/* Dies unless all bytes are the card's, and written if `written`. */
void device_must(const char *what, const void *, size_t bytes, bool written);
void device_written(void *, size_t bytes);
void space_open();                     /* until space_shut, host code can reach the card's memory */
void space_shut();
extern size_t opened;                  /* how often */
/* What is wrong with an access to these, and at which byte first; NULL: nothing. */
const char *trouble(const char *, size_t bytes, bool must_be_written, const char **first);
void describe(char *text, size_t n, const void *);           /* where an address lies */
size_t device_memory();                /* bytes that the card has */
size_t env_number(const char *name, size_t otherwise);

/* fault.cc: one line to stderr, and abort */
[[noreturn]] void fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void fault_at(const void *pc, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool is_constant(const void *);        /* in the program's own read-only data */
void fault_open();                     /* names the host code that touches device memory */

/* block.cc */
enum { RUNNING = -2 };
struct running {
	const char *kernel;            /* NULL outside of one */
	struct place from;             /* its launch */
	int thread;                    /* in its block; -1 outside of all */
	const char *stack;             /* its own */
	uint32_t clock, launch, block, barrier;      /* now; the start of each, the last barrier */
	uint32_t warp[MAX_THREADS / 32];             /* the last barrier of each warp */
	bool fenced, after_atomic;     /* this block took part in an order between blocks */
};
extern struct running now;
void run_grid(const struct launch_args &);
bool in_stack(const void *);           /* of the thread that runs */
bool in_any_stack(const void *);
bool in_guard(const void *);
/* A thread's part in a wait; the thread runs on when its wait is over. */
struct wait {
	enum { READY, AT_BARRIER, AT_WARP, GONE } kind;
	const char *what;
	struct place at;
	unsigned mask;
};
void wait_here(const struct wait &);
const struct wait *wait_of(int thread);        /* NULL: no such thread */
void release(int thread);
void copies_must_be_done(int thread);          /* mma.cc: a thread ends */

/* fibre.cc: a stack that runs a function until it switches away */
struct fibre;
enum : size_t { STACK = 256 << 10, GUARD = 64 << 10 };    /* the guard is the stack's lowest part */
struct fibre *fibre_new(char *stack);
/* From outside of all: run entry from the start, with `used` bytes at the stack's top taken. */
void fibre_start(struct fibre *, void (*entry)(), size_t used);
void fibre_resume(struct fibre *);
void fibre_leave(struct fibre *);      /* from inside: back outside */
void fibre_change(struct fibre *, struct fibre *to);  /* from inside: into another, started before */

/* card.cc */
cudaError_t failed(cudaError_t);       /* remembers it */
void check_launch(const struct launch_args &);

/* runtime.cc */
void enqueue(cudaStream_t, std::function<void()>);
void finish(cudaStream_t);            /* all that was put on it; NULL: the default stream */

}

#endif
