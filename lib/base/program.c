/* SPDX-License-Identifier: MIT */
/* program.c - see program.h. */
#include "program.h"

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"

static void (*volatile end)(void);
static pid_t owner; /* the process that called program_begin */

static void at_end(void)
{
	if (end && getpid() == owner)
		end();
}

/* Installed with SA_RESETHAND and SA_NODEFER: raise ends the program at once, and its status
 * tells of the signal. */
static void on_signal(int sig)
{
	at_end();
	raise(sig);
}

void program_at_end(void (*f)(void))
{
	assert(!end || end == f);
	end = f;
}

void program_abort(void)
{
	at_end();
	_exit(1);
}

/* A descriptor that cannot be used in the direction in which 0 to 2 are used. */
static void hold_descriptors(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			_exit(1);
}

void program_begin(char **argv)
{
	static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE, SIGXCPU};
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_NODEFER}, old;
	const char *slash = strrchr(argv[0], '/');

	hold_descriptors();
	die_name(slash ? slash + 1 : argv[0]);
	owner = getpid();
	signal(SIGXFSZ, SIG_IGN); /* so that the write fails, with EFBIG */
	if (atexit(at_end))
		die("out of memory");
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &sa, NULL);
}
