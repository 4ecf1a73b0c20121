/* runtime.cc - CUDA's runtime: memory, streams, events.
 *
 * What is put on a stream is done as late as the rules allow: when somebody waits for it.  So
 * a host buffer that is used again too early, or read too early, is noticed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "sim.h"

struct cuda_stream {
	std::deque<std::function<void()>> queue;
	long put, done;                /* how many ever */
	bool blocking;                 /* waits for the default stream and it for this */
};
struct cuda_event { cudaStream_t stream; long at; bool recorded, asked; double time; };

namespace cudasim {

static struct cuda_stream default_stream = {{}, 0, 0, true};
static std::vector<cudaStream_t> streams;
static std::map<char *, size_t> pinned;
static void run_until(cudaStream_t s, long at)
{
	while (s->done < at && !s->queue.empty()) {
		auto next = std::move(s->queue.front());

		s->queue.pop_front();
		s->done++;
		next();
	}
}

static void finish(cudaStream_t s)
{
	space_open();
	run_until(s, s->put);
	space_shut();
}

static void finish_all()
{
	memory_open();
	finish(&default_stream);
	for (cudaStream_t s : streams)
		finish(s);
}

static cudaStream_t stream_of(cudaStream_t s)
{
	if (!s)
		return &default_stream;
	for (cudaStream_t t : streams)
		if (t == s)
			return s;
	fault("a stream that does not exist");
}

/* The default stream and the blocking ones are in order with each other. */
void enqueue(cudaStream_t given, std::function<void()> work)
{
	cudaStream_t s = stream_of(given);

	memory_open();
	if (!given)
		for (cudaStream_t t : streams)
			if (t->blocking)
				finish(t);
	if (given && s->blocking)
		finish(&default_stream);
	if (s->put - s->done > 4096)
		finish(s);
	s->queue.push_back(std::move(work));
	s->put++;
}

void launch(const struct launch_args &given)
{
	struct kept { struct launch_args l; std::vector<char> args; };
	auto k = std::make_shared<struct kept>();

	check_launch(given);
	k->l = given;
	k->args.assign((const char *)given.args, (const char *)given.args + given.args_bytes);
	k->l.args = k->args.data();
	enqueue(given.stream, [k] { run_grid(k->l); });
}

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
			finish(stream_of(s));
		break;
	case cudaMemcpyDeviceToDevice:
		device_must(call, x, n, false);
		device_must(call, y, n, false);
		enqueue(s, [=] { inside(call, y, x, n); });
		break;
	default:
		enqueue(s, [=] { memcpy(y, x, n); });
		finish(stream_of(s));
	}
}

static double seconds()
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
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
	finish(&default_stream);
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

cudaError_t cudaMemset(void *p, int c, size_t n) { return cudaMemsetAsync(p, c, n, NULL); }

cudaError_t cudaMalloc(void **p, size_t n)
{
	memory_open();
	*p = NULL;
	if (!n)
		return cudaSuccess;
	if (n > device_memory() - device_used)
		return failed(cudaErrorMemoryAllocation);
	*p = device_alloc(n);
	return cudaSuccess;
}

cudaError_t cudaFree(void *p)
{
	finish_all();
	if (p)
		device_free(p);
	return cudaSuccess;
}

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
	finish_all();
	if (p && !pinned.erase((char *)p))
		fault("cudaFreeHost: not what cudaMallocHost gave");
	free(p);
	return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
	*s = new cuda_stream{{}, 0, 0, !(flags & cudaStreamNonBlocking)};
	streams.push_back(*s);
	return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *s) { return cudaStreamCreateWithFlags(s, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	finish(stream_of(s));
	for (size_t i = 0; i < streams.size(); i++)
		if (streams[i] == s)
			streams.erase(streams.begin() + (long)i);
	delete s;
	return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
	memory_open();
	if (!s)
		finish_all();
	else
		finish(stream_of(s));
	return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t s) { return cudaStreamSynchronize(s); }

cudaError_t cudaDeviceSynchronize()
{
	finish_all();
	return cudaSuccess;
}

cudaError_t cudaDeviceReset() { return cudaDeviceSynchronize(); }

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
	*e = new cuda_event{};
	return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *e) { return cudaEventCreateWithFlags(e, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
	if (e->recorded)
		cudaEventSynchronize(e);
	delete e;
	return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
	enqueue(s, [e] { e->time = seconds(); });
	e->stream = stream_of(s);
	e->at = e->stream->put;
	e->recorded = true;
	e->asked = false;
	return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
	if (!e->recorded)
		return cudaSuccess;            /* nothing to wait for */
	space_open();
	run_until(e->stream, e->at);
	space_shut();
	return cudaSuccess;
}

/* Not ready when first asked, so that nobody counts on it. */
cudaError_t cudaEventQuery(cudaEvent_t e)
{
	if (!e->asked && e->recorded && e->stream->done < e->at) {
		e->asked = true;
		return cudaErrorNotReady;
	}
	return cudaEventSynchronize(e);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
	if (e->recorded) {
		cudaStream_t of = e->stream;
		long at = e->at;

		enqueue(s, [of, at] { run_until(of, at); });
	}
	return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t a, cudaEvent_t b)
{
	cudaEventSynchronize(a);
	cudaEventSynchronize(b);
	*ms = (float)((b->time - a->time) * 1e3);
	return cudaSuccess;
}
