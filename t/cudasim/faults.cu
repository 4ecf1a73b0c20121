/* SPDX-License-Identifier: MIT */
/* faults.cu - seeded faults of kernels: each must end the program with a line that names it. */
#include <cuda_bf16.h>
#include <mma.h>

#include "faults.h"

/* y[i] = x[i + shift], n threads */
static __global__ void shift_kernel(float *y, const float *x, int shift)
{
	int i = threadIdx.x;

	y[i] = x[i + shift];
}
static __global__ void half_kernel(__nv_bfloat16 *y) { y[threadIdx.x] = __float2bfloat16(1); }

static void good() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), zeros(4 * N), 0); }
static void index_past() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), zeros(4 * N), 1); }
static void index_before() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), zeros(4 * N), -1); }
static void write_past() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N - 4), zeros(4 * N), 0); }
static void write_half() { LAUNCH(half_kernel, 1, N, 0, 0, (__nv_bfloat16 *)blank(2 * N - 1)); }
static void unwritten() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), blank(4 * N), 0); }
static void null_pointer() { LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), (float *)NULL, 0); }

static void host_pointer()
{
	static float x[N];
	float *heap = new float[N]();

	if (getenv("CUDASIM_HEAP"))
		LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), heap, 0);
	else
		LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), x, 0);
}

static void freed()
{
	float *x = zeros(4 * N);

	cudaFree(x);
	LAUNCH(shift_kernel, 1, N, 0, 0, blank(4 * N), x, 0);
}

static void freed_twice()
{
	float *x = zeros(4 * N);

	cudaFree(x);
	cudaFree(x);
}

static void freed_inside() { cudaFree(zeros(4 * N) + 1); }

static __global__ void wide_kernel(float4 *y, const float *x) { y[threadIdx.x] = *(const float4 *)(x + threadIdx.x); }
static void misaligned() { LAUNCH(wide_kernel, 1, 2, 0, 0, (float4 *)blank(32), zeros(64)); }

/* Reverses 64 values; without the barrier when told so. */
static __global__ void reverse_kernel(float *x, int with_barrier)
{
	SHARED(float, s, N);
	int i = threadIdx.x;

	s[i] = 0;
	__syncthreads();
	s[i] = x[i];
	if (with_barrier)
		__syncthreads();
	x[i] = s[N - 1 - i];
}

static void barrier_there() { LAUNCH(reverse_kernel, 1, N, 0, 0, zeros(4 * N), 1); }
static void barrier_gone() { LAUNCH(reverse_kernel, 1, N, 0, 0, zeros(4 * N), 0); }

/* The barrier before the array is used again. */
static __global__ void again_kernel(float *x, int with_barrier)
{
	SHARED(float, s, N);
	int i = threadIdx.x;
	float y = 0;

	for (int k = 0; k < 2; k++) {
		s[i] = x[i] + y;
		__syncthreads();
		y += s[(i + 33) % N];
		if (with_barrier)
			__syncthreads();
	}
	x[i] = y;
}

static void reuse_guarded() { LAUNCH(again_kernel, 1, N, 0, 0, zeros(4 * N), 1); }
static void reuse_unguarded() { LAUNCH(again_kernel, 1, N, 0, 0, zeros(4 * N), 0); }

/* Within a warp: __syncwarp is enough, a shuffle is not. */
static __global__ void warp_kernel(float *x, int how)
{
	SHARED(float, s, 32);
	int i = threadIdx.x;

	s[i] = 0;
	__syncwarp();
	s[i] = x[i];
	if (how == 0)
		__syncwarp();
	else
		x[i] = __shfl_xor_sync(0xffffffffu, x[i], 1);
	x[i] += s[31 - i];
}

static void warp_guarded() { LAUNCH(warp_kernel, 1, 32, 0, 0, zeros(128), 0); }
static void warp_unguarded() { LAUNCH(warp_kernel, 1, 32, 0, 0, zeros(128), 1); }

static __global__ void global_kernel(float *x) { x[threadIdx.x] = x[(threadIdx.x + 1) % blockDim.x]; }
static void global_race() { LAUNCH(global_kernel, 1, N, 0, 0, zeros(4 * N)); }
static __global__ void blocks_kernel(float *x, float *y) { x[blockIdx.x] = 1; if (blockIdx.x) y[0] = x[blockIdx.x - 1]; }
static void blocks_race() { LAUNCH(blocks_kernel, 2, 1, 0, 0, zeros(8), zeros(4)); }
static __global__ void sum_kernel(float *x, int atomically)
{
	if (atomically)
		atomicAdd(x, 1.0f);
	else
		*x += 1;
}
static void sum_atomic() { LAUNCH(sum_kernel, 3, N, 0, 0, zeros(4), 1); }
static void sum_plain() { LAUNCH(sum_kernel, 3, 1, 0, 0, zeros(4), 0); }

