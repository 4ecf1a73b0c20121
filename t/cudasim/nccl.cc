/* SPDX-License-Identifier: MIT */
/* nccl.cc - sends and receives between processes, each with a simulated card, as NCCL has them: in
 * groups, on a stream, without a word of sizes.  The processes find each other by sockets that are
 * named for the id.  CUDASIM_NCCL=0: there is no such library; =2: it fails to open on rank 1. */
#include "nccl.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vector>

#include "dlfcn.h"
#include "sim.h"

struct nccl_comm {
	int rank, ranks;
	std::vector<int> fd;           /* [ranks] */
};

namespace cudasim {

struct transfer { char *p; size_t bytes, done; int fd; bool out; };
static std::vector<struct transfer> group;
static cudaStream_t group_stream;
static int grouped;

static socklen_t name_of(struct sockaddr_un *a, const char *id, int rank)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                   (size_t)snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "cudasim-%s-%d", id, rank));
}

/* Calls a rank below; it may not be there yet. */
static int call(const char *id, int to, int rank)
{
	struct sockaddr_un a;
	socklen_t n = name_of(&a, id, to);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	for (int tries = 0; connect(fd, (struct sockaddr *)&a, n); tries++) {
		if (tries == 1000)
			fault("ncclCommInitRank: rank %d did not come", to);
		usleep(10000);
	}
	if (write(fd, &rank, sizeof rank) != sizeof rank)
		fault("ncclCommInitRank: rank %d is gone", to);
	return fd;
}

/* What NCCL does when the stream comes to it: all transfers of a group at once. */
static void run_group(std::vector<struct transfer> t)
{
	for (auto &x : t)
		device_must(x.out ? "ncclSend" : "ncclRecv", x.p, x.bytes, x.out);
	space_open();
	for (size_t left = t.size(); left;) {
		std::vector<struct pollfd> p;

		left = 0;
		for (auto &x : t) {
			ssize_t n = x.done == x.bytes ? 0
			            : x.out ? send(x.fd, x.p + x.done, x.bytes - x.done, MSG_DONTWAIT | MSG_NOSIGNAL)
			                    : recv(x.fd, x.p + x.done, x.bytes - x.done, MSG_DONTWAIT);

			if (x.done < x.bytes && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)))
				fault("ncclGroupEnd: another rank is gone");
			x.done += n > 0 ? (size_t)n : 0;
			if (x.done == x.bytes)
				continue;
			left++;
			p.push_back({x.fd, (short)(x.out ? POLLOUT : POLLIN), 0});
		}
		if (left)
			poll(p.data(), p.size(), 1000);
	}
	space_shut();
	for (auto &x : t)
		if (!x.out)
			device_written(x.p, x.bytes);
}

static ncclResult_t add(const char *what, void *p, size_t count, ncclDataType_t type, int peer, ncclComm_t c,
                        cudaStream_t s, bool out)
{
	if (type != ncclFloat32 || peer < 0 || peer >= c->ranks || peer == c->rank || !grouped)
		return ncclInvalidArgument;
	device_must(what, p, count * sizeof(float), false);
	if (!group.empty() && s != group_stream)
		fault("%s: the streams of a group differ", what);
	for (auto &x : group)
		if (x.fd == c->fd[(size_t)peer] && x.out == out)
			fault("%s: two to one rank in a group: which comes first?", what);
	group_stream = s;
	group.push_back({(char *)p, count * sizeof(float), 0, c->fd[(size_t)peer], out});
	return ncclSuccess;
}

} /* namespace */

using namespace cudasim;

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
	unsigned long x[2];

	if (getrandom(x, sizeof x, 0) != sizeof x)
		return ncclSystemError;
	memset(id, 0, sizeof *id);
	snprintf(id->internal, sizeof id->internal, "%lx%lx", x[0], x[1]);
	return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t *to, int ranks, ncclUniqueId id, int rank)
{
	struct sockaddr_un a;
	socklen_t n = name_of(&a, id.internal, rank);
	int own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), who;

	if (env_number("CUDASIM_NCCL", 1) == 2 && rank == 1)
		return ncclInvalidUsage;       /* as where two ranks share a card */
	if (bind(own, (struct sockaddr *)&a, n) || listen(own, ranks))
		return ncclSystemError;
	struct nccl_comm *c = *to = new nccl_comm{rank, ranks, std::vector<int>((size_t)ranks, -1)};
	if (env_number("CUDASIM_NCCL", 1) == 2)
		return ncclSuccess;
	for (int r = 0; r < rank; r++)
		c->fd[(size_t)r] = call(id.internal, r, rank);
	for (int r = rank + 1; r < ranks; r++) {
		int fd = accept(own, NULL, NULL);

		if (read(fd, &who, sizeof who) != sizeof who || who <= rank || who >= ranks)
			fault("ncclCommInitRank: who called is no rank above %d", rank);
		c->fd[(size_t)who] = fd;
	}
	close(own);
	return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t c)
{
	for (int fd : c->fd)
		if (fd >= 0)
			close(fd);
	delete c;
	return ncclSuccess;
}

ncclResult_t ncclGroupStart()
{
	grouped++;
	return ncclSuccess;
}

ncclResult_t ncclGroupEnd()
{
	if (!grouped)
		return ncclInvalidUsage;
	if (--grouped || group.empty())
		return ncclSuccess;
	enqueue(group_stream, [t = group] { run_group(t); });
	group.clear();
	finish(group_stream);  /* a card sends while its host waits for something else */
	return ncclSuccess;
}

ncclResult_t ncclSend(const void *p, size_t count, ncclDataType_t type, int peer, ncclComm_t c, cudaStream_t s)
{
	return add("ncclSend", (void *)p, count, type, peer, c, s, true);
}

ncclResult_t ncclRecv(void *p, size_t count, ncclDataType_t type, int peer, ncclComm_t c, cudaStream_t s)
{
	return add("ncclRecv", p, count, type, peer, c, s, false);
}

const char *ncclGetErrorString(ncclResult_t e)
{
	return e == ncclSuccess ? "no error" : e == ncclInvalidUsage ? "invalid usage" : e == ncclInvalidArgument ? "invalid argument" : "unhandled system error";
}

void *cudasim_open(const char *name)
{
	if (strcmp(name, "libnccl.so.2"))
		fault("dlopen of %s", name);
	return env_number("CUDASIM_NCCL", 1) ? (void *)name : NULL;
}

void *cudasim_symbol(void *, const char *name)
{
	static const struct { const char *name; void *function; } all[] = {
		{"ncclGetUniqueId", (void *)ncclGetUniqueId}, {"ncclCommInitRank", (void *)ncclCommInitRank},
		{"ncclCommDestroy", (void *)ncclCommDestroy}, {"ncclGroupStart", (void *)ncclGroupStart},
		{"ncclGroupEnd", (void *)ncclGroupEnd}, {"ncclSend", (void *)ncclSend},
		{"ncclRecv", (void *)ncclRecv}, {"ncclGetErrorString", (void *)ncclGetErrorString},
	};

	for (auto &x : all)
		if (!strcmp(x.name, name))
			return x.function;
	return NULL;
}
