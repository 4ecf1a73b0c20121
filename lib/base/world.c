/* SPDX-License-Identifier: MIT */
/* world.c - what all ranks do together, over whichever carrier there is; see world.h.
 *
 * All of it is one primitive, an exchange of one message between any two ranks.  A sum of vectors
 * is an all-to-all, in which each rank gets the others' values of its part, and adds them in the
 * ranks' order: a rank sends and receives as much as its vector is long, whatever the size.  A
 * broadcast of much is a scatter and a gather, for the same reason.
 */
#include "world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hash.h"
#include "memory.h"
#include "num.h"
#include "world_in.h"

enum {
	ROOM = 1 << 24,   /* bytes that a sum has for what it receives, at most */
	SPLIT = 1 << 16,  /* from so many bytes on a broadcast is a scatter and a gather */
	MESSAGE = 1 << 28 /* the most bytes of one message */
};

/* What an exchange is for. */
enum call {
	CALL_ADD = 1,
	CALL_MOST,
	CALL_SAME,
	CALL_PASS,
	CALL_GATHER,
	CALL_BROADCAST,
	CALL_SUM,
	CALL_END
};

static const struct carrier *carrier; /* NULL: one rank, or one that works alone */
static const struct carrier *resting; /* meanwhile */
static int rank, size = 1;
static int ranks;               /* of the run, also while one works alone */
static struct member *all;      /* [size] */
static struct parcel *out, *in; /* [size] */
static size_t *part;            /* [size+1] where the parts of what is divided begin */
static double *each;            /* [size] a number of each rank */
static char who[128];           /* "rank 2 on host" */

int world_rank(void) { return rank; }
int world_size(void) { return size; }

static int is_mine(int r) { return !strcmp(all[r].host, all[rank].host); }

int world_local(void)
{
	int local = 0;

	for (int r = 0; r < rank; r++)
		local += is_mine(r);
	return local;
}

int world_locals(void)
{
	int locals = 0;

	for (int r = 0; r < size; r++)
		locals += size == 1 || is_mine(r);
	return locals;
}

int world_threads(int n)
{
	cpu_set_t cpus;

	if (size == 1)
		return n;
	CPU_ZERO(&cpus);
	for (int r = 0; r < size; r++)
		if (is_mine(r))
			CPU_OR(&cpus, &cpus, &all[r].cpus);
	return (int)long_max(1, long_min(n, CPU_COUNT(&cpus) / world_locals()));
}

/* Of the file that this process runs. */
static uint64_t build_hash(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct hash *h = hash_new();
	uint64_t value;
	char p[65536];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, p, sizeof p)) > 0)
		hash_add(h, p, n);
	if (fd >= 0)
		close(fd);
	value = hash_value(h);
	hash_free(h);
	return value;
}

/* For die(). */
static int died(const char *text) { return (carrier ? carrier : resting)->died(text); }

void world_open(void)
{
	struct member self = {0};

	if (!mpi_started() && !tcp_started())
		return;
	self.build = build_hash();
	if (gethostname(self.host, sizeof self.host - 1))
		strcpy(self.host, "?");
	sched_getaffinity(0, sizeof self.cpus, &self.cpus);
	carrier = (mpi_started() ? mpi_open : tcp_open)(&self, &rank, &size, &all);
	out = xzalloc(size, sizeof *out);
	in = xzalloc(size, sizeof *in);
	part = xzalloc(size + 1, sizeof *part);
	each = xzalloc(size, sizeof *each);
	snprintf(who, sizeof who, "rank %d on %s", rank, self.host);
	die_of_several(who, died);
	if (rank)
		notice_mute();
	ranks = size;
	carrier->open();
	if (self.build != all[0].build)
		die("is of another build of the program than rank 0 on %s", all[0].host);
	world_barrier();
}

/* All messages of `out` and `in` are sent, and there are none then. */
static void exchange(enum call call)
{
	carrier->exchange(call, out, in);
	memset(out, 0, size * sizeof *out);
	memset(in, 0, size * sizeof *in);
}

static void pass(enum call call, void *p, size_t n, int from, int to)
{
	if (from == to || (rank != from && rank != to))
		return;
	for (size_t at = 0; at < n; at += MESSAGE) {
		struct parcel some = {(char *)p + at, size_min(n - at, MESSAGE)};

		if (rank == from)
			out[to] = some;
		else
			in[from] = some;
		exchange(call);
	}
}

void world_pass(void *p, size_t n, int from, int to) { pass(CALL_PASS, p, n, from, to); }

/* The most that one rank has of what is so divided. */
static size_t largest_part(const size_t at[])
{
	size_t most = 0;

	for (int r = 0; r < size; r++)
		most = size_max(most, at[r + 1] - at[r]);
	return most;
}

