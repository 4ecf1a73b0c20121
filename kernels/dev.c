/* SPDX-License-Identifier: MIT */
/* dev.c - opens a device by its name; the only place that knows which exist. */
#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/memory.h"
#include "cpu.h"

#ifdef SEAL_CUDA
struct dev *dev_cuda(const char *name, const char **why);
void dev_cuda_close(struct dev *);
#else
static struct dev *dev_cuda(const char *name, const char **why)
{
	(void)name;
	*why = "built without CUDA";
	return NULL;
}

static void dev_cuda_close(struct dev *d) { (void)d; }
#endif

static const struct ops cpu_ops = {
	.alloc = cpu_alloc,
	.free = cpu_free,
	.put = cpu_put,
	.get = cpu_get,
	.zero = cpu_zero,
	.adopt = cpu_adopt,
	.disown = cpu_disown,
	.spare = cpu_spare,
	.room = cpu_room,
	.copy = cpu_copy,
	.gemm = cpu_gemm,
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
	.xent = cpu_xent,
	.sumsq = cpu_sumsq,
	.adamw = cpu_adamw,
};

static struct dev *dev_cpu(int threads)
{
	struct dev *d = xzalloc(1, sizeof *d);
	struct cpu *cpu = xzalloc(1, sizeof *cpu);

	cpu->threads = threads;
	cpu->own = xzalloc(cpu->threads, sizeof *cpu->own);
	*d = (struct dev){.op = &cpu_ops, .name = "cpu", .self = cpu, .fast_bf16 = bf16_is_fast()};
	return d;
}

void dev_prepare(char **argv)
{
	if (getenv("OMP_WAIT_POLICY"))
		return;
	setenv("OMP_WAIT_POLICY", "passive", 1);
	setenv("GOMP_SPINCOUNT", "20000", 0); /* some microseconds, as long as the shorter waits */
	execv("/proc/self/exe", argv);        /* where that cannot be, only speed is lost */
}

struct dev *dev_open(const char *name, int threads, const char **why)
{
	struct dev *d;

	if (threads <= 0)
		threads = omp_get_num_procs();
	omp_set_dynamic(0);
	omp_set_num_threads(threads); /* also what the host does for a GPU */
	if (!strcmp(name, "cpu"))
		return dev_cpu(threads);
	if (!strcmp(name, "auto")) {
		d = dev_cuda("cuda", why);
		return d ? d : dev_cpu(threads);
	}
	if (!strcmp(name, "cuda") || !strncmp(name, "cuda:", 5))
		return dev_cuda(name, why);
	*why = "a device is cpu, cuda, cuda:N or auto";
	return NULL;
}

void dev_close(struct dev *d)
{
	struct cpu *cpu;

	if (!d)
		return;
	if (d->op != &cpu_ops) {
		dev_cuda_close(d);
		return;
	}
	cpu = d->self;
	products_close(cpu->products);
	for (int i = 0; i < cpu->threads; i++)
		free(cpu->own[i].p);
	free(cpu->own);
	free(cpu->whole.p);
	free(cpu);
	free(d);
}
