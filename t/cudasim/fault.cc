/* SPDX-License-Identifier: MIT */
/* fault.cc - the one line that a fault writes before the program ends. */
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim.h"

namespace cudasim {

/* "norm.cu:45" of an instruction, as addr2line knows it; else nothing. */
static void source_of(char *text, size_t n, const void *pc)
{
	struct where { const char *pc; size_t base; } w = {(const char *)pc, 0};
	char command[200], line[1024] = "", *name;
	FILE *p;

	*text = 0;
	if (!pc)
		return;
	dl_iterate_phdr([](struct dl_phdr_info *i, size_t, void *arg) {
		((struct where *)arg)->base = i->dlpi_addr;
		return 1;              /* the first is the program */
	}, &w);
	snprintf(command, sizeof command, "addr2line -i -e /proc/%d/exe %zx 2>/dev/null", (int)getpid(),
	         (size_t)w.pc - 1 - w.base);
	p = popen(command, "r");
	if (!p)
		return;
	/* the innermost that is not the simulator's own */
	while (!*text && fgets(line, sizeof line, p)) {
		line[strcspn(line, "\n ")] = 0;
		name = strrchr(line, '/');
		name = name ? name + 1 : line;
		if (*name && *name != '?' && !(strstr(line, "cudasim/") && strstr(name, ".h:")))
			snprintf(text, n, "%s: ", name);
	}
	pclose(p);
}

static void index_of(char *text, size_t n, const char *what, uint3 i)
{
	if (i.y || i.z)
		snprintf(text, n, "%s (%u, %u, %u)", what, i.x, i.y, i.z);
	else
		snprintf(text, n, "%s %u", what, i.x);
}

[[noreturn]] static void say(const void *pc, const char *fmt, va_list ap)
{
	char what[1000], source[200] = "", who[300] = "", block[60], thread[60];

	vsnprintf(what, sizeof what, fmt, ap);
	if (now.kernel) {
		source_of(source, sizeof source, pc);
		index_of(block, sizeof block, "block", blockIdx);
		index_of(thread, sizeof thread, "thread", threadIdx);
		const char *name = strrchr(now.from.file, '/');
		if (now.thread >= 0)
			snprintf(who, sizeof who, "kernel %s (launched at %s:%d), %s, %s: ", now.kernel,
			         name ? name + 1 : now.from.file, now.from.line, block, thread);
		else
			snprintf(who, sizeof who, "kernel %s (launched at %s:%d), %s: ", now.kernel,
			         name ? name + 1 : now.from.file, now.from.line, block);
	} else {
		source_of(source, sizeof source, pc);
	}
	fflush(stdout);
	fprintf(stderr, "cudasim: %s%s%s\n", source, who, what);
	fflush(stderr);
	abort();
}

void fault(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(NULL, fmt, ap);
}

void fault_at(const void *pc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(pc, fmt, ap);
}

bool is_constant(const void *p)
{
	struct question { uintptr_t at; bool yes; } q = {(uintptr_t)p, false};

	dl_iterate_phdr([](struct dl_phdr_info *i, size_t, void *arg) {
		struct question *q = (struct question *)arg;

		for (int k = 0; k < i->dlpi_phnum; k++) {
			uintptr_t from = i->dlpi_addr + i->dlpi_phdr[k].p_vaddr;
			bool fixed = i->dlpi_phdr[k].p_type == PT_GNU_RELRO ||
			             (i->dlpi_phdr[k].p_type == PT_LOAD && !(i->dlpi_phdr[k].p_flags & PF_W));

			q->yes |= fixed && q->at - from < i->dlpi_phdr[k].p_memsz;
		}
		return q->yes ? 1 : 0;
	}, &q);
	return q.yes;
}

/* Code that the compiler did not instrument meets PROT_NONE and guard pages. */
static void on_signal(int, siginfo_t *info, void *context)
{
	const void *pc = NULL;
	char where[200];

#if defined(__x86_64__)
	pc = (const void *)(((ucontext_t *)context)->uc_mcontext.gregs[16] + 1);       /* REG_RIP */
#else
	(void)context;
#endif
	if (in_guard(info->si_addr))
		fault_at(pc, "a thread's stack is full");
	describe(where, sizeof where, info->si_addr);
	if (on_device(info->si_addr) && now.thread < 0)
		fault_at(pc, "host code touches %s", where);
	if (now.kernel)
		fault_at(pc, "segmentation fault at %s", where);
	signal(SIGSEGV, SIG_DFL);              /* not ours: back to the instruction, and die of it */
}

void fault_open()
{
	static char stack[64 << 10];
	struct sigaction act = {};
	stack_t own = {};

	own.ss_sp = stack;
	own.ss_size = sizeof stack;
	sigaltstack(&own, NULL);
	act.sa_sigaction = on_signal;
	act.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	sigaction(SIGSEGV, &act, NULL);
	sigaction(SIGBUS, &act, NULL);
}

}

using namespace cudasim;

/* By -fsanitize=alignment and bounds: the hardware faults on a misaligned access. */
extern "C" {

struct ubsan_place { const char *file; unsigned line, column; };

void __ubsan_handle_type_mismatch_v1(const ubsan_place *at, const void *p)
{
	const char *name = strrchr(at->file, '/');
	char where[200];

	describe(where, sizeof where, p);
	if ((uintptr_t)p < 65536 || in_stack(p))
		snprintf(where, sizeof where, "%p", p);
	fault("%s:%u: misaligned access at %s", name ? name + 1 : at->file, at->line, where);
}

void __ubsan_handle_out_of_bounds(const ubsan_place *at, long index)
{
	const char *name = strrchr(at->file, '/');

	fault("%s:%u: array index %ld is out of bounds", name ? name + 1 : at->file, at->line, index);
}

}
