/* SPDX-License-Identifier: MIT */
/* stop.c - handlers that only note a signal; see stop.h. */
#include "stop.h"

#include <signal.h>
#include <stddef.h>

enum { SIGNALS = 2 };

static const int signals[SIGNALS] = {SIGINT, SIGTERM};
static struct sigaction before[SIGNALS]; /* what stop_hold replaced */
static int held[SIGNALS];                /* whether it did */
static volatile sig_atomic_t asked;      /* the signal that came, or 0 */

/* A second signal does what it did before. */
static void on_signal(int sig)
{
	asked = sig;
	stop_release();
}

void stop_hold(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	asked = 0;
	for (int i = 0; i < SIGNALS; i++) {
		held[i] =
			!sigaction(signals[i], NULL, &before[i]) && before[i].sa_handler != SIG_IGN;
		if (held[i])
			sigaction(signals[i], &sa, NULL);
	}
}

int stop_asked(void) { return asked; }

void stop_release(void)
{
	for (int i = 0; i < SIGNALS; i++)
		if (held[i])
			sigaction(signals[i], &before[i], NULL);
}
