/* SPDX-License-Identifier: MIT */
/* faults.h - what the tests of seeded faults share. */
#ifndef CUDASIM_FAULTS_H
#define CUDASIM_FAULTS_H

#include <cuda_runtime.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include "../tap.h"
}

enum { N = 64 };

/* Runs f in a child, which must abort and say `want` and, where given, `also`, in one line. */
static void caught(void (*f)(), const char *name, const char *want, const char *also = "")
{
	char text[2048] = "";
	int to[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	fflush(stdout);
	if (pipe(to) || (child = fork()) < 0)
		exit(1);
	if (!child) {
		dup2(to[1], 2);
		f();
		cudaDeviceSynchronize();
		_exit(0);
	}
	close(to[1]);
	while ((got = read(to[0], text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	close(to[0]);
	waitpid(child, &status, 0);
	if (!ok(WIFSIGNALED(status) && strstr(text, want) && strstr(text, also) && n &&
	        strchr(text, '\n') == text + n - 1, "%s", name))
		printf("# status %x, said: %s\n# want: %s, %s\n", status, text, want, also);
}

/* n bytes that hold zeros, and n that hold nothing yet */
static float *zeros(size_t n)
{
	float *p;

	cudaMalloc(&p, n);
	cudaMemset(p, 0, n);
	return p;
}

static float *blank(size_t n)
{
	float *p;

	cudaMalloc(&p, n);
	return p;
}

/* Runs f in a child, which must end well. */
static void passes(void (*f)(), const char *name)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		f();
		cudaDeviceSynchronize();
		_exit(0);
	}
	waitpid(child, &status, 0);
	ok(status == 0, "no fault: %s", name);
}

#endif
