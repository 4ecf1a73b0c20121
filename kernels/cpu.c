/* SPDX-License-Identifier: MIT */
/* cpu.c - the processor as a device: its operations, its threads and what they work in. */
#include <assert.h>
#include <omp.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "cpu.h"

float *workspace(struct workspace *w, size_t n)
{
	if (w->n < n) {
		free(w->p);
		w->p = cpu_alloc(NULL, n * sizeof(float));
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

	products_close(cpu->products);
	for (int i = 0; i < cpu->threads; i++)
		free(cpu->own[i].p);
	free(cpu->own);
	free(cpu->whole.p);
	free(cpu);
	free(d);
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
	.close = cpu_close,
};

struct dev *cpu_open(const char *name, int threads, const char **why)
{
	struct dev *d;
	struct cpu *cpu;

	if (strcmp(name, "cpu") != 0) {
		*why = "there is one processor, cpu";
		return NULL;
	}
	d = xzalloc(1, sizeof *d);
	cpu = xzalloc(1, sizeof *cpu);
	cpu->threads = threads;
	cpu->own = xzalloc(threads, sizeof *cpu->own);
	*d = (struct dev){.op = &cpu_ops,
	                  .name = "cpu",
	                  .self = cpu,
	                  .fast_bf16 = bf16_is_fast(),
	                  .pass_tokens = 2560,
	                  .head_rows = 256};
	return d;
}