static __global__ void early_kernel(float *x, int n)
{
	if ((int)threadIdx.x >= n)
		return;
	__syncthreads();
	x[threadIdx.x] = 1;
}
static void left_early() { LAUNCH(early_kernel, 1, N, 0, 0, blank(4 * N), 40); }

static __global__ void two_kernel(float *x)
{
	if (threadIdx.x < 32) {
		__syncthreads();
		x[threadIdx.x] = 1;
	} else {
		__syncthreads();
	}
}
static void two_barriers() { LAUNCH(two_kernel, 1, N, 0, 0, blank(4 * N)); }

static __global__ void half_warp_kernel(int *x)
{
	if (threadIdx.x < 16)
		x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, (int)threadIdx.x, 1);
}
static void diverged() { LAUNCH(half_warp_kernel, 1, 32, 0, 0, (int *)blank(128)); }
static __global__ void absent_kernel(int *x) { x[threadIdx.x] = __shfl_sync(0xffffu, (int)threadIdx.x, 20); }
static void absent_lane() { LAUNCH(absent_kernel, 1, 16, 0, 0, (int *)blank(64)); }
static __global__ void mixed_kernel(int *x)
{
	if (threadIdx.x % 2)
		x[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
	else
		__syncwarp();
}
static void mixed() { LAUNCH(mixed_kernel, 1, 32, 0, 0, (int *)blank(128)); }

static __global__ void dynamic_kernel(float *x, int n)
{
	SHARED_DYNAMIC(float, s);

	s[threadIdx.x] = 0;
	if (n)
		s[n] = 1;
	x[0] = 0;
}
static void no_attribute() { LAUNCH(dynamic_kernel, 1, 1, 50000, 0, blank(4), 0); }
static void shared_past() { LAUNCH(dynamic_kernel, 1, 1, 256, 0, blank(4), 64); }
static void too_many() { LAUNCH(dynamic_kernel, 1, 1025, 8192, 0, blank(4), 0); }
static void no_blocks() { LAUNCH(dynamic_kernel, 0, 32, 8192, 0, blank(4), 0); }
static __global__ void array_kernel(float *x, int i)
{
	SHARED(float, s, 8);

	s[i] = 1;
	*x = s[i];
}
static void array_past() { LAUNCH(array_kernel, 1, 1, 0, 0, blank(4), 8); }
static __global__ void unset_kernel(float *x) { SHARED(float, s, 8); *x = s[threadIdx.x]; }
static void shared_unwritten() { LAUNCH(unset_kernel, 1, 1, 0, 0, blank(4)); }

static __global__ void rows_kernel(float *x, int ld, int with_barrier)
{
	SHARED(__nv_bfloat16, s, 16 * 24);
	unsigned r[4];
	int i = threadIdx.x;

	for (int k = i; k < 16 * 24; k += 32)
		s[k] = 1.0f;
	if (with_barrier)
		__syncwarp();
	ldmatrix(r, s + i % 16 * ld + i / 16 * 8);
	x[i] = r[0];
}
static void rows_good() { LAUNCH(rows_kernel, 1, 32, 0, 0, blank(128), 24, 1); }
static void rows_stride() { LAUNCH(rows_kernel, 1, 32, 0, 0, blank(128), 20, 1); }
static void rows_barrier() { LAUNCH(rows_kernel, 1, 32, 0, 0, blank(128), 24, 0); }
static __global__ void rows_of_card(__nv_bfloat16 *x) { unsigned r[4]; ldmatrix(r, x); }
static void rows_global() { LAUNCH(rows_of_card, 1, 32, 0, 0, (__nv_bfloat16 *)blank(128)); }

/* 32 threads copy 16 bytes each, and read what the next one has copied. */
static __global__ void copies_kernel(float *x, const __nv_bfloat16 *from, int with_wait,
                                     int with_barrier)
{
	SHARED(__nv_bfloat16, s, 256);
	int i = threadIdx.x;

	copy_16(s + 8 * i, from + 8 * i, false);
	if (with_wait)
		copies_wait();
	if (with_barrier)
		__syncthreads();
	x[i] = __bfloat162float(s[(8 * i + 8) % 256]);
}
static void copies(int with_wait, int with_barrier)
{
	const __nv_bfloat16 *from = (const __nv_bfloat16 *)zeros(512);

	LAUNCH(copies_kernel, 1, 32, 0, 0, blank(128), from, with_wait, with_barrier);
}
static void copies_good() { copies(1, 1); }
static void copies_early() { copies(0, 1); }
static void copies_race() { copies(1, 0); }
static __global__ void copies_left(const __nv_bfloat16 *from)
{
	SHARED(__nv_bfloat16, s, 8);

	copy_16(s, from, false);
}
static void copies_lost() { LAUNCH(copies_left, 1, 1, 0, 0, (const __nv_bfloat16 *)zeros(16)); }

static int deep(int n)
{
	volatile char room[4000];

	room[n] = (char)n;
	return n < 100 ? deep(n + 1) + room[n] : 0;
}
static __global__ void deep_kernel(float *x, int n) { *x = (float)deep(n); }
static void stack_full() { LAUNCH(deep_kernel, 1, 1, 0, 0, blank(4), 0); }

static void memory_faults()
{
	caught(index_past, "an index shifted by one", "shift_kernel (launched at faults.cu:",
	       "thread 63: read of 4 bytes: out of bounds at 0 bytes past the end of 256 bytes");
	caught(index_before, "an index shifted back", "thread 0: read of 4 bytes: out of bounds at 4 bytes before");
	caught(write_past, "a write past the end", "thread 63: write of 4 bytes: out of bounds");
	caught(write_half, "half a value past the end", "thread 63: write of 2 bytes: out of bounds");
	caught(unwritten, "a read of unwritten memory", "never written at byte 0 of 256");
	caught(null_pointer, "a null pointer", "a null pointer");
	caught(host_pointer, "a host variable", "shift_kernel", "a host pointer");
	setenv("CUDASIM_HEAP", "1", 1);
	caught(host_pointer, "the host's heap", "shift_kernel", "a host pointer");
	caught(freed, "a use after free", "use after free", "of freed device memory");
	caught(freed_twice, "a double free", "cudaFree: not an allocation");
	caught(freed_inside, "a free of no allocation", "cudaFree: not an allocation");
	caught(misaligned, "sixteen bytes at once from an odd place", "misaligned access at byte 4 of 64");
	caught(shared_past, "past the shared memory", "out of bounds");
	caught(array_past, "past a SHARED array", "array index 8 is out of bounds");
	caught(shared_unwritten, "shared memory that nobody wrote", "never written");
	caught(stack_full, "a thread's stack overflows", "deep_kernel", "stack is full");
}

static void order_faults()
{
	passes(barrier_there, "with its barrier");
	caught(barrier_gone, "a barrier removed", "reverse_kernel", "missing barrier");
	passes(reuse_guarded, "an array used again after a barrier");
	caught(reuse_unguarded, "an array used again without", "missing barrier");
	passes(warp_guarded, "a warp's barrier");
	caught(warp_unguarded, "a shuffle is no barrier", "missing barrier: reads");
	caught(global_race, "a race in device memory", "missing barrier");
	caught(blocks_race, "a race between blocks", "another block");
	passes(sum_atomic, "atomic sums");
	caught(sum_plain, "sums that are not atomic", "another block");
	passes(rows_good, "ldmatrix of shared memory");
	caught(rows_barrier, "ldmatrix without a barrier before it", "missing barrier");
	caught(rows_stride, "rows for ldmatrix that are not aligned", "multiple of 16 bytes");
	caught(rows_global, "ldmatrix of the card's memory", "not in shared memory");
	passes(copies_good, "copies into shared memory that are waited for");
	caught(copies_early, "a copy that is not waited for is not there", "never written");
	caught(copies_race, "nor is another thread's without a barrier", "never written");
	caught(copies_lost, "a thread that ends before its copy has come",
	       "1 copies into shared memory are on their way");
}

static void wait_faults()
{
	caught(left_early, "threads that leave before a barrier", "diverged", "thread 40 has left the kernel");
	caught(two_barriers, "threads at two barriers", "diverged: thread 0 waits at __syncthreads");
	caught(diverged, "a shuffle in a diverged warp", "diverged", "waits at __shfl_xor_sync");
	caught(absent_lane, "a shuffle from a lane that takes no part", "reads lane 20, which takes no part");
	caught(mixed, "a warp at two different meetings", "diverged", "__syncwarp");
	caught(no_attribute, "a missing cudaFuncSetAttribute", "50000 bytes of shared memory without");
	caught(too_many, "too many threads", "a block of 1025 threads");
	caught(no_blocks, "no blocks", "an empty grid");
}

int main()
{
	static const char *const orders[] = {"forward", "backward", "shuffled"};

	passes(good, "a good kernel");
	memory_faults();
	for (int i = 0; i < 3; i++) {
		setenv("CUDASIM_ORDER", orders[i], 1);
		order_faults();
	}
	wait_faults();
	return tap_done();
}
