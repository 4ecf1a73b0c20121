/* SPDX-License-Identifier: MIT */
/* copy.cc - CUDA's copies between host and card, and the host memory that is pinned for them.
 *
 * A copy from pinned memory reads it when its turn on the stream comes, as late as that may be; one
 * from other memory has read it when the call returns.
 */
#include <stdlib.h>

#include <map>
#include <memory>
#include <vector>

#include "sim.h"

namespace cudasim {

static std::map<char *, size_t> pinned;

static bool is_pinned(const void *p, size_t bytes)
{
	auto b = pinned.upper_bound((char *)p);

	if (b == pinned.begin())
		return false;
	b = std::prev(b);
	return (char *)p + bytes <= b->first + b->second;
}

static uint64_t digest(const void *p, size_t n)
{
	const unsigned char *x = (const unsigned char *)p;
	uint64_t h = n * 0x9e3779b97f4a7c15u;

	for (; n >= 8; x += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, x, 8);
		h = (h ^ w) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	for (; n; x++, n--)
		h = (h ^ *x) * 0x100000001b3u;
	return h;
}

static void to_device(const char *call, void *y, const void *x, size_t n)
{
	device_must(call, y, n, false);
	space_open();
	memcpy(y, x, n);
	space_shut();
	device_written(y, n);
}

static void to_host(const char *call, void *y, const void *x, size_t n)
{
	device_must(call, x, n, true);
	space_open();
	memcpy(y, x, n);
	space_shut();
}

static void inside(const char *call, void *y, const void *x, size_t n)
{
	device_must(call, x, n, true);
	device_must(call, y, n, false);
	space_open();
	memmove(y, x, n);
	space_shut();
	device_written(y, n);
}

static enum cudaMemcpyKind kind_of(const char *call, void *y, const void *x, enum cudaMemcpyKind kind)
{
	enum cudaMemcpyKind is = on_device(y) ? on_device(x) ? cudaMemcpyDeviceToDevice : cudaMemcpyHostToDevice
	                                      : on_device(x) ? cudaMemcpyDeviceToHost : cudaMemcpyHostToHost;

	if (kind != cudaMemcpyDefault && kind != is)
		fault("%s: told to copy from %s to %s, which these pointers are not", call,
		      kind == cudaMemcpyHostToDevice || kind == cudaMemcpyHostToHost ? "host" : "device",
		      kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost ? "host" : "device");
	return is;
}

static void upload(void *y, const void *x, size_t n, cudaStream_t s)
{
	static const char call[] = "cudaMemcpyAsync";

	if (is_pinned(x, n)) {
		uint64_t was = digest(x, n);

		enqueue(s, [=] {
			if (digest(x, n) != was)
				fault("%s: the host changed a buffer of %zu bytes before its copy was done", call, n);
			to_device(call, y, x, n);
		});
	} else {
		auto kept = std::make_shared<std::vector<char>>((const char *)x, (const char *)x + n);

		enqueue(s, [=] { to_device(call, y, kept->data(), n); });
	}
}

static void copy_async(void *y, const void *x, size_t n, enum cudaMemcpyKind kind, cudaStream_t s)
{
	static const char call[] = "cudaMemcpyAsync";

	memory_open();
	switch (kind_of(call, y, x, kind)) {
	case cudaMemcpyHostToDevice:
		device_must(call, y, n, false);
		upload(y, x, n, s);
		break;
	case cudaMemcpyDeviceToHost:
		device_must(call, x, n, false);
		if (is_pinned(y, n))
			memset(y, 0xff, n);    /* nobody may read it yet */
		enqueue(s, [=] { to_host(call, y, x, n); });
		if (!is_pinned(y, n))
			finish(s);
		break;
	case cudaMemcpyDeviceToDevice:
		device_must(call, x, n, false);
		device_must(call, y, n, false);
		enqueue(s, [=] { inside(call, y, x, n); });
		break;
	default:
		enqueue(s, [=] { memcpy(y, x, n); });
		finish(s);
	}
}

}

using namespace cudasim;

cudaError_t cudaMemcpyAsync(void *y, const void *x, size_t n, enum cudaMemcpyKind kind, cudaStream_t s)
{
	if (n)
		copy_async(y, x, n, kind, s);
	return cudaSuccess;
}

cudaError_t cudaMemcpy(void *y, const void *x, size_t n, enum cudaMemcpyKind kind)
{
	if (n)
		copy_async(y, x, n, kind, NULL);
	finish(NULL);
	return cudaSuccess;
}

cudaError_t cudaMemcpy2DAsync(void *y, size_t ly, const void *x, size_t lx, size_t wide, size_t high,
                              enum cudaMemcpyKind kind, cudaStream_t s)
{
	if (wide > ly || wide > lx)
		return failed(cudaErrorInvalidValue);
	for (size_t i = 0; i < high && wide; i++)
		copy_async((char *)y + i * ly, (const char *)x + i * lx, wide, kind, s);
	return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int c, size_t n, cudaStream_t s)
{
	if (!n)
		return cudaSuccess;
	memory_open();
	device_must("cudaMemset", p, n, false);
	enqueue(s, [=] {
		device_must("cudaMemset", p, n, false);
		space_open();
		memset(p, c, n);
		space_shut();
		device_written(p, n);
	});
	return cudaSuccess;
}

cudaError_t cudaMemset2DAsync(void *p, size_t ld, int c, size_t wide, size_t high, cudaStream_t s)
{
	if (wide > ld)
		return failed(cudaErrorInvalidValue);
	for (size_t i = 0; i < high; i++)
		cudaMemsetAsync((char *)p + i * ld, c, wide, s);
	return cudaSuccess;
}

cudaError_t cudaMemset(void *p, int c, size_t n) { return cudaMemsetAsync(p, c, n, NULL); }

cudaError_t cudaHostAlloc(void **p, size_t n, unsigned)
{
	*p = aligned_alloc(4096, (n + 4096) / 4096 * 4096);
	if (!*p)
		return failed(cudaErrorMemoryAllocation);
	pinned[(char *)*p] = n;
	return cudaSuccess;
}

cudaError_t cudaMallocHost(void **p, size_t n) { return cudaHostAlloc(p, n, 0); }

cudaError_t cudaFreeHost(void *p)
{
	cudaDeviceSynchronize();
	if (p && !pinned.erase((char *)p))
		fault("cudaFreeHost: not what cudaMallocHost gave");
	free(p);
	return cudaSuccess;
}
