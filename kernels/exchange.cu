/* SPDX-License-Identifier: MIT */
/* exchange.cu - device memory from card to card, where several processes are one run.
 *
 * NVIDIA's NCCL sends it, over NVLink or the network, if it is installed where the program runs and
 * its header was there when it was built.  Only its sends and receives are used.  Its sums promise
 * no order, and with ours (../lib/model/ranks.c) equal commands give equal bytes.
 */
#include "cuda.h"

extern "C" {
#include "../lib/base/world.h"
}

#if __has_include(<nccl.h>)
#include <dlfcn.h>
#include <nccl.h>

struct nccl {
	ncclComm_t comm; /* NULL: the run does without */
	ncclResult_t (*id)(ncclUniqueId *);
	ncclResult_t (*init)(ncclComm_t *, int, ncclUniqueId, int);
	ncclResult_t (*destroy)(ncclComm_t);
	ncclResult_t (*begin)(void);
	ncclResult_t (*end)(void);
	ncclResult_t (*send)(const void *, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t);
	ncclResult_t (*receive)(void *, size_t, ncclDataType_t, int, ncclComm_t, cudaStream_t);
	const char *(*text)(ncclResult_t);
};

static void check(const struct nccl *n, ncclResult_t e)
{
	if (e != ncclSuccess)
		die("NCCL: %s", n->text(e));
}

/* Finds its functions; whether they are there. */
static bool find(struct nccl *n)
{
	struct {
		const char *name;
		void *function;
	} wanted[] = {
		{"ncclGetUniqueId", &n->id},      {"ncclCommInitRank", &n->init},
		{"ncclCommDestroy", &n->destroy}, {"ncclGroupStart", &n->begin},
		{"ncclGroupEnd", &n->end},        {"ncclSend", &n->send},
		{"ncclRecv", &n->receive},        {"ncclGetErrorString", &n->text},
	};
	void *library = dlopen("libnccl.so.2", RTLD_NOW);

	for (size_t i = 0; library && i < sizeof wanted / sizeof *wanted; i++) {
		void *function = dlsym(library, wanted[i].name);

		if (!function)
			return false;
		memcpy(wanted[i].function, &function, sizeof function);
	}
	return library != NULL;
}

/* All ranks come here at the same time.  It takes all of them: one that has no library, or two that
 * share a card, which NCCL refuses, and the run does without. */
static struct nccl *meet(void)
{
	struct nccl *n = (struct nccl *)xzalloc(1, sizeof *n);
	ncclUniqueId id;
	ncclResult_t e;

	if (world_add(find(n)) < world_size()) {
		notice("the ranks' gradients go through the hosts' memory (NCCL: not installed, on "
		       "all or "
		       "some)");
		return n;
	}
	memset(&id, 0, sizeof id);
	if (!world_rank())
		check(n, n->id(&id));
	world_broadcast(&id, sizeof id);
	e = n->init(&n->comm, world_size(), id, world_rank());
	if (world_add(e == ncclSuccess) == world_size())
		return n;
	notice("the ranks' gradients go through the hosts' memory (NCCL: %s)",
	       e == ncclSuccess ? "another rank has failed" : n->text(e));
	if (e == ncclSuccess)
		n->destroy(n->comm);
	n->comm = NULL;
	return n;
}

int cuda_exchange(struct dev *d, const struct mat out[], const struct mat in[])
{
	struct cuda *c = cuda_of(d);

	if (!c->nccl)
		c->nccl = meet();
	if (!c->nccl->comm)
		return 0;
	check(c->nccl, c->nccl->begin());
	for (int r = 0; r < world_size(); r++) {
		if (out[r].cols)
			check(c->nccl, c->nccl->send(out[r].p, out[r].cols, ncclFloat32, r,
			                             c->nccl->comm, c->stream));
		if (in[r].cols)
			check(c->nccl, c->nccl->receive(in[r].p, in[r].cols, ncclFloat32, r,
			                                c->nccl->comm, c->stream));
	}
	check(c->nccl, c->nccl->end());
	return 1;
}

void cuda_exchange_close(struct dev *d)
{
	struct nccl *n = cuda_of(d)->nccl;

	if (n && n->comm)
		n->destroy(n->comm);
	free(n);
}

#else

int cuda_exchange(struct dev *, const struct mat *, const struct mat *) { return 0; }
void cuda_exchange_close(struct dev *) {}

#endif
