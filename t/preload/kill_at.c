/* SPDX-License-Identifier: MIT */
/* kill_at.c - a library to preload, with which a program gets a signal at a moment that is
 * the same in every run: KILL_AT=CALL:N:SIGNAL sends it SIGNAL (a number) when it calls
 * CALL (fflush, fsync, mkdir or rename) for the N-th time, before the call does its work.
 * The log is flushed once a step; the other calls are those that write a checkpoint. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void arrive(const char *call)
{
	static long count;
	const char *want = getenv("KILL_AT");
	size_t n = strlen(call);
	long at;
	int sig;

	if (want && !strncmp(want, call, n) && sscanf(want + n, ":%ld:%d", &at, &sig) == 2 && ++count == at)
		raise(sig);
}

#define NEXT(name) ((__typeof__(&(name)))dlsym(RTLD_NEXT, #name))

int fflush(FILE *f)
{
	arrive("fflush");
	return NEXT(fflush)(f);
}

int fsync(int fd)
{
	arrive("fsync");
	return NEXT(fsync)(fd);
}

int mkdir(const char *path, mode_t mode)
{
	arrive("mkdir");
	return NEXT(mkdir)(path, mode);
}

int rename(const char *from, const char *to)
{
	arrive("rename");
	return NEXT(rename)(from, to);
}
