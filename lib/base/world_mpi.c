/* SPDX-License-Identifier: MIT */
/* world_mpi.c - carries the world's bytes by MPI: make MPI=1.
 *
 * MPI's own sums promise no order, so that none is used: messages are all that is asked of it.  Its
 * launcher notices a rank that vanishes, and ends the others.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "world_in.h"

/* A launcher of MPI started this process, as one of several. */
static int started(void)
{
	static const char *const size[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"};

	for (size_t i = 0; i < sizeof size / sizeof *size; i++)
		if (getenv(size[i]) && atoi(getenv(size[i])) > 1)
			return 1;
	return getenv("PMIX_RANK") && getenv("SLURM_NTASKS") && atoi(getenv("SLURM_NTASKS")) > 1;
}

#ifdef SEAL_MPI
#include <mpi.h>

static MPI_Request *request; /* [2 x size] */
static MPI_Status *status;   /* [2 x size] */
static int ranks, self_rank;

static void exchange(int call, const struct parcel out[], const struct parcel in[])
{
	int n = 0, got;

	for (int r = 0; r < ranks; r++)
		if (in[r].n)
			MPI_Irecv(in[r].p, (int)in[r].n, MPI_BYTE, r, MPI_ANY_TAG, MPI_COMM_WORLD,
			          &request[n++]);
	got = n;
	for (int r = 0; r < ranks; r++)
		if (out[r].n)
			MPI_Isend(out[r].p, (int)out[r].n, MPI_BYTE, r, call, MPI_COMM_WORLD,
			          &request[n++]);
	MPI_Waitall(n, request, status);
	for (int i = 0; i < got; i++)
		if (status[i].MPI_TAG != call)
			die("rank %d does not do the same: its message is for call %d, and here "
			    "for %d",
			    status[i].MPI_SOURCE, status[i].MPI_TAG, call);
}

/* Often all ranks find the same; then rank 0 says it, and MPI ends the others meanwhile. */
static int died(const char *text)
{
	if (self_rank)
		usleep(500000);
	warn_last("%s", text);
	MPI_Abort(MPI_COMM_WORLD, 1);
	return 1;
}

static void begin(void) {}

static void finish(void)
{
	free(request);
	free(status);
	MPI_Finalize();
}

const struct carrier *mpi_open(const struct member *self, int *rank, int *size, struct member **all)
{
	static const struct carrier mpi = {exchange, died, begin, finish};
	int level;

	MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
	MPI_Comm_rank(MPI_COMM_WORLD, rank);
	MPI_Comm_size(MPI_COMM_WORLD, size);
	ranks = *size;
	self_rank = *rank;
	if (ranks == 1)
		die("the launcher started several processes, and MPI sees one: srun needs "
		    "--mpi=pmix, or what else this MPI was built for");
	request = xzalloc(2 * ranks, sizeof *request);
	status = xzalloc(2 * ranks, sizeof *status);
	*all = xzalloc(ranks, sizeof **all);
	MPI_Allgather((void *)self, sizeof *self, MPI_BYTE, *all, sizeof *self, MPI_BYTE,
	              MPI_COMM_WORLD);
	return &mpi;
}

int mpi_started(void) { return started(); }

#else

int mpi_started(void)
{
	if (started() && !getenv("RANK"))
		die_usage(
			"was started by MPI, as one of several processes, and is built without it "
			"(make MPI=1); without MPI set RANK, WORLD_SIZE, MASTER_ADDR and "
			"MASTER_PORT");
	return 0;
}

const struct carrier *mpi_open(const struct member *self, int *rank, int *size, struct member **all)
{
	(void)self;
	(void)rank;
	(void)size;
	(void)all;
	return NULL;
}
#endif
