/* SPDX-License-Identifier: MIT */
/* cpu.c - the processor as a device: its operations, its threads and what they work in. */
#include <assert.h>
#include <omp.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "tile_amx.h"

float *workspace(struct workspace *w, size_t n)
{
	if (w->n < n) {
		free(w->p);
		w->p = cpu_alloc(NULL, n * sizeof(float));
		if (amx_is_there())
			memory_all_used(w->p, n * sizeof(float));
		w->n = n;
	}
	return w->p;
}

float *own_workspace(struct dev *d, size_t n)
{
	int thread = omp_get_thread_num();

	assert(thread < threads_of(d));
	return workspace(&cpu_of(d)->own[thread], n);
}

static void cpu_close(struct dev *d)
{
	struct cpu *cpu = cpu_of(d);

	for (int i = 0; cpu->part && i < cpu->threads; i++)
		cpu_close(cpu->part[i]);
	free(cpu->part);
	products_close(cpu->products);
	for (int i = 0; i < cpu->threads; i++)
		free(cpu->own[i].p);
	free(cpu->own);
	free(cpu->whole.p);
	free(cpu);
	free(d);
}

static struct dev *open_threads(int threads);

/* A thread takes so many rows through a stretch of a block by itself: threads then wait for each
 * other once a stretch, not after every operation, and one whose processor is busy with something
 * else takes fewer.  Smaller pieces have products put their second matrix in order too often.
 * AMX's products do that at a tenth of their time for all rows of a pass: there it is one piece. */
enum { PIECE = 640, LEAST = 256, ROUND = 16 };

/* All rows, where their pieces would be too small. */
static long piece_of(long rows, int threads)
{
	long n = round_up((rows + PIECE - 1) / PIECE, threads); /* as many for each thread */
	long piece = rows ? round_up((rows + n - 1) / n, ROUND) : 0;

	return piece < LEAST ? rows : piece;
}

static void cpu_by_rows(struct dev *d, long rows,
                        void (*f)(struct dev *part, long first, long n, void *with), void *with)
{
	struct cpu *cpu = cpu_of(d);
	long n = piece_of(rows, cpu->threads);

	if (cpu->threads == 1 || n >= rows || amx_is_there()) {
		f(d, 0, rows, with);
		return;
	}
	if (!cpu->part) {
		cpu->part = xzalloc(cpu->threads, sizeof *cpu->part);
		for (int i = 0; i < cpu->threads; i++)
			cpu->part[i] = open_threads(1);
	}
#pragma omp parallel for schedule(dynamic) num_threads(cpu->threads)
	for (long i = 0; i < rows; i += n)
		f(cpu->part[omp_get_thread_num()], i, long_min(n, rows - i), with);
}

static const struct ops cpu_ops = {
	.alloc = cpu_alloc,
	.free = cpu_free,
	.put = cpu_put,
	.get = cpu_get,
	.zero = cpu_zero,
	.spare = cpu_spare,
	.copy = cpu_copy,
	.gemm = cpu_gemm,
	.gemm_add = cpu_gemm_add,
	.bias = cpu_bias,
	.bias_back = cpu_bias_back,
	.gather = cpu_gather,
	.scatter = cpu_scatter,
	.scatter_add = cpu_scatter_add,
	.norm = cpu_norm,
	.norm_back = cpu_norm_back,
	.rope = cpu_rope,
	.attn = cpu_attn,
	.attn_back = cpu_attn_back,
	.act = cpu_act,
	.act_back = cpu_act_back,
	.argmax = cpu_argmax,
	.softcap = cpu_softcap,
	.xent = cpu_xent,
	.dot = cpu_dot,
	.adamw = cpu_adamw,
	.by_rows = cpu_by_rows,
	.close = cpu_close,
};

static struct dev *open_threads(int threads)
{
	struct dev *d = xzalloc(1, sizeof *d);
	struct cpu *cpu = xzalloc(1, sizeof *cpu);

	cpu->threads = threads;
	cpu->own = xzalloc(threads, sizeof *cpu->own);
	*d = (struct dev){.op = &cpu_ops,
	                  .name = "cpu",
	                  .self = cpu,
	                  .fast_bf16 = bf16_is_fast(),
	                  .large_pages = amx_is_there(),
	                  .pass_tokens = 2560,
	                  .head_rows = 256};
	return d;
}

struct dev *cpu_open(const char *name, int threads, const char **why)
{
	if (!strcmp(name, "cpu"))
		return open_threads(threads);
	*why = "there is one processor, cpu";
	return NULL;
}
