/* SPDX-License-Identifier: MIT */
/* dev.cu - opens a GPU: "cuda" is the first one that will do, "cuda:N" the Nth.
 *
 * Everything runs on one stream, so that whatever was started first is done first, and the
 * host waits only where it reads a result (get).
 */
#include "attn_cudnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern "C" {
#include "../lib/base/world.h"
}

/* Uploads go through two buffers of this size; cuBLAS's scratch is what NVIDIA advises for
 * its largest chips.  It is ours because cuBLAS promises equal bits from run to run only then. */
enum { STAGE_BYTES = 16 << 20, BLAS_BYTES = 32 << 20 };

void cuda_check(cudaError_t e, const char *call)
{
	if (e != cudaSuccess)
		die("CUDA: %s: %s", call, cudaGetErrorString(e));
}

void cuda_launched(const char *kernel) { cuda_check(cudaGetLastError(), kernel); }

void cublas_check(cublasStatus_t s, const char *call)
{
	if (s != CUBLAS_STATUS_SUCCESS)
		die("cuBLAS: %s failed (status %d)", call, (int)s);
}

thread_local int cuda_current = -1;

void cuda_use(int number)
{
	CUDA_OK(cudaSetDevice(number));
	cuda_current = number;
}

void *cuda_work(struct dev *d, size_t bytes)
{
	struct cuda *c = cuda_of(d);

	if (c->work_bytes < bytes) {
		cuda_free(d, c->work);
		c->work = cuda_alloc(d, bytes);
		c->work_bytes = bytes;
	}
	return c->work;
}

/* How many GPUs there are; 0 with the reason. */
static int count_devices(const char **why)
{
	static char text[160];
	int driver = 0, count = 0;
	cudaError_t e;

	if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
		*why = "this machine has no NVIDIA driver";
		return 0;
	}
	e = cudaGetDeviceCount(&count);
	if (e == cudaErrorInsufficientDriver) {
		snprintf(text, sizeof text,
		         "the NVIDIA driver is for CUDA %d.%d, this program for CUDA %d.%d",
		         driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
		         CUDART_VERSION % 1000 / 10);
		*why = text;
		return 0;
	}
	if (e == cudaErrorNoDevice || (e == cudaSuccess && count == 0)) {
		*why = getenv("CUDA_VISIBLE_DEVICES")
		               ? "CUDA_VISIBLE_DEVICES names no GPU of this machine"
		               : "this machine has no NVIDIA GPU";
		return 0;
	}
	if (e != cudaSuccess) {
		*why = cudaGetErrorString(e);
		return 0;
	}
	return count;
}

/* The number after "cuda:", 0 for "cuda" alone; -1 when it is none. */
static long number(const char *name)
{
	char *end;
	long n;

	if (!name[4])
		return 0;
	n = strtol(name + 5, &end, 10);
	return name[5] < '0' || name[5] > '9' || *end ? -1 : n;
}

/* Is device n new enough?  Else -1 with the reason. */
static int look_at(int n, struct cudaDeviceProp *is, const char **why)
{
	static char text[400];
	cudaError_t e = cudaGetDeviceProperties(is, n);

	if (e != cudaSuccess) {
		*why = cudaGetErrorString(e);
		cudaGetLastError(); /* not to be taken for a launch's */
		return -1;
	}
	if (is->major < 8) {
		snprintf(text, sizeof text,
		         "cuda:%d (%s) has compute capability %d.%d, and 8.0 is needed", n,
		         is->name, is->major, is->minor);
		*why = text;
		return -1;
	}
	return 0;
}

/* The device that `name` means; -1 with the reason. */
static int choose(const char *name, struct cudaDeviceProp *is, const char **why)
{
	static char text[160];
	long n = number(name);
	int count;

	if (n < 0) {
		*why = "a GPU is cuda or cuda:N, N a number from 0 on";
		return -1;
	}
	count = count_devices(why);
	if (!count)
		return -1;
	if (n >= count) {
		snprintf(text, sizeof text, "there is no cuda:%ld; this machine's last is cuda:%d",
		         n, count - 1);
		*why = text;
		return -1;
	}
	if (name[4])
		return look_at((int)n, is, why) ? -1 : (int)n;
	/* Each rank of a host begins with another one. */
	for (int i = 0; i < count; i++) {
		int k = (world_local() + i) % count;

		if (!look_at(k, is, why))
			return k;
	}
	return -1;
}

