/* SPDX-License-Identifier: MIT */
/* shard.c - see shard.h. */
#include "shard.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../base/die.h"
#include "../base/num.h"
#include "../base/world.h"

const struct opt shard_options[] = {
	{"shard", 0, OPT_TEXT, offsetof(struct shard_opts, shard), "I/N",
         "the I-th of N consecutive shares of the rows: cat joins the outputs", 0, 0},
	{0},
};

enum { MOST = 1000000 }; /* shares */

/* Sets *i and *n of "I/N"; -1 where it is none. */
static int parse(const char *text, long *i, long *n)
{
	char *end;

	errno = 0;
	*i = strtol(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '/' || end[1] < '0' || end[1] > '9')
		return -1;
	*n = strtol(end + 1, &end, 10);
	return errno || *end || *i < 1 || *i > *n || *n > MOST ? -1 : 0;
}

void shard_check(const struct shard_opts *o, int twice, char *const paths[], int n)
{
	struct stat s;
	long i, of;

	if (!o->shard)
		return;
	if (world_size() > 1)
		die_usage("--shard is for processes that know nothing of each other: here are %d "
		          "ranks, which share the rows already",
		          world_size());
	if (parse(o->shard, &i, &of))
		die_usage("--shard %s: I/N, a share from 1 to N, and how many there are", o->shard);
	if (twice && !n)
		die_usage("--shard: rows are read twice, from files that are named");
	for (int k = 0; twice && k < n; k++)
		if (!stat(paths[k], &s) && !S_ISREG(s.st_mode))
			die_usage("--shard: %s is no file that can be read twice", paths[k]);
}

int shard_asked(const struct shard_opts *o) { return o->shard || world_size() > 1; }

/* The i-th, from 1, of n. */
static struct share share(long i, long n, long rows, long unit)
{
	long units = (rows + unit - 1) / unit;

	return (struct share){long_min(rows, units * (i - 1) / n * unit),
	                      long_min(rows, units * i / n * unit), i == 1};
}

struct share share_of_rank(int rank, long rows, long unit)
{
	return share(rank + 1, world_size(), rows, unit);
}

struct share shard_of(const struct shard_opts *o, long rows, long unit)
{
	long i, n;

	if (!o->shard)
		return share_of_rank(world_rank(), rows, unit);
	parse(o->shard, &i, &n);
	return share(i, n, rows, unit);
}
