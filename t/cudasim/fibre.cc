/* SPDX-License-Identifier: MIT */
/* fibre.cc - a stack that runs a function until it steps aside, and goes on later. */
#include "sim.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace cudasim {

#if defined(__x86_64__)

struct fibre { char *stack; void *here; };
static void *outside;

/* Saves what a call must keep, leaves its stack at *from, and goes on with that of `to`. */
extern "C" void cudasim_switch(void **from, void *to);
asm(".text\n"
    ".globl cudasim_switch\n"
    ".type cudasim_switch, @function\n"
    "cudasim_switch:\n"
    "	pushq %rbp\n"
    "	pushq %rbx\n"
    "	pushq %r12\n"
    "	pushq %r13\n"
    "	pushq %r14\n"
    "	pushq %r15\n"
    "	movq %rsp, (%rdi)\n"
    "	movq %rsi, %rsp\n"
    "	popq %r15\n"
    "	popq %r14\n"
    "	popq %r13\n"
    "	popq %r12\n"
    "	popq %rbx\n"
    "	popq %rbp\n"
    "	ret\n"
    ".size cudasim_switch, .-cudasim_switch\n");

struct fibre *fibre_new(char *stack) { return new fibre{stack, NULL}; }

void fibre_start(struct fibre *f, void (*entry)(), size_t used)
{
	void **sp = (void **)(f->stack + STACK - (used + 15) / 16 * 16);

	*--sp = NULL;                          /* entry never returns; aligned as after a call */
	*--sp = (void *)entry;
	sp -= 6;
	for (int i = 0; i < 6; i++)
		sp[i] = NULL;
	f->here = sp;
	cudasim_switch(&outside, f->here);
}

void fibre_resume(struct fibre *f) { cudasim_switch(&outside, f->here); }
void fibre_leave(struct fibre *f) { cudasim_switch(&f->here, outside); }
void fibre_change(struct fibre *f, struct fibre *to) { cudasim_switch(&f->here, to->here); }

#else

struct fibre { char *stack; ucontext_t here; };
static ucontext_t outside;

struct fibre *fibre_new(char *stack)
{
	struct fibre *f = new fibre;

	f->stack = stack;
	return f;
}

void fibre_start(struct fibre *f, void (*entry)(), size_t used)
{
	getcontext(&f->here);
	f->here.uc_stack.ss_sp = f->stack + GUARD;
	f->here.uc_stack.ss_size = STACK - GUARD - (used + 15) / 16 * 16;
	f->here.uc_link = NULL;
	makecontext(&f->here, entry, 0);
	swapcontext(&outside, &f->here);
}

void fibre_resume(struct fibre *f) { swapcontext(&outside, &f->here); }
void fibre_leave(struct fibre *f) { swapcontext(&f->here, &outside); }
void fibre_change(struct fibre *f, struct fibre *to) { swapcontext(&f->here, &to->here); }

#endif

}
