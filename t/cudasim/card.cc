/* SPDX-License-Identifier: MIT */
/* card.cc - what the card is, what a launch may ask of it, and errors. */
#include <stdio.h>

#include <map>

#include "sim.h"

namespace cudasim {

static std::map<const void *, int> shared_limits;
static cudaError_t last_error;

cudaError_t failed(cudaError_t e)
{
	if (e)
		last_error = e;
	return e;
}

/* 9: a Hopper card; 8: the one before that gives a block least shared memory. */
static int major() { return (int)env_number("CUDASIM_MAJOR", 9); }
static size_t shared_max() { return env_number("CUDASIM_SHARED", (major() == 9 ? 227 : 99) << 10); }

void check_launch(const struct launch_args &l)
{
	auto limit = shared_limits.find(l.function);
	size_t most = limit == shared_limits.end() ? 48 << 10 : limit->second;
	size_t threads = (size_t)l.block.x * l.block.y * l.block.z;
	const char *file = strrchr(l.file, '/');

	file = file ? file + 1 : l.file;
	if (!l.grid.x || !l.grid.y || !l.grid.z || !threads)
		fault("kernel %s (launched at %s:%d): an empty grid", l.kernel, file, l.line);
	if (l.grid.x > 0x7fffffffu || l.grid.y > 65535 || l.grid.z > 65535)
		fault("kernel %s (launched at %s:%d): a grid of (%u, %u, %u)", l.kernel, file, l.line, l.grid.x,
		      l.grid.y, l.grid.z);
	if (threads > MAX_THREADS || l.block.z > 64)
		fault("kernel %s (launched at %s:%d): a block of %zu threads", l.kernel, file, l.line, threads);
	if (l.shared > most)
		fault("kernel %s (launched at %s:%d): %zu bytes of shared memory without cudaFuncSetAttribute "
		      "(allowed: %zu)", l.kernel, file, l.line, l.shared, most);
}

}

using namespace cudasim;

cudaError_t cudasim_set_attribute(const void *f, cudaFuncAttribute a, int n)
{
	if (a == cudaFuncAttributeMaxDynamicSharedMemorySize) {
		if (n < 0 || (size_t)n > shared_max())
			return failed(cudaErrorInvalidValue);
		shared_limits[f] = n;
	}
	return cudaSuccess;
}

static size_t devices() { return env_number("CUDASIM_DEVICES", 1); }

cudaError_t cudaGetDeviceCount(int *n)
{
	*n = (int)devices();
	return *n ? cudaSuccess : failed(cudaErrorNoDevice);
}

static int current_device;

cudaError_t cudaGetDevice(int *d)
{
	*d = current_device;
	return devices() ? cudaSuccess : failed(cudaErrorNoDevice);
}

cudaError_t cudaSetDevice(int d)
{
	if (d < 0 || (size_t)d >= devices())
		return failed(cudaErrorInvalidDevice);
	current_device = d;
	return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *p, int d)
{
	if (d < 0 || (size_t)d >= devices())
		return failed(cudaErrorInvalidDevice);
	*p = cudaDeviceProp{};
	snprintf(p->name, sizeof p->name, "simulator");
	p->totalGlobalMem = device_memory();
	p->sharedMemPerBlock = 48 << 10;
	p->sharedMemPerBlockOptin = shared_max();
	p->sharedMemPerMultiprocessor = shared_max() + 1024;
	p->multiProcessorCount = 4;
	p->major = major();
	p->minor = p->major == 8 ? 6 : 0;
	p->warpSize = 32;
	p->maxThreadsPerBlock = MAX_THREADS;
	p->maxThreadsPerMultiProcessor = 1536;
	p->l2CacheSize = 6 << 20;
	p->regsPerBlock = 65536;
	p->maxGridSize[0] = 0x7fffffff;
	p->maxGridSize[1] = p->maxGridSize[2] = 65535;
	p->maxThreadsDim[0] = p->maxThreadsDim[1] = MAX_THREADS;
	p->maxThreadsDim[2] = 64;
	return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *x, cudaDeviceAttr what, int d)
{
	cudaDeviceProp p;

	if (cudaGetDeviceProperties(&p, d))
		return cudaErrorInvalidDevice;
	switch (what) {
	case cudaDevAttrMaxThreadsPerBlock: *x = p.maxThreadsPerBlock; break;
	case cudaDevAttrMaxSharedMemoryPerBlock: *x = (int)p.sharedMemPerBlock; break;
	case cudaDevAttrWarpSize: *x = p.warpSize; break;
	case cudaDevAttrMultiProcessorCount: *x = p.multiProcessorCount; break;
	case cudaDevAttrL2CacheSize: *x = p.l2CacheSize; break;
	case cudaDevAttrMaxThreadsPerMultiProcessor: *x = p.maxThreadsPerMultiProcessor; break;
	case cudaDevAttrComputeCapabilityMajor: *x = p.major; break;
	case cudaDevAttrComputeCapabilityMinor: *x = p.minor; break;
	case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *x = (int)p.sharedMemPerMultiprocessor; break;
	case cudaDevAttrMaxSharedMemoryPerBlockOptin: *x = (int)p.sharedMemPerBlockOptin; break;
	default: return failed(cudaErrorInvalidValue);
	}
	return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *unused, size_t *total)
{
	*total = device_memory();
	*unused = *total - device_used;
	return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *v) { *v = 13000; return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *v) { *v = 13000; return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return last_error; }

cudaError_t cudaGetLastError()
{
	cudaError_t e = last_error;

	last_error = cudaSuccess;
	return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
	switch (e) {
	case cudaSuccess: return "no error";
	case cudaErrorInvalidValue: return "invalid argument";
	case cudaErrorMemoryAllocation: return "out of memory";
	case cudaErrorInvalidConfiguration: return "invalid configuration argument";
	case cudaErrorNoDevice: return "no CUDA-capable device is detected";
	case cudaErrorInvalidDevice: return "invalid device ordinal";
	case cudaErrorNotReady: return "device not ready";
	default: return "an error";
	}
}

const char *cudaGetErrorName(cudaError_t e) { return cudaGetErrorString(e); }
