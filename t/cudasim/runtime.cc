/* SPDX-License-Identifier: MIT */
/* runtime.cc - CUDA's runtime: memory, streams, events; copies are in copy.cc.
 *
 * What is put on a stream is done as late as the rules allow: when somebody waits for it.  So
 * a host buffer that is used again too early, or read too early, is noticed.
 */
#include <time.h>

#include <deque>
#include <memory>
#include <vector>

#include "sim.h"

struct cuda_stream {
	std::deque<std::function<void()>> queue;
	long put, done;                /* how many ever */
	bool blocking;                 /* waits for the default stream and it for this */
	int device;
};
struct cuda_event { cudaStream_t stream; long at; bool recorded, asked; double time; };

namespace cudasim {

static struct cuda_stream default_stream = {{}, 0, 0, true, 0};
static std::vector<cudaStream_t> streams;

static void run_until(cudaStream_t s, long at)
{
	while (s->done < at && !s->queue.empty()) {
		auto next = std::move(s->queue.front());

		s->queue.pop_front();
		s->done++;
		next();
	}
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

void finish(cudaStream_t given)
{
	cudaStream_t s = stream_of(given);

	space_open();
	run_until(s, s->put);
	space_shut();
}

static void finish_all()
{
	memory_open();
	finish(NULL);
	for (cudaStream_t s : streams)
		finish(s);
}

/* The default stream and the blocking ones are in order with each other. */
void enqueue(cudaStream_t given, std::function<void()> work)
{
	cudaStream_t s = stream_of(given);

	int current;

	memory_open();
	if (given && !cudaGetDevice(&current) && s->device != current)
		fault("a stream of card %d is used while card %d is current", s->device, current);
	if (!given)
		for (cudaStream_t t : streams)
			if (t->blocking)
				finish(t);
	if (given && s->blocking)
		finish(NULL);
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

static double seconds()
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

}

using namespace cudasim;

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

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned flags)
{
	*s = new cuda_stream{{}, 0, 0, !(flags & cudaStreamNonBlocking), 0};
	cudaGetDevice(&(*s)->device);
	streams.push_back(*s);
	return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t *s) { return cudaStreamCreateWithFlags(s, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
	finish(s);
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
		finish(s);
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
