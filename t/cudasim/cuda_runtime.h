/* SPDX-License-Identifier: MIT */
/* cuda_runtime.h - the words of CUDA C++ and of its runtime, for g++: the .cu files of
 * kernels/ compile with this header instead of NVIDIA's and run on the CPU, checked.
 *
 * What a thread reads and writes is seen by the calls that -fsanitize=thread puts before
 * each access; the simulator defines them (memory.cc).
 */
#ifndef CUDASIM_RUNTIME_H
#define CUDASIM_RUNTIME_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tuple>
#include <type_traits>

#include "vectors.h"
#include "api.h"

#define __host__
#define __device__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define CUDASIM 1

struct dim3 {
	unsigned x, y, z;
	constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

/* Constant while a thread runs. */
extern const uint3 threadIdx, blockIdx, blockDim, gridDim;
static const int warpSize = 32;

namespace cudasim {

struct launch_args {
	const char *kernel, *file;
	int line;
	dim3 grid, block;
	size_t shared;
	cudaStream_t stream;
	const void *function;
	void (*call)(const void *function, void *args);
	const void *args;
	size_t args_bytes;
};

void launch(const struct launch_args &);

template <class... P> void call(const void *function, void *args)
{
	std::apply((void (*)(P...))function, *(std::tuple<P...> *)args);
}

template <class... P, class... A>
void launch(const char *file, int line, const char *name, dim3 grid, dim3 block, size_t shared,
            cudaStream_t stream, void (*kernel)(P...), A... a)
{
	static_assert(sizeof...(P) == sizeof...(A), "the kernel takes another number of arguments");
	static_assert((std::is_trivially_copyable<P>::value && ...), "arguments are plain values");
	static_assert(!(std::is_reference<P>::value || ...), "arguments are passed by value");
	std::tuple<P...> args(a...);

	static_assert(sizeof args <= 4096, "4 KB of arguments at most");
	launch({name, file, line, grid, block, shared, stream, (const void *)kernel, call<P...>,
	        &args, sizeof args});
}

/* The place of a barrier or a launch, for messages. */
struct place { const char *file; int line; };

enum collective { SYNC, SHFL, UP, DOWN, XOR, BALLOT, ADD, MIN_I, MAX_I, MIN_U, MAX_U, AND, OR, LDMATRIX, MMA };

/* A lane's part in what a warp does together: its value in, its result out. */
uint64_t together(enum collective, unsigned mask, uint64_t value, int arg, int width, struct place);
void barrier(struct place);
int barrier_count(int what, struct place);
void fence();
void *shared_static(const void *key, size_t bytes);
void *shared_dynamic();
void atomic_load(const void *p, void *old, size_t bytes);
void atomic_store(void *p, const void *x, size_t bytes);

template <class T> T atomic(T *p, T (*change)(T old, T x), T x)
{
	T old, next;

	atomic_load(p, &old, sizeof old);
	next = change(old, x);
	atomic_store(p, &next, sizeof next);
	return old;
}

}

#define LAUNCH(kernel, grid, block, bytes, stream, ...) \
	cudasim::launch(__FILE__, __LINE__, #kernel, grid, block, bytes, stream, kernel, __VA_ARGS__)
#define SHARED(type, name, count) \
	static char name##_key; \
	type (&name)[count] = *(type (*)[count])cudasim::shared_static(&name##_key, sizeof(type[count]))
#define SHARED_DYNAMIC(type, name) type *name = (type *)cudasim::shared_dynamic()

#include "device.h"

#endif
