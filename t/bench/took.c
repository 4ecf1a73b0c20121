/* SPDX-License-Identifier: MIT */
/* took.c - runs a command and writes what it took to a file, as JSON:
 * {"seconds","cpu","peak_bytes","status"}; cpu: user and system.
 *
 *     build/t/bench/took FILE COMMAND...
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/base/die.h"

static double seconds_of(struct timeval t) { return t.tv_sec + t.tv_usec * 1e-6; }

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
	double began = now();
	struct rusage u;
	int status;
	pid_t child;
	FILE *f;

	die_name("took");
	if (argc < 3)
		die("needs FILE COMMAND...");
	child = fork();
	if (!child) {
		execvp(argv[2], argv + 2);
		die("%s: %s", argv[2], strerror(errno));
	}
	if (child < 0 || wait4(child, &status, 0, &u) < 0)
		die("run %s:", argv[2]);
	f = fopen(argv[1], "w");
	if (!f || fprintf(f, "{\"seconds\":%.3f,\"cpu\":%.3f,\"peak_bytes\":%ld,\"status\":%d}\n", now() - began,
	                  seconds_of(u.ru_utime) + seconds_of(u.ru_stime), u.ru_maxrss * 1024, status) < 0 || fclose(f))
		die("write %s:", argv[1]);
	return status != 0;
}