static void open_blas(struct dev *d)
{
	struct cuda *c = cuda_of(d);

	CUBLAS_OK(cublasCreate(&c->blas));
	CUBLAS_OK(cublasSetStream(c->blas, c->stream));
	c->blas_work = cuda_alloc(d, BLAS_BYTES);
	CUBLAS_OK(cublasSetWorkspace(c->blas, c->blas_work, BLAS_BYTES));
	/* No TF32 (10 bits of mantissa: f32 is asked for where results are to be compared), and
	 * sums in F32 also where a product is cut along k. */
	CUBLAS_OK(cublasSetMathMode(
		c->blas, (cublasMath_t)(CUBLAS_DEFAULT_MATH |
	                                CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
}

static void cuda_close(struct dev *d)
{
	struct cuda *c = cuda_of(d);

	CUDA_OK(cudaStreamSynchronize(c->stream));
	cudnn_close(c->dnn);
	cuda_exchange_close(d);
	CUBLAS_OK(cublasDestroy(c->blas));
	cuda_free(d, c->blas_work);
	cuda_free(d, c->work);
	for (int i = 0; i < 2; i++) {
		CUDA_OK(cudaEventDestroy(c->staged[i]));
		CUDA_OK(cudaFreeHost(c->stage[i]));
	}
	CUDA_OK(cudaStreamDestroy(c->stream));
	free(c);
	free(d);
}

/* All at once: a GPU is full then. */
static void cuda_by_rows(struct dev *d, long rows,
                         void (*f)(struct dev *part, long first, long n, void *with), void *with)
{
	f(d, 0, rows, with);
}

static const struct ops cuda_ops = {
	.alloc = cuda_alloc,
	.free = cuda_free,
	.put = cuda_put,
	.get = cuda_get,
	.zero = cuda_zero,
	.spare = cuda_spare,
	.copy = cuda_copy,
	.gemm = cuda_gemm,
	.gemm_add = cuda_gemm_add,
	.bias = cuda_bias,
	.bias_back = cuda_bias_back,
	.gather = cuda_gather,
	.scatter = cuda_scatter,
	.scatter_add = cuda_scatter_add,
	.norm = cuda_norm,
	.norm_back = cuda_norm_back,
	.rope = cuda_rope,
	.attn = cuda_attn,
	.attn_back = cuda_attn_back,
	.act = cuda_act,
	.act_back = cuda_act_back,
	.argmax = cuda_argmax,
	.softcap = cuda_softcap,
	.xent = cuda_xent,
	.dot = cuda_dot,
	.adamw = cuda_adamw,
	.by_rows = cuda_by_rows,
	.exchange = cuda_exchange,
	.close = cuda_close,
};

extern "C" struct dev *cuda_open(const char *name, int threads, const char **why)
{
	struct cudaDeviceProp is;
	int n = choose(name, &is, why);
	struct cuda *c;
	struct dev *d;
	cudaError_t e;
	int large;

	(void)threads;
	if (n < 0)
		return NULL;
	cuda_current = -1; /* where it fails, nobody knows which */
	e = cudaSetDevice(n);
	if (e == cudaSuccess)
		e = cudaFree(NULL); /* makes the context: another may hold the device */
	if (e != cudaSuccess) {
		*why = cudaGetErrorString(e);
		return NULL;
	}
	cuda_current = n;
	c = (struct cuda *)xzalloc(1, sizeof *c);
	d = (struct dev *)xzalloc(1, sizeof *d);
	c->hopper = SEAL_HOPPER && is.major == 9 && is.minor == 0;
	snprintf(c->name, sizeof c->name, "cuda:%d (%s)", n, is.name);
	d->op = &cuda_ops;
	d->name = c->name;
	d->self = c;
	c->number = n;
	d->fast_bf16 = 1;
	d->apart = 1;
	/* On an H100 passes of 8192 are 1.1 to 1.5 times as fast as of 2560; a card with less
	 * memory would have to compute activations again for them, which costs more. */
	large = is.totalGlobalMem >= (size_t)64 << 30;
	d->pass_tokens = large ? 8192 : 2560;
	d->head_rows = large ? 2048 : 512;
	CUDA_OK(cudaStreamCreateWithFlags(&c->stream, cudaStreamNonBlocking));
	c->stage_bytes = STAGE_BYTES;
	for (int i = 0; i < 2; i++) {
		CUDA_OK(cudaMallocHost((void **)&c->stage[i], c->stage_bytes));
		CUDA_OK(cudaEventCreateWithFlags(&c->staged[i], cudaEventDisableTiming));
	}
	open_blas(d);
	return d;
}
