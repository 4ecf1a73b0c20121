/* SPDX-License-Identifier: MIT */
/* dev.c - opens a device by its name; the only place that knows which exist. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cpu.h"

#ifdef SEAL_CUDA
struct dev *cuda_open(const char *name, int threads, const char **why);
#else
static struct dev *cuda_open(const char *name, int threads, const char **why)
{
	(void)name;
	(void)threads;
	*why = "built without CUDA";
	return NULL;
}
#endif

#define NAMES "auto|cpu|cuda[:N]"
const char dev_names[] = NAMES;

/* A device's name is its prefix, or the prefix, a colon and which; auto is the first that opens.
 * Where the file `sign` is, the machine seems to have one. */
static const struct {
	const char *prefix;
	struct dev *(*open)(const char *name, int threads, const char **why);
	const char *sign;
} devices[] = {
	{"cuda", cuda_open, "/dev/nvidiactl"},
	{"cpu", cpu_open, NULL},
};

void dev_prepare(char **argv)
{
	char path[4096];
	ssize_t n;

	if (getenv("OMP_WAIT_POLICY"))
		return;
	setenv("OMP_WAIT_POLICY", "passive", 1);
	setenv("GOMP_SPINCOUNT", "20000", 0); /* some microseconds, as long as the shorter waits */
	/* By its own path, which names it in ps and top.  Where neither can be, only speed is lost. */
	n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n > 0) {
		path[n] = 0;
		execv(path, argv);
	}
	execv("/proc/self/exe", argv);
}

struct dev *dev_open(const char *name, int threads, const char **why)
{
	static char passed[512]; /* over, though it seemed to be there */
	int any = !strcmp(name, "auto");

	*passed = 0;
	if (threads <= 0)
		threads = omp_get_max_threads(); /* OMP_NUM_THREADS, or all processors */
	omp_set_dynamic(0);
	omp_set_num_threads(threads); /* for what the host does beside the device */
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		const char *prefix = devices[i].prefix;
		size_t n = strlen(prefix);
		struct dev *d;

		if (!any && (strncmp(name, prefix, n) != 0 || (name[n] && name[n] != ':')))
			continue;
		d = devices[i].open(any ? prefix : name, threads, why);
		if (d)
			*why = *passed ? passed : NULL;
		if (d || !any)
			return d;
		if (devices[i].sign && !access(devices[i].sign, F_OK))
			snprintf(passed, sizeof passed, "no %s: %s", prefix, *why);
	}
	*why = "is none of " NAMES;
	return NULL;
}

void dev_close(struct dev *d)
{
	if (d)
		d->op->close(d);
}
