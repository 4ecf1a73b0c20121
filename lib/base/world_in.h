/* SPDX-License-Identifier: MIT */
/* world_in.h - what carries the world's bytes: see world.c. */
#ifndef SEAL_WORLD_IN_H
#define SEAL_WORLD_IN_H

#include <sched.h>
#include <stddef.h>
#include <stdint.h>

/* What a rank is, as all others know it. */
struct member {
	char host[64];
	cpu_set_t cpus; /* that it may run on */
	uint64_t build; /* a hash of the program's file */
};

/* A message to, or from, a rank; n 0: none. */
struct parcel {
	void *p;
	size_t n;
};

struct carrier {
	/* Sends out[r] to each rank r, and receives in[r] of it.  Both sides know the sizes, and
	 * which call (world.c) it is for: it dies where one of them is another. */
	void (*exchange)(int call, const struct parcel out[], const struct parcel in[]);
	/* The program ends with this message.  1 where another rank says it. */
	int (*died)(const char *text);
	/* To be called first, when `died` can be. */
	void (*open)(void);
	/* All have come to the end. */
	void (*close)(void);
};

/* Whether the environment says that this process is one of several, of this kind. */
int mpi_started(void);
int tcp_started(void);
/* Set rank and size, and who the others are: [*size], owned. */
const struct carrier *mpi_open(const struct member *self, int *rank, int *size,
                               struct member **all);
const struct carrier *tcp_open(const struct member *self, int *rank, int *size,
                               struct member **all);

/* TCP's two parts: world_meet.c has the ranks find each other, world_tcp.c carries. */
struct links {
	int rank, size;
	struct member *all; /* [size] */
	int *control; /* [size]: on rank 0 to each of the others; elsewhere [0] alone; -1: none */
	int *data;    /* [size]: to each of the others; -1 to itself */
};
/* Sets all of it but data; then meet_all sets those, and waits for all ranks. */
void meet(struct links *, const struct member *self, const char *address, const char *port);
void meet_all(void);
#endif