/* Up to `most` of rank r's part, from the from-th of it on: how many, and *first, which is the
 * first. */
static size_t some_of(const size_t at[], int r, size_t from, size_t most, size_t *first)
{
	size_t n = at[r + 1] - at[r];

	*first = at[r] + from;
	return n > from ? size_min(n - from, most) : 0;
}

static void gather(enum call call, void *p, const size_t at[])
{
	for (size_t from = 0; carrier && from < largest_part(at); from += MESSAGE) {
		size_t first, n = some_of(at, rank, from, MESSAGE, &first);
		struct parcel own = {(char *)p + first, n};

		for (int r = 0; r < size; r++) {
			if (r == rank)
				continue;
			out[r] = own;
			n = some_of(at, r, from, MESSAGE, &first);
			in[r] = (struct parcel){(char *)p + first, n};
		}
		exchange(call);
	}
}

void world_gather(void *p, const size_t at[]) { gather(CALL_GATHER, p, at); }

void world_broadcast(void *p, size_t n)
{
	for (int r = 1; r < size && n < SPLIT; r++)
		pass(CALL_BROADCAST, p, n, 0, r);
	if (!carrier || n < SPLIT)
		return;
	for (int r = 0; r <= size; r++)
		part[r] = n / size * r + size_min(r, n % size);
	for (int r = 1; r < size; r++)
		pass(CALL_BROADCAST, (char *)p + part[r], part[r + 1] - part[r], 0, r);
	gather(CALL_BROADCAST, p, part);
}

/* x[i] becomes the sum of it and the others' values, in the ranks' order, for n values of this
 * rank's part.  theirs: of rank r from r*room on. */
static void add_up(float *x, const float *theirs, size_t room, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double sum = 0;

		for (int r = 0; r < size; r++)
			sum += r == rank ? x[i] : theirs[r * room + i];
		x[i] = (float)sum;
	}
}

void world_sum(float *x, const size_t at[])
{
	size_t most, room, first, n, own;
	float *theirs;

	if (!carrier)
		return;
	most = largest_part(at);
	room = size_max(1, size_min(most, ROOM / sizeof *x / size));
	theirs = xalloc(size * room * sizeof *x);
	for (size_t from = 0; from < most; from += room) {
		own = some_of(at, rank, from, room, &first);
		for (int r = 0; r < size; r++) {
			if (r == rank)
				continue;
			in[r] = (struct parcel){theirs + r * room, own * sizeof *x};
			n = some_of(at, r, from, room, &first);
			out[r] = (struct parcel){x + first, n * sizeof *x};
		}
		exchange(CALL_SUM);
		some_of(at, rank, from, room, &first);
		add_up(x + first, theirs, room, own);
	}
	free(theirs);
}

/* Sets each[r] to rank r's x, 8 bytes. */
static void tell_each(enum call call, const void *x)
{
	for (int r = 0; r <= size; r++)
		part[r] = r * sizeof *each;
	memcpy(&each[rank], x, sizeof *each);
	gather(call, each, part);
}

/* What the ranks tell where they have nothing to tell. */
static void barrier(enum call call)
{
	double nothing = 0;

	if (carrier)
		tell_each(call, &nothing);
}

void world_barrier(void) { barrier(CALL_ADD); }

double world_add(double x)
{
	double sum = 0;

	if (!carrier)
		return x;
	tell_each(CALL_ADD, &x);
	for (int r = 0; r < size; r++)
		sum += each[r];
	return sum;
}

long world_most(long x)
{
	long most = x;

	if (!carrier)
		return x;
	tell_each(CALL_MOST, &x);
	for (int r = 0; r < size; r++) {
		memcpy(&x, &each[r], sizeof x);
		most = long_max(most, x);
	}
	return most;
}

void world_same(const char *what, uint64_t value)
{
	uint64_t its;
	char hex[17], own[17];

	if (!carrier)
		return;
	tell_each(CALL_SAME, &value);
	memcpy(&its, &each[0], sizeof its);
	hash_hex(its, hex);
	hash_hex(value, own);
	if (value != its)
		die("%s differ from those of rank 0 on %s (%s here, %s there)", what, all[0].host,
		    own, hex);
	barrier(CALL_SAME); /* rank 0 may be the one that waits for the message */
}

int world_alone(void)
{
	if (!carrier || rank)
		return !rank;
	resting = carrier;
	carrier = NULL;
	size = 1;
	return 1;
}

void world_close(void)
{
	if (resting) {
		carrier = resting;
		resting = NULL;
		size = ranks;
	}
	if (!carrier)
		return;
	barrier(CALL_END);
	carrier->close();
	die_of_several(NULL, NULL);
	free(all);
	free(out);
	free(in);
	free(part);
	free(each);
	carrier = NULL;
	rank = 0;
	size = 1;
}
